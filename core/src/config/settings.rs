//! `config.toml`: profiles and the descriptions of credentials. It never holds a token.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use toml_edit::{DocumentMut, Item, Table};

use super::Dirs;
use crate::{
    base::{
        error::{Failure, Result, config},
        files,
    },
    program,
};

/// What the file says. Unknown keys are kept on disk and ignored here.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The profile of shells that chose nothing.
    pub default_profile: Option<String>,
    /// `[profiles.NAME]`
    pub profiles: BTreeMap<String, Profile>,
    /// `[credentials.NAME]`
    pub credentials: BTreeMap<String, Credential>,
    /// `[official]`
    pub official: Official,
    /// `[plugins.NAME]`: what belongs to each plugin.
    pub plugins: BTreeMap<String, toml::Table>,
    /// `[trust]`: which plugins may be used.
    pub trust: TrustSettings,
    /// `[[index]]`: where plugins are looked up, in this order.
    pub index: Vec<IndexSource>,
}

/// `[trust]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrustSettings {
    /// What an installed plugin must have.
    pub require: Require,
    /// The public keys of publishers whose plugins may be used; empty means anyone's.
    pub publishers: Vec<String>,
    /// When a file's bytes are compared with what was installed.
    pub verify: Verify,
    /// Directories whose `.astro.toml` is used whoever owns it. It says nothing about plugins.
    pub directories: Vec<String>,
}

/// What an installed plugin must have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Require {
    /// The SHA-256 it was installed with.
    #[default]
    Checksum,
    /// Also a signature that was verified with its publisher's key.
    Signed,
}

/// When a file's bytes are compared with what was installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// When its stamp (device, inode, size, times) is not that of the last comparison.
    #[default]
    Changed,
    /// On every run, on a sealed copy, which is what is loaded.
    Always,
}

/// One plugin index that the user named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct IndexSource {
    /// What it is called here.
    pub name: String,
    /// Its `https` URL, or the whole path of its directory.
    pub location: String,
    /// Public keys of minisign, one of which must have signed it; two while a key is replaced.
    pub keys: Vec<String>,
    /// What the document calls itself: another one that the same key signed is not this index.
    #[serde(default)]
    pub document: Option<String>,
    /// The version it had when it was added: an older one is refused even where nothing else is remembered.
    #[serde(default)]
    pub min_version: u64,
    /// Certificates (PEM) that are trusted besides the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// The official Astro CLI beside this one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Official {
    /// Its program: commands that no plugin has are forwarded to it.
    pub command: Option<PathBuf>,
}

/// A profile: a credential and what it is used with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// Name of the credential.
    pub credential: Option<String>,
    /// For each dimension of the program that is chosen, by its name: ID or name.
    pub settings: BTreeMap<&'static str, String>,
    /// A file with certificates (PEM) that are trusted besides the system's, for a proxy of a company.
    pub ca_file: Option<PathBuf>,
    /// `table`, `json` or `clean`; applies on a terminal only.
    pub output: Option<String>,
    /// The plugin that wrote it, when a plugin did.
    pub owner: Option<String>,
    /// The command of that plugin that starts what listens at its address.
    pub start: Option<String>,
}

impl Profile {
    /// What is chosen for a dimension.
    pub fn setting(&self, dimension: &str) -> Option<&str> {
        self.settings.get(dimension).map(String::as_str)
    }
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ProfileVisitor)
    }
}

/// Which keys a profile has depends on the program's dimensions.
struct ProfileVisitor;

impl<'de> Visitor<'de> for ProfileVisitor {
    type Value = Profile;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the table of a profile")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Profile, A::Error> {
        let mut profile = Profile::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "credential" => profile.credential = Some(map.next_value()?),
                "ca_file" => profile.ca_file = Some(map.next_value()?),
                "output" => profile.output = Some(map.next_value()?),
                "owner" => profile.owner = Some(map.next_value()?),
                "start" => profile.start = Some(map.next_value()?),
                key => match program::vocabulary().dimension(key) {
                    Some(dimension) => drop(profile.settings.insert(dimension.name, map.next_value()?)),
                    None => drop(map.next_value::<IgnoredAny>()?),
                },
            }
        }
        Ok(profile)
    }
}

/// What is known about a credential; the value is in its source.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Credential {
    /// The API's base it is sent to, and to no other.
    pub address: String,
    /// Where the value is: `file`, `keyring` or `command`.
    #[serde(default = "source_file")]
    pub source: String,
    /// The program that prints it, of the source `command`.
    #[serde(default)]
    pub command: Option<String>,
}

fn source_file() -> String {
    "file".to_owned()
}

