//! The boundary to plugins. It and [`crate::sys`] are the only modules of the host that may be unsafe.
//!
//! * [`crate::trust::verify`] decides whether a file may be loaded, before any of its code can run.
//! * [`library`] loads it, and never unloads it.
//! * [`port`] is what the plugin calls; [`executor`] polls what the plugin returned.
//! * [`crate::sys`] keeps the process in order while foreign code runs in it.
//!
//! [`Transport`] is the seam: the same messages can travel to a child process.

pub mod executor;
pub mod library;
pub mod port;

use std::{future::Future, pin::Pin, sync::Arc};

use crate::base::error::Result;

/// The future of one invocation: resolves to the answer's bytes.
pub type ResponseFuture = Pin<Box<dyn Future<Output = Vec<u8>>>>;

/// A way to reach a plugin. In-process today.
pub trait Transport {
    /// The manifest, as the plugin states it. Called at link and pack, never on a run.
    fn describe(&self) -> Result<Vec<u8>>;

    /// Sends one message and gives the plugin a line to the services of this invocation.
    fn invoke(&self, services: Arc<dyn Services>, request: Vec<u8>) -> ResponseFuture;
}

/// What answers a plugin's requests during one invocation.
pub trait Services: Send + Sync {
    /// Handles one request and answers through `reply`, now or later, from any thread. Never blocks.
    fn call(&self, request: Vec<u8>, reply: port::Reply);

    /// Takes one event for the log. Levels: 1 error … 5 trace.
    fn log(&self, level: u32, target: &str, text: &str);
}
