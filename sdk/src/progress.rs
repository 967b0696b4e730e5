//! Telling a person that something takes a while.

use astro_plugin_protocol::service::{self, ProgressSet, ProgressStart};

use crate::{Context, Result};

/// Something that takes a while and is shown on stderr of a terminal until this is dropped. Anywhere else, and with
/// `--quiet`, nothing is shown.
///
/// ```
/// # use astro_plugin_sdk::prelude::*;
/// # async fn example(ctx: Context, files: Vec<String>) -> Result<()> {
/// let mut progress = ctx.progress("Reading files", Some(files.len() as u64)).await?;
/// for file in files {
///     // … work on `file` …
///     progress.advance(1).await?;
/// }
/// # Ok(()) }
/// ```
pub struct Progress {
    ctx: Context,
    id: u64,
    done: u64,
}

impl Context {
    /// Begins to show that something takes a while. `total` is the number of steps; without one it only moves.
    pub async fn progress(&self, label: impl Into<String>, total: Option<u64>) -> Result<Progress> {
        let start = ProgressStart { label: label.into(), total };
        let started: service::Progress = self.call(service::PROGRESS_START, start).await?;
        Ok(Progress { ctx: self.clone(), id: started.id, done: 0 })
    }
}

impl Progress {
    /// Some more steps are done.
    pub async fn advance(&mut self, steps: u64) -> Result<()> {
        self.done += steps;
        self.set(None).await
    }

    /// What is being done now.
    pub async fn label(&mut self, label: impl Into<String>) -> Result<()> {
        self.set(Some(label.into())).await
    }

    async fn set(&self, label: Option<String>) -> Result<()> {
        let set = ProgressSet { id: self.id, done: self.done, label };
        self.ctx.call(service::PROGRESS_SET, set).await
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.ctx.tell(service::PROGRESS_END, service::Progress { id: self.id });
    }
}
