//! What indexes revoked: `store/revoked.json` beside the plugins holds the hash of every file that an index revoked, for ever.
//! A file with one of them is not loaded, not installed and not gone back to, also when no index can be read any more and
//! after the plugin was removed.

use std::{collections::BTreeMap, path::PathBuf};

use astro_plugin_protocol::plugin_index::PluginIndex;

use super::{
    Kind, Store,
    record::{Installed, Source},
};
use crate::{
    base::{
        error::{Result, ResultExt, code},
        files,
    },
    program::APP,
};

/// SHA-256 of a revoked file and the reason.
pub type Revoked = BTreeMap<String, String>;

/// The revoked files of a document.
fn of_document(document: &PluginIndex) -> Revoked {
    let versions = document.plugins.iter().flat_map(|plugin| &plugin.versions);
    versions
        .filter_map(|version| Some((version, version.revoked.as_ref()?)))
        .flat_map(|(version, reason)| version.files.iter().map(|file| (file.sha256.clone(), reason.clone())))
        .collect()
}

impl Store {
    fn revoked_path(&self) -> PathBuf {
        self.dir.join("revoked.json")
    }

    /// Every file that is known to be revoked; in a system store there is none. What cannot be read is an error, not an
    /// empty list.
    pub fn revoked(&self) -> Result<Revoked> {
        if self.kind == Kind::System {
            return Ok(Revoked::new());
        }
        let path = self.revoked_path();
        let Some(text) = files::read(&path)? else { return Ok(Revoked::new()) };
        serde_json::from_str(&text)
            .context(code::CONFIG, || format!("cannot read the list of revoked files `{}`", path.display()))
            .map_err(|failure| {
                let path = path.display();
                failure.help(format!(
                    "to start over: mv {path} {path}.broken; it is written again from the indexes"
                ))
            })
    }

    /// What can be done about a plugin that is in use and was revoked, as help.
    pub fn ways_out(&self, record: &Installed, revoked: &Revoked) -> Vec<String> {
        let name = &record.name;
        let upgrade = (record.source == Source::Index)
            .then(|| format!("to use a newer version: {APP} plugin upgrade {name}"));
        let before =
            record.previous.as_ref().and_then(|directory| self.version(name, directory).ok().flatten());
        let back = before
            .filter(|before| !revoked.contains_key(&before.hash))
            .map(|before| format!("to use {} again: {APP} plugin rollback {name}", before.version));
        let remove = format!("to do without it: {APP} plugin remove {name}");
        upgrade.into_iter().chain(back).chain([remove]).collect()
    }

    /// Remembers what a document revoked. Answers the plugins in use that this stops, each with the reason.
    pub fn revoke(&self, document: &PluginIndex) -> Result<Vec<(Installed, String)>> {
        let mut news = of_document(document);
        let known = self.revoked()?;
        news.retain(|hash, _| !known.contains_key(hash));
        if news.is_empty() {
            return Ok(Vec::new());
        }
        let lock = self.lock()?;
        // Another one may have added to it meanwhile; the reason that came first stays.
        let mut all = self.revoked()?;
        for (hash, reason) in &news {
            all.entry(hash.clone()).or_insert_with(|| reason.clone());
        }
        let bytes = serde_json::to_vec_pretty(&all)
            .context(code::FAILED, || "the list of revoked files cannot be written".to_owned())?;
        self.change(&lock, || files::write(&self.revoked_path(), &bytes))?;
        Ok(self.in_use_of(&news))
    }

    /// The plugins in use whose file is revoked, each with the reason.
    pub fn revoked_in_use(&self) -> Result<Vec<(Installed, String)>> {
        Ok(self.in_use_of(&self.revoked()?))
    }

    fn in_use_of(&self, revoked: &Revoked) -> Vec<(Installed, String)> {
        let records = self.records().0.into_iter();
        records
            .filter_map(|record| revoked.get(&record.hash).cloned().map(|reason| (record, reason)))
            .collect()
    }
}
