//! Programs that are started and waited for: what they inherit, what they write, how long they may take.
//!
//! One thread does all of it, with poll(2): where no thread can be started (`ulimit -u`), a program that runs already is
//! still waited for.

#![forbid(unsafe_code)]

use std::{
    fmt,
    io::{self, IsTerminal, Read},
    os::{fd::AsFd, unix::process::CommandExt},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open},
};

use crate::{program::ENV, sys::signals};

/// How long more of its output is waited for after its end: what it started may hold the pipes open for as long as it
/// likes.
const REST: Duration = Duration::from_millis(500);
/// How often its end is looked for on a kernel without pidfd_open(2), before Linux 5.3.
const LOOK: Duration = Duration::from_millis(5);
/// How often a caller that has something to do meanwhile gets its turn.
const TURN: Duration = Duration::from_millis(10);

/// What a program may take and write.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From its start to its end; none for as long as it takes.
    pub time: Option<Duration>,
    /// The most that is taken of each of its outputs, in bytes. One byte more tells that it wrote more.
    pub output: usize,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code or signal.
    pub status: ExitStatus,
    /// What it wrote to its standard output, where that is a pipe.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error, where that is a pipe.
    pub stderr: Vec<u8>,
    /// Its end was seen, but a process that it left behind holds an output open.
    pub left_open: bool,
}

/// Why a program did not come to its end.
#[derive(Debug)]
pub enum Error {
    /// It could not be started.
    NotStarted(io::Error),
    /// Its end could not be waited for.
    Lost(io::Error),
    /// It took longer than this, and was killed.
    TimedOut(Duration),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |error: &io::Error| crate::base::error::plain_io(&error.to_string());
        match self {
            Self::NotStarted(error) => write!(f, "it cannot be started: {}", text(error)),
            Self::Lost(error) => write!(f, "its end cannot be waited for: {}", text(error)),
            Self::TimedOut(limit) => write!(f, "it did not end within {} s", limit.as_secs()),
        }
    }
}

/// A program without our credentials: `ASTRO_API_TOKEN` (with the prefix of the product) and whatever else holds a token of ours.
pub fn scrub(command: &mut Command) {
    let (own, secret) = (format!("{ENV}_"), format!("{ENV}_SECRET_"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        // Those of an outer `--token-exec` are another record's.
        if text.starts_with(&own) && text.contains("TOKEN") || text.starts_with(&secret) {
            command.env_remove(&name);
        }
    }
}

/// Runs a program to its end and takes what it writes to pipes.
pub fn run(command: &mut Command, limits: Limits) -> Result<Ended, Error> {
    run_with(command, limits, &mut |_| {}, None)
}

/// The same; `each_line` gets standard error line by line instead, and `meanwhile` has its turn again and again.
pub fn run_with(
    command: &mut Command,
    limits: Limits,
    each_line: &mut dyn FnMut(&[u8]),
    meanwhile: Option<&mut dyn FnMut(&Child)>,
) -> Result<Ended, Error> {
    // Where there is no terminal a program has a process group of its own, so that its deadline ends what it started, too.
    // On a terminal that would put it into the background, where it cannot ask for a password (timeout(1) has the same
    // two ways).
    let has_group = limits.time.is_some() && !is_on_terminal();
    if has_group {
        command.process_group(0);
    }
    // While CHLD is ignored the kernel throws the end of a child away. A plugin may have done that.
    signals::expect_children();
    let child = command.spawn().map_err(Error::NotStarted)?;
    // The command holds the other ends of what the program was given.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Running { child, has_group, limits, started: Instant::now() }.wait(each_line, meanwhile)
}

/// Whether programs that are started can reach a terminal.
fn is_on_terminal() -> bool {
    io::stdin().is_terminal() || io::stderr().is_terminal()
}

/// The programs that run with a limit of time, and whether each has a process group of its own.
static RUNNING: Mutex<Vec<(Pid, bool)>> = Mutex::new(Vec::new());

/// Sends a signal to the programs that run: this process is about to end by it.
pub(super) fn pass_on(signal: i32) {
    let Some(signal) = Signal::from_named_raw(signal) else { return };
    // Whoever holds the lock adds or removes one, and does nothing that takes long.
    for (pid, has_group) in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let _ = match has_group {
            true => kill_process_group(*pid, signal),
            false => kill_process(*pid, signal),
        };
    }
}

struct Running {
    child: Child,
    has_group: bool,
    limits: Limits,
    started: Instant,
}

