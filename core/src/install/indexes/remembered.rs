//! What is remembered of an index from run to run: the newest version that was seen, so that an older one is refused, and
//! the document itself, for `--offline`.

use std::path::PathBuf;

use astro_plugin_protocol::plugin_index::MAX_INDEX;
use serde::{Deserialize, Serialize};

use crate::{
    base::{error::Result, files},
    config::{Dirs, IndexSource},
};

use super::read_file;

/// The newest version that was seen. It lies beside the store: neither clearing a cache nor a variable that names another
/// directory opens the way for an old document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// What the document calls itself.
    pub(super) document: String,
    /// The version.
    pub(super) version: u64,
    /// SHA-256 of that document: there is one document of a version.
    pub(super) sha256: String,
    /// The keys it was believed by. Under other keys of the same name it is another index.
    pub(super) keys: Vec<String>,
}

impl Seen {
    /// What was seen of this index; an unreadable file is an error and not a fresh start.
    pub(super) fn of(dirs: &Dirs, source: &IndexSource) -> Result<Self> {
        let Some(text) = files::read(&path(dirs, source))? else { return Ok(Self::default()) };
        let seen: Self = serde_json::from_str(&text).map_err(|error| {
            crate::base::error::config(format!("what was seen of the index `{}` cannot be read", source.name))
                .cause(error.to_string())
                .help(format!("look at {}, and remove it to start over", path(dirs, source).display()))
        })?;
        let is_same = seen.keys.iter().any(|key| source.keys.contains(key));
        Ok(if is_same { seen } else { Self::default() })
    }

    pub(super) fn lock(dirs: &Dirs, source: &IndexSource) -> Result<files::Lock> {
        files::own_dir(&dirs.plugins())?;
        files::Lock::beside(&path(dirs, source))
    }

    pub(super) fn keep(&self, dirs: &Dirs, source: &IndexSource) -> Result<()> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        files::write(&path(dirs, source), &bytes)
    }
}

fn path(dirs: &Dirs, source: &IndexSource) -> PathBuf {
    dirs.plugins().join("indexes").join(format!("{}.json", source.name))
}

/// The document of an index as it was read last, for `--offline`: its signature's text and, behind a NUL, its bytes. One file,
/// so that the two always belong together.
pub(super) fn cached(dirs: &Dirs, source: &IndexSource) -> Result<Option<(Vec<u8>, String)>> {
    let Some(bytes) = read_file(&cache_path(dirs, source), 2 * MAX_INDEX as u64)? else { return Ok(None) };
    let Some(at) = bytes.iter().position(|byte| *byte == 0) else { return Ok(None) };
    let signature = String::from_utf8_lossy(&bytes[..at]).into_owned();
    Ok(Some((bytes[at + 1..].to_vec(), signature)))
}

/// Keeps a document and its signature. What cannot be kept is no reason to fail now.
pub(super) fn cache(dirs: &Dirs, source: &IndexSource, document: &[u8], signature: &str) {
    let bytes = [signature.as_bytes(), &[0], document].concat();
    let _ = files::write(&cache_path(dirs, source), &bytes);
}

fn cache_path(dirs: &Dirs, source: &IndexSource) -> PathBuf {
    dirs.cache.join("indexes").join(format!("{}.signed", source.name))
}
