//! The one judge of a plugin's state. The loader, `plugin list`, `plugin info`, `plugin verify` and `plugin rollback` ask it
//! and nothing else, so that none of them calls usable what another one refuses: who owns the file, whether it is the one that
//! was installed, whether it was revoked, whether the trust policy admits it, whether it was built for this machine and host.
//! No code of a plugin runs here.
//!
//! What differs between them is how bytes are compared ([`Comparison`]). A file that was compared in an earlier run, and is the
//! same file with the same times since, is not read again to run it; `plugin verify` reads every file. In a store that only root
//! may change, the file that the index was made from is trusted like the `astro` binary, and read by `plugin verify` alone.

#![forbid(unsafe_code)]

use std::{
    cell::OnceCell,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use astro_plugin_protocol::plugin_index::MAX_FILE;
use rustix::fs::Stat;
use serde::{Deserialize, Serialize};

pub use super::compatible::{OLDEST_PROTOCOL, TRIPLE, check_revisions, check_target};
use super::{
    Key, Policy,
    open::{open, sealed},
};
use crate::{
    base::{
        error::{Failure, Result, ResultExt, code, plugin, with_causes},
        files, hash,
        time::unix_now,
    },
    config::Dirs,
    program::APP,
    store::{
        Kind, Store,
        index::Facts,
        record::{self, Source, Stamp},
    },
};

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
    /// Only root may change it and the directories above it.
    root_owned: bool,
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

/// How a file's bytes are compared with what was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// An earlier comparison of this very file counts.
    Remembered,
    /// They are read, whatever is known of the file.
    Afresh,
}

/// What the judge says of a plugin.
#[derive(Debug)]
pub enum Verdict {
    /// It may be loaded; with how that is known.
    Usable(String),
    /// A linked library that was built again: it is described before its next use, and judged then.
    BuiltAgain,
    /// It is not loaded. Code, causes and help are those that a run ends with.
    Refused(Failure),
}

impl Verdict {
    /// Whether a run may use it.
    pub fn is_usable(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }

    /// In one line: how it was verified, or why it is refused.
    pub fn detail(&self) -> String {
        match self {
            Self::Usable(how) => how.clone(),
            Self::BuiltAgain => "linked, and built again since it was last used".to_owned(),
            Self::Refused(failure) => with_causes(failure),
        }
    }
}

/// The judge of one command. The trust policy is read once, when it is first needed.
pub struct Judge<'a> {
    dirs: Option<&'a Dirs>,
    comparison: Comparison,
    policy: OnceCell<Result<Policy>>,
}

impl<'a> Judge<'a> {
    /// A judge for this user.
    pub fn new(dirs: Option<&'a Dirs>, comparison: Comparison) -> Self {
        Self { dirs, comparison, policy: OnceCell::new() }
    }

    /// Judges a plugin for whoever lists it.
    pub fn verdict(&self, store: &Store, facts: &Facts) -> Verdict {
        if facts.is_linked() && !facts.is_current(store) {
            let opened = open(&store.file_of(&facts.path), &facts.path);
            return match opened {
                Ok(_) => Verdict::BuiltAgain,
                Err(failure) => Verdict::Refused(unopened(facts, failure)),
            };
        }
        match self.file(store, facts) {
            Ok(verified) => Verdict::Usable(how(facts, verified.root_owned)),
            Err(failure) => Verdict::Refused(failure),
        }
    }

