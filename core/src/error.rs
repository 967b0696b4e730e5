//! The host's error: what failed, why, and what to type next. It is the [`Failure`] of the protocol, so that
//! what a plugin passes on and what the host says itself are printed by one piece of code.

use std::fmt::Display;

pub use astro_plugin_protocol::message::{Failure, code};

/// The host's result.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// A plain failure.
pub fn failed(message: impl Into<String>) -> Failure {
    Failure::new(code::FAILED, message)
}

/// The command line or an input is wrong.
pub fn usage(message: impl Into<String>) -> Failure {
    Failure::new(code::USAGE, message)
}

/// Configuration cannot be read or is invalid.
pub fn config(message: impl Into<String>) -> Failure {
    Failure::new(code::CONFIG, message)
}

/// Not signed in, or the credential is refused.
pub fn auth(message: impl Into<String>) -> Failure {
    Failure::new(code::AUTH, message)
}

/// The plugin is unusable.
pub fn plugin(message: impl Into<String>) -> Failure {
    Failure::new(code::PLUGIN, message)
}

/// Adds what was being done to a low-level error; the error becomes the cause.
pub trait While<T> {
    /// The failure with this code and message, the former error as its cause.
    fn while_doing(self, failure_code: &str, message: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Display> While<T> for std::result::Result<T, E> {
    fn while_doing(self, failure_code: &str, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Failure::new(failure_code, message()).cause(plain_io(&error.to_string())))
    }
}

/// What is at the bottom of an error: the layers above it (`client error (Connect)`) say nothing to a person.
pub fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.last().map_or_else(|| error.to_string(), ToString::to_string)
}

/// `Permission denied (os error 13)` without the number, in lower case.
pub fn plain_io(text: &str) -> String {
    let text = text.split(" (os error").next().unwrap_or(text);
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}
