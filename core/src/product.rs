//! What differs between the programs that are made of this library: one value, given to [`crate::main`].
//!
//! Almost all of it is data. Two things are code: how people sign in ([`SignIn`]), and how the API says what went wrong
//! ([`ApiErrors`]).

mod neutral;
mod standard;

use std::sync::OnceLock;

pub use astro_plugin_protocol::message::FieldError;
use serde_json::Value;

pub use standard::{Oidc, ProblemDetails};

use crate::{base::error::Result, program};

/// A program.
pub struct Product {
    /// What it is called, as it is typed: `astro`.
    pub name: &'static str,
    /// What the names of its environment variables begin with: `ASTRO`.
    pub prefix: &'static str,
    /// Its own version, for `--version`.
    pub version: &'static str,
    /// Its folder in the platform's directories, beside the binary in `lib`, and, with a dot, below `ASTRO_HOME`. Also its name
    /// in the keyring.
    pub folder: &'static str,
    /// The file that selects a profile for a directory: `.astro.toml`.
    pub directory_file: &'static str,
    /// The lock file of `plugin sync`.
    pub lock_file: &'static str,
    /// What plugin files end with, without the dot.
    pub extension: &'static str,
    /// The first paragraph of the root page.
    pub about: &'static str,
    /// The API that plugins talk to.
    pub api: Api,
    /// How people sign in.
    pub sign_in: &'static dyn SignIn,
    /// How the API says what went wrong.
    pub api_errors: &'static dyn ApiErrors,
    /// The program that gets the lines whose words no plugin has.
    pub fallback: Option<&'static Fallback>,
}

/// An API.
pub struct Api {
    /// What it is called in texts: `the Astro API`.
    pub title: &'static str,
    /// Its base where nothing else is said.
    pub default_address: Option<&'static str>,
    /// What the path of a base has to be: `/v1`.
    pub base_path: &'static str,
    /// The base of a domain, for the variable `ASTRO_DOMAIN`; none where there is no such variable.
    pub of_domain: Option<fn(&str) -> String>,
}

/// Another program of the same field.
pub struct Fallback {
    /// What it is called in texts: `the official Astro CLI`.
    pub title: &'static str,
    /// Its words that are no words here, below each path: for the advice where it is not configured.
    pub words: &'static [(&'static str, &'static [&'static str])],
}

/// Signing in with OAuth 2.0, and what the tokens say.
pub trait SignIn: Sync {
    /// Finds the issuer of an API. `base` is the API's base without its path; `get` asks for a JSON document.
    ///
    /// # Errors
    /// Those of `get`, and what is wrong with a document.
    fn issuer(&self, base: &str, get: &dyn Fn(&str) -> Result<Value>) -> Result<Endpoints>;

    /// What the payload of a token says. The server verifies tokens; these values save a request and prevent mistakes.
    fn claims(&self, payload: &Value) -> Claims;
}

/// Where an issuer does what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Whom it knows as this program.
    pub client_id: String,
    /// What a token is for, where the issuer wants to know.
    pub audience: Option<String>,
    /// What a sign-in asks for.
    pub scopes: Vec<String>,
    /// The port on this machine that a browser comes back to; none for any.
    pub redirect_port: Option<u16>,
    /// Where a browser goes.
    pub authorize: String,
    /// Where tokens are given out.
    pub token: String,
    /// Who a token belongs to, when that is offered.
    pub userinfo: Option<String>,
    /// Where a device without a browser gets its code, when that is offered.
    pub device: Option<String>,
    /// Where a session is ended, when that is offered.
    pub revoke: Option<String>,
}

/// What a token says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The organization it belongs to.
    pub organization: Option<String>,
    /// The workspace it belongs to.
    pub workspace: Option<String>,
    /// The ID of the token.
    pub token_id: Option<String>,
    /// When it expires, in seconds since 1970.
    pub expires: Option<i64>,
}

/// How an API says what went wrong.
pub trait ApiErrors: Sync {
    /// Reads the body of an answer with an error status; every part may be missing, and the body may be anything.
    fn read(&self, body: &[u8]) -> ApiError;
}

/// What an API said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ApiError {
    /// For people; empty when it gives no reason.
    pub message: String,
    /// What its operators find the request by.
    pub request_id: Option<String>,
    /// What is wrong with which part of the request.
    pub fields: Vec<FieldError>,
}

static PRODUCT: OnceLock<&'static Product> = OnceLock::new();

/// Sets the product of this process. Only the first call counts.
pub fn set(product: &'static Product) {
    program::set(product.name, product.prefix);
    let _ = PRODUCT.set(product);
}

/// The product of this process; one without an API of its own until it is set, as in unit tests.
pub(crate) fn product() -> &'static Product {
    PRODUCT.get().copied().unwrap_or(&neutral::PRODUCT)
}
