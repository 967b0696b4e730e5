//! What is installed: one record for each plugin, written by whoever installs it and never by a run.
//!
//! User store: `store/NAME/VERSION-HASH8/installed`, and `store/NAME/current` names the directory in use
//! ([`super::versions`]). System store: `NAME.astro-plugin` and `NAME.installed` beside it.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use astro_plugin_protocol::{
    manifest::Manifest,
    names,
    plugin_file::{EXTENSION, FOOTER_LEN, Footer},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Kind, Store};
use crate::{
    context::unix_now,
    error::{Failure, Result, While, code, plugin},
    files,
};

/// An installed plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Installed {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How it came here.
    pub source: Source,
    /// Its file: absolute for a linked plugin, else relative to the store.
    pub path: PathBuf,
    /// SHA-256 of the file, 64 hexadecimal digits.
    pub hash: String,
    /// When, in seconds since 1970.
    pub installed_at: i64,
    /// Its manifest. An installed file carries its own, which is the one that counts; this one still tells which
    /// commands are missing when the file is gone or damaged.
    pub manifest: Manifest,
    /// The version of the host that loaded it to describe it, and so checked its layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub described_by: Option<String>,
    /// What a linked library looked like when it was described: another look means that it was built again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Stamp>,
    /// Where it came from: the path, the URL, or the index by its name in the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The public key that its signature was verified with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher_key: Option<String>,
    /// The directory of the version that was in use before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// It stays at its version until it is named.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
}

impl Installed {
    /// The record of a plugin that comes now, with nothing known of it but this.
    pub fn new(manifest: Manifest, source: Source, path: PathBuf, hash: String) -> Self {
        Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            source,
            path,
            hash,
            installed_at: unix_now(),
            manifest,
            described_by: None,
            stamp: None,
            origin: None,
            publisher_key: None,
            previous: None,
            pinned: false,
        }
    }

    /// The name of its directory in the user's store.
    pub fn directory(&self) -> String {
        format!("{}-{}", self.version.replace('+', "_"), self.hash.get(..8).unwrap_or_default())
    }
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Size in bytes.
    pub size: u64,
    /// Time of the last change, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Inode.
    pub inode: u64,
}

impl Stamp {
    /// The stamp of a file.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        let mtime_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
        Ok(Self { size: metadata.len(), mtime_ns, inode: metadata.ino() })
    }
}

/// How a plugin came into a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// `astro plugin link`: a build under development, described again when its file changes.
    Link,
    /// Installed with the host.
    #[default]
    Bundled,
    /// From a file on this machine.
    File,
    /// From a URL.
    Url,
    /// From an index.
    Index,
}

impl Source {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Link => "linked",
            Self::Bundled => "bundled",
            Self::File => "file",
            Self::Url => "url",
            Self::Index => "index",
        }
    }
}

impl Store {
    /// Every record, and a failure for each that cannot be read.
    pub fn records(&self) -> (Vec<Installed>, Vec<Failure>) {
        let (mut records, mut failures) = (Vec::new(), Vec::new());
        for path in self.record_paths() {
            match path.and_then(|path| read(&path)) {
                Ok(Some(record)) => records.push(record),
                Ok(None) => {}
                Err(failure) => failures.push(failure),
            }
        }
        // What came with the host came at once, whatever second each file was written in.
        let age = |record: &Installed| if self.kind == Kind::System { 0 } else { record.installed_at };
        records.sort_by(|a, b| (age(a), &a.name).cmp(&(age(b), &b.name)));
        (records, failures)
    }

    fn record_paths(&self) -> Vec<Result<PathBuf>> {
        let current = |name: &String| match self.current(name) {
            Ok(version) => version.map(|version| Ok(self.plugin_dir(name).join(version).join("installed"))),
            Err(failure) => Some(Err(failure)),
        };
        match self.kind {
            Kind::User => self.names().iter().filter_map(current).collect(),
            Kind::System => names_in(&self.dir)
                .filter(|name| name.ends_with(".installed"))
                .map(|name| Ok(self.dir.join(name)))
                .collect(),
        }
    }
}

pub(super) fn names_in(dir: &Path) -> impl Iterator<Item = String> {
    std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

/// Reads one record; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Installed>> {
    let unreadable = || format!("the record `{}` cannot be read", path.display());
    let Some(text) = files::read(path)? else { return Ok(None) };
    let begin_anew = |failure: Failure| {
        failure.help("to begin anew: remove the plugin with `astro plugin remove NAME`, and install it again")
    };
    let record: Installed =
        serde_json::from_str(&text).while_doing(code::PLUGIN, unreadable).map_err(begin_anew)?;
    let hash_is_right = record.hash.len() == 64 && record.hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !names::is_name(&record.name) || !hash_is_right {
        return Err(begin_anew(plugin(unreadable()).cause("its name or hash cannot be right")));
    }
    Ok(Some(record))
}

/// What a plugin file says about itself, read without running it.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// Its footer.
    pub footer: Footer,
    /// Its manifest.
    pub manifest: Manifest,
}

impl Described {
    /// Footer and manifest of a whole plugin file in memory.
    pub fn of(bytes: &[u8]) -> Result<Self, String> {
        let start = bytes.len().saturating_sub(FOOTER_LEN);
        let footer = Footer::parse(&bytes[start..], bytes.len() as u64).map_err(|error| error.to_string())?;
        let from = usize::try_from(footer.manifest_offset).unwrap_or(usize::MAX);
        let manifest = bytes.get(from..start).unwrap_or_default();
        let manifest = serde_json::from_slice(manifest)
            .map_err(|error| format!("its manifest cannot be read: {error}"))?;
        Ok(Self { footer, manifest })
    }
}

/// Reads footer and manifest of a `NAME.astro-plugin` file.
pub fn read_plugin_file(path: &Path) -> Result<Described> {
    use std::os::unix::fs::FileExt;
    let what = || format!("cannot read the plugin file `{}`", path.display());
    let file = files::open(path).while_doing(code::PLUGIN, what)?;
    let length = file.metadata().while_doing(code::PLUGIN, what)?.len();
    let mut footer = [0; FOOTER_LEN];
    let start = length
        .checked_sub(FOOTER_LEN as u64)
        .ok_or_else(|| plugin(what()).cause("the file is too short to be a plugin"))?;
    file.read_exact_at(&mut footer, start).while_doing(code::PLUGIN, what)?;
    let footer = Footer::parse(&footer, length).while_doing(code::PLUGIN, what)?;
    // The footer's own check bounds the length to 4 MiB.
    let mut manifest = vec![0; usize::try_from(footer.manifest_len).while_doing(code::PLUGIN, what)?];
    file.read_exact_at(&mut manifest, footer.manifest_offset).while_doing(code::PLUGIN, what)?;
    let manifest = serde_json::from_slice(&manifest).while_doing(code::PLUGIN, what)?;
    Ok(Described { footer, manifest })
}

/// Whether a path looks like an installed file and not like a bare library.
pub fn is_plugin_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == EXTENSION)
}

/// SHA-256 of an open file from its beginning, as hexadecimal digits.
pub fn hash(mut file: impl std::io::Read) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
