//! The sink `--token-file`: nobody ever sees half of it, and nothing is left beside it.
//!
//! The file has no name until the token is in it (`O_TMPFILE`, open(2)), so that a process that is killed leaves
//! nothing. File systems without that get a temporary file beside the place.

use std::{
    fs::{self, File, Metadata, Permissions, TryLockError},
    io::{self, ErrorKind, Read, Seek, Write},
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxAttributes, StatxFlags, linkat, openat, statx};

use crate::{
    base::{
        error::{Result, ResultExt, code, plain_io, usage},
        files,
        hash::sha256,
    },
    sys::signals,
};

/// How long another process that replaces the same file is waited for.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);
/// A shorter text is not taken for a token.
const SHORTEST_TOKEN: usize = 16;
/// What is read of a file to see whether it holds a token, in bytes.
const LARGEST_FORMER: u64 = 64 * 1024;
/// Room that the file has for sure, in bytes.
const ROOM: u64 = 16 * 1024;

/// A file that was looked at and will hold the token.
pub struct TokenFile {
    /// Where it will be: links are followed.
    path: PathBuf,
    /// The absolute path that was typed.
    typed: PathBuf,
    prepared: Mutex<Option<Prepared>>,
    /// What the place may be taken from.
    may_replace: Mutex<bool>,
    /// Keeps others from asking for the next value of the file before this one is in it.
    lock: OnceLock<File>,
}

/// Where the token is written before it has its place.
enum Prepared {
    Unnamed(File),
    Named(tempfile::NamedTempFile),
}

impl Prepared {
    fn beside(dir: &Path) -> io::Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match openat(CWD, dir, flags, Mode::RUSR | Mode::WUSR) {
            // It gets its name through /proc.
            Ok(file) if name_of(&File::from(file.try_clone()?)).exists() => Ok(Self::Unnamed(file.into())),
            // The named one says better what is wrong with the place.
            _ => tempfile::Builder::new()
                .prefix(".token-")
                .permissions(Permissions::from_mode(0o600))
                .tempfile_in(dir)
                .map(Self::Named),
        }
    }

    fn file(&mut self) -> &mut File {
        match self {
            Self::Unnamed(file) => file,
            Self::Named(file) => file.as_file_mut(),
        }
    }

    /// Gives it its place; a file that is there is replaced only with `replaces`.
    fn place(self, path: &Path, replaces: bool) -> io::Result<()> {
        match self {
            Self::Named(file) if replaces => file.persist(path).map(drop).map_err(|error| error.error),
            Self::Named(mut file) => match file.persist_noclobber(path) {
                Ok(_) => Ok(()),
                Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Err(error.error),
                Err(error) => {
                    file = error.file;
                    copy_to_new(file.as_file_mut(), path)
                }
            },
            Self::Unnamed(mut file) if !replaces => match link(&file, path) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => copy_to_new(&mut file, path),
                linked => linked,
            },
            Self::Unnamed(mut file) => {
                // Always the same name: what a killed process left there is replaced.
                let beside = beside(path);
                remove_own(&beside);
                match link(&file, &beside) {
                    Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                        copy_to_new(&mut file, &beside)?
                    }
                    linked => linked?,
                }
                fs::rename(&beside, path).inspect_err(|_| {
                    let _ = fs::remove_file(&beside);
                })
            }
        }
    }
}

/// Where neither a link nor a rename that spares what is there gives a file its name (gcsfuse, some network and FUSE file
/// systems): a file that is made under it. Others may see it before all of it is there.
fn copy_to_new(from: &mut File, path: &Path) -> io::Result<()> {
    let mut text = Vec::new();
    from.rewind()?;
    from.read_to_end(&mut text)?;
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    let metadata = from.metadata()?;
    // As the one that has no name: its owner and mode were set already.
    let _ = std::os::unix::fs::fchown(&file, Some(metadata.uid()), Some(metadata.gid()));
    let written = file
        .set_permissions(metadata.permissions())
        .and_then(|()| file.write_all(&text))
        .and_then(|()| file.sync_all());
    written.inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

/// The name that a file has between those of a temporary file and its own.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let hash = sha256(name).unwrap_or_default();
    path.with_file_name(format!(".token-{}", hash.get(..16).unwrap_or_default()))
}

/// Removes what an earlier run left, if it is this user's.
fn remove_own(path: &Path) {
    let user = rustix::process::geteuid().as_raw();
    if path.symlink_metadata().is_ok_and(|found| found.is_file() && found.uid() == user) {
        let _ = fs::remove_file(path);
    }
}

