//! The one way files are written: a temporary file in the same directory, synced, renamed over the old one,
//! the directory synced. A reader sees the old content or the new one. Writers take a sidecar lock.

#![forbid(unsafe_code)]

mod lock;
mod owner;

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FallocateFlags, Gid, Uid, fallocate, fchown},
    io::Errno,
};
use tempfile::NamedTempFile;

pub use lock::{Lock, wait_for};
use owner::whose;
pub use owner::{is_closed, own_dir};

use crate::base::error::{Failure, Result, ResultExt, code, config};

/// The largest text that is read, in bytes.
const LARGEST_TEXT: u64 = 16 * 1024 * 1024;
/// Writes a file that only its owner can read; one that is there keeps its owner, group and mode.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    Place::of(path)?.write(bytes, 0o600, true)
}

/// Writes a file that only its owner can read, whatever the mode of the one in its place was.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<()> {
    Place::of(path)?.write(bytes, 0o600, false)
}

/// Writes a file that others may read, as far as the user's mask allows; one that is there keeps its owner, group and
/// mode.
pub fn write_shared(path: &Path, bytes: &[u8]) -> Result<()> {
    Place::of(path)?.write(bytes, 0o666, true)
}

/// Writes what can be found out again at any time: a reader sees the old content or the new one, and after a power cut
/// perhaps neither. Nothing is left in a directory of another user, who could not write there any more.
pub fn write_cache(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    own_dir(dir)
        .map_err(|failure| std::io::Error::new(std::io::ErrorKind::PermissionDenied, failure.message))?;
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mut temporary = tempfile::Builder::new().prefix(".new-").tempfile_in(dir)?;
    temporary.write_all(bytes)?;
    temporary.persist(path).map(drop).map_err(|error| error.error)
}

/// Whether a file could be written, before the first of several writes that belong together.
pub fn check_writable(path: &Path) -> Result<()> {
    Place::of(path)?.temporary(0o600, true).map(drop)
}

/// Where a file is written: links are followed to their end, also one that leads to nothing yet. A link (a configuration
/// kept in a repository of dotfiles) stays one.
struct Place<'p> {
    path: &'p Path,
    target: PathBuf,
    /// The file that is replaced.
    before: Option<Metadata>,
}

impl<'p> Place<'p> {
    fn of(path: &'p Path) -> Result<Self> {
        let mut target = path.to_owned();
        // As many as the kernel follows.
        for _ in 0..40 {
            let Ok(link) = target.read_link() else {
                let before = target.symlink_metadata().ok();
                return Ok(Self { path, target, before });
            };
            target = target.parent().unwrap_or(Path::new(".")).join(link);
        }
        Err(config(format!("cannot write `{}`", path.display())).cause("its links lead in a circle"))
    }

    fn what(&self) -> String {
        match self.path == self.target {
            true => format!("cannot write `{}`", self.path.display()),
            false => format!("cannot write `{}`, a link to `{}`", self.path.display(), self.target.display()),
        }
    }

    fn dir(&self) -> &Path {
        self.target.parent().unwrap_or(Path::new("."))
    }

    /// The file that takes its place, with the owner and the group of the one before.
    fn temporary(&self, mode: u32, keeps_mode: bool) -> Result<NamedTempFile> {
        let what = || self.what();
        private_dir(self.dir())?;
        let temporary = tempfile::Builder::new()
            .prefix(".new-")
            .permissions(fs::Permissions::from_mode(mode))
            .tempfile_in(self.dir())
            .context(code::CONFIG, what)?;
        let Some(before) = &self.before else { return Ok(temporary) };
        let own = temporary.as_file().metadata().context(code::CONFIG, what)?;
        let owner = (own.uid() != before.uid()).then(|| Uid::from_raw(before.uid()));
        let group = (own.gid() != before.gid()).then(|| Gid::from_raw(before.gid()));
        if owner.is_some() || group.is_some() {
            match fchown(temporary.as_file(), owner, group) {
                Ok(()) => {}
                // A number that this user namespace does not know cannot be given.
                Err(Errno::INVAL) => {}
                Err(_) => return Err(self.not_kept(before, owner.is_some())),
            }
        }
        if keeps_mode {
            // After the owner: a change of owner takes bits away.
            let mode = fs::Permissions::from_mode(before.mode() & 0o7777);
            temporary.as_file().set_permissions(mode).context(code::CONFIG, what)?;
        }
        Ok(temporary)
    }

