//! Who am I, where am I: one context for each invocation, every value with its origin.

#![forbid(unsafe_code)]

mod allow;
mod claims;
pub mod directory;
pub(crate) mod names;
mod resolve;
mod resolver;
pub(crate) mod settings;

pub use claims::Claims;
pub use directory::Directory;
pub use resolve::{Environment, Sources, resolve};
pub(crate) use resolver::Resolver;
pub use settings::Settings;

pub use crate::{
    base::time::unix_now,
    net::address::{Address, is_https_or_local, is_loopback},
};

use std::{fmt, path::PathBuf};

use astro_plugin_protocol::invocation::{Setting, Source};

use crate::{
    base::{
        error::{Failure, Result, auth, config},
        time::day,
    },
    config::environment::Variable,
    credential::{self, Secret, Session, Stored},
    net::tls::Trust,
    output::Format,
    product::product,
    program::{APP, ENV},
};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A command line option, by its long name.
    Flag(&'static str),
    /// An environment variable.
    Variable(Variable),
    /// A line of a directory's `.astro.toml`.
    Directory {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// A profile of `config.toml`.
    Profile(String),
    /// `default_profile` of `config.toml`.
    DefaultProfile,
    /// A credential of `config.toml`.
    Credential(String),
    /// A claim of the token.
    Claim(&'static str),
    /// Built in.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(formatter, "--{name}"),
            Self::Variable(variable) => write!(formatter, "{variable}"),
            Self::Directory { path, line } => write!(formatter, "{} line {line}", path.display()),
            Self::Profile(name) => write!(formatter, "profile `{name}`"),
            Self::DefaultProfile => formatter.write_str("default_profile in config.toml"),
            Self::Credential(name) => write!(formatter, "credential `{name}`"),
            Self::Claim(claim) => write!(formatter, "token claim `{claim}`"),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Its origin.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// A value with its origin.
    pub fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }
}

impl Sourced<String> {
    /// As it travels to a plugin.
    pub fn to_setting(&self) -> Setting {
        let source = match self.origin {
            Origin::Flag(_) => Source::Flag,
            Origin::Variable(_) => Source::Variable,
            Origin::Directory { .. } => Source::Directory,
            Origin::Profile(_) | Origin::DefaultProfile | Origin::Credential(_) => Source::Profile,
            Origin::Claim(_) => Source::Claim,
            Origin::Default => Source::Default,
        };
        Setting::new(self.value.clone(), self.origin.to_string(), source)
    }
}

/// A value that another one of the same name beat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overridden {
    /// `profile`, `output`, or the name of a dimension.
    pub name: &'static str,
    /// What is not in effect.
    pub setting: Sourced<String>,
}

/// The context of one invocation.
#[derive(Debug, Clone)]
pub struct Context {
    /// The profile in use.
    pub profile: Option<Sourced<String>>,
    /// What is acted on: for each dimension an ID or a name.
    pub settings: Settings,
    /// The format of the result.
    pub output: Sourced<Format>,
    /// The API's base.
    pub address: Sourced<Address>,
    /// Certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The credential, when there is one.
    pub credential: Option<Sourced<Secret>>,
    /// Where a stored credential is kept.
    pub source: credential::Source,
    /// How it is renewed, when it came from a sign-in.
    pub session: Option<Session>,
    /// What the credential says about itself.
    pub claims: Option<Claims>,
    /// What the directory files select, unless it is ignored.
    pub directory: Option<Directory>,
    /// Directory files that were looked at and are not used.
    pub unused: Vec<directory::Unused>,
    /// Variables and files that are there and not used, each with the reason.
    pub ignored: Vec<String>,
    /// Values that a stronger layer beat.
    pub overridden: Vec<Overridden>,
    /// Why nothing may be sent, when the values contradict each other or cannot be read.
    pub contradiction: Option<Failure>,
    /// Why nothing may be changed, though requests that only read may be sent.
    pub read_only: Option<Failure>,
    /// There are profiles to choose from.
    pub has_profiles: bool,
}

impl Context {
    /// Takes a renewed credential in the place of the one that was read.
    pub fn renew(&mut self, stored: Stored) {
        self.claims = Claims::read(stored.token.expose());
        self.session = stored.session;
        if let Some(credential) = &mut self.credential {
            credential.value = stored.token;
        }
    }

    /// Whose certificates count on the way to the API and its issuer.
    pub fn trust(&self) -> Trust {
        let profile = self.profile.as_ref().map(|profile| profile.value.as_str());
        Trust::of_profile(profile, self.ca_file.clone())
    }

    /// The ID of the token in use, where it says so itself.
    pub fn token_id(&self) -> Option<&str> {
        Some(&self.claims.as_ref()?.token_id.as_ref()?.value)
    }

    /// Why no request could be sent, or would be refused by a server whose clock is this machine's. A sign-in that has
    /// expired is no reason: it is renewed when it is used.
    pub fn obstacle(&self, now: i64) -> Option<Failure> {
        self.authority().err().or_else(|| {
            let expired = self.expired(now).filter(|_| self.session.is_none())?;
            let origin = &self.credential.as_ref()?.origin;
            Some(auth(format!("the token from {origin} {expired}")).help(renewal(origin)))
        })
    }

    /// That the token has expired, when it says so itself: `expired on 2026-01-31`.
    pub fn expired(&self, now: i64) -> Option<String> {
        let expires = self.claims.as_ref()?.expires.filter(|expires| *expires <= now)?;
        Some(format!("expired on {}", day(expires)))
    }

    /// The base of the API, when one is known: a product may have none of its own.
    pub fn api(&self) -> Result<&Address> {
        if self.address.origin != Origin::Default || product().api.default_address.is_some() {
            return Ok(&self.address.value);
        }
        Err(config("no address of the API is known").help(format!(
            "sign in at one: {ENV}_API_URL=https://HOST{} {APP} login",
            product().api.base_path
        )))
    }

    /// The credential, when everything allows a request. Whether it has expired the server decides: this machine's
    /// clock may be wrong.
    pub fn authority(&self) -> Result<&Secret> {
        if let Some(contradiction) = &self.contradiction {
            return Err(contradiction.clone());
        }
        let Some(credential) = &self.credential else {
            let failure = match &self.profile {
                Some(profile) => auth(format!("profile `{}` has no credential", profile.value))
                    .help(format!("sign in for it: {APP} login --credential {}", profile.value)),
                None if self.has_profiles => auth("not signed in: no profile is chosen").help(format!(
                    "choose one with `--profile NAME`, or `{APP} profile use NAME` for every shell"
                )),
                None => {
                    auth("not signed in").help(format!("sign in with `{APP} login`, or set {ENV}_API_TOKEN"))
                }
            };
            return Err(failure.help(format!("see what is in use with `{APP} context`")));
        };
        self.api()?;
        Ok(&credential.value)
    }
}

/// How a credential of this origin is replaced.
pub fn renewal(origin: &Origin) -> String {
    match origin {
        Origin::Variable(name) => format!("set {name} to a token that works, or unset it to use a profile"),
        Origin::Credential(name) => {
            format!("sign in again: {APP} login --credential {name}")
        }
        _ => format!("sign in again with `{APP} login`").to_owned(),
    }
}