    /// Opens and verifies the file of an indexed plugin.
    pub fn file(&self, store: &Store, facts: &Facts) -> Result<Verified> {
        if let Some(failure) = facts.failure() {
            return Err(failure);
        }
        check_revisions(&facts.name, &facts.version, facts.abi, facts.protocol)?;
        check_target(&facts.name, &facts.version, &facts.triple, facts.glibc)?;
        let path = store.file_of(&facts.path);
        let tree = if path.starts_with(&store.dir) { &store.dir } else { &path };
        let (fd, stat, root_owned) = open(&path, tree).map_err(|failure| unopened(facts, failure))?;
        let verified = |fd| Verified {
            fd,
            path: path.clone(),
            layout_known: false,
            sealed: false,
            root_owned,
            record: None,
        };
        // Whoever made the store loaded the plugin with a host of this version; only root can have changed it since.
        let is_roots = store.kind == Kind::System && root_owned;
        let is_described = is_roots && facts.described_by.as_deref() == Some(crate::VERSION);
        let is_indexed = !facts.made_now && facts.stamp.is_kept_by(&Stamp::of_stat(&stat));
        if is_roots && is_indexed && self.comparison == Comparison::Remembered {
            return Ok(Verified { layout_known: is_described, ..verified(fd) });
        }
        let is_always_compared = !is_roots && self.policy()?.verifies_always();
        if policy_applies(store, facts)
            && let Some(refusal) = self.policy()?.refusal(facts.publisher_key.as_deref())
        {
            return Err(while_loading(facts, refusal));
        }
        check_size(facts, &stat)?;
        if self.comparison == Comparison::Afresh {
            compare(&fd, facts, &path)?;
            return Ok(verified(fd));
        }
        let record_path = self.dirs.map(|dirs| record_path(dirs, facts));
        let known = record_path.as_deref().and_then(Record::read);
        let wanted = Record::of(&stat, facts);
        if is_always_compared {
            let fd = sealed(&fd, &path).map_err(|failure| while_loading(facts, failure))?;
            compare(&fd, facts, &path)?;
            // The layout is that of the bytes, wherever they lie.
            let layout_known =
                known.is_some_and(|known| known.hash == facts.hash && known.host == wanted.host);
            return Ok(Verified { layout_known, sealed: true, ..verified(fd) });
        }
        if known.as_ref() == Some(&wanted) {
            return Ok(Verified { layout_known: true, ..verified(fd) });
        }
        let started = unix_now();
        compare(&fd, facts, &path)?;
        // A write right after the check leaves the same stamps on file systems with one-second times, so a file
        // that changed less than two seconds ago is hashed again next time (git's rule for its index).
        let settled = stat.st_ctime + 2 <= started;
        let record = record_path.filter(|_| settled).map(|path| (path, wanted));
        let verified = Verified { layout_known: is_described, record, ..verified(fd) };
        if is_described {
            // Nobody checks its layout again, so nobody else remembers it.
            verified.remember();
        }
        Ok(verified)
    }

    fn policy(&self) -> Result<&Policy> {
        let load = || self.dirs.map(Policy::load).transpose().map(Option::unwrap_or_default);
        self.policy.get_or_init(load).as_ref().map_err(Clone::clone)
    }
}

/// Opens and verifies the file of an indexed plugin to load it.
pub fn verify(store: &Store, facts: &Facts, dirs: Option<&Dirs>) -> Result<Verified> {
    Judge::new(dirs, Comparison::Remembered).file(store, facts)
}

/// Whether a plugin's file is the very one that this user compared with the installed hash in an earlier run. What an index
/// says of it then holds, whatever times a copy of the store gave to it.
pub fn is_remembered(store: &Store, facts: &Facts, dirs: Option<&Dirs>) -> bool {
    let Some(dirs) = dirs.filter(|_| !facts.is_linked()) else { return false };
    let stat = rustix::fs::lstat(store.file_of(&facts.path).as_path());
    stat.is_ok_and(|stat| Record::read(&record_path(dirs, facts)) == Some(Record::of(&stat, facts)))
}

/// A file that is missing, or that is none, is installed again.
fn unopened(facts: &Facts, failure: Failure) -> Failure {
    let failure = while_loading(facts, failure);
    if failure.help.is_empty() { failure.help(facts.how_to_install_again()) } else { failure }
}

/// How it is known that a plugin is the one that was installed.
fn how(facts: &Facts, root_owned: bool) -> String {
    match (facts.publisher_key.as_deref().and_then(Key::parse), facts.source) {
        (Some(key), _) => format!("SHA-256 and the signature of the key {}", key.id()),
        (None, Source::Bundled) if root_owned => {
            format!("SHA-256; it came with {APP}, and only root may change it").to_owned()
        }
        (None, _) => "SHA-256".to_owned(),
    }
}

