//! Which plugins are trusted: the table `[trust]` of the configuration, and keys ([`Key`]).
//!
//! ```toml
//! [trust]
//! require = "signed"      # or "checksum", which is the default
//! publishers = ["RWQ…"]   # only these keys; implies "signed"
//! verify = "always"       # or "changed", which is the default
//! ```
//!
//! It can only tighten: no value turns a check off, and a table that cannot be read keeps every plugin of the user's
//! store from being loaded. It is read on every run, also of one that takes nothing else from the configuration.

#![forbid(unsafe_code)]

mod key;

use serde::Deserialize;

pub use key::{Key, trusted_comment};

use crate::{
    config::{Config, Dirs},
    error::{Failure, Result, config},
    files,
};

/// The table `[trust]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What an installed plugin must have.
    pub require: Require,
    /// The public keys of publishers whose plugins may be used; empty means anyone's.
    pub publishers: Vec<String>,
    /// When a file's bytes are compared with what was installed.
    pub verify: Verify,
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

impl Policy {
    /// The policy of this user. Without a configuration it is the default; one that cannot be read and may hold a
    /// policy is an error.
    pub fn load(dirs: &Dirs) -> Result<Self> {
        let Some(text) = files::read(&dirs.config_file())? else { return Ok(Self::default()) };
        // Reading TOML takes longer than the rest of this, on every run. A key may be written with escapes.
        if !text.contains("trust") && !text.contains('\\') {
            return Ok(Self::default());
        }
        match Config::load(dirs) {
            Ok(config) => Ok(config.trust),
            // A broken configuration harms no pipeline that takes nothing from it, unless it may say whom to trust.
            Err(_) if !text.contains("trust") => Ok(Self::default()),
            Err(failure) => {
                Err(failure.help("until then no installed plugin is loaded: the file may say whom you trust"))
            }
        }
    }

    /// The keys of the publishers that may be used.
    pub fn keys(&self) -> Result<Vec<Key>> {
        self.publishers.iter().map(|text| Key::parse(text).ok_or_else(|| not_a_key(text))).collect()
    }

    /// Why a plugin with this verified publisher's key may not be used.
    pub fn refusal(&self, publisher_key: Option<&str>) -> Option<Failure> {
        if let Err(failure) = self.keys() {
            return Some(failure);
        }
        match publisher_key {
            None if self.require == Require::Signed || !self.publishers.is_empty() => Some(
                crate::error::plugin("no signature of it was verified, and the trust policy wants one")
                    .help("install a signed build of it; see `astro config get trust.require`"),
            ),
            Some(key) if !self.publishers.is_empty() && !self.publishers.iter().any(|known| known == key) => {
                let id = Key::parse(key).map_or_else(|| key.to_owned(), |key| key.id());
                Some(
                    crate::error::plugin(format!(
                        "its publisher's key {id} is not one of the trust policy's publishers"
                    ))
                    .help("see `astro config get trust.publishers`"),
                )
            }
            _ => None,
        }
    }
}

fn not_a_key(text: &str) -> Failure {
    config(format!("`trust.publishers` has `{text}`, which is not a public key of minisign"))
        .help("it is the second line of the publisher's .pub file")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    fn policy(text: &str) -> Result<Policy> {
        let home = tempfile::tempdir().expect("a directory");
        let all = home.path().to_owned();
        let dirs = Dirs {
            config: all.clone(),
            data: all.clone(),
            state: all.clone(),
            cache: all,
            private_home: true,
        };
        files::write(&dirs.config_file(), text.as_bytes()).expect("written");
        Policy::load(&dirs)
    }

    #[test]
    fn a_policy_only_tightens_and_a_broken_one_is_an_error() {
        assert_eq!(policy("").expect("read"), Policy::default());
        let signed = policy("[trust]\nrequire = \"signed\"\n").expect("read");
        assert!(signed.refusal(None).is_some() && signed.refusal(Some(KEY)).is_none());
        let listed = policy(&format!("[trust]\npublishers = [\"{KEY}\"]\n")).expect("read");
        assert!(listed.refusal(None).is_some() && listed.refusal(Some(KEY)).is_none());
        assert!(listed.refusal(Some("other")).is_some());
        assert_eq!(policy("\"tr\\u0075st\".verify = \"always\"").expect("read").verify, Verify::Always);
        assert_eq!(policy("[profiles.a\n").expect("it says nothing of trust"), Policy::default());
        for broken in [
            "[trust]\nrequire = \"none\"\n",
            "[trust]\nrequire = false\n",
            "[trust]\nrequired = \"signed\"\n",
            "trust = 1\n",
            "[trust\n",
        ] {
            let failure = policy(broken).expect_err(broken);
            assert!(
                failure.help.iter().any(|help| help.contains("no installed plugin is loaded")),
                "{failure:?}"
            );
        }
        let unusable = policy("[trust]\npublishers = [\"RW\"]\n").expect("read");
        assert!(unusable.refusal(Some(KEY)).is_some(), "a list that cannot be read admits nobody");
    }
}
