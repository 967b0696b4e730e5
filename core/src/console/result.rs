//! The stream of the result: a private copy of stdout's descriptor, written with plain `write`.
//!
//! `std::io::stdout` reports success when the descriptor is not open for writing, and plugins may print to
//! fd 1 by accident; this stream does neither harm.

use std::os::fd::OwnedFd;

use rustix::{
    event::PollFlags,
    fs::{FileType, OFlags},
    io::Errno,
};

use crate::sys::stdout;

/// Bytes that a pipe or a terminal takes at once when it is writable (POSIX `PIPE_BUF`).
const SMALL: usize = 4096;

/// Where the result goes.
#[derive(Debug)]
pub struct ResultStream {
    fd: Option<OwnedFd>,
    /// Device and inode of what was stdout at the start: a number that somebody closed may become another file.
    identity: Option<(u64, u64)>,
}

/// Why the result could not be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultError {
    /// The reader is gone; for a result that is no secret this is a quiet end.
    Closed,
    /// The reason in words, such as `no space left on device`.
    Failed(String),
    /// The descriptor is not what it was: foreign code in this process closed it.
    Lost,
}

impl ResultStream {
    /// A private copy of stdout.
    pub fn of_stdout() -> Self {
        // Above the numbers that programs use by habit.
        let copy = || rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 10).ok();
        let fd = if stdout::was_closed() { None } else { copy() };
        let identity = fd.as_ref().and_then(identity);
        Self { fd, identity }
    }

    /// A copy for a program that writes to it itself; none when stdout is closed.
    pub fn for_child(&self) -> Option<OwnedFd> {
        self.fd.as_ref().and_then(|fd| fd.try_clone().ok())
    }

    /// Writes everything.
    pub fn write_all(&self, mut bytes: &[u8]) -> Result<(), ResultError> {
        // Nothing to write is written, wherever that would be.
        if bytes.is_empty() {
            return Ok(());
        }
        let Some(fd) = &self.fd else {
            return Err(ResultError::Failed("stdout is closed".to_owned()));
        };
        if identity(fd) != self.identity {
            return Err(ResultError::Lost);
        }
        while !bytes.is_empty() {
            match rustix::io::write(fd, bytes) {
                Ok(0) => return Err(ResultError::Failed("nothing was taken".to_owned())),
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let mut fds = [rustix::event::PollFd::new(fd, PollFlags::OUT)];
                    let _ = rustix::event::poll(&mut fds, None);
                }
                Err(Errno::PIPE) => return Err(ResultError::Closed),
                Err(error) => return Err(ResultError::Failed(words(error))),
            }
        }
        Ok(())
    }

    /// Why a secret that is written here would be lost, as far as that can be known before.
    pub fn unusable_for_a_secret(&self) -> Option<&'static str> {
        let Some(fd) = &self.fd else { return Some("stdout is closed") };
        let flags = rustix::fs::fcntl_getfl(fd).unwrap_or(OFlags::RDONLY);
        if !flags.intersects(OFlags::WRONLY | OFlags::RDWR) {
            return Some("stdout is not open for writing");
        }
        let stat = rustix::fs::fstat(fd).ok()?;
        match FileType::from_raw_mode(stat.st_mode) {
            // Device 1:3, see null(4).
            FileType::CharacterDevice if stat.st_rdev == rustix::fs::makedev(1, 3) => {
                Some("stdout is /dev/null")
            }
            // 1:5, 1:8 and 1:9, see mem(4), zero(4) and random(4): they take everything and keep nothing.
            FileType::CharacterDevice
                if [5, 8, 9].iter().any(|minor| stat.st_rdev == rustix::fs::makedev(1, *minor)) =>
            {
                Some("stdout is a device that keeps nothing")
            }
            // A terminal may have hung up.
            FileType::Fifo | FileType::Socket | FileType::CharacterDevice => {
                let mut fds = [rustix::event::PollFd::new(fd, PollFlags::OUT)];
                let _ = rustix::event::poll(&mut fds, Some(&rustix::time::Timespec::default()));
                let gone = fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP);
                gone.then_some("nobody reads stdout any more")
            }
            FileType::RegularFile => no_room(fd),
            _ => None,
        }
    }

    /// Waits until what was written to a file is on the disk: a full disk may only be told then.
    pub fn sync(&self) -> Result<(), ResultError> {
        match &self.fd {
            Some(fd) if self.is_file() => match rustix::fs::fsync(fd) {
                // Some file systems cannot.
                Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
                Err(error) => Err(ResultError::Failed(words(error))),
            },
            _ => Ok(()),
        }
    }

    /// Whether the result goes to a regular file.
    pub fn is_file(&self) -> bool {
        let stat = self.fd.as_ref().and_then(|fd| rustix::fs::fstat(fd).ok());
        stat.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
    }

    /// Whether writing this many bytes returns at once: a file, or a small piece to a pipe that is ready.
    pub fn is_ready_for(&self, length: usize) -> bool {
        let Some(fd) = &self.fd else { return true };
        if self.is_file() {
            return true;
        }
        let mut fds = [rustix::event::PollFd::new(fd, PollFlags::OUT)];
        length <= SMALL
            && matches!(rustix::event::poll(&mut fds, Some(&rustix::time::Timespec::default())), Ok(1))
    }
}

fn identity(fd: &OwnedFd) -> Option<(u64, u64)> {
    rustix::fs::fstat(fd).ok().map(|stat| (stat.st_dev, stat.st_ino))
}

fn words(error: Errno) -> String {
    let text = std::io::Error::from(error).to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// Why a token does not fit into the file that stdout is.
fn no_room(fd: &OwnedFd) -> Option<&'static str> {
    const ROOM: u64 = 16 * 1024;
    let at = rustix::fs::tell(fd).unwrap_or(0);
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    if limit.is_some_and(|limit| limit < at.saturating_add(ROOM)) {
        return Some("stdout is a file that may not grow (ulimit -f)");
    }
    let is_full = rustix::fs::fstatvfs(fd)
        .is_ok_and(|found| found.f_blocks > 0 && found.f_bavail.saturating_mul(found.f_frsize) < ROOM);
    is_full.then_some("the file system of stdout is full")
}
