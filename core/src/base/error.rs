//! The host's error: what failed, why, and what to type next. It is the [`Failure`] of the protocol, so that
//! what a plugin passes on and what the host says itself are printed by one piece of code.

use std::fmt::Display;

pub use astro_plugin_cli::error::{Failure, Result, auth, code, config, failed, plain_io, plugin, usage};

/// Adds what was being done to a low-level error; the error becomes the cause.
pub trait ResultExt<T> {
    /// The failure with this code and message, the former error as its cause.
    fn context(self, failure_code: &str, message: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Display> ResultExt<T> for std::result::Result<T, E> {
    fn context(self, failure_code: &str, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Failure::new(failure_code, message()).cause(plain_io(&error.to_string())))
    }
}

/// What is at the bottom of an error: the layers above it (`client error (Connect)`) say nothing to a person.
pub fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.last().map_or_else(|| error.to_string(), ToString::to_string)
}

/// A failure and its causes in one line.
pub fn with_causes(failure: &Failure) -> String {
    std::iter::once(&failure.message).chain(&failure.causes).cloned().collect::<Vec<_>>().join(": ")
}
