//! INT, TERM and HUP. While a plugin runs the handlers set a flag, write a byte to a pipe and arm one second; without
//! one there is nothing to wait for. Then the terminal is put back and the signal raised again, so that a parent sees a
//! death by signal: a shell loop stops, which it does not after `exit(130)`.

use std::{
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustix::event::{PollFd, PollFlags};

use super::exit_message;

/// What is called when the user interrupts.
type Waiter = Box<dyn FnOnce() + Send>;

/// The first signal that arrived; 0 for none.
static SIGNAL: AtomicI32 = AtomicI32::new(0);
/// The newest signal, and how many there were.
static NEWEST: AtomicI32 = AtomicI32::new(0);
static COUNT: AtomicUsize = AtomicUsize::new(0);
/// Everybody was told of it: from here on its second runs.
static IS_ANNOUNCED: AtomicBool = AtomicBool::new(false);
/// The writing end of the pipe, for the handlers.
static PIPE_WRITER: AtomicI32 = AtomicI32::new(-1);
static PIPE: OnceLock<OwnedFd> = OnceLock::new();
/// What waits for a signal and was not told of one yet.
static WAITING: Mutex<Vec<Waiter>> = Mutex::new(Vec::new());
static WAITERS: AtomicUsize = AtomicUsize::new(0);
/// The terminal's modes as they were, for whoever ends the process.
static TERMINAL: OnceLock<(RawFd, libc::termios)> = OnceLock::new();
/// How many questions are on the terminal; each may hide the cursor and take the terminal out of its modes.
static ASKING: AtomicUsize = AtomicUsize::new(0);

/// The open deferrals: a number for each, and until when it defers, in seconds of the monotonic clock.
static DEFERRALS: Mutex<Vec<(u64, i64)>> = Mutex::new(Vec::new());
/// The latest of them, for the handlers: 0 while nothing defers.
static DEFERRED_UNTIL: AtomicI64 = AtomicI64::new(0);
/// A deferral without an end of its own.
const UNTIL_DROPPED: i64 = i64::MAX;
/// A plugin runs, which may want to end in its own way. Without one a signal ends the process at once.
static HAS_PLUGIN: AtomicBool = AtomicBool::new(false);
/// Whether the first deferred signal may say so: not where stderr is for programs.
static MAY_SAY: AtomicBool = AtomicBool::new(false);

/// stdout is the terminal, too: no pager shows our output, so the modes are nobody else's to change.
static IS_OURS: AtomicBool = AtomicBool::new(false);

/// What the first deferred signal says.
const DEFERRED_TEXT: &[u8] =
    b"\nThe request was sent: stopping now would lose the token. Waiting for the answer, at most as long as --timeout.\n";

/// How many signals arrived so far, and the newest.
pub fn newest() -> (usize, i32) {
    (COUNT.load(Ordering::Acquire), NEWEST.load(Ordering::Acquire))
}

/// Seconds between the first signal and the end.
const GRACE_SECONDS: libc::c_uint = 1;

/// Installs the handlers, at the start of the process: as the first process of a PID namespace it gets no signal that it
/// does not handle. A signal that is ignored at the start (`nohup`) stays ignored.
pub fn install() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        if !is_ignored(signal) {
            handle(signal, on_signal);
        }
    }
    handle(libc::SIGALRM, on_alarm);
    unblock(libc::SIGALRM);
    // A file that may not grow is an error of its write, not an end in the middle of it. Handled rather than ignored:
    // programs that are started get the default action back.
    handle(libc::SIGXFSZ, on_nothing);
    expect_children();
}

/// Undoes what a parent may have left behind: while CHLD is ignored no end of a child can be waited for (POSIX,
/// `waitpid`).
pub fn expect_children() {
    if is_ignored(libc::SIGCHLD) {
        // SAFETY: the default action of SIGCHLD does nothing.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    }
}

/// From now on a plugin runs: it is given a second to end in its own way.
pub fn start_plugin() {
    let Ok((reader, writer)) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK)
    else {
        return;
    };
    use std::os::fd::IntoRawFd;
    if PIPE.set(reader).is_err() {
        return;
    }
    PIPE_WRITER.store(writer.into_raw_fd(), Ordering::Relaxed);
    remember_terminal();
    HAS_PLUGIN.store(true, Ordering::Release);
}

/// Signals wait until this is dropped: something that must not be lost is under way.
#[derive(Debug)]
pub struct Deferral(u64);

/// Defers INT, TERM and HUP. `may_say`: the first one writes to stderr that it has to wait.
pub fn defer(may_say: bool) -> Deferral {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    // Another deferral may be one that says so.
    MAY_SAY.fetch_or(may_say, Ordering::Relaxed);
    let deferral = Deferral(NUMBER.fetch_add(1, Ordering::Relaxed));
    change_deferrals(|open| open.push((deferral.0, UNTIL_DROPPED)));
    deferral
}

/// Changes the list, and answers until when signals are deferred afterwards.
fn change_deferrals(change: impl FnOnce(&mut Vec<(u64, i64)>)) -> i64 {
    let mut open = DEFERRALS.lock().unwrap_or_else(PoisonError::into_inner);
    change(&mut open);
    let until = open.iter().map(|(_, until)| *until).max().unwrap_or(0);
    DEFERRED_UNTIL.store(until, Ordering::Release);
    until
}

