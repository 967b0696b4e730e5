//! Which plugins are trusted: the table `[trust]` of the configuration, keys ([`Key`]), and the judge of a plugin's state
//! ([`verify`]).
//!
//! ```toml
//! [trust]
//! require = "signed"      # or "checksum", which is the default
//! publishers = ["RWQ…"]   # only these keys; implies "signed"
//! verify = "always"       # or "changed", which is the default
//! directories = ["/srv/project"]   # whose `.astro.toml` is used whoever owns it: see `context::directory`
//! ```
//!
//! It can only tighten: no value turns a check off, and a table that cannot be read keeps every plugin of the user's
//! store from being loaded. It is read on every run, also of one that takes nothing else from the configuration.

#![forbid(unsafe_code)]

mod compatible;
mod key;
mod open;
pub mod verify;

use std::path::{Path, PathBuf};

pub use key::{Key, trusted_comment};

use crate::{
    base::{
        error::{Failure, Result, config},
        files,
    },
    config::{Config, Dirs, Require, TrustSettings, Verify, place_and_reason},
    program::APP,
    sys::access::Denied,
};

/// What `[trust]` says of plugins, in all the configurations that hold for a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    own: TrustSettings,
    /// Those of other configurations.
    others: Vec<TrustSettings>,
}

impl Policy {
    /// The policy of this user's store: that of the configuration in use, and that of every configuration which ever set
    /// one for this store ([`register_policy_source`]), so that a variable which names another directory changes nothing. Without a
    /// configuration it is the default; one that cannot be read and may hold a policy is an error.
    pub fn load(dirs: &Dirs) -> Result<Self> {
        let own = dirs.config_file();
        let mut policy = Self::from(read(&own)?);
        let policy_sources = policy_sources(dirs)?;
        if policy != Self::default() && !policy_sources.contains(&own) {
            // It was written by hand. Where nothing can be written it holds as long as nothing changes.
            let _ = register_policy_source(dirs);
        }
        for path in policy_sources.into_iter().filter(|path| *path != own) {
            policy.others.push(read_other(dirs, &path)?);
        }
        Ok(policy)
    }

    /// Compared on every run, on a sealed copy.
    pub fn verifies_always(&self) -> bool {
        self.all().any(|settings| settings.verify == Verify::Always)
    }

    /// The keys of the publishers that may be used.
    pub fn keys(&self) -> Result<Vec<Key>> {
        let all = self.all().flat_map(|settings| &settings.publishers);
        all.map(|text| Key::parse(text).ok_or_else(|| not_a_key(text))).collect()
    }

    /// Why a plugin with this verified publisher's key may not be used.
    pub fn refusal(&self, publisher_key: Option<&str>) -> Option<Failure> {
        if let Err(failure) = self.keys() {
            return Some(failure);
        }
        self.all().find_map(|settings| refusal(settings, publisher_key))
    }

    fn all(&self) -> impl Iterator<Item = &TrustSettings> {
        std::iter::once(&self.own).chain(&self.others)
    }
}

impl From<TrustSettings> for Policy {
    fn from(own: TrustSettings) -> Self {
        Self { own, others: Vec::new() }
    }
}

fn refusal(settings: &TrustSettings, publisher_key: Option<&str>) -> Option<Failure> {
    match publisher_key {
        None if settings.require == Require::Signed || !settings.publishers.is_empty() => Some(
            crate::base::error::plugin("no signature of it was verified, and the trust policy wants one")
                .help(format!("install a signed build of it; see `{APP} config get trust.require`")),
        ),
        Some(key)
            if !settings.publishers.is_empty() && !settings.publishers.iter().any(|known| known == key) =>
        {
            let id = Key::parse(key).map_or_else(|| key.to_owned(), |key| key.id());
            Some(
                crate::base::error::plugin(format!(
                    "its publisher's key {id} is not one of the trust policy's publishers"
                ))
                .help(format!("see `{APP} config get trust.publishers`")),
            )
        }
        _ => None,
    }
}

