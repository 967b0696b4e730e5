//! Whether a file may be loaded, decided before any of its code can run: who owns it, whether it is the
//! file that was installed, whether it was built for this machine and this host.

#![forbid(unsafe_code)]

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use astro_plugin_abi::ABI_REVISION;
use astro_plugin_protocol::{PROTOCOL_REVISION, manifest::Revisions, plugin_index::MAX_FILE};
use serde::{Deserialize, Serialize};

use super::open::{open, sealed};
use crate::{
    config::Dirs,
    context::unix_now,
    error::{Failure, Result, While, code, plugin},
    files,
    store::{
        Kind, Store,
        index::Facts,
        record::{self, Source},
    },
    trust::{Key, Policy},
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
    /// The descriptor is that of a sealed copy.
    pub sealed: bool,
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
        return Ok(Verified { fd, path, layout_known, sealed: false, record: None });
    }
    let policy = dirs.map(Policy::load).transpose()?.unwrap_or_default();
    admitted(store, facts, &policy)?;
    check_size(facts, &stat)?;
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
    if policy.verifies_always() {
        let fd = sealed(&fd, &path).map_err(|failure| while_loading(facts, failure))?;
        compare(&fd, facts, &path)?;
        // The layout is that of the bytes, wherever they lie.
        let layout_known = known.is_some_and(|known| known.hash == facts.hash && known.host == wanted.host);
        return Ok(Verified { fd, path, layout_known, sealed: true, record: None });
    }
    if known.as_ref() == Some(&wanted) {
        return Ok(Verified { fd, path, layout_known: true, sealed: false, record: None });
    }
    let started = unix_now();
    compare(&fd, facts, &path)?;
    // A write right after the check leaves the same stamps on file systems with one-second times, so a file
    // that changed less than two seconds ago is hashed again next time (git's rule for its index).
    let settled = stat.st_ctime + 2 <= started;
    let record = record_path.filter(|_| settled).map(|path| (path, wanted));
    Ok(Verified { fd, path, layout_known: false, sealed: false, record })
}

/// Looks at a plugin's file as if nothing were known of it: what `astro plugin verify` does. Answers what was compared.
pub fn reverify(store: &Store, facts: &Facts, dirs: Option<&Dirs>) -> Result<String> {
    check_revisions(&facts.name, &facts.version, facts.abi, facts.protocol)?;
    check_machine(facts)?;
    let path = store.file_of(&facts.path);
    let (fd, stat, root_owned) = open(&path).map_err(|failure| while_loading(facts, failure))?;
    check_size(facts, &stat)?;
    let policy = dirs.map(Policy::load).transpose()?.unwrap_or_default();
    admitted(store, facts, &policy)?;
    compare(&fd, facts, &path)?;
    Ok(match (facts.publisher_key.as_deref().and_then(Key::parse), facts.source) {
        (Some(key), _) => format!("SHA-256 and the signature of the key {}", key.id()),
        (None, Source::Bundled) if root_owned => {
            "SHA-256; it came with astro, and only root may change it".to_owned()
        }
        (None, _) => "SHA-256".to_owned(),
    })
}

/// No plugin file is that large: what lies there now is not read into memory.
fn check_size(facts: &Facts, stat: &rustix::fs::Stat) -> Result<()> {
    match u64::try_from(stat.st_size).is_ok_and(|size| facts.is_linked() || size <= MAX_FILE) {
        true => Ok(()),
        false => Err(while_loading(facts, plugin("its file is not the one that was installed"))
            .cause(format!("it has {} bytes, and a plugin file has at most {MAX_FILE}", stat.st_size))),
    }
}

/// Whether the trust policy is asked for a plugin: what the user is developing and what came with astro was never installed
/// from anybody.
pub fn is_under_policy(store: &Store, facts: &Facts) -> bool {
    store.kind == Kind::User && !facts.is_linked() && !facts.allowed_unsigned
}

/// Whether the trust policy lets a plugin be used.
fn admitted(store: &Store, facts: &Facts, policy: &Policy) -> Result<()> {
    let is_asked = is_under_policy(store, facts);
    match policy.refusal(facts.publisher_key.as_deref()).filter(|_| is_asked) {
        Some(refusal) => Err(while_loading(facts, refusal)),
        None => Ok(()),
    }
}

/// Compares the bytes behind a descriptor with what was installed: the hash, and the publisher's signature where one
/// was verified then.
fn compare(fd: &OwnedFd, facts: &Facts, path: &Path) -> Result<()> {
    use std::io::Read;
    let what = || format!("cannot read `{}`", path.display());
    let mut reader = fd.try_clone().map(std::fs::File::from).while_doing(code::PLUGIN, what)?;
    let other = |found: &str| {
        while_loading(
            facts,
            plugin("its file is not the one that was installed")
                .cause(format!("SHA-256 {found}, installed {}", facts.hash)),
        )
        .help(format!("find out who changed {}, then install the plugin again", path.display()))
    };
    let Some(key) = &facts.publisher_key else {
        let found = record::hash(reader).while_doing(code::PLUGIN, what)?;
        return if found == facts.hash { Ok(()) } else { Err(other(&found)) };
    };
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).while_doing(code::PLUGIN, what)?;
    let found = record::hash(bytes.as_slice()).while_doing(code::PLUGIN, what)?;
    if found != facts.hash {
        return Err(other(&found));
    }
    let key = Key::parse(key)
        .ok_or_else(|| while_loading(facts, plugin("its record has no usable publisher's key")))?;
    key.check(&bytes, &facts.name, &facts.version).map_err(|reason| while_loading(facts, plugin(reason)))
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
    Ok(Verified { fd, path: path.to_owned(), layout_known: false, sealed: false, record: None })
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
            failure.help(format!(
                "upgrade astro, or install an older version: astro plugin install {name}@VERSION"
            ))
        } else {
            failure.help(format!("install a newer version: astro plugin upgrade {name}"))
        });
    }
    if protocol.max < OLDEST_PROTOCOL || protocol.min > PROTOCOL_REVISION {
        let failure = plugin(format!(
            "cannot load plugin `{name}` {version}: it speaks protocol {} to {}, this astro serves {OLDEST_PROTOCOL} to {PROTOCOL_REVISION}",
            protocol.min, protocol.max
        ));
        return Err(if protocol.min > PROTOCOL_REVISION {
            failure.help(format!(
                "upgrade astro, or install an older version: astro plugin install {name}@VERSION"
            ))
        } else {
            failure.help(format!("install a newer version: astro plugin upgrade {name}"))
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

fn while_loading(facts: &Facts, failure: Failure) -> Failure {
    let mut outer =
        plugin(format!("cannot load plugin `{}` {}: {}", facts.name, facts.version, failure.message));
    outer.causes = failure.causes;
    outer.help = failure.help;
    // A policy that cannot be read is a matter of the configuration.
    outer.code = failure.code;
    outer
}

/// The kernel's type for nanoseconds differs between architectures.
fn nanoseconds(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(0)
}
