//! A plugin that crashes or ends the process: the message names it and the exit code is 126, or 7 when a token was
//! made and not delivered.
//!
//! Not detectable here, and the documentation says so: `_exit`, and a stack overflow on a thread of the
//! plugin's own.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, AtomicI32, Ordering},
};

use crate::exit_code;
use crate::sys::{exit_message, signals};

/// What is printed, made before it is needed: nothing is allocated in a handler.
struct Texts {
    by_signal: Vec<(i32, Vec<u8>)>,
    ended: Vec<u8>,
}

static TEXTS: OnceLock<Texts> = OnceLock::new();
static ARMED: AtomicBool = AtomicBool::new(false);
/// The process that was armed: a plugin may make a copy of it, whose end is not ours.
static PROCESS: AtomicI32 = AtomicI32::new(0);

const SIGNALS: &[(i32, &str)] = &[
    (libc::SIGSEGV, "crashed: segmentation fault (SIGSEGV)"),
    (libc::SIGBUS, "crashed: its memory or its file went away"),
    (libc::SIGABRT, "aborted"),
    (libc::SIGILL, "crashed: illegal instruction (SIGILL)"),
    (libc::SIGFPE, "crashed in arithmetic"),
];

/// From now on a crash or an `exit` is the plugin's. `line` makes the line to print from what happened.
pub fn arm(line: impl Fn(&str) -> String) {
    let texts = Texts {
        by_signal: SIGNALS
            .iter()
            .map(|(signal, what)| (*signal, format!("{}\n", line(what)).into_bytes()))
            .collect(),
        ended: format!("{}\n", line("ended the process")).into_bytes(),
    };
    if TEXTS.set(texts).is_err() {
        return;
    }
    for (signal, _) in SIGNALS {
        // SAFETY: plain data, and a handler that only uses async-signal-safe functions. It runs on the
        // alternate stack that std gave the main thread, so that a stack overflow can be told.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_crash as *const () as usize;
            action.sa_flags = libc::SA_ONSTACK | libc::SA_RESETHAND;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(*signal, &raw const action, std::ptr::null_mut());
        }
    }
    // SAFETY: `getpid` has no preconditions.
    PROCESS.store(unsafe { libc::getpid() }, Ordering::Release);
    ARMED.store(true, Ordering::Release);
    // SAFETY: registers a function without arguments that stays for the life of the process.
    unsafe { libc::atexit(on_exit) };
}

/// Leaves at once: nothing a plugin left behind is joined, dropped or run.
pub fn exit_now(code: i32) -> ! {
    signals::restore_at_end();
    // SAFETY: ends the process; there is nothing after it.
    unsafe { libc::_exit(code) }
}

/// Whether this is the process that was armed and no copy. Async-signal-safe.
fn is_ours() -> bool {
    // SAFETY: `getpid` has no preconditions and is async-signal-safe.
    PROCESS.load(Ordering::Acquire) == unsafe { libc::getpid() }
}

extern "C" fn on_crash(signal: i32) {
    // The handler is reset: in a copy the signal comes again and ends it as it would have without us.
    if !is_ours() {
        return;
    }
    if let Some(texts) = TEXTS.get() {
        for (known, text) in &texts.by_signal {
            if *known == signal {
                write_and_exit(text);
            }
        }
    }
}

extern "C" fn on_exit() {
    if ARMED.load(Ordering::Acquire)
        && is_ours()
        && let Some(texts) = TEXTS.get()
    {
        write_and_exit(&texts.ended);
    }
}

fn write_and_exit(text: &[u8]) -> ! {
    signals::restore_terminal();
    exit_message::write_all(text);
    // A token that was made outweighs the crash.
    let code = if exit_message::write() { exit_code::DELIVERY } else { exit_code::PLUGIN };
    // SAFETY: ends the process; `_exit` is async-signal-safe.
    unsafe { libc::_exit(code.number.into()) }
}