impl Config {
    /// Reads the file; a missing one is empty. An unreadable one is an error that names path and line, and
    /// nothing overwrites it.
    pub fn load(dirs: &Dirs) -> Result<Self> {
        let path = dirs.config_file();
        match files::read_own(&path)? {
            None => Ok(Self::default()),
            Some(text) => Self::parse(&text).map_err(|error| unreadable(&path, &error.to_string())),
        }
    }

    /// The profiles that use a credential.
    pub fn users_of(&self, credential: &str) -> Vec<&str> {
        let users =
            self.profiles.iter().filter(|(_, profile)| profile.credential.as_deref() == Some(credential));
        users.map(|(name, _)| name.as_str()).collect()
    }

    /// Reads the text of the file.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// Changes the file under its lock, keeping comments and unknown keys. Nothing is written when `change`
/// fails or changes nothing.
pub fn edit<T>(dirs: &Dirs, change: impl FnOnce(&mut DocumentMut) -> Result<T>) -> Result<T> {
    let path = dirs.config_file();
    files::own_dir(&dirs.config)?;
    let _lock = files::Lock::beside(&path)?;
    let before = files::read_own(&path)?.unwrap_or_default();
    let mut document: DocumentMut =
        before.parse().map_err(|error: toml_edit::TomlError| unreadable(&path, &error.to_string()))?;
    let done = change(&mut document)?;
    let after = document.to_string();
    if after != before {
        Config::parse(&after).map_err(|error| unreadable(&path, &error.to_string()))?;
        files::write(&path, after.as_bytes())?;
    }
    Ok(done)
}

/// Whether the file can be changed, before the first of several changes that belong together.
pub fn check_writable(dirs: &Dirs) -> Result<()> {
    files::own_dir(&dirs.config)?;
    files::read_own(&dirs.config_file())?;
    files::check_writable(&dirs.config_file())
}

/// The table `[KIND.NAME]`, made when it is not there.
pub fn table<'d>(document: &'d mut DocumentMut, kind: &str, name: &str) -> Result<&'d mut Table> {
    let not_a_table = || config(format!("`{kind}.{name}` in the configuration is not a table"));
    let kinds = document.entry(kind).or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let kinds = kinds.as_table_mut().ok_or_else(not_a_table)?;
    kinds.entry(name).or_insert_with(|| Item::Table(Table::new())).as_table_mut().ok_or_else(not_a_table)
}

/// Sets a key, or removes it when there is no value.
pub fn set(table: &mut Table, key: &str, value: Option<&str>) {
    match value {
        Some(value) => table[key] = toml_edit::value(value),
        None => {
            table.remove(key);
        }
    }
}

/// Where a TOML text is wrong, and why: the parser's message without its picture of the line.
pub fn place_and_reason(error: &str) -> (String, String) {
    let mut lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
    let place = lines.next().unwrap_or_default().trim_start_matches("TOML parse error at ");
    let reason = error.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    (place.to_owned(), reason.to_owned())
}

fn unreadable(path: &Path, error: &str) -> Failure {
    let (place, reason) = place_and_reason(error);
    config(format!("`{}` cannot be read: {place}", path.display()))
        .cause(reason)
        .help("correct the file; it was not changed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dirs() -> (tempfile::TempDir, Dirs) {
        let home = tempfile::tempdir().expect("a directory");
        let all = home.path().join(".astro-host");
        let dirs = Dirs {
            config: all.clone(),
            data: all.clone(),
            state: all.join("state"),
            cache: all.join("cache"),
            private_home: true,
        };
        (home, dirs)
    }

    #[test]
    fn an_edit_keeps_comments_and_unknown_keys() {
        crate::product::set_neutral();
        let (_home, dirs) = dirs();
        files::write(&dirs.config_file(), b"# mine\nlater = 1\n[profiles.a]\norganization = \"x\" # why\n")
            .expect("written");
        edit(&dirs, |document| {
            set(table(document, "profiles", "b")?, "workspace", Some("w"));
            Ok(())
        })
        .expect("edited");
        let text = files::read(&dirs.config_file()).expect("read").expect("there");
        assert!(text.contains("# mine") && text.contains("later = 1") && text.contains("# why"), "{text}");
        let config = Config::load(&dirs).expect("loads");
        assert_eq!(config.profiles["b"].setting("workspace"), Some("w"));
    }

    #[test]
    fn a_broken_file_is_named_with_its_line_and_left_alone() {
        let (_home, dirs) = dirs();
        let broken = b"default_profile = \"a\"\n[profiles.a\n";
        files::write(&dirs.config_file(), broken).expect("written");
        let error = Config::load(&dirs).expect_err("refused");
        assert!(error.message.contains("config.toml") && error.message.contains("line 2"), "{error:?}");
        edit(&dirs, |_| Ok(())).expect_err("refused");
        assert_eq!(std::fs::read(dirs.config_file()).expect("there"), broken);
    }
}
