//! The host's tokio: one thread, started by the first service that needs the network.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle};

use crate::base::error::{Result, ResultExt, code};

/// The handle of the running runtime.
pub(crate) fn handle() -> Result<Handle> {
    static HANDLE: Mutex<Option<Handle>> = Mutex::new(None);
    let mut handle = HANDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*handle {
        return Ok(handle.clone());
    }
    let what = || "the network runtime cannot be started".to_owned();
    let runtime =
        Builder::new_current_thread().enable_io().enable_time().build().context(code::FAILED, what)?;
    let started = runtime.handle().clone();
    std::thread::Builder::new()
        .name("network".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .context(code::FAILED, what)?;
    *handle = Some(started.clone());
    Ok(started)
}