    fn not_kept(&self, before: &Metadata, is_owner: bool) -> Failure {
        let target = self.target.display();
        match is_owner {
            true => config(self.what())
                .cause(format!("it belongs to uid {}, and would not any more", before.uid()))
                .help(format!("as root: chown {} {target}", rustix::process::geteuid().as_raw())),
            false => config(self.what())
                .cause(format!("it belongs to the group {}, which this user is not in", before.gid()))
                .help(format!("chgrp {} {target}", rustix::process::getegid().as_raw())),
        }
    }

    fn write(&self, bytes: &[u8], mode: u32, keeps_mode: bool) -> Result<()> {
        let what = || self.what();
        let mut temporary = self.temporary(mode, keeps_mode)?;
        temporary.write_all(bytes).context(code::CONFIG, what)?;
        temporary.as_file().sync_all().context(code::CONFIG, what)?;
        temporary.persist(&self.target).map_err(|error| error.error).context(code::CONFIG, what)?;
        // A directory that cannot be synced (some network file systems) is no reason to report a lost write.
        let _ = File::open(self.dir()).and_then(|dir| dir.sync_all());
        Ok(())
    }
}

/// Makes a directory, and those above it, for this user alone.
pub fn private_dir(dir: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .context(code::CONFIG, || format!("cannot make the directory `{}`", dir.display()))
}

/// Makes a directory, and those above it, that others may read as far as the user's mask allows.
pub fn shared_dir(dir: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .create(dir)
        .context(code::CONFIG, || format!("cannot make the directory `{}`", dir.display()))
}

/// Makes sure that a file has room for this many bytes. Some file systems cannot promise that, and then none is made.
pub fn reserve(file: &File, bytes: u64) -> std::io::Result<()> {
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes) {
        // FUSE and sandboxes have two other words for it.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM) => Ok(()),
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
    read_if(path, |_| Ok(()))
}

/// The same for a file that decides where credentials go or what runs: one that another user may change is refused.
pub fn read_own(path: &Path) -> Result<Option<String>> {
    read_if(path, |metadata| owner::judge(path, metadata))
}

fn read_if(path: &Path, may: impl FnOnce(&Metadata) -> Result<()>) -> Result<Option<String>> {
    let what = || format!("cannot read `{}`", path.display());
    let file = match open(path) {
        Ok(file) => file,
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error).context(code::CONFIG, what),
    };
    may(&file.metadata().context(code::CONFIG, what)?)?;
    let mut text = String::new();
    file.take(LARGEST_TEXT + 1).read_to_string(&mut text).context(code::CONFIG, what)?;
    match text.len() as u64 > LARGEST_TEXT {
        // The end of it may matter.
        true => Err(config(what()).cause("it is larger than 16 MiB")),
        false => Ok(Some(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_dangling_link_is_followed_and_a_circle_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let (link, other) = (dir.path().join("link"), dir.path().join("other"));
        std::os::unix::fs::symlink("dotfiles/config", &link).expect("linked");
        check_writable(&link).expect("it can be");
        write(&link, b"new").expect("written");
        assert_eq!(fs::read(dir.path().join("dotfiles/config")).expect("made"), b"new");
        assert!(link.read_link().is_ok());
        std::os::unix::fs::symlink("other", &other).expect("linked");
        assert!(write(&other, b"x").expect_err("refused").causes[0].contains("circle"));
    }

    #[test]
    fn a_rewrite_keeps_the_mode_and_a_secret_is_private() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("config.toml");
        let mode = || fs::metadata(&path).expect("there").permissions().mode() & 0o7777;
        write(&path, b"1").expect("written");
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        for write in [write, write_shared] {
            write(&path, b"2").expect("written");
            assert_eq!(mode(), 0o640);
        }
        write_secret(&path, b"3").expect("written");
        assert_eq!(mode(), 0o600);
        assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 1, "nothing is left");
    }
}
