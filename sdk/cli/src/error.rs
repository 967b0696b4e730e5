//! Failures by kind, and the words of the operating system.

pub use astro_plugin_protocol::message::{Failure, code};

/// A value or a failure.
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