fn name_of(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

fn link(file: &File, path: &Path) -> io::Result<()> {
    Ok(linkat(CWD, name_of(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

impl TokenFile {
    /// Looks at the place, and makes room in it.
    pub(super) fn prepare(path: &Path) -> Result<Self> {
        let what = || format!("the token cannot be written to `{}`", path.display());
        let path = std::path::absolute(path).context(code::USAGE, what)?;
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(usage(what()).cause("it is the name of a directory"));
        }
        let typed = path.clone();
        // A link stays one: what it points at is replaced.
        let path = match path.metadata() {
            Ok(found) if found.is_dir() => return Err(usage(what()).cause("it is a directory")),
            Ok(found) if !found.is_file() => {
                return Err(usage(what())
                    .cause("it is not a regular file")
                    .help("hand the token to a program with `--token-exec COMMAND`"));
            }
            Ok(_) => path.canonicalize().context(code::USAGE, what)?,
            Err(error) if error.kind() == ErrorKind::NotFound => path,
            Err(error) => return Err(error).context(code::USAGE, what),
        };
        if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(usage(what()).cause("it is a link to a file that is not there"));
        }
        let mut prepared = Prepared::beside(parent(&path)).context(code::USAGE, what)?;
        files::reserve(prepared.file(), ROOM).context(code::USAGE, what)?;
        Ok(Self {
            path,
            typed,
            prepared: Mutex::new(Some(prepared)),
            may_replace: Mutex::new(false),
            lock: OnceLock::new(),
        })
    }

    /// Whether it can take this secret: a file that exists is only replaced where the former value is.
    pub(super) fn ready_for(&self, replaces: bool) -> Result<()> {
        if !replaces && self.path.symlink_metadata().is_ok() {
            return Err(usage(format!("`{}` exists already", self.path.display()))
                .help("a new token never replaces a file: choose another `--token-file`"));
        }
        self.check_owner()?;
        if replaces {
            self.lock()?;
            self.check_attributes()?;
            self.check_former()?;
        }
        // A file that another process makes meanwhile holds another value: it is not replaced.
        *held(&self.may_replace) = replaces && self.path.symlink_metadata().is_ok();
        Ok(())
    }

    /// In a directory where others may put files, such as /tmp, a file, a directory or a link of another user was perhaps
    /// planted to receive the token.
    fn check_owner(&self) -> Result<()> {
        let user = rustix::process::geteuid().as_raw();
        let refused = |path: &Path, owner: u32| {
            usage(format!("the token cannot be written to `{}`", self.typed.display()))
                .cause(format!(
                    "`{}` belongs to uid {owner}, in a directory that other users may write to",
                    path.display()
                ))
                .help("choose a file in a directory of your own")
        };
        for path in self.typed.ancestors().chain([self.path.as_path()]) {
            let Ok(found) = path.symlink_metadata() else { continue };
            let is_shared = parent(path).metadata().is_ok_and(|dir| dir.mode() & 0o002 != 0);
            if is_shared && ![0, user].contains(&found.uid()) {
                return Err(refused(path, found.uid()));
            }
        }
        Ok(())
    }

    /// A file or directory that cannot be changed (chattr(1) `+i`, `+a`) is found before anything is sent.
    fn check_attributes(&self) -> Result<()> {
        let fixed = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
        for path in [&self.path, parent(&self.path)] {
            let found = statx(CWD, path, AtFlags::empty(), StatxFlags::BASIC_STATS);
            if found.is_ok_and(|found| found.stx_attributes.intersects(fixed)) {
                return Err(usage(format!("cannot replace `{}` with the token", self.path.display()))
                    .cause(format!("`{}` has an attribute that forbids it (lsattr)", path.display()))
                    .help("nothing was sent; choose another `--token-file`, or remove the attribute with chattr"));
            }
        }
        Ok(())
    }

    /// A file is replaced only where it holds a token and nothing else, or nothing: `--token-file ~/.netrc` is a slip.
    fn check_former(&self) -> Result<()> {
        let unread = |error: io::Error| {
            usage(format!("cannot read `{}`, which the token would replace", self.path.display()))
                .cause(plain_io(&error.to_string()))
        };
        let mut former = Vec::new();
        match File::open(&self.path) {
            Ok(file) => file.take(LARGEST_FORMER).read_to_end(&mut former).map_err(unread)?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unread(error)),
        };
        match former.is_empty() || is_one_token(&former) {
            true => Ok(()),
            false => Err(usage(format!(
                "cannot replace `{}` with the token: it holds something else than one token",
                self.path.display()
            ))
            .help("nothing was sent; choose another `--token-file`, or remove this file")),
        }
    }

    /// Of two that replace the file at once the second asks for its value when the first one is done: otherwise the
    /// file could end with the value that the other request made invalid. A file that is not there yet is
    /// represented by its directory.
    fn lock(&self) -> Result<()> {
        let started = Instant::now();
        loop {
            let (place, is_file) = match File::open(&self.path) {
                Ok(file) => (file, true),
                Err(error) if error.kind() == ErrorKind::NotFound => match File::open(parent(&self.path)) {
                    Ok(dir) => (dir, false),
                    Err(_) => return Ok(()),
                },
                // What is not to be read cannot be locked.
                Err(_) => return Ok(()),
            };
            match place.try_lock() {
                Ok(()) => {
                    let is_same =
                        |now: Metadata| place.metadata().is_ok_and(|locked| locked.ino() == now.ino());
                    let is_current = match is_file {
                        true => self.path.metadata().is_ok_and(is_same),
                        false => !self.path.exists(),
                    };
                    if is_current {
                        // Already set when the lock was taken earlier.
                        let _ = self.lock.set(place);
                        return Ok(());
                    }
                }
                Err(TryLockError::WouldBlock) if self.lock.get().is_some() => return Ok(()),
                Err(TryLockError::WouldBlock) => {
                    if started.elapsed() > LOCK_TIMEOUT || signals::pending().is_some() {
                        return Err(usage(format!(
                            "`{}` is being replaced by another process",
                            self.path.display()
                        ))
                        .help("nothing was sent; try again in a moment"));
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                // Some file systems have no locks.
                Err(TryLockError::Error(_)) => return Ok(()),
            }
        }
    }

    /// Removes what was prepared.
    pub(super) fn abandon(&self) {
        drop(held(&self.prepared).take());
    }

    /// A file that is there and holds a former value.
    pub(super) fn replaced(&self) -> Option<&Path> {
        self.path.symlink_metadata().is_ok().then_some(&self.path)
    }

    /// Where it will be.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes, syncs and puts the file in its place.
    pub(super) fn write(&self, token: &str) -> Result<(), String> {
        let taken = held(&self.prepared).take();
        let Some(mut prepared) = taken else { return Err("it was written already".to_owned()) };
        let replaces = *held(&self.may_replace);
        let line = format!("{token}\n");
        self.write_to(prepared.file(), &line, replaces)
            .and_then(|()| match prepared.place(&self.path, replaces) {
                // A file that is a mount of its own (a container's secret) cannot be replaced, only written.
                Err(error) if replaces && error.raw_os_error() == Some(libc::EBUSY) => {
                    self.write_in_place(&line)
                }
                placed => placed.and_then(|()| self.sync_dir()),
            })
            .map_err(|error| format!("`{}`: {error}", self.path.display()))
    }

    fn write_to(&self, file: &mut File, line: &str, replaces: bool) -> io::Result<()> {
        if replaces {
            // Whoever reads the file today reads it tomorrow: its owner and group stay, and what the group may do.
            let former = self.path.metadata()?;
            let own = file.metadata()?;
            if (own.uid(), own.gid()) != (former.uid(), former.gid()) {
                // Only root gives a file away; otherwise it belongs to whoever rotated.
                let _ = std::os::unix::fs::fchown(&*file, Some(former.uid()), Some(former.gid()));
            }
            file.set_permissions(private(&former))?;
        }
        file.write_all(line.as_bytes())?;
        file.sync_all()
    }

    fn write_in_place(&self, line: &str) -> io::Result<()> {
        let mut file = File::options().write(true).open(&self.path)?;
        // Closed to others before the token is in it. Only its owner can do that.
        let _ = file.set_permissions(private(&file.metadata()?));
        file.set_len(0)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    }

    fn sync_dir(&self) -> io::Result<()> {
        match File::open(parent(&self.path)) {
            Ok(dir) => dir.sync_all(),
            // A directory that may be written to and not read: syncing the file syncs its entry on the file systems
            // that journal both (ext4, xfs, btrfs).
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                File::open(&self.path).and_then(|file| file.sync_all())
            }
            Err(error) => Err(error),
        }
    }
}

/// One word of visible characters, as long as a token, and at most a newline after it.
fn is_one_token(bytes: &[u8]) -> bool {
    let word = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    word.len() >= SHORTEST_TOKEN && word.iter().all(u8::is_ascii_graphic)
}

/// The mode without others, and without what makes no sense for a token.
fn private(former: &Metadata) -> Permissions {
    Permissions::from_mode(former.mode() & 0o060 | 0o600)
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