/// The policy of another configuration that the store names. One that cannot be read may hold a policy, so it is an error;
/// in a store that was copied from another user's home it is that user's.
fn read_other(dirs: &Dirs, path: &Path) -> Result<TrustSettings> {
    let read = match path.is_absolute() {
        true => read(path),
        false => Err(config(format!("`{}` is not a whole path", path.display()))),
    };
    read.map_err(|failure| {
        let list = governing_file(dirs);
        let (list, source) = (list.display(), path.display());
        let help = format!("when it is not yours, as in a store copied from another user, remove the line `{source}` from `{list}`");
        let message = format!("cannot read the trust policy of `{source}`, which `{list}` names");
        let causes = match Denied::of(path) {
            Some(denied) => denied.failure("", path).causes,
            None => std::iter::once(failure.message).chain(failure.causes).collect(),
        };
        let reason = "until then no installed plugin is loaded: the file may say which publishers are trusted";
        Failure { causes, ..config(message).help(help).help(reason) }
    })
}

fn read(path: &Path) -> Result<TrustSettings> {
    let Some(text) = files::read(path)? else { return Ok(TrustSettings::default()) };
    // Reading TOML takes longer than the rest of this, on every run. A key may be written with escapes.
    if !text.to_ascii_lowercase().contains("trust") && !text.contains('\\') {
        return Ok(TrustSettings::default());
    }
    let unreadable = |failure: Failure| {
        failure
            .help("until then no installed plugin is loaded: the file may say which publishers are trusted")
    };
    let config = Config::parse(&text).map_err(|error| unreadable(broken(path, &error.to_string())))?;
    // What looks like the table and is none would be no policy, without a word.
    let words: toml::Table = toml::from_str(&text).unwrap_or_default();
    let is_like = |word: &&String| {
        *word != "trust" && word.to_ascii_lowercase().trim_matches(['s', '_', '-']) == "trust"
    };
    if let Some(word) = words.keys().find(is_like) {
        let failure = broken(path, &format!("`{word}` is no table of the configuration, `trust` is one"));
        return Err(unreadable(failure));
    }
    Ok(TrustSettings { directories: Vec::new(), ..config.trust })
}

/// The file beside the store that names the configurations which set a policy for it, one path in each line.
fn governing_file(dirs: &Dirs) -> PathBuf {
    dirs.plugins().join("governed-by")
}

fn policy_sources(dirs: &Dirs) -> Result<Vec<PathBuf>> {
    let path = governing_file(dirs);
    let text = files::read(&path).map_err(|failure| match Denied::of(&path) {
        Some(denied) => {
            let store = dirs.plugins();
            denied.failure(format!("cannot read the plugin store `{}`", store.display()), &store)
        }
        None => failure,
    })?;
    let text = text.unwrap_or_default();
    Ok(text.lines().filter(|line| !line.is_empty()).map(PathBuf::from).collect())
}

/// From now on the policy of this configuration holds for the store, from wherever the configuration in use is read. Done
/// by `astro config set`, by whatever installs, and by the first run under a policy.
pub fn register_policy_source(dirs: &Dirs) -> Result<()> {
    let own = dirs.config_file();
    let mut all = policy_sources(dirs)?;
    // A configuration without a policy, and one that is gone, need not be registered.
    if all.contains(&own) || read(&own)? == TrustSettings::default() {
        return Ok(());
    }
    all.retain(|path| path.exists());
    all.push(own);
    let text: String = all.iter().map(|path| format!("{}\n", path.display())).collect();
    files::write(&governing_file(dirs), text.as_bytes())
}

