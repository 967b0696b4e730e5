//! Threads that may not start: where no more are allowed (`ulimit -u`) the work is done on the caller's.

#![forbid(unsafe_code)]

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::Builder,
};

/// Does the work on a thread of its own, or here where none can be started: late is better than not at all.
pub fn start_or_run(name: &str, work: impl FnOnce() + Send + 'static) {
    let here = Arc::new(Mutex::new(Some(work)));
    let there = Arc::clone(&here);
    let take = |work: &Mutex<Option<_>>| work.lock().unwrap_or_else(PoisonError::into_inner).take();
    let started = Builder::new().name(name.to_owned()).spawn(move || {
        if let Some(work) = take(&there) {
            work();
        }
    });
    if let Err(error) = started {
        tracing::debug!("no thread for `{name}`: {error}");
        if let Some(work) = take(&here) {
            work();
        }
    }
}
