//! A plugin index: one JSON document that says which plugins there are, in which versions, for which targets, and what
//! each file must be. A web server, a folder or an object store can serve it.
//!
//! The document is `index.json`, signed by minisign in `index.json.minisig` beside it; the trusted comment is
//! [`PluginIndex::trusted_comment`]. What a reader has to hold against it that is not in one document (an older version
//! than the last one seen, an expiry that has passed) is the reader's; see `docs/src/security/plugin-trust.md`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    manifest::{Manifest, Revisions},
    names,
    text::shown,
};

/// The format that this package reads and writes.
pub const FORMAT: u32 = 1;
/// The file name of the document.
pub const FILE: &str = "index.json";
/// The ending of the signature's file.
pub const SIGNATURE_ENDING: &str = ".minisig";
/// The largest document in bytes (16 MiB).
pub const MAX_INDEX: usize = 16 * 1024 * 1024;
/// The largest plugin file in bytes (512 MiB).
pub const MAX_FILE: u64 = 512 * 1024 * 1024;

/// The document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PluginIndex {
    /// [`FORMAT`]
    pub format: u32,
    /// Its name, of the form of [`names::is_name`]; part of what is signed.
    pub name: String,
    /// Counts up with every change; a reader refuses a lower one than it has seen.
    pub version: u64,
    /// From when on it is refused, `YYYY-MM-DDTHH:MM:SSZ`.
    pub expires: String,
    /// The keys that plugin files are signed with, by key id: 16 hexadecimal digits. Read also without the zeros it begins
    /// with, as minisign prints it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "read_publishers")]
    pub publishers: BTreeMap<String, Publisher>,
    /// The plugins.
    pub plugins: Vec<Plugin>,
}

/// Whose key it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Publisher {
    /// Who, as the manifests say it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The public key as minisign prints it, 56 characters of base64.
    pub public_key: String,
}

/// A plugin with all its versions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// One line about it, of its newest version; so are the three below.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Who publishes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// SPDX expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Where to read more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// Every version that was ever published, newest first.
    pub versions: Vec<Version>,
}

/// One version of a plugin.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Version {
    /// Semver.
    pub version: String,
    /// The ABI revision it was built for.
    pub abi: u32,
    /// The protocol revisions it speaks.
    pub protocol: Revisions,
    /// The oldest host it works with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_host: Option<String>,
    /// The program that it is for, by its name; any when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The paths of its commands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Why nobody should begin to use it; who names it still gets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
    /// Why nobody may use it, also who has it already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
    /// One file for each target.
    pub files: Vec<File>,
}

/// The file of one version for one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct File {
    /// Target triple.
    pub target: String,
    /// Lowest glibc, such as `2.35`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glibc: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Where it is: a path below the document's own directory, or an `https` URL.
    pub location: String,
    /// The id of the key it is signed with, one of `publishers`. Read in any form that minisign prints, in full afterwards.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "read_key_id")]
    pub key_id: Option<String>,
}

impl PluginIndex {
    /// What the signature's trusted comment says: a document cannot pass for another one.
    pub fn trusted_comment(&self) -> String {
        format!("index:{} version:{}", self.name, self.version)
    }

    /// The plugin of this name.
    pub fn plugin(&self, name: &str) -> Option<&Plugin> {
        self.plugins.iter().find(|plugin| plugin.name == name)
    }

