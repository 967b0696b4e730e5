//! Values that were found out, kept for some seconds: the second Tab is answered at once. One file for each question;
//! its name is a hash of everything the answer depends on, the credential among it, so that no profile sees what another
//! one may see.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use astro_plugin_protocol::invocation::{Candidate, Candidates};

use super::Line;
use crate::{
    base::{files, hash},
    cli::complete::Asked,
    config::Dirs,
    context::Context,
    store::lookup::Owner,
};

/// How long an answer is good.
const GOOD_FOR: Duration = Duration::from_secs(20);
/// Files older than this are removed when another one is written.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// Where an answer is kept; nowhere when the directories are not known.
pub(super) struct CacheEntry(Option<PathBuf>);

impl CacheEntry {
    /// The place of one question.
    pub(super) fn of(
        dirs: Option<&Dirs>,
        asked: &Asked,
        line: &Line,
        context: &Context,
        owner: Option<&Owner>,
    ) -> Self {
        let value = |setting: &Option<crate::context::Sourced<String>>| {
            setting.as_ref().map(|setting| setting.value.clone())
        };
        let question = serde_json::json!([
            crate::VERSION,
            format!("{:?}", asked.kind),
            asked.arg,
            asked.typed,
            line.path,
            line.args,
            owner.map(|owner| &owner.facts.hash),
            context.address.value.to_string(),
            context.credential.as_ref().map(|credential| credential.value.expose()),
            value(&context.profile),
            context.settings.iter().map(|(_, setting)| value(&setting.cloned())).collect::<Vec<_>>(),
        ]);
        let name = hash::sha256(question.to_string().as_bytes()).ok();
        Self(dirs.zip(name).map(|(dirs, name)| dirs.cache.join("completion").join(name)))
    }

    /// The answer, while it is good.
    pub(super) fn read(&self) -> Option<Vec<Candidate>> {
        let path = self.0.as_ref()?;
        let written = std::fs::metadata(path).and_then(|facts| facts.modified()).ok()?;
        // An entry with a time in the future is ignored: the clock was set back.
        if SystemTime::now().duration_since(written).ok()? > GOOD_FOR {
            return None;
        }
        let text = files::read(path).ok()??;
        serde_json::from_str::<Candidates>(&text).ok().map(|answer| answer.candidates)
    }

    /// Keeps an answer. One that cannot be kept is found out again.
    pub(super) fn write(&self, candidates: &[Candidate]) {
        let Some(path) = &self.0 else { return };
        let answer = Candidates { candidates: candidates.to_vec() };
        if let Ok(bytes) = serde_json::to_vec(&answer) {
            let _ = files::write(path, &bytes);
        }
        remove_old(path.parent().unwrap_or(path));
    }
}

fn remove_old(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let written = entry.metadata().and_then(|facts| facts.modified());
        let age = written.ok().and_then(|written| SystemTime::now().duration_since(written).ok());
        if age.is_some_and(|age| age > KEPT_FOR) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
