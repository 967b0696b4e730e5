//! `astro-plugins.lock`: a set of plugins, each in one version with the hashes of its files for all targets, so that one
//! file serves a whole team. It names indexes by their keys and no places: what a cloned repository brings cannot make
//! anything come from where the user did not say.

use std::path::Path;

use astro_plugin_protocol::{
    names,
    plugin_index::{File, Plugin, Version, is_sha256},
};
use serde::{Deserialize, Serialize};

use crate::{
    base::{
        error::{Failure, Result, ResultExt, code, failed},
        files,
    },
    config::{IndexSource, place_and_reason},
    install::indexes::Opened,
    product::product,
    program::APP,
    trust::Key,
};

/// The name it has when no other was given.
pub(crate) fn name() -> &'static str {
    product().lock_file
}

const FORMAT: u32 = 1;

fn head() -> String {
    format!(
        "# Written by `{APP} plugin sync`; keep it under version control. `{APP} plugin sync --locked` installs exactly this.\n"
    )
}

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockFile {
    format: u32,
    /// By name.
    #[serde(default, rename = "plugin")]
    pub(crate) plugins: Vec<Locked>,
}

/// One plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Locked {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// What its index was called where the file was written.
    pub(crate) index: String,
    /// What that index calls itself, and its keys: they say which one it is.
    pub(crate) document: String,
    /// See above.
    pub(crate) index_keys: Vec<String>,
    /// The key that its files are signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) publisher_key: Option<String>,
    /// Its files.
    #[serde(rename = "file")]
    pub(crate) files: Vec<LockedFile>,
}

/// The file for one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LockedFile {
    /// Target triple.
    pub(crate) target: String,
    /// Size in bytes.
    pub(crate) size: u64,
    /// SHA-256.
    pub(crate) sha256: String,
}

impl LockFile {
    /// Reads it; `None` when there is none.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        let Some(text) = files::read(path)? else { return Ok(None) };
        Self::parse(&text).map(Some).map_err(|reason| {
            let (place, reason) = place_and_reason(&reason);
            let message = match place == reason {
                true => format!("`{}` cannot be read", path.display()),
                false => format!("`{}` cannot be read: {place}", path.display()),
            };
            failed(message).cause(reason).help("get it from version control again; it was not changed")
        })
    }

    /// Reads its text. Total: any text gives a value or the reason why not.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if file.format != FORMAT {
            return Err(format!("its format is {}, this {APP} reads {FORMAT}", file.format));
        }
        let mut seen = std::collections::BTreeSet::new();
        for plugin in &file.plugins {
            if !names::is_name(&plugin.name)
                || !names::is_version(&plugin.version)
                || !names::is_name(&plugin.index)
            {
                return Err(format!("a name or version in it is not one: {:?}", plugin.name));
            }
            if !seen.insert(&plugin.name) {
                return Err(format!("duplicate entry for the plugin `{}`", plugin.name));
            }
            if let Some(bad) = plugin.files.iter().find(|file| !is_sha256(&file.sha256)) {
                return Err(format!("`{}` has no SHA-256 for {:?}", plugin.name, bad.target));
            }
        }
        Ok(file)
    }

    /// As it is written: in the order of names.
    pub(crate) fn sorted(&self) -> Self {
        let mut sorted = Self { format: FORMAT, ..self.clone() };
        sorted.plugins.sort_by(|a, b| a.name.cmp(&b.name));
        sorted
    }

    /// Writes it, if it says something else than before.
    pub(crate) fn write(&self, path: &Path) -> Result<bool> {
        let sorted = self.sorted();
        let what = || format!("cannot write `{}`", path.display());
        let text = toml::to_string(&sorted).context(code::FAILED, what)?;
        let text = format!("{}{text}", head());
        if files::read(path)?.as_deref() == Some(text.as_str()) {
            return Ok(false);
        }
        files::write_shared(path, text.as_bytes()).map(|()| true)
    }

    /// Takes an entry in the place of the one of the same name.
    pub(crate) fn put(&mut self, locked: Locked) {
        self.plugins.retain(|known| known.name != locked.name);
        self.plugins.push(locked);
    }
}

impl Locked {
    /// What an index says of a version, for all targets.
    pub(crate) fn of(index: &Opened, plugin: &Plugin, version: &Version) -> Result<Self> {
        let key_of = |file: &File| -> Result<Option<Key>> { index.key_of(file) };
        let publisher_key = match version.files.first() {
            Some(first) => key_of(first)?,
            None => None,
        };
        for file in &version.files {
            if key_of(file)? != publisher_key {
                return Err(failed(format!(
                    "the files of `{}` {} are signed with different keys",
                    plugin.name, version.version
                )));
            }
        }
        Ok(Self {
            name: plugin.name.clone(),
            version: version.version.clone(),
            index: index.source.name.clone(),
            document: index.document.name.clone(),
            index_keys: index.source.keys.clone(),
            publisher_key: publisher_key.map(|key| key.text().to_owned()),
            files: version
                .files
                .iter()
                .map(|file| LockedFile {
                    target: file.target.clone(),
                    size: file.size,
                    sha256: file.sha256.clone(),
                })
                .collect(),
        })
    }

