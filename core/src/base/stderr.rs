//! Writing to stderr completely. `std::io::stderr` gives up in the middle of a line where the other end is a pipe that is
//! full for a moment and was made non-blocking by its other user (rust-lang/rust#57631): an error message, the name of a
//! recovery entry or a CI's mask would vanish.

#![forbid(unsafe_code)]

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::FileType,
    io::Errno,
};

/// How long a reader that takes nothing is waited for, once in the life of the process.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Writes everything, or says why not.
pub fn write_all(mut bytes: &[u8]) -> io::Result<()> {
    static GAVE_UP: AtomicBool = AtomicBool::new(false);
    let fd = rustix::stdio::stderr();
    let started = Instant::now();
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let left = WRITE_TIMEOUT.checked_sub(started.elapsed());
                let left = left.filter(|_| !GAVE_UP.load(Ordering::Relaxed));
                let Some(left) = left else {
                    GAVE_UP.store(true, Ordering::Relaxed);
                    return Err(io::ErrorKind::TimedOut.into());
                };
                let timeout =
                    Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
                // EINTR is a reason to try again, like any other.
                let _ = poll(&mut [PollFd::new(&fd, PollFlags::OUT)], Some(&timeout));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Why a line on stderr does not reach the log of a step of GitHub Actions, as far as that can be known before.
pub fn misses_the_log() -> Option<&'static str> {
    let fd = rustix::stdio::stderr();
    let Ok(stat) = rustix::fs::fstat(fd) else { return Some("stderr is closed") };
    let is_null = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
        // Device 1:3, see null(4). std puts it in the place of a stderr that was closed.
        && stat.st_rdev == rustix::fs::makedev(1, 3);
    match FileType::from_raw_mode(stat.st_mode) {
        _ if is_null => Some("stderr is closed or /dev/null"),
        FileType::RegularFile => Some("stderr is a file"),
        _ => None,
    }
}
