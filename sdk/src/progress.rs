//! Telling a person that something takes a while.

use astro_plugin_protocol::{
    message::code,
    service::{self, ProgressSet, ProgressStart},
};

use crate::{Context, Result};

/// Something that takes a while and is shown on stderr of a terminal until this is dropped. Anywhere else, and with
/// `--quiet`, nothing is shown, and neither by a host of a time before there was progress.
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
    /// None where the host shows nothing.
    id: Option<u64>,
    done: u64,
}

impl Context {
    /// Begins to show that something takes a while. `total` is the number of steps; without one it only moves.
    ///
    /// # Errors
    /// `closed` after the command ended.
    pub async fn progress(&self, label: impl Into<String>, total: Option<u64>) -> Result<Progress> {
        let start = ProgressStart { label: label.into(), total };
        let started = self.call::<service::Progress>(service::PROGRESS_START, start).await;
        let id = match started {
            Ok(started) => Some(started.id),
            Err(error) if error.code() == code::UNIMPLEMENTED => None,
            Err(error) => return Err(error),
        };
        Ok(Progress { ctx: self.clone(), id, done: 0 })
    }
}

impl Progress {
    /// Some more steps are done.
    ///
    /// # Errors
    /// `closed` after the command ended.
    pub async fn advance(&mut self, steps: u64) -> Result<()> {
        self.done = self.done.saturating_add(steps);
        self.set(None).await
    }

    /// What is being done now.
    ///
    /// # Errors
    /// `closed` after the command ended.
    pub async fn label(&mut self, label: impl Into<String>) -> Result<()> {
        self.set(Some(label.into())).await
    }

    async fn set(&self, label: Option<String>) -> Result<()> {
        let Some(id) = self.id else { return Ok(()) };
        let set = ProgressSet { id, done: self.done, label };
        self.ctx.call(service::PROGRESS_SET, set).await
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.ctx.tell(service::PROGRESS_END, service::Progress { id });
        }
    }
}
