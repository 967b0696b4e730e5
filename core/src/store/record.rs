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
    plugin_file::{FOOTER_LEN, Footer, FooterError},
};
use serde::{Deserialize, Serialize};

use super::{Kind, Store};
use crate::{
    base::{
        error::{Failure, Result, ResultExt, code, plugin},
        files,
        time::unix_now,
    },
    product::product,
    program::APP,
    sys::access::Denied,
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
    /// The directory of the version that was in use before a rollback to this one: what undoing it goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back_from: Option<String>,
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
            rolled_back_from: None,
            pinned: false,
        }
    }

    /// The name of its directory in the user's store. A link has one of its own, so that it never takes the place of the
    /// same file that was installed.
    pub fn directory(&self) -> String {
        let kind = if self.source == Source::Link { "-link" } else { "" };
        format!("{}{kind}-{}", self.version.replace('+', "_"), self.hash.get(..8).unwrap_or_default())
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

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;

impl Stamp {
    /// The stamp of a file.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self::new(metadata.len(), metadata.mtime(), metadata.mtime_nsec(), metadata.ino()))
    }

    /// The stamp of an open file.
    pub fn of_stat(stat: &rustix::fs::Stat) -> Self {
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        let nanoseconds = stat.st_mtime_nsec.try_into().unwrap_or_default();
        Self::new(size, stat.st_mtime, nanoseconds, stat.st_ino)
    }

    fn new(size: u64, seconds: i64, nanoseconds: i64, inode: u64) -> Self {
        Self { size, mtime_ns: seconds.saturating_mul(SECOND).saturating_add(nanoseconds), inode }
    }

    /// Whether a file with the other stamp can be this one after a copy that keeps times. It then has another inode; and tar,
    /// the layers of images and packages keep whole seconds.
    pub fn is_kept_by(&self, other: &Self) -> bool {
        let (a, b) = (self.mtime_ns, other.mtime_ns);
        let is_whole = a.rem_euclid(SECOND) == 0 || b.rem_euclid(SECOND) == 0;
        self.size == other.size && (a == b || is_whole && a.div_euclid(SECOND) == b.div_euclid(SECOND))
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

    /// What keeps this user from reading a record, when something does.
    pub(super) fn denied_record(&self) -> Option<Denied> {
        let all = self.dir.join("store");
        if self.kind == Kind::System {
            return names_in(&self.dir)
                .filter(|name| name.ends_with(".installed"))
                .find_map(|name| Denied::of(&self.dir.join(name)));
        }
        Denied::of(&all).or_else(|| {
            names_in(&all).find_map(|name| {
                let current = Denied::of(&self.plugin_dir(&name).join("current"));
                let record =
                    || Some(self.plugin_dir(&name).join(self.current(&name).ok()??).join("installed"));
                current.or_else(|| Denied::of(&record()?))
            })
        })
    }

    fn record_paths(&self) -> Vec<Result<PathBuf>> {
        let current = |name: &String| match self.current(name) {
            Ok(version) => version.map(|version| Ok(self.plugin_dir(name).join(version).join("installed"))),
            Err(failure) => Some(Err(failure)),
        };
        match self.kind {
            Kind::User => match self.names() {
                Ok(names) => names.iter().filter_map(current).collect(),
                Err(failure) => vec![Err(failure)],
            },
            Kind::System => match listed(&self.dir) {
                Ok(names) => names
                    .into_iter()
                    .filter(|name| name.ends_with(".installed"))
                    .map(|name| Ok(self.dir.join(name)))
                    .collect(),
                Err(failure) => vec![Err(failure)],
            },
        }
    }
}

/// The names in a directory of a store, none when it is not there. One that cannot be read is an error: what is in it is not
/// taken for not installed.
pub(super) fn listed(dir: &Path) -> Result<Vec<String>> {
    let what = || format!("cannot read the plugin store `{}`", dir.display());
    match std::fs::read_dir(dir) {
        Ok(entries) => Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => match Denied::of(dir) {
            Some(denied) => Err(denied.failure(what(), dir)),
            None => Err(error).context(code::PLUGIN, what),
        },
    }
}

/// The names in a directory, as far as it can be read.
pub(super) fn names_in(dir: &Path) -> impl Iterator<Item = String> {
    std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

/// Reads one record; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Installed>> {
    let unreadable = || format!("the record `{}` cannot be read", path.display());
    let denied = |failure| match Denied::of(path) {
        Some(denied) => denied.failure(unreadable(), path),
        None => failure,
    };
    let Some(text) = files::read(path).map_err(denied)? else { return Ok(None) };
    let begin_anew = |failure: Failure| {
        failure.help(format!(
            "to start over: remove the plugin with `{APP} plugin remove NAME`, and install it again"
        ))
    };
    let record: Installed =
        serde_json::from_str(&text).context(code::PLUGIN, unreadable).map_err(begin_anew)?;
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
    /// Footer and manifest of a whole plugin file in memory, which is or was called `name`.
    pub fn of(bytes: &[u8], name: &Path) -> Result<Self> {
        let start = bytes.len().saturating_sub(FOOTER_LEN);
        let footer = Footer::parse(&bytes[start..], bytes.len() as u64)
            .map_err(|error| no_footer(&error, bytes, bytes.len() as u64, name))?;
        let from = usize::try_from(footer.manifest_offset).unwrap_or(usize::MAX);
        let manifest = bytes.get(from..start).unwrap_or_default();
        let manifest = serde_json::from_slice(manifest)
            .map_err(|error| plugin(format!("its manifest cannot be read: {error}")))?;
        Ok(Self { footer, manifest })
    }
}

/// What keeps packaging tools away from plugin files, as help: the options of debhelper's dh_strip(1) and dh_dwz(1), and the
/// macros of rpm that run find-debuginfo and brp-strip.
pub fn packaging() -> [String; 2] {
    let file = product().extension;
    [
        format!("in a Debian package: dh_strip -X.{file}, and dh_dwz -X.{file}"),
        "in an rpm package: %global debug_package %{nil}, and %global __os_install_post %{nil}".to_owned(),
    ]
}

/// Why a file that begins like this has no footer. A library that a tool wrote again is whole, one that was copied in part
/// is not.
fn no_footer(error: &FooterError, head: &[u8], length: u64, name: &Path) -> Failure {
    let failure = plugin(error.to_string());
    let is_rewritten = matches!(error, FooterError::NotAPlugin | FooterError::Field("manifest position"));
    match elf_length(head).filter(|_| is_rewritten) {
        None => failure,
        Some(whole) if whole > length => {
            failure.cause("it begins as a library and is incomplete").help("copy it again, whole")
        }
        Some(_) if is_plugin_file(name) => {
            let failure = failure.cause(
                "it begins as an ELF library: something changed it after it was packed, as packaging tools do (strip, debugedit, dwz, patchelf)",
            );
            packaging().into_iter().fold(failure, Failure::help)
        }
        Some(_) => failure.cause("it is a library that was not packed").help(format!(
            "to use a build: {APP} plugin link FILE; to make a plugin file: {APP} plugin pack"
        )),
    }
}

/// How long an ELF file is at least, from its header: its table of sections is at the end of what linkers and such tools
/// write. `None` when it is no ELF file.
fn elf_length(head: &[u8]) -> Option<u64> {
    let is_64 = head.starts_with(b"\x7fELF\x02");
    let is_little = match head.get(..6)? {
        [0x7f, b'E', b'L', b'F', 1 | 2, order @ (1 | 2)] => *order == 1,
        _ => return None,
    };
    let number = |at: usize, width: usize| -> Option<u64> {
        let bytes = head.get(at..at + width)?;
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(if is_little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    };
    // `e_shoff`, and `e_shentsize` and `e_shnum`, of elf(5).
    let (table, sizes) = if is_64 { (number(0x28, 8)?, 0x3a) } else { (number(0x20, 4)?, 0x2e) };
    table.checked_add(number(sizes, 2)? * number(sizes + 2, 2)?)
}

/// Reads footer and manifest of a `NAME.astro-plugin` file.
pub fn read_plugin_file(path: &Path) -> Result<Described> {
    use std::os::unix::fs::FileExt;
    let what = || format!("cannot read the plugin file `{}`", path.display());
    let file = files::open(path).context(code::PLUGIN, what)?;
    let length = file.metadata().context(code::PLUGIN, what)?.len();
    let mut footer = [0; FOOTER_LEN];
    let start = length
        .checked_sub(FOOTER_LEN as u64)
        .ok_or_else(|| plugin(what()).cause("the file is too short to be a plugin"))?;
    file.read_exact_at(&mut footer, start).context(code::PLUGIN, what)?;
    let footer = match Footer::parse(&footer, length) {
        Ok(footer) => footer,
        Err(error) => {
            let mut head = [0; 64];
            let count = file.read_at(&mut head, 0).unwrap_or_default();
            let failure = no_footer(&error, &head[..count], length, path);
            let causes = std::iter::once(failure.message).chain(failure.causes).collect();
            return Err(Failure { message: what(), causes, ..failure });
        }
    };
    // The footer's own check bounds the length to 4 MiB.
    let mut manifest = vec![0; usize::try_from(footer.manifest_len).context(code::PLUGIN, what)?];
    file.read_exact_at(&mut manifest, footer.manifest_offset).context(code::PLUGIN, what)?;
    let manifest = serde_json::from_slice(&manifest).context(code::PLUGIN, what)?;
    Ok(Described { footer, manifest })
}

/// Whether a path looks like an installed file and not like a bare library.
pub fn is_plugin_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == product().extension)
}