impl Running {
    fn wait(
        mut self,
        each_line: &mut dyn FnMut(&[u8]),
        mut meanwhile: Option<&mut dyn FnMut(&Child)>,
    ) -> Result<Ended, Error> {
        let mut stdout = self.child.stdout.take().map(|pipe| Output::new(pipe, self.limits.output));
        let mut stderr = self.child.stderr.take().map(|pipe| Output::new(pipe, self.limits.output));
        let pid = Pid::from_child(&self.child);
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok();
        let _known = Known::new(pid, self.has_group, self.limits.time.is_some());
        let mut ended: Option<(ExitStatus, Instant)> = None;
        loop {
            if ended.is_none() {
                ended = self.child.try_wait().map_err(Error::Lost)?.map(|status| (status, Instant::now()));
            }
            // Read after looking for the end: what was written before it is in the pipe by then.
            let open = [&mut stdout, &mut stderr].into_iter().flatten().fold(false, |open, output| {
                output.read();
                open | output.is_open()
            });
            if let Some(stderr) = &mut stderr {
                stderr.each_line(ended.is_some(), each_line);
            }
            let left = match ended {
                Some((status, _)) if !open => return Ok(done(status, stdout, stderr, false)),
                Some((status, at)) => match REST.checked_sub(at.elapsed()) {
                    Some(left) => left,
                    None => return Ok(done(status, stdout, stderr, true)),
                },
                None => match self.limits.time {
                    Some(limit) => match limit.checked_sub(self.started.elapsed()) {
                        Some(left) => left,
                        None => return Err(self.kill(limit)),
                    },
                    None => Duration::from_secs(3600),
                },
            };
            let mut left = if pidfd.is_none() && ended.is_none() { left.min(LOOK) } else { left };
            if let (Some(meanwhile), None) = (&mut meanwhile, ended) {
                meanwhile(&self.child);
                left = left.min(TURN);
            }
            let mut fds = Vec::with_capacity(3);
            if let (Some(pidfd), None) = (&pidfd, ended) {
                fds.push(PollFd::new(pidfd, PollFlags::IN));
            }
            for output in [&stdout, &stderr].into_iter().flatten() {
                fds.extend(output.poll_fd());
            }
            // A millisecond more than none: the deadline is not met by looking a thousand times.
            let left = left.max(Duration::from_millis(1));
            let timeout =
                Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
            // EINTR is a reason to look again, like any other.
            let _ = poll(&mut fds, Some(&timeout));
        }
    }

    fn kill(&mut self, limit: Duration) -> Error {
        if self.has_group {
            // It may have ended this moment; what it left behind is still in its group.
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        Error::TimedOut(limit)
    }
}

/// A program in the list of those that run.
struct Known(Option<Pid>);

impl Known {
    fn new(pid: Pid, has_group: bool, has_limit: bool) -> Self {
        if has_limit {
            RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push((pid, has_group));
        }
        Self(has_limit.then_some(pid))
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|(pid, _)| Some(*pid) != self.0);
    }
}

fn done(status: ExitStatus, stdout: Option<Output>, stderr: Option<Output>, left_open: bool) -> Ended {
    let bytes = |output: Option<Output>| output.map(|output| output.bytes).unwrap_or_default();
    Ended { status, stdout: bytes(stdout), stderr: bytes(stderr), left_open }
}

/// An output that is a pipe.
struct Output {
    /// None when it is at its end.
    pipe: Option<Pipe>,
    bytes: Vec<u8>,
    most: usize,
    /// How much of it was given to `each_line`.
    given: usize,
}

trait Readable: Read + AsFd {}
impl<T: Read + AsFd> Readable for T {}
type Pipe = Box<dyn Readable>;

impl Output {
    fn new(pipe: impl Read + AsFd + 'static, most: usize) -> Self {
        // Our end alone: the program's is another description.
        let is_set = rustix::io::ioctl_fionbio(&pipe, true).is_ok();
        let pipe: Pipe = Box::new(pipe);
        Self { pipe: Some(pipe).filter(|_| is_set), bytes: Vec::new(), most, given: 0 }
    }

    fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    fn poll_fd(&self) -> Option<PollFd<'_>> {
        self.pipe.as_ref().map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN))
    }

    /// Takes what is there.
    fn read(&mut self) {
        let mut buffer = [0; 16 * 1024];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(count) => {
                    // What is too much is read all the same: a closed pipe would end the program.
                    self.bytes.extend_from_slice(&buffer[..count]);
                    self.bytes.truncate(self.most.saturating_add(1));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.pipe = None,
            }
        }
    }

    /// Gives whole lines, and at the end the rest.
    fn each_line(&mut self, is_over: bool, each_line: &mut dyn FnMut(&[u8])) {
        while let Some(length) = self.bytes[self.given..].iter().position(|byte| *byte == b'\n') {
            let end = self.given + length + 1;
            each_line(&self.bytes[self.given..end]);
            self.given = end;
        }
        if is_over && !self.is_open() && self.given < self.bytes.len() {
            each_line(&self.bytes[self.given..]);
            self.given = self.bytes.len();
        }
    }
}
