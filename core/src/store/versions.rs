//! The versions of a plugin in the user's store: `store/NAME/VERSION-HASH8/` holds one, `store/NAME/current` names the one
//! in use.
//!
//! Everything of a version is written before `current` names it, and `current` is replaced by one rename: whenever a
//! writer is killed, the old version or the new one is in use, whole. The version before stays for `astro plugin
//! rollback`; others are cleared away by the next writer.

use std::path::{Path, PathBuf};

use astro_plugin_protocol::names;

use super::{
    Kind, Store,
    record::{self, Installed, Source},
};
use crate::{
    base::{
        error::{Result, ResultExt, code, failed, plugin},
        failpoint, files,
    },
    product::product,
    program::APP,
    sys::access::Denied,
};

impl Store {
    /// Where a plugin's versions are.
    pub(super) fn plugin_dir(&self, name: &str) -> PathBuf {
        self.dir.join("store").join(name)
    }

    /// The directory in use of a plugin in the user's store, by name.
    pub fn current(&self, name: &str) -> Result<Option<String>> {
        if !names::is_name(name) {
            return Ok(None);
        }
        let path = self.plugin_dir(name).join("current");
        let denied = |failure| match Denied::of(&path) {
            Some(denied) => {
                denied.failure(format!("cannot read which version of `{name}` is in use"), &self.dir)
            }
            None => failure,
        };
        let Some(text) = files::read(&path).map_err(denied)? else { return Ok(None) };
        let version = text.trim();
        match names::is_name(version) {
            true => Ok(Some(version.to_owned())),
            false => Err(plugin(format!("which version of `{name}` is in use cannot be read"))
                .cause(format!("`{}` names none", path.display()))
                .help(format!("to start over: {APP} plugin remove {name}, and install it again"))),
        }
    }

    /// The record in use of a plugin in the user's store.
    pub fn installed(&self, name: &str) -> Result<Option<Installed>> {
        self.current(name)?.map_or(Ok(None), |version| self.version(name, &version))
    }

    /// The public key of a plugin's publisher: that of the first version that was installed signed, or the one that the user
    /// accepted in its place since. It belongs to the plugin and not to a version, so that going back to an older one does
    /// not bring an older key back.
    pub fn publisher(&self, name: &str) -> Result<Option<String>> {
        let text = files::read(&self.plugin_dir(name).join("publisher"))?;
        Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
    }

    /// Remembers a plugin's publisher.
    pub fn set_publisher(&self, name: &str, key: &str) -> Result<()> {
        match self.publisher(name)?.as_deref() == Some(key) {
            true => Ok(()),
            false => files::write(&self.plugin_dir(name).join("publisher"), key.as_bytes()),
        }
    }

    /// The record of one version of a plugin.
    pub fn version(&self, name: &str, directory: &str) -> Result<Option<Installed>> {
        match names::is_name(name) && names::is_name(directory) {
            true => record::read(&self.plugin_dir(name).join(directory).join("installed")),
            false => Ok(None),
        }
    }

    /// The records of every version that is kept, the one in use among them. Nothing is kept of a plugin that was removed,
    /// whatever is left of its directory.
    pub fn versions(&self, name: &str) -> Vec<Installed> {
        if !matches!(self.current(name), Ok(Some(_))) {
            return Vec::new();
        }
        record::names_in(&self.plugin_dir(name))
            .filter_map(|directory| self.version(name, &directory).ok().flatten())
            .collect()
    }

    /// Every plugin that has a directory in the user's store.
    pub fn names(&self) -> Result<Vec<String>> {
        let all = record::listed(&self.dir.join("store"))?;
        Ok(all.into_iter().filter(|name| names::is_name(name)).collect())
    }

    /// Writes the file of a version beside its record, without using it yet. Answers the path for the record.
    pub fn put_file(&self, record: &Installed, bytes: &[u8]) -> Result<PathBuf> {
        let directory = checked_directory(record)?;
        let file = format!("{}.{}", record.name, product().extension);
        let path = Path::new("store").join(&record.name).join(directory).join(file);
        files::write(&self.dir.join(&path), bytes)?;
        reached("plugin-file-written")?;
        Ok(path)
    }

    /// Writes a record and makes it the current one. The version that was in use becomes the previous one, and what is
    /// neither is cleared away.
    pub fn write_record(&self, record: &Installed) -> Result<()> {
        if self.kind == Kind::System {
            return files::write(&self.dir.join(format!("{}.installed", record.name)), &encoded(record)?);
        }
        let directory = checked_directory(record)?;
        let mut record = record.clone();
        let before = match self.current(&record.name)? {
            Some(name) => self.version(&record.name, &name).ok().flatten().map(|old| (old, name)),
            None => None,
        };
        if let Some((old, _)) = before.as_ref().filter(|(_, name)| *name == directory) {
            record.rolled_back_from.clone_from(&old.rolled_back_from);
        }
        record.previous = match before {
            // Every build of a linked library is another version; what was installed before it is what one goes back to.
            Some((old, name))
                if name == directory || (old.source == Source::Link && record.source == Source::Link) =>
            {
                old.previous
            }
            Some((_, name)) => Some(name),
            None => record.previous,
        };
        self.write_version(&directory, &record)?;
        self.switch(&record.name, &directory)?;
        let keep = [Some(&directory), record.previous.as_ref(), record.rolled_back_from.as_ref()];
        self.clear(&record.name, &keep);
        Ok(())
    }

