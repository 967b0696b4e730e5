//! Opening a plugin's file: every step on a descriptor, with owners and modes judged, so that nothing can be exchanged
//! between looking and opening. And the sealed copy that nobody can write to any more.

#![forbid(unsafe_code)]

use std::{
    fs::File,
    io::{Read, Seek},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FileType, MemfdFlags, Mode, OFlags, SealFlags, Stat},
    io::Errno,
};

use crate::{
    base::error::{Failure, Result, ResultExt, code, plugin},
    sys::access::{Denied, Way},
};

/// Opens a regular file and judges it and every directory above it, each on its own descriptor, so that nothing
/// can be exchanged between looking and opening. Links on the way to the directory are followed first, and what
/// they lead to is judged; the file itself may not be one. `tree` is what should be readable where the file is not: the
/// store, or the file itself. Answers whether root owns everything.
pub(super) fn open(path: &Path, tree: &Path) -> Result<(OwnedFd, Stat, bool)> {
    let what = || format!("cannot open `{}`", path.display());
    let opened =
        |result: rustix::io::Result<OwnedFd>| result.map_err(|error| unopened(path, tree, &error.into()));
    let looked =
        |fd: &OwnedFd| rustix::fs::fstat(fd).map_err(std::io::Error::from).context(code::PLUGIN, what);
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(plugin(what()).cause("it is not the path of a file"));
    };
    let dir = dir.canonicalize().map_err(|error| unopened(path, tree, &error))?;
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = opened(rustix::fs::open("/", step, Mode::empty()))?;
    let mut way = Way::default();
    way.step(Path::new("/"), &looked(&at)?);
    let mut walked = PathBuf::from("/");
    for component in dir.components().skip(1) {
        walked.push(component);
        at = opened(rustix::fs::openat(&at, component.as_os_str(), step, Mode::empty()))?;
        way.step(&walked, &looked(&at)?);
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = match rustix::fs::openat(&at, name, flags, Mode::empty()) {
        Err(Errno::LOOP) => return Err(plugin(what()).cause("it is a symbolic link")),
        result => opened(result)?,
    };
    let stat = looked(&fd)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(plugin(what()).cause("it is not a regular file"));
    }
    way.step(path, &stat);
    let root_owned = way.finish()?;
    Ok((fd, stat, root_owned))
}

/// Why a file cannot be opened. What denies it is named with its mode.
fn unopened(path: &Path, tree: &Path, error: &std::io::Error) -> Failure {
    let message = format!("cannot open `{}`", path.display());
    let denied = (error.kind() == std::io::ErrorKind::PermissionDenied).then(|| Denied::of(path)).flatten();
    match denied {
        Some(denied) => denied.failure(format!("{message}: permission denied"), tree),
        None => plugin(message).cause(crate::base::error::plain_io(&error.to_string())),
    }
}

/// Copies an open file into memory that is then sealed: what is read from the copy is what is loaded from it.
pub(super) fn sealed(file: &OwnedFd, path: &Path) -> Result<OwnedFd> {
    let what = || format!("cannot make a sealed copy of `{}`", path.display());
    let io = |result: std::io::Result<u64>| result.context(code::PLUGIN, what);
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let copy = rustix::fs::memfd_create("astro-plugin", flags).context(code::PLUGIN, what)?;
    let mut reader = file.try_clone().map(File::from).context(code::PLUGIN, what)?;
    let mut writer = copy.try_clone().map(File::from).context(code::PLUGIN, what)?;
    io(std::io::copy(&mut Read::by_ref(&mut reader), &mut writer))?;
    // The descriptors share one position with their clones.
    io(writer.rewind().map(|()| 0))?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    drop(writer);
    rustix::fs::fcntl_add_seals(&copy, seals).context(code::PLUGIN, what)?;
    Ok(copy)
}
