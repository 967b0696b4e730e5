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
    process::{getegid, geteuid},
};

use crate::error::{Result, While, code, plugin};

/// Opens a regular file and judges it and every directory above it, each on its own descriptor, so that nothing
/// can be exchanged between looking and opening. Links on the way to the directory are followed first, and what
/// they lead to is judged; the file itself may not be one. Answers whether root owns everything.
pub(super) fn open(path: &Path) -> Result<(OwnedFd, Stat, bool)> {
    let what = || format!("cannot open `{}`", path.display());
    let opened = |result: rustix::io::Result<OwnedFd>| {
        result.map_err(std::io::Error::from).while_doing(code::PLUGIN, what)
    };
    let looked =
        |fd: &OwnedFd| rustix::fs::fstat(fd).map_err(std::io::Error::from).while_doing(code::PLUGIN, what);
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(plugin(what()).cause("it is not the path of a file"));
    };
    let dir = dir.canonicalize().while_doing(code::PLUGIN, what)?;
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = opened(rustix::fs::open("/", step, Mode::empty()))?;
    let mut root_owned = judge(Path::new("/"), &looked(&at)?)?;
    let mut walked = PathBuf::from("/");
    for component in dir.components().skip(1) {
        walked.push(component);
        at = opened(rustix::fs::openat(&at, component.as_os_str(), step, Mode::empty()))?;
        root_owned &= judge(&walked, &looked(&at)?)?;
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = match rustix::fs::openat(&at, name, flags, Mode::empty()) {
        Err(rustix::io::Errno::LOOP) => return Err(plugin(what()).cause("it is a symbolic link")),
        result => opened(result)?,
    };
    let stat = looked(&fd)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(plugin(what()).cause("it is not a regular file"));
    }
    root_owned &= judge(path, &stat)?;
    Ok((fd, stat, root_owned))
}

/// Refuses what somebody else may change; answers whether root owns it.
fn judge(path: &Path, stat: &Stat) -> Result<bool> {
    let refused =
        |reason: &str| plugin(format!("`{}` cannot be trusted with a plugin: {reason}", path.display()));
    let user = geteuid().as_raw();
    if stat.st_uid != 0 && stat.st_uid != user {
        return Err(refused("it belongs to another user")
            .help(format!("use a directory of your own, or type `chown {user} {}`", path.display())));
    }
    // A directory such as /tmp: others may add to it and not change what is ours.
    let sticky = FileType::from_raw_mode(stat.st_mode) == FileType::Directory && stat.st_mode & 0o1000 != 0;
    let others = stat.st_mode & 0o002 != 0;
    // Where every user has a group of their own (umask 002), the group is the user; it then has the user's
    // number. A primary group that is shared (`users`) has not.
    let private = stat.st_gid == getegid().as_raw() && stat.st_gid == user;
    let group = stat.st_mode & 0o020 != 0 && !private;
    if (others || group) && !sticky {
        return Err(
            refused("other users may write to it").help(format!("type `chmod go-w {}`", path.display()))
        );
    }
    Ok(stat.st_uid == 0 && stat.st_mode & 0o022 == 0)
}

/// Copies an open file into memory that is then sealed: what is read from the copy is what is loaded from it.
pub(super) fn sealed(file: &OwnedFd, path: &Path) -> Result<OwnedFd> {
    let what = || format!("cannot make a sealed copy of `{}`", path.display());
    let io = |result: std::io::Result<u64>| result.while_doing(code::PLUGIN, what);
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let copy = rustix::fs::memfd_create("astro-plugin", flags).while_doing(code::PLUGIN, what)?;
    let mut reader = file.try_clone().map(File::from).while_doing(code::PLUGIN, what)?;
    let mut writer = copy.try_clone().map(File::from).while_doing(code::PLUGIN, what)?;
    io(std::io::copy(&mut Read::by_ref(&mut reader), &mut writer))?;
    // The descriptors share one position with their clones.
    io(writer.rewind().map(|()| 0))?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    drop(writer);
    rustix::fs::fcntl_add_seals(&copy, seals).while_doing(code::PLUGIN, what)?;
    Ok(copy)
}