    /// The configured index that this comes from: one with a key of it, whatever it is called here.
    pub(crate) fn source<'s>(&self, configured: &'s [IndexSource]) -> Result<&'s IndexSource> {
        let has_key = |source: &&IndexSource| {
            source.keys.iter().any(|key| self.index_keys.contains(key))
                && source.document.as_ref().is_none_or(|document| *document == self.document)
        };
        let by_name = configured.iter().find(|source| source.name == self.index && has_key(source));
        by_name.or_else(|| configured.iter().find(has_key)).ok_or_else(|| self.not_configured(configured))
    }

    /// That no index is configured with a key of this one. The keys of the lock file are not offered: a repository that was
    /// cloned must not choose whom its reader trusts.
    fn not_configured(&self, configured: &[IndexSource]) -> Failure {
        let Self { name, index, .. } = self;
        let ask =
            "get its location and its key from its maintainers, not from the repository of the lock file";
        let ids = |keys: &[String]| {
            let ids: Vec<String> = keys.iter().filter_map(|key| Some(Key::parse(key)?.id())).collect();
            if ids.is_empty() { "no key".to_owned() } else { ids.join(", ") }
        };
        let add = format!("{APP} plugin index add {index} LOCATION --key KEY");
        match configured.iter().find(|source| source.name == *index) {
            None => failed(format!("`{name}` comes from the index `{index}`, which is not configured here"))
                .help(ask)
                .help(format!("then add it: {add}")),
            Some(source) => {
                let is_other_key = !source.keys.iter().any(|key| self.index_keys.contains(key));
                let reason = match is_other_key {
                    true => format!(
                        "its keys here are {}, those of the lock file {}",
                        ids(&source.keys),
                        ids(&self.index_keys)
                    ),
                    false => format!(
                        "here it calls itself `{}`, in the lock file `{}`",
                        source.document.as_deref().unwrap_or_default(),
                        self.document
                    ),
                };
                failed(format!(
                    "`{name}` comes from another index `{index}` than the one that is configured here"
                ))
                .cause(reason)
                .help(ask)
                .help(format!(
                    "when the one of the lock file is right: {APP} plugin index remove {index}, then {add}"
                ))
                .help(format!(
                    "when the one here is right: {APP} plugin install {index}/{name}, then {APP} plugin sync"
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn locked(name: &str) -> Locked {
        Locked {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            index: "corp".to_owned(),
            document: "corp".to_owned(),
            index_keys: vec!["RW".to_owned()],
            publisher_key: None,
            files: vec![LockedFile { target: "x".into(), size: 1, sha256: "0".repeat(64) }],
        }
    }

    #[test]
    fn what_is_written_is_read_and_writing_it_again_changes_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(name());
        assert_eq!(LockFile::read(&path).expect("none"), None);
        let mut file = LockFile::default();
        for name in ["b", "a", "b"] {
            file.put(locked(name));
        }
        assert!(file.write(&path).expect("written"));
        let read = LockFile::read(&path).expect("read").expect("there");
        assert_eq!(read.plugins.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(!read.write(&path).expect("the same"));
        for broken in
            ["format = 2\n", "", "format = 1\nplugin = 3\n", "format = 1\n[[plugin]]\nname = \"../x\"\n"]
        {
            files::write(&path, broken.as_bytes()).expect("written");
            assert!(LockFile::read(&path).is_err(), "{broken}");
        }
    }

    /// What a cloned repository brings does not become trusted by pasting a command.
    #[test]
    fn the_keys_of_a_lock_file_are_not_offered() {
        let key = || minisign::KeyPair::generate_unencrypted_keypair().expect("a key").pk.to_base64();
        let (mine, theirs) = (key(), key());
        let (mine, theirs) = (mine.as_str(), theirs.as_str());
        let source = |keys: &str, document: &str| IndexSource {
            name: "corp".into(),
            location: "/x".into(),
            keys: vec![keys.into()],
            document: Some(document.into()),
            ..IndexSource::default()
        };
        let locked = Locked { index_keys: vec![theirs.into()], ..locked("hello") };
        for (configured, message, cause) in [
            (vec![], "which is not configured here", None),
            (vec![source(mine, "corp")], "comes from another index `corp`", Some("its keys here are ")),
            (
                vec![source(theirs, "other")],
                "comes from another index `corp`",
                Some("here it calls itself `other`"),
            ),
        ] {
            let failure = locked.source(&configured).expect_err("another index");
            assert!(failure.message.contains(message), "{failure:?}");
            assert!(cause.is_none_or(|cause| failure.causes[0].contains(cause)), "{failure:?}");
            assert!(!format!("{failure:?}").contains(theirs), "{failure:?}");
            assert!(
                failure.help.iter().any(|help| help.ends_with("index add corp LOCATION --key KEY")),
                "{failure:?}"
            );
        }
        assert!(locked.source(&[source(theirs, "corp")]).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_gives_a_value_or_an_error(text in ".*") {
            // What is read is written again as what it was.
            if let Ok(file) = LockFile::parse(&text) {
                let written = toml::to_string(&file.sorted()).expect("text");
                prop_assert_eq!(LockFile::parse(&written), Ok(file.sorted()));
            }
        }

        #[test]
        fn what_is_written_is_read(names in prop::collection::btree_set("[a-z][a-z0-9-]{0,8}", 0..4), text in ".*",
            size: u32, digits in "[0-9a-f]{64}") {
            let plugins = names.into_iter().map(|name| Locked {
                index: name.clone(),
                name,
                version: "1.2.3".to_owned(),
                document: text.clone(),
                index_keys: vec![text.clone()],
                publisher_key: (size % 2 == 0).then(|| text.clone()),
                files: vec![LockedFile { target: text.clone(), size: size.into(), sha256: digits.clone() }],
            });
            let file = LockFile { format: FORMAT, plugins: plugins.collect() };
            let written = toml::to_string(&file.sorted()).expect("text");
            prop_assert_eq!(LockFile::parse(&written), Ok(file.sorted()));
        }
    }
}
