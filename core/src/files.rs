//! The one way files are written: a temporary file in the same directory, synced, renamed over the old one,
//! the directory synced. A reader sees the old content or the new one. Writers take a sidecar lock.

#![forbid(unsafe_code)]

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::fs::{FallocateFlags, fallocate};

use crate::error::{Failure, Result, While, code, config};

/// The largest text that is read, in bytes.
const LARGEST_TEXT: u64 = 16 * 1024 * 1024;
/// How long a writer waits for another one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writes a file that only its owner can read.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with_mode(path, bytes, 0o600)
}

/// Writes a file that others may read, as far as the user's mask allows.
pub fn write_shared(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with_mode(path, bytes, 0o666)
}

/// Writes what can be found out again at any time: a reader sees the old content or the new one, and after a power cut
/// perhaps neither.
pub fn write_cache(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mut temporary = tempfile::Builder::new().prefix(".new-").tempfile_in(dir)?;
    temporary.write_all(bytes)?;
    temporary.persist(path).map(drop).map_err(|error| error.error)
}

fn write_with_mode(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let what = || format!("cannot write `{}`", path.display());
    // A link (a configuration kept in a repository of dotfiles) stays one: what it points at is replaced.
    let linked =
        path.read_link().is_ok().then(|| path.canonicalize()).transpose().while_doing(code::CONFIG, what)?;
    let path = linked.as_deref().unwrap_or(path);
    let dir = path.parent().unwrap_or(Path::new("."));
    private_dir(dir)?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(dir)
        .while_doing(code::CONFIG, what)?;
    temporary.write_all(bytes).while_doing(code::CONFIG, what)?;
    temporary.as_file().sync_all().while_doing(code::CONFIG, what)?;
    temporary.persist(path).map_err(|error| error.error).while_doing(code::CONFIG, what)?;
    // A directory that cannot be synced (some network file systems) is no reason to report a lost write.
    let _ = File::open(dir).and_then(|dir| dir.sync_all());
    Ok(())
}

/// Makes a directory, and those above it, for this user alone.
pub fn private_dir(dir: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .while_doing(code::CONFIG, || format!("cannot make the directory `{}`", dir.display()))
}

/// Makes a directory, and those above it, that others may read as far as the user's mask allows.
pub fn shared_dir(dir: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .create(dir)
        .while_doing(code::CONFIG, || format!("cannot make the directory `{}`", dir.display()))
}

/// Makes sure that a file has room for this many bytes. Some file systems cannot promise that, and then none is made.
pub fn reserve(file: &File, bytes: u64) -> std::io::Result<()> {
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes) {
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Opens a regular file for reading. Anything else in its place is an error: a FIFO would block for ever.
pub fn open(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("it is not a regular file")) }
}

/// Reads a text file of at most 16 MiB; `None` when there is none.
pub fn read(path: &Path) -> Result<Option<String>> {
    let what = || format!("cannot read `{}`", path.display());
    let file = match open(path) {
        Ok(file) => file,
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error).while_doing(code::CONFIG, what),
    };
    let mut text = String::new();
    file.take(LARGEST_TEXT + 1).read_to_string(&mut text).while_doing(code::CONFIG, what)?;
    match text.len() as u64 > LARGEST_TEXT {
        // The end of it may matter.
        true => Err(config(what()).cause("it is larger than 16 MiB")),
        false => Ok(Some(text)),
    }
}

/// A lock beside a file; released when dropped. A process that died holds none.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock `NAME.lock` beside a file, waiting at most ten seconds.
    pub fn beside(path: &Path) -> Result<Self> {
        Self::within(path, PATIENCE)
    }

    /// The same without waiting, for what can also be done without: `None` when somebody else has it or it
    /// cannot be made.
    pub fn at_once(path: &Path) -> Option<Self> {
        Self::within(path, Duration::ZERO).ok()
    }

    fn within(path: &Path, patience: Duration) -> Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        let lock = path.with_file_name(name);
        private_dir(lock.parent().unwrap_or(Path::new(".")))?;
        let what = || format!("cannot lock `{}`", lock.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock)
            .while_doing(code::CONFIG, what)?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if started.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => return Err(held(&lock)),
                Err(TryLockError::Error(error)) => return Err(error).while_doing(code::CONFIG, what),
            }
        }
        // Only for the message of whoever waits too long.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn held(lock: &PathBuf) -> Failure {
    let holder = fs::read_to_string(lock).unwrap_or_default();
    config(format!(
        "`{}` is locked by process {holder} for more than {} s",
        lock.display(),
        PATIENCE.as_secs()
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
    fn a_link_stays_a_link_and_modes_are_private() {
        let dir = tempfile::tempdir().expect("a directory");
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        write(&real, b"old").expect("written");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        write(&link, b"new").expect("written");
        assert!(link.read_link().is_ok());
        assert_eq!(fs::read(&real).expect("there"), b"new");
        assert_eq!(fs::metadata(&real).expect("there").permissions().mode() & 0o777, 0o600);
        private_dir(&dir.path().join("a/b")).expect("made");
        assert_eq!(fs::metadata(dir.path().join("a")).expect("there").permissions().mode() & 0o777, 0o700);
    }
}