/// No plugin file is that large: what lies there now is not read into memory.
fn check_size(facts: &Facts, stat: &Stat) -> Result<()> {
    match u64::try_from(stat.st_size).is_ok_and(|size| facts.is_linked() || size <= MAX_FILE) {
        true => Ok(()),
        false => Err(while_loading(facts, plugin(hash::MISMATCH))
            .cause(format!("it has {} bytes, and a plugin file has at most {MAX_FILE}", stat.st_size))
            .help(facts.how_to_install_again())),
    }
}

/// Whether the trust policy is asked for a plugin: what the user is developing and what came with astro was never installed
/// from anybody.
fn policy_applies(store: &Store, facts: &Facts) -> bool {
    store.kind == Kind::User && !facts.is_linked() && !facts.allowed_unsigned
}

/// Compares the bytes behind a descriptor with what was installed: the hash, and the publisher's signature where one
/// was verified then.
fn compare(fd: &OwnedFd, facts: &Facts, path: &Path) -> Result<()> {
    use std::io::Read;
    let what = || format!("cannot read `{}`", path.display());
    let mut reader = fd.try_clone().map(std::fs::File::from).context(code::PLUGIN, what)?;
    let other = |found: &str| {
        let failure = hash::mismatch(&cannot_load(facts), found, &facts.hash)
            .help(format!("find out what changed {}", path.display()))
            .help(facts.how_to_install_again());
        match facts.source {
            Source::Bundled => record::packaging().into_iter().fold(failure, Failure::help),
            _ => failure,
        }
    };
    let Some(key) = &facts.publisher_key else {
        let found = hash::sha256(reader).context(code::PLUGIN, what)?;
        return if found == facts.hash { Ok(()) } else { Err(other(&found)) };
    };
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).context(code::PLUGIN, what)?;
    let found = hash::sha256(bytes.as_slice()).context(code::PLUGIN, what)?;
    if found != facts.hash {
        return Err(other(&found));
    }
    let key = Key::parse(key)
        .ok_or_else(|| while_loading(facts, plugin("its record has no usable publisher's key")))?;
    key.check(&bytes, &facts.name, &facts.version).map_err(|reason| while_loading(facts, plugin(reason)))
}

impl Record {
    fn of(stat: &Stat, facts: &Facts) -> Self {
        Self {
            dev: stat.st_dev,
            ino: stat.st_ino,
            size: stat.st_size,
            mtime: (stat.st_mtime, nanoseconds(stat.st_mtime_nsec)),
            ctime: (stat.st_ctime, nanoseconds(stat.st_ctime_nsec)),
            hash: facts.hash.clone(),
            host: crate::VERSION.to_owned(),
            layout: true,
        }
    }

    fn read(path: &Path) -> Option<Self> {
        serde_json::from_str(&files::read(path).ok().flatten()?).ok()
    }
}

fn record_path(dirs: &Dirs, facts: &Facts) -> PathBuf {
    dirs.state.join("verified").join(&facts.name)
}

impl Verified {
    /// Remembers that this very file was verified and its layout checked. A record that cannot be written
    /// is no error: the next run hashes again.
    pub fn remember(&self) {
        if let Some((path, record)) = &self.record
            && let Ok(bytes) = serde_json::to_vec(record)
        {
            let _ = files::write_cache(path, &bytes);
        }
    }
}

/// Opens a library for the one purpose of asking for its manifest.
pub fn open_for_describe(path: &Path) -> Result<Verified> {
    let (fd, _, root_owned) = open(path, path)?;
    Ok(Verified { fd, path: path.to_owned(), layout_known: false, sealed: false, root_owned, record: None })
}

/// Checks owners and modes of a file and the directories above it without opening it for loading.
pub fn check_policy(path: &Path) -> Result<()> {
    open(path, path).map(|_| ())
}

fn while_loading(facts: &Facts, failure: Failure) -> Failure {
    // A policy that cannot be read is a matter of the configuration: the code stays.
    Failure { message: format!("{}: {}", cannot_load(facts), failure.message), ..failure }
}

fn cannot_load(facts: &Facts) -> String {
    format!("cannot load plugin `{}` {}", facts.name, facts.version)
}

/// The kernel's type for nanoseconds differs between architectures.
fn nanoseconds(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(0)
}
