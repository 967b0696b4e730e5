//! Credentials: the values that profiles sign in with, and where they are kept.
//!
//! * [`mod@file`]: `credentials.toml`, readable by its owner alone; [`keyring`]: the system's keyring;
//!   [`command`]: a program that prints the value.
//! * [`issuer`]: who gives them out, and how it is spoken to; [`grant`]: its token endpoint; [`session`]: renewing one before
//!   it expires.
//! * [`token`]: what a value looks like.
//!
//! Which one it is says `[credentials.NAME]` of `config.toml`, which never holds the value. A directory file or the
//! environment cannot name a source.

#![forbid(unsafe_code)]

pub mod grant;
pub mod issuer;
pub mod session;
pub mod sources;
pub mod token;

use std::fmt;

use crate::{
    base::error::{Result, config},
    config::{Credential, Dirs},
    program::APP,
};
pub use session::Session;
use sources::{command, file, keyring};

/// A credential's value: no `Display`, and a `Debug` that says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value: every use is a place where it can leak.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// A stored token and the address it was stored for. They are written together, so that no order of writes and
/// no crash between them can send a token elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The API's base, as in `config.toml` at the time of the sign-in.
    pub address: String,
    /// The token.
    pub token: Secret,
    /// How it is renewed, when it came from a sign-in.
    pub session: Option<Session>,
}

/// Where a value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `credentials.toml`
    File,
    /// The system's keyring.
    Keyring,
    /// A program.
    Command,
}

impl Source {
    /// The source of a credential, by its name in the configuration.
    pub fn of(name: &str, described: &Credential) -> Result<Self> {
        match described.source.as_str() {
            "file" => Ok(Self::File),
            "keyring" => Ok(Self::Keyring),
            "command" => Ok(Self::Command),
            other => {
                Err(config(format!("the credential `{name}` has the source `{other}`, which is not known"))
                    .help("use one of: file, keyring, command"))
            }
        }
    }

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Keyring => "keyring",
            Self::Command => "command",
        }
    }
}

/// The value of a credential; none when its source holds none.
pub fn read(dirs: &Dirs, name: &str, described: &Credential) -> Result<Option<Stored>> {
    match Source::of(name, described)? {
        Source::File => file::stored(dirs, name),
        Source::Keyring => keyring::stored(dirs, name),
        Source::Command => command::stored(name, described).map(Some),
    }
}

/// Replaces the value of a credential where it is kept.
pub fn write(dirs: &Dirs, name: &str, source: Source, stored: &Stored) -> Result<()> {
    match source {
        Source::File => file::store(dirs, name, stored),
        Source::Keyring => keyring::store(dirs, name, stored),
        Source::Command => {
            Err(config(format!("the credential `{name}` is printed by a command and not kept by {APP}")))
        }
    }
}

/// Removes the value wherever it is kept; answers whether there was one.
pub fn forget(dirs: &Dirs, name: &str, source: Option<Source>) -> Result<bool> {
    let in_file = file::forget(dirs, name)?;
    let in_keyring = match source {
        Some(Source::Keyring) => keyring::forget(dirs, name)?,
        _ => false,
    };
    Ok(in_file || in_keyring)
}
