//! The error an author returns: it crosses the boundary as data and is worded by the host.

use astro_plugin_protocol::message::{Failure, HttpFailure, code};

/// What a command returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a command failed.
///
/// A message is a lower-case fragment without full stop that names the object; what to do next is a
/// separate [`Error::help`]. Any `std::error::Error` becomes one with `?`, its chain of sources kept.
///
/// ```
/// # use astro_plugin_sdk::prelude::*;
/// fn read(path: &str) -> Result<String> {
///     std::fs::read_to_string(path).map_err(|error| {
///         Error::from(error)
///             .context(format!("cannot read `{path}`"))
///             .help("name another file: astro airflow lint FILE")
///     })
/// }
/// let error = read("/nothing").expect_err("there is no such file");
/// assert_eq!(error.message(), "cannot read `/nothing`");
/// ```
#[derive(Debug)]
pub struct Error {
    /// In a box, so that a `Result` with it stays small.
    failure: Box<Failure>,
    exit: Option<u8>,
}

impl Error {
    /// The command could not be done: exit code 1.
    pub fn new(message: impl Into<String>) -> Self {
        Self::from_failure(Failure::new(code::FAILED, message))
    }

    /// An input is wrong: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::from_failure(Failure::new(code::USAGE, message))
    }

    /// Ends with a code of the command's own (10 to 99, declared with [`crate::Spec::exit_code`]) and no
    /// message: a linter that found something has said so on stdout.
    pub fn exit(code: u8) -> Self {
        Self { failure: Box::default(), exit: Some(code) }
    }

    /// The plugin itself is wrong: exit code 126.
    pub(crate) fn plugin(message: impl Into<String>) -> Self {
        Self::from_failure(Failure::new(code::PLUGIN, message))
    }

    /// Adds what to do next, one sentence with the exact command.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.failure.help.push(help.into());
        self
    }

    /// Adds a cause below the last one.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.failure.causes.push(cause.into());
        self
    }

    /// Says what was being done; the former message becomes the first cause.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Self {
        let before = std::mem::replace(&mut self.failure.message, message.into());
        if !before.is_empty() {
            self.failure.causes.insert(0, before);
        }
        self
    }

    /// The code of the failure, one of [`crate::protocol::message::code`].
    pub fn code(&self) -> &str {
        &self.failure.code
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.failure.message
    }

    /// What the server said, when the failure came from a server.
    pub fn http(&self) -> Option<&HttpFailure> {
        self.failure.http.as_ref()
    }

    /// The HTTP status, when the failure came from a server.
    pub fn status(&self) -> Option<u16> {
        self.http().map(|http| http.status)
    }

    /// A failure as it came from the host. (No `From`: it would overlap with the one for every error.)
    pub fn from_failure(failure: Failure) -> Self {
        Self { failure: Box::new(failure), exit: None }
    }

    pub(crate) fn into_parts(self) -> (Failure, Option<u8>) {
        (*self.failure, self.exit)
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut failure = Failure::new(code::FAILED, error.to_string());
        let mut source = error.source();
        while let Some(cause) = source {
            failure.causes.push(cause.to_string());
            source = cause.source();
        }
        Self::from_failure(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_sources_survives() {
        #[derive(Debug)]
        struct Outer(std::io::Error);
        impl std::fmt::Display for Outer {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("cannot read `x`")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let (failure, _) = Error::from(Outer(std::io::Error::other("disk gone"))).into_parts();
        assert_eq!(
            (failure.message.as_str(), failure.causes),
            ("cannot read `x`", vec!["disk gone".to_owned()])
        );
    }
}
