//! Whether a file may be loaded, decided before any of its code can run: who owns it, whether it is the
//! file that was installed, whether it was built for this machine and this host.

#![forbid(unsafe_code)]

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use astro_plugin_abi::ABI_REVISION;
use astro_plugin_protocol::{PROTOCOL_REVISION, manifest::Revisions};
use rustix::{
    fs::{FileType, Mode, OFlags, Stat},
    process::{getegid, geteuid},
};
use serde::{Deserialize, Serialize};

use crate::{
    config::Dirs,
    context::unix_now,
    error::{Result, While, code, plugin},
    files,
    store::{Kind, Store, index::Facts, record},
};

/// The oldest protocol revision this host serves.
pub const OLDEST_PROTOCOL: u32 = 1;
/// The target this host was built for.
pub const TRIPLE: &str = env!("ASTRO_TARGET_TRIPLE");

/// A file that may be loaded.
#[derive(Debug)]
pub struct Verified {
    /// The descriptor whose bytes were verified.
    pub fd: OwnedFd,
    /// Where it was opened.
    pub path: PathBuf,
    /// The layout of its root module was checked in an earlier run of this host.
    pub layout_known: bool,
    record: Option<(PathBuf, Record)>,
}

/// The proof that a file's bytes were compared with the installed hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    dev: u64,
    ino: u64,
    size: i64,
    mtime: (i64, i64),
    ctime: (i64, i64),
    hash: String,
    host: String,
    layout: bool,
}

/// Opens and verifies the file of an indexed plugin.
pub fn verify(store: &Store, facts: &Facts, dirs: Option<&Dirs>) -> Result<Verified> {
    check_revisions(&facts.name, &facts.version, facts.abi, facts.protocol)?;
    check_machine(facts)?;
    let path = store.file_of(&facts.path);
    let (fd, stat, root_owned) = open(&path).map_err(|failure| while_loading(facts, failure))?;
    if store.kind == Kind::System && root_owned {
        // Whoever made the store loaded the plugin with a host of this version; nobody else can have changed it.
        let layout_known = facts.described_by.as_deref() == Some(crate::VERSION);
        return Ok(Verified { fd, path, layout_known, record: None });
    }
    let record_path = dirs.map(|dirs| dirs.state.join("verified").join(&facts.name));
    let wanted = Record {
        dev: stat.st_dev,
        ino: stat.st_ino,
        size: stat.st_size,
        mtime: (stat.st_mtime, nanoseconds(stat.st_mtime_nsec)),
        ctime: (stat.st_ctime, nanoseconds(stat.st_ctime_nsec)),
        hash: facts.hash.clone(),
        host: crate::VERSION.to_owned(),
        layout: true,
    };
    let known = record_path
        .as_ref()
        .and_then(|path| files::read(path).ok().flatten())
        .and_then(|text| serde_json::from_str::<Record>(&text).ok());
    if known.as_ref() == Some(&wanted) {
        return Ok(Verified { fd, path, layout_known: true, record: None });
    }
    let started = unix_now();
    let what = || format!("cannot read `{}`", path.display());
    let reader = fd.try_clone().map(std::fs::File::from).while_doing(code::PLUGIN, what)?;
    let found = record::hash(reader).while_doing(code::PLUGIN, what)?;
    if found != facts.hash {
        return Err(while_loading(
            facts,
            plugin("its file is not the one that was installed")
                .cause(format!("SHA-256 {found}, installed {}", facts.hash)),
        )
        .help(format!("find out who changed {}, then install the plugin again", path.display())));
    }
    // A write right after the check leaves the same stamps on file systems with one-second times, so a file
    // that changed less than two seconds ago is hashed again next time (git's rule for its index).
    let settled = stat.st_ctime + 2 <= started;
    let record = record_path.filter(|_| settled).map(|path| (path, wanted));
    Ok(Verified { fd, path, layout_known: false, record })
}

