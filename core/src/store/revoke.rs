//! What an index took back: every version that is kept here and has a revoked file is marked, and is not loaded from then
//! on. The mark stays when the index cannot be reached, and `rollback` does not go back to what has one.

use std::collections::BTreeMap;

use astro_plugin_protocol::plugin_index::PluginIndex;

use super::Store;
use crate::error::Result;

/// The revoked files of a document: SHA-256 and the reason.
pub fn revoked(document: &PluginIndex) -> BTreeMap<&str, &str> {
    let versions = document.plugins.iter().flat_map(|plugin| &plugin.versions);
    versions
        .filter_map(|version| Some((version, version.revoked.as_deref()?)))
        .flat_map(|(version, reason)| version.files.iter().map(move |file| (file.sha256.as_str(), reason)))
        .collect()
}

impl Store {
    /// Marks what is revoked; answers the plugins in use that were not marked before, each with the reason.
    pub fn revoke(&self, document: &PluginIndex) -> Result<Vec<(String, String)>> {
        let revoked = revoked(document);
        let mut marked = Vec::new();
        for name in self.names() {
            for record in self.versions(&name) {
                if let Some(reason) = revoked.get(record.hash.as_str()).filter(|_| record.revoked.is_none()) {
                    marked.push((name.clone(), record, (*reason).to_owned()));
                }
            }
        }
        if marked.is_empty() {
            return Ok(Vec::new());
        }
        let lock = self.lock()?;
        self.change(&lock, || {
            marked.iter().try_for_each(|(_, record, reason)| {
                let directory = record.directory();
                // It may have been removed since.
                match self.version(&record.name, &directory)? {
                    Some(now) => self.write_version(
                        &directory,
                        &super::record::Installed { revoked: Some(reason.clone()), ..now },
                    ),
                    None => Ok(()),
                }
            })
        })?;
        let in_use = |name: &str, directory: &str| self.current(name).as_deref() == Some(directory);
        Ok(marked
            .into_iter()
            .filter(|(name, record, _)| in_use(name, &record.directory()))
            .map(|(name, record, reason)| (format!("`{name}` {}", record.version), reason))
            .collect())
    }
}
