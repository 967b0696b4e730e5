//! The index: `w-WORD` lists every command below a first word, `root` every word and plugin.

use std::path::PathBuf;

use astro_plugin_protocol::manifest::{Command, ConfigKey, Group, Revisions};
use serde::{Deserialize, Serialize};

use super::{
    Kind, Store,
    record::{Source, Stamp},
};

/// The format of the index files. Another number means: make the index again.
pub const FORMAT: u32 = 3;

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
    /// The version of the host that checked its layout when it was described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub described_by: Option<String>,
    /// Why it cannot be used, when it cannot. Its commands stay known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
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

    /// Whether the file is the one the index was made from. A system store may have been copied by a
    /// package manager, which keeps time and size but not the inode.
    pub fn is_current(&self, store: &Store) -> bool {
        let Ok(now) = Stamp::of(&store.file_of(&self.path)) else { return false };
        match store.kind {
            Kind::System => Stamp { inode: 0, ..now } == Stamp { inode: 0, ..self.stamp },
            Kind::User => now == self.stamp,
        }
    }
}

/// The name of a word's file.
pub fn word_file(word: &str) -> String {
    format!("w-{word}")
}

/// The name of the root page's file.
pub const ROOT_FILE: &str = "root";
