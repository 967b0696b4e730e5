//! What is remembered of an index from run to run: the newest version that was seen, so that an older one is refused, and
//! the document itself, for `--offline`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    config::{Dirs, IndexSource},
    error::Result,
    files,
};

/// The newest version that was seen. It is not in the cache: clearing that must not open the way for an old document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
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
            crate::error::config(format!("what was seen of the index `{}` cannot be read", source.name))
                .cause(error.to_string())
                .help(format!("look at {}, and remove it to begin anew", path(dirs, source).display()))
        })?;
        let is_same = seen.keys.iter().any(|key| source.keys.contains(key));
        Ok(if is_same { seen } else { Self::default() })
    }

    pub(super) fn lock(dirs: &Dirs, source: &IndexSource) -> Result<files::Lock> {
        files::Lock::beside(&path(dirs, source))
    }

    pub(super) fn keep(&self, dirs: &Dirs, source: &IndexSource) -> Result<()> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        files::write(&path(dirs, source), &bytes)
    }
}

fn path(dirs: &Dirs, source: &IndexSource) -> PathBuf {
    dirs.state.join("indexes").join(format!("{}.json", source.name))
}

/// Where the document of an index and its signature are kept for `--offline`.
pub(super) fn cached(dirs: &Dirs, source: &IndexSource) -> PathBuf {
    dirs.cache.join("indexes").join(&source.name)
}
