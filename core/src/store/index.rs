//! The index: `w-WORD` lists every command below a first word, `root` every word and plugin.

use std::{os::unix::fs::MetadataExt, path::PathBuf};

use astro_plugin_protocol::manifest::{Command, Group, Revisions};
use serde::{Deserialize, Serialize};

use super::{Kind, Store};

/// The format of the index files. Another number means: make the index again.
pub const FORMAT: u32 = 1;

/// The file of one first word.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WordFile {
    /// [`FORMAT`]
    pub format: u32,
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
    /// It is linked: a changed file is described again instead of refused.
    pub linked: bool,
    /// Size of the file in bytes.
    pub size: u64,
    /// Time of the file's last change, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Its inode.
    pub inode: u64,
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
    /// When it was installed, seconds since 1970.
    pub installed_at: i64,
}

/// The file of the root page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RootFile {
    /// [`FORMAT`]
    pub format: u32,
    /// First words with text and aliases.
    pub words: Vec<Group>,
    /// All plugins of the store.
    pub plugins: Vec<Facts>,
    /// Plugins that cannot be used, each with the reason.
    pub unusable: Vec<Unusable>,
}

/// A plugin that is left out of the index.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Unusable {
    /// Its name, or the record's path.
    pub name: String,
    /// The reason.
    pub reason: String,
}

impl Facts {
    /// Whether the file is the one the index was made from. A system store may have been copied by a
    /// package manager, which keeps time and size but not the inode.
    pub fn is_current(&self, store: &Store) -> bool {
        let Ok(metadata) = std::fs::metadata(store.file_of(&self.path)) else { return false };
        self.size == metadata.len()
            && self.mtime_ns == mtime_ns(&metadata)
            && (store.kind == Kind::System || self.inode == metadata.ino())
    }
}

/// Time of the last change in nanoseconds since 1970.
pub fn mtime_ns(metadata: &std::fs::Metadata) -> i64 {
    metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec())
}

/// The name of a word's file.
pub fn word_file(word: &str) -> String {
    format!("w-{word}")
}

/// The name of the root page's file.
pub const ROOT_FILE: &str = "root";