fn broken(path: &Path, error: &str) -> Failure {
    let (place, reason) = place_and_reason(error);
    config(format!("`{}` cannot be read: {place}", path.display())).cause(reason).help("correct the file")
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

    /// A variable that names another configuration does not take the policy of the store away.
    #[test]
    fn the_policy_belongs_to_the_store() {
        let home = tempfile::tempdir().expect("a directory");
        let data = home.path().join("data");
        let dirs = |config: &str| Dirs {
            config: home.path().join(config),
            data: data.clone(),
            state: data.clone(),
            cache: data.clone(),
            private_home: false,
        };
        let (mine, other) = (dirs("mine"), dirs("other"));
        files::write(&mine.config_file(), b"[trust]\nrequire = \"signed\"\n").expect("written");
        register_policy_source(&other).expect("it says nothing");
        assert!(Policy::load(&other).expect("read").refusal(None).is_none());
        register_policy_source(&mine).expect("written");
        assert!(Policy::load(&other).expect("read").refusal(None).is_some());
        files::write(&other.config_file(), b"[trust]\nverify = \"always\"\n").expect("written");
        register_policy_source(&other).expect("written");
        let both = Policy::load(&mine).expect("read");
        assert!(both.verifies_always() && both.refusal(None).is_some());
        // Who takes the policy back where it was set has taken it back.
        files::write(&mine.config_file(), b"").expect("written");
        assert!(Policy::load(&mine).expect("read").refusal(None).is_none());
    }

    /// A store that was copied from another user names that user's configuration.
    #[test]
    fn a_configuration_that_cannot_be_read_is_named_with_the_line_to_remove() {
        let home = tempfile::tempdir().expect("a directory");
        let all = home.path().to_owned();
        let dirs = Dirs {
            config: all.clone(),
            data: all.clone(),
            state: all.clone(),
            cache: all,
            private_home: true,
        };
        let policy_sources = governing_file(&dirs);
        let other = home.path().join("other.toml");
        std::fs::create_dir(&other).expect("made");
        for (line, cause) in [
            (other.display().to_string(), "it is not a regular file"),
            ("relative/config.toml".to_owned(), "`relative/config.toml` is not a whole path"),
        ] {
            files::write(&policy_sources, format!("\n{line}\n").as_bytes()).expect("written");
            let failure = Policy::load(&dirs).expect_err("refused");
            assert_eq!(failure.code, crate::base::error::code::CONFIG, "{failure:?}");
            let file = policy_sources.display();
            assert_eq!(
                failure.message,
                format!("cannot read the trust policy of `{line}`, which `{file}` names")
            );
            assert!(failure.causes.iter().any(|text| text.contains(cause)), "{failure:?}");
            let remove = format!("remove the line `{line}` from `{file}`");
            assert!(failure.help.iter().any(|help| help.contains(&remove)), "{failure:?}");
        }
        files::write(&policy_sources, b"\n/nowhere/config.toml\n").expect("written");
        assert_eq!(Policy::load(&dirs).expect("one that is gone holds no policy").refusal(None), None);
    }

    #[test]
    fn a_policy_only_tightens_and_a_broken_one_is_an_error() {
        assert_eq!(policy("").expect("read"), Policy::default());
        let signed = policy("[trust]\nrequire = \"signed\"\n").expect("read");
        assert!(signed.refusal(None).is_some() && signed.refusal(Some(KEY)).is_none());
        let listed = policy(&format!("[trust]\npublishers = [\"{KEY}\"]\n")).expect("read");
        assert!(listed.refusal(None).is_some() && listed.refusal(Some(KEY)).is_none());
        assert!(listed.refusal(Some("other")).is_some());
        assert!(policy("\"tr\\u0075st\".verify = \"always\"").expect("read").verifies_always());
        assert_eq!(policy("[profiles.a\n").expect("it says nothing of trust"), Policy::default());
        assert!(policy("x = \"\\u0041\"\n[profiles.a\n").is_err(), "a key may be written with escapes");
        assert_eq!(policy("[trust]\ndirectories = [\"*\"]\n").expect("read"), Policy::default());
        for broken in [
            "[trust]\nrequire = \"none\"\n",
            "[trust]\nrequire = false\n",
            "[trust]\nrequired = \"signed\"\n",
            "trust = 1\n",
            "[Trust]\nrequire = \"signed\"\n",
            "[trusts]\nrequire = \"signed\"\n",
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