    /// Replaces the record of a version that is there already.
    pub fn write_version(&self, directory: &str, record: &Installed) -> Result<()> {
        files::write(&self.plugin_dir(&record.name).join(directory).join("installed"), &encoded(record)?)?;
        reached("plugin-record-written")
    }

    /// Uses another version: one rename.
    pub fn switch(&self, name: &str, directory: &str) -> Result<()> {
        files::write(&self.plugin_dir(name).join("current"), directory.as_bytes())?;
        reached("plugin-switched")
    }

    /// Removes a plugin's records and files from the user's store.
    pub fn remove_record(&self, name: &str) -> Result<()> {
        let what = || format!("cannot remove the plugin `{name}`");
        let plugin = self.plugin_dir(name);
        // Without `current` the plugin is gone; what is left when this is killed, a second one removes.
        match std::fs::remove_file(plugin.join("current")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context(code::FAILED, what);
            }
            _ => {}
        }
        reached("plugin-unused")?;
        std::fs::remove_dir_all(&plugin).context(code::FAILED, what)
    }

    /// Clears away what an earlier writer left: versions nobody can go back to, and what a killed one had begun.
    fn clear(&self, name: &str, keep: &[Option<&String>]) {
        let plugin = self.plugin_dir(name);
        for entry in record::names_in(&plugin) {
            let path = plugin.join(&entry);
            // What cannot be removed costs room, never correctness.
            if path.is_dir() && !keep.contains(&Some(&entry)) {
                let _ = std::fs::remove_dir_all(&path);
            } else {
                clear_begun(&path);
                record::names_in(&path).for_each(|below| clear_begun(&path.join(below)));
            }
        }
    }
}

/// Removes a file that a writer who was killed had begun (`files::write`). Nobody else writes: the lock is held.
fn clear_begun(path: &Path) {
    let is_begun = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".new-"));
    if is_begun && path.is_file() {
        let _ = std::fs::remove_file(path);
    }
}

/// A version whose directory cannot be named would not be found again.
fn checked_directory(record: &Installed) -> Result<String> {
    let directory = record.directory();
    match names::is_name(&directory) {
        true => Ok(directory),
        false => Err(failed(format!(
            "the version `{}` of the plugin `{}` is too long",
            record.version, record.name
        ))),
    }
}

fn reached(step: &'static str) -> Result<()> {
    failpoint::reach(step).context(code::FAILED, || "the store cannot be changed".to_owned())
}

fn encoded(record: &Installed) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(record).context(code::PLUGIN, || "a record cannot be written".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(version: &str, hash: char, source: Source) -> Installed {
        let manifest = astro_plugin_protocol::manifest::Manifest { name: "x".into(), ..Default::default() };
        Installed {
            version: version.into(),
            ..Installed::new(manifest, source, PathBuf::new(), hash.to_string().repeat(64))
        }
    }

    #[test]
    fn the_version_before_is_kept_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store { dir: dir.path().to_owned(), kind: Kind::User };
        let versions = || {
            let mut all: Vec<String> = store.versions("x").into_iter().map(|one| one.version).collect();
            all.sort();
            all
        };
        for (version, hash) in [("1.0.0", 'a'), ("1.1.0", 'b'), ("1.2.0", 'c')] {
            store.write_record(&record(version, hash, Source::File)).expect("written");
        }
        let now = store.installed("x").expect("read").expect("there");
        assert_eq!((now.version.as_str(), now.previous.as_deref()), ("1.2.0", Some("1.1.0-bbbbbbbb")));
        assert_eq!(versions(), ["1.1.0", "1.2.0"]);
        // Links are builds of one thing: what was installed before the first stays.
        for hash in ['d', 'e', 'f'] {
            store.write_record(&record("1.3.0", hash, Source::Link)).expect("written");
        }
        let now = store.installed("x").expect("read").expect("there");
        assert_eq!(now.previous.as_deref(), Some("1.2.0-cccccccc"));
        assert_eq!(versions(), ["1.2.0", "1.3.0"]);
        let long = record(&format!("1.0.0-{}", "a".repeat(60)), 'a', Source::File);
        assert!(store.write_record(&long).expect_err("refused").message.contains("too long"));
        store.remove_record("x").expect("removed");
        assert_eq!(store.installed("x").expect("read"), None);
    }
}
