//! The index: `w-WORD` lists every command below a first word, `root` every word and plugin.

use std::path::PathBuf;

use astro_plugin_protocol::manifest::{Command, ConfigKey, Group, Revisions};
use serde::{Deserialize, Serialize};

use super::{
    Store,
    record::{Source, Stamp},
};
use crate::{
    base::error::{Failure, plugin, with_causes},
    program::APP,
};

/// The format of the index files. Another number means: make the index again.
pub const FORMAT: u32 = 6;

/// The file of one first word.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WordFile {
    /// [`FORMAT`]
    pub format: u32,
    /// The version of the host that made it: another one may judge plugins differently.
    pub host: String,
    /// The word.
    pub word: String,
    /// Texts and aliases of the words above commands, this word's own first.
    pub groups: Vec<Group>,
    /// The plugins that bring the commands.
    pub plugins: Vec<Facts>,
    /// The commands.
    pub commands: Vec<Entry>,
}

/// A command and the plugin that brings it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Index into the plugins of the file.
    pub plugin: usize,
    /// The command.
    pub command: Command,
}

/// What is known of a plugin without opening it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its file, as in the record.
    pub path: PathBuf,
    /// What its file looked like when the index was made, or a linked one when it was described.
    pub stamp: Stamp,
    /// Target triple; empty for a linked library, which was built here.
    pub triple: String,
    /// ABI revision.
    pub abi: u32,
    /// Protocol revisions it speaks.
    pub protocol: Revisions,
    /// Lowest glibc as (major, minor).
    pub glibc: Option<(u32, u32)>,
    /// SHA-256 as installed.
    pub hash: String,
    /// The public key that its signature was verified with when it was installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher_key: Option<String>,
    /// How it came into the store.
    #[serde(default)]
    pub source: Source,
    /// It stays at its version until it is named.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// It runs once although no signature of it was verified, because the command line says so. Never read from or
    /// written to a file.
    #[serde(skip)]
    pub allowed_unsigned: bool,
    /// The keys of its configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<ConfigKey>,
    /// The unstable features that it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unstable: Vec<String>,
    /// The version of the host that checked its layout when it was described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub described_by: Option<String>,
    /// Why it cannot be used, when it cannot. Its commands stay known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<Broken>,
    /// The index that says this was made in this run: nobody compared it with the file since it was written.
    #[serde(skip)]
    pub made_now: bool,
}

/// Why a plugin cannot be used, as far as that was found when the index was made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// The reason, in one line.
    pub reason: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub help: Vec<String>,
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self { reason: with_causes(&failure), help: failure.help }
    }
}

/// The file of the root page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RootFile {
    /// [`FORMAT`]
    pub format: u32,
    /// The version of the host that made it.
    pub host: String,
    /// First words with text and aliases.
    pub words: Vec<Group>,
    /// All plugins of the store, oldest first; some may be broken.
    pub plugins: Vec<Facts>,
    /// Records that cannot be read, each with the reason.
    pub unreadable: Vec<String>,
}

impl Facts {
    /// It is linked: a changed file is described again instead of refused.
    pub fn is_linked(&self) -> bool {
        self.source == Source::Link
    }

    /// Whether the file is the one the index was made from. The store may have been copied by tar, as a layer of an image or
    /// by a package manager. Nothing is loaded for being current: the bytes of what may have been changed are compared
    /// ([`crate::trust::verify`]). A library under development and a plugin that cannot be used are looked at again when in
    /// doubt.
    pub fn is_current(&self, store: &Store) -> bool {
        let Ok(now) = Stamp::of(&store.file_of(&self.path)) else { return false };
        match self.is_linked() || self.broken.is_some() {
            true => now == self.stamp,
            false => self.stamp.is_kept_by(&now),
        }
    }

    /// The failure of its commands, when it cannot be used.
    pub fn failure(&self) -> Option<Failure> {
        let Broken { reason, help } = self.broken.as_ref()?;
        let failure = plugin(format!("cannot load plugin `{}` {}: {reason}", self.name, self.version));
        Some(Failure { help: help.clone(), ..failure })
    }

    /// What puts the file back that was installed, as help.
    pub fn how_to_install_again(&self) -> String {
        let Self { name, version, .. } = self;
        match self.source {
            Source::Link => format!("link it again: {APP} plugin link {}", self.path.display()),
            Source::Bundled => format!("install {APP} again").to_owned(),
            Source::Index if self.pinned => {
                format!("to install it again: {APP} plugin install {name}@{version}")
            }
            Source::Index => format!("to install it again: {APP} plugin upgrade {name}"),
            Source::File | Source::Url => {
                format!("install it again from where it came; `{APP} plugin info {name}` shows that")
            }
        }
    }
}

/// The name of a word's file.
pub fn word_file(word: &str) -> String {
    format!("w-{word}")
}

/// The name of the root page's file.
pub const ROOT_FILE: &str = "root";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Kind;

    #[test]
    fn a_copy_keeps_size_and_time_as_far_as_archives_do() {
        let at = |seconds: i64, nanoseconds: i64| Stamp {
            size: 10,
            mtime_ns: seconds * 1_000_000_000 + nanoseconds,
            inode: 1,
        };
        let original = at(1_700_000_000, 123_456_789);
        for (copy, is_kept) in [
            (Stamp { inode: 2, ..original }, true),
            (at(1_700_000_000, 0), true),
            (at(1_700_000_000, 123_456_788), false),
            (at(1_700_000_001, 0), false),
            (at(1_699_999_999, 0), false),
            (Stamp { size: 11, ..at(1_700_000_000, 0) }, false),
        ] {
            assert_eq!(original.is_kept_by(&copy), is_kept, "{copy:?}");
            assert_eq!(copy.is_kept_by(&original), is_kept, "{copy:?}");
        }
        assert!(at(-1, 500_000_000).is_kept_by(&at(-1, 0)), "before 1970");
        assert!(!at(-1, 500_000_000).is_kept_by(&at(0, 0)));
    }

    /// The second of its time is kept by every copy, the rest of the time and the inode are not.
    #[test]
    fn an_index_fits_a_copied_store_but_not_a_changed_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store { dir: dir.path().to_owned(), kind: Kind::System };
        let path = dir.path().join("x.astro-plugin");
        crate::base::files::write(&path, b"bytes").expect("written");
        let now = Stamp::of(&path).expect("there");
        let set = |nanoseconds: i64| {
            let time = std::time::UNIX_EPOCH
                + std::time::Duration::from_nanos(nanoseconds.try_into().expect("positive"));
            std::fs::File::options().write(true).open(&path).expect("open").set_modified(time).expect("set");
        };
        let facts = Facts { path: "x.astro-plugin".into(), stamp: now, ..Facts::default() };
        assert!(facts.is_current(&store));
        let second = now.mtime_ns - now.mtime_ns % 1_000_000_000;
        set(second);
        let elsewhere = Facts { stamp: Stamp { inode: now.inode + 1, ..now }, ..facts.clone() };
        assert!(facts.is_current(&store) && elsewhere.is_current(&store));
        let linked = Facts { source: Source::Link, ..facts.clone() };
        let broken = Facts { broken: Some(Broken::default()), ..facts.clone() };
        assert!(
            !linked.is_current(&store) && !broken.is_current(&store),
            "in doubt they are looked at again"
        );
        set(second - 1_000_000_000);
        assert!(!facts.is_current(&store));
        set(second);
        crate::base::files::write(&path, b"other bytes").expect("written");
        set(second);
        assert!(!facts.is_current(&store));
        std::fs::remove_file(&path).expect("removed");
        assert!(!facts.is_current(&store));
    }
}