    /// Every problem of the document, each a sentence fragment that names the object. Total.
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.format != FORMAT {
            found.push(format!("its format is {}, this astro reads {FORMAT}", self.format));
        }
        if !names::is_name(&self.name) {
            found.push(format!("its name `{}` is not one", shown(&self.name)));
        }
        if self.version == 0 {
            found.push("its version is 0; the first one is 1".to_owned());
        }
        if !is_time(&self.expires) {
            found.push(format!(
                "it does not say when it expires: `{}` is not of the form 2030-01-31T12:00:00Z",
                shown(&self.expires)
            ));
        }
        for (id, publisher) in &self.publishers {
            if !is_key_id(id) || publisher.public_key.len() != 56 {
                found.push(format!("the publisher's key `{}` is not one of minisign", shown(id)));
            }
        }
        let mut names = BTreeSet::new();
        for plugin in &self.plugins {
            if !names.insert(&plugin.name) {
                found.push(format!("duplicate entry for the plugin `{}`", shown(&plugin.name)));
            }
            self.plugin_problems(plugin, &mut found);
        }
        found
    }

    fn plugin_problems(&self, plugin: &Plugin, found: &mut Vec<String>) {
        let name = shown(&plugin.name);
        if !names::is_name(&plugin.name) {
            found.push(format!("the plugin name `{name}` is not one"));
        }
        if plugin.about.chars().any(char::is_control) {
            found.push(format!("the line about the plugin `{name}` has control characters"));
        }
        let mut versions = BTreeSet::new();
        for version in &plugin.versions {
            let what = format!("`{name}` {}", shown(&version.version));
            if !names::is_version(&version.version) {
                found.push(format!("the version of {what} is not of the form 1.2.3"));
            }
            if !versions.insert(&version.version) {
                found.push(format!("duplicate entry for {what}"));
            }
            let mut targets = BTreeSet::new();
            for file in &version.files {
                if !targets.insert(&file.target) {
                    found.push(format!("{what} has two files for {}", shown(&file.target)));
                }
                if let Some(problem) = self.file_problem(file) {
                    found.push(format!("the file of {what} for `{}` {problem}", shown(&file.target)));
                }
            }
        }
    }

    fn file_problem(&self, file: &File) -> Option<String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if file.target.is_empty() || file.target.len() > 64 || !file.target.bytes().all(is_plain) {
            return Some("has no target triple".to_owned());
        }
        if file.size == 0 || file.size > MAX_FILE {
            return Some(format!("has {} bytes, and may have 1 to {MAX_FILE}", file.size));
        }
        if !is_sha256(&file.sha256) {
            return Some("has no SHA-256 of 64 lower-case hexadecimal digits".to_owned());
        }
        if !is_location(&file.location) {
            let place = shown(&file.location);
            return Some(format!(
                "is at `{place}`, which is neither a path below the index nor an https URL"
            ));
        }
        match &file.key_id {
            Some(id) if !self.publishers.contains_key(id) => {
                Some(format!("is signed with the key {}, which is no publisher's", shown(id)))
            }
            _ => None,
        }
    }
}

impl Version {
    /// What an index says of a version, from its manifest; files and marks are added by whoever makes the index.
    pub fn of(manifest: &Manifest) -> Self {
        Self {
            version: manifest.version.clone(),
            abi: manifest.abi,
            protocol: manifest.protocol,
            min_host: manifest.min_host.clone(),
            product: manifest.product.clone(),
            commands: manifest.commands.iter().map(|command| command.path.clone()).collect(),
            ..Self::default()
        }
    }
}

/// Whether a text is a SHA-256 as it is written here.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a text is the id of a minisign key in full: 16 upper-case hexadecimal digits.
pub fn is_key_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
}

/// The id of a minisign key in full. minisign prints an id as a number, without the zeros it begins with. `None` for any
/// other text.
pub fn full_key_id(text: &str) -> Option<String> {
    let is_id = (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| format!("{:0>16}", text.to_ascii_uppercase()))
}

fn read_key_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let id = Option::<String>::deserialize(deserializer)?;
    Ok(id.map(|id| full_key_id(&id).unwrap_or(id)))
}

fn read_publishers<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Publisher>, D::Error> {
    let mut publishers = BTreeMap::new();
    for (id, publisher) in BTreeMap::<String, Publisher>::deserialize(deserializer)? {
        let full = full_key_id(&id).unwrap_or_else(|| id.clone());
        if publishers.insert(full, publisher).is_some() {
            return Err(serde::de::Error::custom(format!(
                "the publisher's key `{}` is listed twice",
                shown(&id)
            )));
        }
    }
    Ok(publishers)
}

/// Whether a text is `YYYY-MM-DDTHH:MM:SSZ`. Two of them are in the order of time when they are in that of text.
pub fn is_time(text: &str) -> bool {
    let form = "dddd-dd-ddTdd:dd:ddZ";
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            other => byte == other,
        })
        // Every one of them is a time that may be, so that nothing lasts for ever by a month that never comes.
        && ("01"..="12").contains(&&text[5..7])
        && ("01"..="31").contains(&&text[8..10])
        && ("00"..="23").contains(&&text[11..13])
        && ("00"..="59").contains(&&text[14..16])
        && ("00"..="60").contains(&&text[17..19])
}

/// A path below the document's directory, or an https URL (http for a server on this machine, which the reader checks).
fn is_location(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>');
    if text.is_empty() || text.len() > 1024 || !text.bytes().all(is_plain) {
        return false;
    }
    if text.starts_with("https://") || text.starts_with("http://") {
        return true;
    }
    let is_step = |step: &str| !step.is_empty() && step != "." && step != "..";
    !text.bytes().any(|byte| matches!(byte, b':' | b'%' | b'?' | b'#')) && text.split('/').all(is_step)
}

#[cfg(test)]
mod tests;