#[cfg(test)]
mod tests {
    use astro_plugin_protocol::plugin_file::assemble;

    use super::*;

    /// A library as linkers write it: the table of sections at its end.
    fn library(is_64: bool, is_little: bool) -> Vec<u8> {
        let mut bytes = vec![0; 1024];
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 1 + u8::from(is_64), 2 - u8::from(is_little)]);
        let (table, sizes) = if is_64 { (0x28, 0x3a) } else { (0x20, 0x2e) };
        let mut put = |at: usize, width: usize, value: u64| {
            let value = if is_little { value.to_le_bytes() } else { value.to_be_bytes() };
            let value = if is_little { &value[..width] } else { &value[8 - width..] };
            bytes[at..at + width].copy_from_slice(value);
        };
        put(table, if is_64 { 8 } else { 4 }, 1024 - 3 * 64);
        put(sizes, 2, 64);
        put(sizes + 2, 2, 3);
        bytes
    }

    #[test]
    fn a_library_without_a_footer_is_explained() {
        let packed = Path::new("/x/hello.astro-plugin");
        for (is_64, is_little) in [(true, true), (true, false), (false, true), (false, false)] {
            let whole = library(is_64, is_little);
            assert_eq!(elf_length(&whole), Some(1024));
            let failure = Described::of(&whole, packed).expect_err("no footer");
            assert_eq!(failure.message, "the file does not end with a plugin footer");
            assert!(
                failure.causes[0].contains("as packaging tools do (strip, debugedit, dwz, patchelf)"),
                "{failure:?}"
            );
            assert!(failure.help[0].contains("dh_strip -X.astro-plugin"), "{failure:?}");
            assert!(failure.help[1].contains("%global debug_package %{nil}"), "{failure:?}");
            let failure = Described::of(&whole[..1000], packed).expect_err("no footer");
            assert_eq!(failure.causes, ["it begins as a library and is incomplete"]);
            let failure = Described::of(&whole, Path::new("libhello.so")).expect_err("no footer");
            assert_eq!(failure.causes, ["it is a library that was not packed"]);
        }
        let failure = Described::of(&[b'x'; 1024], packed).expect_err("no footer");
        assert_eq!((failure.causes.len(), failure.help.len()), (0, 0), "{failure:?}");
        // The footer is there, behind a library of another length.
        let file =
            assemble(&library(true, true), b"{}", "x86_64-unknown-linux-gnu", 1, None).expect("assembled");
        let longer = [library(true, true), vec![0; 64], file[1024..].to_vec()].concat();
        let failure = Described::of(&longer, packed).expect_err("another length");
        assert!(
            failure.message.contains("manifest position") && failure.causes[0].contains("patchelf"),
            "{failure:?}"
        );
        for length in 0..64 {
            assert!(Described::of(&library(true, true)[..length], packed).is_err());
        }
    }
}