impl Deferral {
    /// This one defers signals no longer than `limit` from now on: what they wait for may never come. Others that are
    /// open keep their own end.
    #[must_use]
    pub fn at_most(self, limit: Duration) -> Self {
        let seconds = i64::try_from(limit.as_secs()).unwrap_or(i64::MAX);
        let end = monotonic_seconds().saturating_add(seconds).max(1);
        change_deferrals(|open| {
            open.iter_mut().filter(|(number, _)| *number == self.0).for_each(|(_, until)| *until = end);
        });
        if pending().is_some() {
            wake_at_end();
        }
        self
    }
}

impl Drop for Deferral {
    fn drop(&mut self) {
        let until = change_deferrals(|open| open.retain(|(number, _)| *number != self.0));
        match pending() {
            Some(_) if until == 0 => announce(),
            Some(_) => wake_at_end(),
            None => {}
        }
    }
}

/// Signals wait at the moment. Async-signal-safe.
pub fn is_deferred() -> bool {
    let until = DEFERRED_UNTIL.load(Ordering::Acquire);
    until == UNTIL_DROPPED || (until > 0 && monotonic_seconds() < until)
}

/// Whole seconds of a clock that nobody sets. Async-signal-safe.
fn monotonic_seconds() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: fills a structure on the stack; `clock_gettime` is async-signal-safe.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec
}

/// Where the wait has an end, the alarm comes with it. Async-signal-safe.
fn wake_at_end() {
    let until = DEFERRED_UNTIL.load(Ordering::Acquire);
    if until > 0 && until < UNTIL_DROPPED {
        let left = until.saturating_sub(monotonic_seconds()).clamp(1, i64::from(i32::MAX));
        // SAFETY: `alarm` touches nothing else and is async-signal-safe.
        unsafe { libc::alarm(libc::c_uint::try_from(left).unwrap_or(1)) };
    }
}

/// The signal that arrived.
pub fn pending() -> Option<i32> {
    Some(SIGNAL.load(Ordering::Acquire)).filter(|signal| *signal != 0)
}

/// Readable once a signal arrived; never read, so that every thread sees it.
pub fn pipe() -> Option<BorrowedFd<'static>> {
    PIPE.get().map(|fd| fd.as_fd())
}

/// Somebody in the plugin asked to be told: it gets the second of grace.
pub fn has_waiters() -> bool {
    WAITERS.load(Ordering::Acquire) > 0
}

/// Calls back when the user interrupts. The thread that watches is started by the first who asks.
pub fn wait(notify: impl FnOnce() + Send + 'static) {
    WAITERS.fetch_add(1, Ordering::Release);
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(notify));
    if pending().is_some() && !is_deferred() {
        answer_waiting();
        return;
    }
    static WATCHER: OnceLock<()> = OnceLock::new();
    WATCHER.get_or_init(|| {
        // Without a thread for it the plugin is not told of the signal, and has its second all the same.
        let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(|| {
            let Some(pipe) = pipe() else { return };
            while pending().is_none() || is_deferred() {
                let _ = rustix::event::poll(&mut [PollFd::new(&pipe, PollFlags::IN)], None);
            }
            answer_waiting();
        });
    });
}

fn answer_waiting() {
    // Taken out first: an answer may wake somebody who waits again at once.
    let waiting = std::mem::take(&mut *WAITING.lock().unwrap_or_else(PoisonError::into_inner));
    waiting.into_iter().for_each(|notify| notify());
}

/// Marks the time in which a question is on the terminal.
pub fn asking<T>(ask: impl FnOnce() -> T) -> T {
    remember_terminal();
    ASKING.fetch_add(1, Ordering::Relaxed);
    let answer = ask();
    ASKING.fetch_sub(1, Ordering::Relaxed);
    answer
}

/// Puts the terminal back and dies by the signal that arrived. Returns when none did.
pub fn raise_pending() {
    if let Some(signal) = pending() {
        super::child::pass_on(signal);
        reraise_default(signal);
    }
}

/// Puts the terminal back as it was if a question is on it, or a plugin had it for itself. Async-signal-safe.
pub(super) fn restore_at_end() {
    if IS_OURS.load(Ordering::Relaxed) {
        restore_terminal();
    }
    if ASKING.load(Ordering::Relaxed) > 0 {
        restore_terminal();
        const SHOW_CURSOR: &[u8] = b"\x1b[?25h\n";
        if let Some((fd, _)) = TERMINAL.get() {
            // SAFETY: writes a constant to an open descriptor; `write` is async-signal-safe.
            unsafe { libc::write(*fd, SHOW_CURSOR.as_ptr().cast(), SHOW_CURSOR.len()) };
        }
    }
}