impl Verified {
    /// Remembers that this very file was verified and its layout checked. A record that cannot be written
    /// is no error: the next run hashes again.
    pub fn remember(&self) {
        if let Some((path, record)) = &self.record
            && let Ok(bytes) = serde_json::to_vec(record)
        {
            let _ = files::write(path, &bytes);
        }
    }
}

/// Opens a library for the one purpose of asking for its manifest.
pub fn open_for_describe(path: &Path) -> Result<Verified> {
    let (fd, _, _) = open(path)?;
    Ok(Verified { fd, path: path.to_owned(), layout_known: false, record: None })
}

/// Checks owners and modes of a file and the directories above it without opening it for loading.
pub fn check_policy(path: &Path) -> Result<()> {
    open(path).map(|_| ())
}

/// ABI and protocol revisions, with words for both readers: the user and the author.
pub fn check_revisions(name: &str, version: &str, abi: u32, protocol: Revisions) -> Result<()> {
    if abi != ABI_REVISION {
        let failure = plugin(format!(
            "cannot load plugin `{name}` {version}: it was built for plugin ABI {abi}, this astro speaks ABI {ABI_REVISION}"
        ));
        return Err(if abi > ABI_REVISION {
            failure.help("upgrade astro, or install an older version of the plugin")
        } else {
            failure.help("install a newer version of the plugin")
        });
    }
    if protocol.max < OLDEST_PROTOCOL || protocol.min > PROTOCOL_REVISION {
        let failure = plugin(format!(
            "cannot load plugin `{name}` {version}: it speaks protocol {} to {}, this astro serves {OLDEST_PROTOCOL} to {PROTOCOL_REVISION}",
            protocol.min, protocol.max
        ));
        return Err(if protocol.min > PROTOCOL_REVISION {
            failure.help("upgrade astro, or install an older version of the plugin")
        } else {
            failure.help("install a newer version of the plugin")
        });
    }
    Ok(())
}

fn check_machine(facts: &Facts) -> Result<()> {
    check_target(&facts.name, &facts.version, &facts.triple, facts.glibc)
}

/// Target and glibc of a plugin file; an empty target is that of a library which was built here.
pub fn check_target(name: &str, version: &str, triple: &str, glibc: Option<(u32, u32)>) -> Result<()> {
    let refused = |reason: String| plugin(format!("cannot load plugin `{name}` {version}: {reason}"));
    if !triple.is_empty() && triple != TRIPLE {
        return Err(refused(format!("it was built for {triple}, this astro for {TRIPLE}"))
            .help(format!("install the build for {TRIPLE}")));
    }
    match (glibc, host_glibc()) {
        (Some(needed), Some(here)) if needed > here => Err(refused(format!(
            "it needs glibc {}.{}, this system has {}.{}",
            needed.0, needed.1, here.0, here.1
        ))
        .help("install a build for an older glibc, or use a newer system")),
        _ => Ok(()),
    }
}

/// The C library's version, from the file of the loaded library itself.
fn host_glibc() -> Option<(u32, u32)> {
    let (major, minor) = super::library::glibc_version()?
        .split_once('.')
        .map(|(major, minor)| (major.to_owned(), minor.to_owned()))?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}

/// Opens a regular file and judges it and every directory above it, each on its own descriptor, so that nothing
/// can be exchanged between looking and opening. Links on the way to the directory are followed first, and what
/// they lead to is judged; the file itself may not be one. Answers whether root owns everything.
fn open(path: &Path) -> Result<(OwnedFd, Stat, bool)> {
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

fn while_loading(facts: &Facts, failure: crate::error::Failure) -> crate::error::Failure {
    let mut outer =
        plugin(format!("cannot load plugin `{}` {}: {}", facts.name, facts.version, failure.message));
    outer.causes = failure.causes;
    outer.help = failure.help;
    outer
}

/// The kernel's type for nanoseconds differs between architectures.
fn nanoseconds(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(0)
}
