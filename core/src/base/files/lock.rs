//! Locks beside files. A process that died holds none.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{own_dir, private_dir, whose};
use crate::base::error::{Failure, Result, ResultExt, code, config};

/// How long a writer waits for another one.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// A lock beside a file; released when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock `NAME.lock` beside a file, waiting at most ten seconds.
    pub fn beside(path: &Path) -> Result<Self> {
        Self::within(path, LOCK_TIMEOUT)
    }

    /// The same without waiting, for what can also be done without: `None` when another process has it, when
    /// it cannot be made, or when it would be left in a directory of another user.
    pub fn at_once(path: &Path) -> Option<Self> {
        own_dir(path.parent()?).ok()?;
        Self::within(path, Duration::ZERO).ok()
    }

    fn within(path: &Path, patience: Duration) -> Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        let lock = path.with_file_name(name);
        let dir = lock.parent().unwrap_or(Path::new("."));
        private_dir(dir)?;
        let what = || format!("cannot lock `{}`", lock.display());
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&lock);
        let is_denied = matches!(&opened, Err(error) if error.kind() == io::ErrorKind::PermissionDenied);
        let mut file = opened.context(code::CONFIG, what).map_err(|failure| {
            whose(dir).filter(|_| is_denied).into_iter().fold(failure, |failure, help| failure.help(help))
        })?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if started.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => return Err(held(&lock)),
                Err(TryLockError::Error(error)) => {
                    without(&lock, Err(error)).context(code::CONFIG, what)?;
                    break;
                }
            }
        }
        // Only for the message of a process that waits too long.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

/// Locks an open file, waiting as long as it takes. Where the file system has no locks it goes on without.
pub fn wait_for(path: &Path, file: &File) -> io::Result<()> {
    without(path, file.lock())
}

/// Network mounts and FUSE may have no locks. Everything works there as long as two processes do not write at once, and
/// refusing would make such a home unusable.
fn without(path: &Path, outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error)
            if matches!(error.raw_os_error(), Some(libc::ENOLCK | libc::ENOSYS | libc::EOPNOTSUPP)) =>
        {
            tracing::info!("`{}` cannot be locked ({error}): going on without a lock", path.display());
            Ok(())
        }
        outcome => outcome,
    }
}

fn held(lock: &PathBuf) -> Failure {
    let holder = fs::read_to_string(lock).unwrap_or_default();
    config(format!(
        "`{}` is locked by process {holder} for more than {} s",
        lock.display(),
        LOCK_TIMEOUT.as_secs()
    ))
    .help("wait for that process, or end it, and try again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_held_names_its_holder_and_a_dead_one_holds_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("config.toml");
        let held = Lock::beside(&path).expect("free");
        let refused = Lock::within(&path, Duration::from_millis(20)).expect_err("held");
        assert!(refused.message.contains(&format!("process {}", std::process::id())), "{refused:?}");
        assert!(Lock::at_once(&path).is_none());
        drop(held);
        assert!(Lock::at_once(&path).is_some());
    }

    #[test]
    fn a_file_system_without_locks_is_no_error_and_any_other_failure_is() {
        for (errno, is_error) in
            [(libc::ENOLCK, false), (libc::ENOSYS, false), (libc::EOPNOTSUPP, false), (libc::EIO, true)]
        {
            let outcome = without(Path::new("/x"), Err(io::Error::from_raw_os_error(errno)));
            assert_eq!(outcome.is_err(), is_error, "{errno}");
        }
    }
}
