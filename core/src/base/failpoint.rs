//! Named steps at which a test can make the program die, fail or panic: `ASTRO_FAILPOINT=STEP=ACTION`, the action
//! being a signal (`KILL`, `TERM`, `INT`, `HUP`), `INT INT` for two of them, an error (`ENOSPC`, `EPIPE`, `EIO`) or `panic`. The file named by
//! `ASTRO_FAILPOINT_MARK` then tells that the step was reached. `ASTRO_FAILPOINT_CLOCK` sets this machine's clock forward or
//! back. Builds without debug assertions hold none of it.

#![forbid(unsafe_code)]

use std::io;

use rustix::process::{Signal, getpid, kill_process};

/// How many seconds this machine's clock is off: `ASTRO_FAILPOINT_CLOCK`.
pub fn clock_offset() -> i64 {
    if !cfg!(debug_assertions) {
        return 0;
    }
    std::env::var("ASTRO_FAILPOINT_CLOCK").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The steps between the answer that carries a one-time secret and the end of the process, in order.
pub const STEPS: &[&str] = &[
    "answer-kept",
    "answer-synced",
    "value-found",
    "credential-updated",
    "signals-released",
    "answer-handed-over",
    "secret-received",
    "secret-rendered",
    "before-delivery",
    "after-delivery",
    "delivery-verified",
    "intent-removed",
    "recovery-removed",
    "result-written",
    "before-exit",
];

/// The steps of a change to the user's plugin store, in order.
pub const STORE_STEPS: &[&str] = &[
    "plugin-file-written",
    "plugin-record-written",
    "plugin-switched",
    "plugin-unused",
    "store-index-removed",
];

/// Reaches a step. An error that was ordered for it is the caller's to handle like a real one.
pub fn reach(step: &'static str) -> io::Result<()> {
    if cfg!(debug_assertions) { armed(step) } else { Ok(()) }
}

fn armed(step: &'static str) -> io::Result<()> {
    debug_assert!(STEPS.contains(&step) || STORE_STEPS.contains(&step), "{step} is not in the list");
    let ordered = std::env::var("ASTRO_FAILPOINT").unwrap_or_default();
    let Some(action) = ordered.strip_prefix(step).and_then(|rest| rest.strip_prefix('=')) else {
        return Ok(());
    };
    if let Some(mark) = std::env::var_os("ASTRO_FAILPOINT_MARK") {
        std::fs::File::options().create(true).append(true).open(mark)?;
    }
    let signal = match action {
        "KILL" => Signal::KILL,
        "TERM" => Signal::TERM,
        "INT" => Signal::INT,
        "HUP" => Signal::HUP,
        // A person who presses Ctrl-C twice.
        "INT INT" => {
            kill_process(getpid(), Signal::INT)?;
            Signal::INT
        }
        "ENOSPC" => return Err(io::Error::from_raw_os_error(libc::ENOSPC)),
        "EPIPE" => return Err(io::Error::from_raw_os_error(libc::EPIPE)),
        "EIO" => return Err(io::Error::from_raw_os_error(libc::EIO)),
        "panic" => panic!("ordered at {step}"),
        other => panic!("no action is called {other}"),
    };
    kill_process(getpid(), signal).map_err(io::Error::from)
}
