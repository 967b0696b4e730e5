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
///     std::fs::read_to_string(path)
///         .context(|| format!("cannot read `{path}`"))
///         .map_err(|error| error.help("name another file: astro airflow lint FILE"))
/// }
/// let error = read("/nothing").expect_err("there is no such file");
/// assert_eq!(error.message(), "cannot read `/nothing`");
///
/// let refused = Error::usage("`2026-13` is no month").cause("it has 12 months").help("write it as 2026-01");
/// assert_eq!((refused.code(), refused.status(), refused.http()), ("usage", None, None));
/// let found = Error::exit(20); // declared with `spec.exit_code(20, "a file has a problem")`
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
    ///
    /// # Panics
    /// When the code is not from 10 to 99: others belong to the host.
    #[track_caller]
    pub fn exit(code: u8) -> Self {
        assert!((10..=99).contains(&code), "the exit code {code} is not from 10 to 99");
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

    /// The code of the failure, which decides the exit code:
    ///
    /// | code | exit code | when |
    /// |---|---|---|
    /// | `failed` | 1 | it could not be done |
    /// | `usage`, `input_required` | 2 | an input is wrong, or missing where nobody can be prompted |
    /// | `config` | 3 | the configuration cannot be read |
    /// | `auth` | 4 | not signed in, or the credential is not accepted |
    /// | `network` | 5 | nothing reached the server, or it did not answer |
    /// | `outcome_unknown` | 6 | a write may or may not have happened |
    /// | `delivery` | 7 | a one-time secret exists and could not be delivered |
    /// | `plugin` | 126 | the plugin is unusable |
    /// | `declined` | 130 | the user said no |
    /// | `closed` | 0 | the reader of the result is gone; pass it on |
    /// | `unimplemented` | 126 | the host does not know the service |
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

    /// As the error of another library's `Result`. (It cannot be one itself: the `From` for every error would overlap with that
    /// for itself.)
    ///
    /// ```
    /// # use astro_plugin_sdk::prelude::*;
    /// fn read() -> Result<()> {
    ///     Err(Error::new("cannot read `x`").cause("disk gone"))
    /// }
    /// let boxed: Box<dyn std::error::Error + Send + Sync> = read().expect_err("it fails").into_boxed();
    /// assert_eq!(boxed.to_string(), "cannot read `x`: disk gone");
    /// ```
    pub fn into_boxed(self) -> Box<dyn std::error::Error + Send + Sync> {
        self.to_string().into()
    }

    pub(crate) fn into_parts(self) -> (Failure, Option<u8>) {
        (*self.failure, self.exit)
    }
}

/// The message and its causes in one line: `cannot read `x`: disk gone`.
impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.exit {
            Some(code) => write!(formatter, "exit code {code}")?,
            None => formatter.write_str(&self.failure.message)?,
        }
        self.failure.causes.iter().try_for_each(|cause| write!(formatter, ": {cause}"))
    }
}

/// Says what was being done, where an error says only what went wrong.
///
/// ```
/// # use astro_plugin_sdk::prelude::*;
/// fn read(path: &str) -> Result<String> {
///     std::fs::read_to_string(path).context(|| format!("cannot read `{path}`"))
/// }
/// let error = read("/nothing").expect_err("there is no such file");
/// assert_eq!(error.to_string(), "cannot read `/nothing`: No such file or directory (os error 2)");
/// ```
pub trait ResultExt<T> {
    /// The error's text becomes the first cause below this message.
    ///
    /// # Errors
    /// That of the result, with the message.
    fn context<M: Into<String>>(self, message: impl FnOnce() -> M) -> Result<T>;
}

impl<T, E: Into<Error>> ResultExt<T> for std::result::Result<T, E> {
    fn context<M: Into<String>>(self, message: impl FnOnce() -> M) -> Result<T> {
        self.map_err(|error| error.into().context(message()))
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