/// Puts the terminal back as it was, whatever a plugin made of it. Async-signal-safe. A process in the
/// background leaves the terminal alone: it is another one's, and touching it would stop this process.
pub(super) fn restore_terminal() {
    let Some((fd, modes)) = TERMINAL.get() else { return };
    // SAFETY: async-signal-safe functions on a descriptor of this process's terminal. SIGTTOU is blocked for the
    // time of the call, so that a change of the foreground between question and call does not stop the process.
    unsafe {
        if libc::tcgetpgrp(*fd) != libc::getpgrp() {
            return;
        }
        let mut set: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGTTOU);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, &raw mut before);
        libc::tcsetattr(*fd, libc::TCSANOW, modes);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
    }
}

fn remember_terminal() {
    if TERMINAL.get().is_some() {
        return;
    }
    for fd in [2, 0] {
        let mut modes = MaybeUninit::<libc::termios>::uninit();
        // SAFETY: `tcgetattr` fills the structure when it returns 0, and only then is it read.
        let found = unsafe { libc::tcgetattr(fd, modes.as_mut_ptr()) == 0 };
        if found {
            // SAFETY: it was filled by the successful call above.
            let _ = TERMINAL.set((fd, unsafe { modes.assume_init() }));
            // SAFETY: `isatty` only looks at a descriptor.
            IS_OURS.store(unsafe { libc::isatty(1) } == 1, Ordering::Relaxed);
            return;
        }
    }
}

fn is_ignored(signal: i32) -> bool {
    let mut old = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null new action only reads the old one into the structure.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), old.as_mut_ptr()) == 0
            && old.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

fn unblock(signal: i32) {
    // SAFETY: plain data on the stack, and a valid signal number.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
    }
}

fn handle(signal: i32, handler: extern "C" fn(i32)) {
    // SAFETY: the structure is plain data; the handlers only use async-signal-safe functions and atomics.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
    }
}

extern "C" fn on_signal(signal: i32) {
    NEWEST.store(signal, Ordering::Release);
    COUNT.fetch_add(1, Ordering::AcqRel);
    let is_first = SIGNAL.compare_exchange(0, signal, Ordering::AcqRel, Ordering::Acquire).is_ok();
    if is_deferred() {
        if is_first && MAY_SAY.load(Ordering::Relaxed) {
            // SAFETY: writes a constant; `write` is async-signal-safe, errno is put back for the interrupted code.
            unsafe {
                let errno = *libc::__errno_location();
                libc::write(2, DEFERRED_TEXT.as_ptr().cast(), DEFERRED_TEXT.len());
                *libc::__errno_location() = errno;
            }
        }
        wake_at_end();
        return;
    }
    if !is_first && IS_ANNOUNCED.load(Ordering::Acquire) {
        reraise_default(signal);
    }
    announce();
}

/// Tells everybody who waits for a signal, and gives them a second. Without a plugin there is nothing to wait for.
/// Async-signal-safe.
fn announce() {
    if !HAS_PLUGIN.load(Ordering::Acquire) {
        reraise_default(SIGNAL.load(Ordering::Acquire));
    }
    IS_ANNOUNCED.store(true, Ordering::Release);
    let pipe = PIPE_WRITER.load(Ordering::Relaxed);
    // SAFETY: one byte from a constant to the pipe; `write` and `alarm` are async-signal-safe, errno is put
    // back for the code that was interrupted.
    unsafe {
        let errno = *libc::__errno_location();
        libc::write(pipe, b"!".as_ptr().cast(), 1);
        libc::alarm(GRACE_SECONDS);
        *libc::__errno_location() = errno;
    }
}

extern "C" fn on_alarm(_: i32) {
    if is_deferred() {
        // The second begins anew when nothing is deferred any more.
        wake_at_end();
        return;
    }
    match SIGNAL.load(Ordering::Acquire) {
        // An ALRM that was not set here.
        0 => {}
        signal if IS_ANNOUNCED.load(Ordering::Acquire) => reraise_default(signal),
        // What was waited for did not come in its time.
        _ => announce(),
    }
}

extern "C" fn on_nothing(_: i32) {}

fn reraise_default(signal: i32) -> ! {
    // Where stdout is no terminal the modes may be a pager's that shows our output: not ours to change.
    restore_at_end();
    exit_message::write();
    // SAFETY: `signal`, `sigprocmask`-family calls and `raise` are async-signal-safe and get valid values.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        unblock(signal);
        // To this thread: one more for the process is thrown away while another one waits for some thread.
        libc::raise(signal);
        // The first process of a PID namespace is not ended by the default action (pid_namespaces(7)), and a tracer may
        // hold the signal back: the exit code that a shell shows for a death by signal is what is left.
        libc::_exit(128 + signal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deferral_that_lasts_longest_counts() {
        assert!(!is_deferred());
        let one_time_secret = defer(false);
        let ended = defer(false).at_most(Duration::ZERO);
        assert!(is_deferred(), "a short one does not shorten the others");
        let one_time_secret = one_time_secret.at_most(Duration::from_secs(3600));
        assert!(is_deferred());
        drop(one_time_secret);
        assert!(!is_deferred(), "what is left is over");
        let longer = defer(false);
        assert!(is_deferred());
        drop(ended);
        assert!(is_deferred());
        drop(longer);
        assert!(!is_deferred());
    }
}
