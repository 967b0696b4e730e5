//! What differs between the programs that are made of this library: one value, given to [`crate::main`].
//!
//! Almost all of it is data. Two things are code: how people sign in ([`SignIn`]), and how the API says what went wrong
//! ([`ApiErrors`]).

mod check;
mod neutral;
mod standard;

use std::{path::PathBuf, sync::OnceLock};

pub use astro_plugin_protocol::message::FieldError;
use serde_json::Value;

pub use astro_plugin_protocol::names::{Dimension, Vocabulary, WellKnown};
pub use standard::{Oidc, ProblemDetails};

pub use crate::program::Program;

use crate::{base::error::Result, program};

/// A program.
pub struct Product {
    /// Its name, and what its commands act on.
    pub program: Program,
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
    /// What there is for people who write plugins, beyond the SDK.
    pub authors: Authors,
}

/// What a product has for people who write plugins.
pub struct Authors {
    /// The crate that knows the product's API; each new plugin depends on it.
    pub api: Option<PluginApi>,
    /// Templates of `plugin new`, after those of every product.
    pub templates: &'static [Template],
}

impl Authors {
    /// The SDK alone.
    pub const NONE: Self = Self { api: None, templates: &[] };
}

/// A crate beside the SDK. Its module `testing` has `host(plugin)` and `conformance(plugin)`, as that of the SDK has.
pub struct PluginApi {
    /// The name of the package.
    pub package: &'static str,
    /// Its directory, below that of the SDK's sources.
    pub dir: &'static str,
}

/// The files of a new crate. In their texts, `{{name}}` is that of the plugin, `{{command}}` its words, `{{struct}}` the type
/// of the command and `{{about}}` its line of help; `{{group_lines}}` declares the groups above the command.
pub struct Template {
    /// What it is called on the command line.
    pub name: &'static str,
    /// The line of help of its command.
    pub about: &'static str,
    /// Path and text of each file; the files that every plugin has come with them.
    pub files: &'static [(&'static str, &'static str)],
}

impl Product {
    /// One that follows standards: a sign-in at an issuer of OpenID Connect that the API names, errors as problem details.
    pub const STANDARD: Self = Self {
        program: Program { name: "", prefix: "", vocabulary: Vocabulary::NONE },
        version: "",
        folder: "",
        directory_file: "",
        lock_file: "",
        extension: "",
        about: "",
        api: Api::NONE,
        sign_in: &Oidc::AT_THE_API,
        api_errors: &ProblemDetails,
        fallback: None,
        authors: Authors::NONE,
    };
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
    /// The path of what a token says about itself, below the base: of its owner in the widest dimension and its ID.
    pub token: Option<TokenPath>,
    /// How many requests it takes in a second; none where it does not say.
    pub rates: Option<Rates>,
}

/// How many requests of each kind an API takes from one token in a second, each at least one.
pub struct Rates {
    /// Those that read.
    pub get: usize,
    /// Those that create or change.
    pub post: usize,
    /// Those that delete.
    pub delete: usize,
}

impl Api {
    /// An API of which nothing is known.
    pub const NONE: Self = Self {
        title: "the API",
        default_address: None,
        base_path: "",
        of_domain: None,
        token: None,
        rates: None,
    };
}

/// The path of a token, by its owner and its ID.
pub type TokenPath = for<'a> fn(&'a str, &'a str) -> Vec<&'a str>;

/// Another program of the same field.
pub struct Fallback {
    /// What it is called in texts: `the official Astro CLI`.
    pub title: &'static str,
    /// Its words that are no words here, below each path: for the advice where it is not configured.
    pub words: &'static [(&'static str, &'static [&'static str])],
    /// What this user configured it with; none where there is no such file.
    pub file: fn() -> Option<PathBuf>,
    /// Reads that file. Fails with the line that cannot be read, when there is one: the file holds tokens, and the
    /// parser's message would quote them.
    pub read: fn(text: &str) -> std::result::Result<Vec<OtherProfile>, Option<usize>>,
    /// Whom it would use now, by what the file says and the domain that the environment chooses.
    pub in_use: fn(text: &str, domain: Option<&str>) -> OtherProfile,
}

/// What another program calls a context: an address and whom it acts as there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtherProfile {
    /// What it is called.
    pub name: String,
    /// The base of the API.
    pub address: String,
    /// For each dimension that it chooses, the value.
    pub settings: Vec<(&'static str, String)>,
}

/// Signing in with OAuth 2.0, and what the tokens say.
pub trait SignIn: Sync {
    /// Finds the issuer of an API. `base` is the API's base without its path; `get` asks for a JSON document.
    ///
    /// # Errors
    /// Those of `get`, and what is wrong with a document.
    fn issuer(&self, base: &str, get: &dyn Fn(&str) -> Result<Value>) -> Result<Endpoints>;

    /// What the payload of a token says. The server verifies tokens; these values save a request and prevent mistakes.
    fn claims(&self, payload: &Value) -> Claims {
        Claims::of_pointers(payload)
    }
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
    /// The API that a token is for (RFC 8707), where the issuer wants to know; it goes with renewals, too.
    pub resource: Option<String>,
    /// What the page of the issuer has to ask (`prompt` of OpenID Connect Core 1.0, section 3.1.2.1).
    pub prompt: Option<String>,
    /// The name of this machine in the address that a browser comes back to, `127.0.0.1` or `localhost`: an issuer compares
    /// it as text with what the client was registered with.
    pub redirect_host: String,
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
    /// What it belongs to: the name of a dimension, and which.
    pub settings: Vec<(&'static str, Claimed)>,
    /// The ID of the token.
    pub token_id: Option<Claimed>,
    /// When it expires, in seconds since 1970.
    pub expires: Option<i64>,
}

/// A value that a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The value.
    pub value: String,
    /// What the claim is called, for people.
    pub claim: &'static str,
}

impl Claims {
    /// What the payload says where the program's dimensions point to ([`Dimension::claim`]), with `jti` and `exp` of
    /// RFC 7519.
    pub fn of_pointers(payload: &Value) -> Self {
        let text = |pointer: &'static str| {
            let value = payload.pointer(pointer)?.as_str()?.to_owned();
            Some(Claimed { value, claim: pointer.trim_start_matches('/') })
        };
        let setting = |dimension: &Dimension| Some((dimension.name, text(dimension.claim?)?));
        Self {
            settings: program::dimensions().iter().filter_map(setting).collect(),
            token_id: text("/jti"),
            expires: payload["exp"].as_i64(),
        }
    }

    /// What it says for a dimension.
    pub fn setting(&self, dimension: &str) -> Option<&Claimed> {
        self.settings.iter().find(|(name, _)| *name == dimension).map(|(_, claimed)| claimed)
    }

    /// What it belongs to in the widest dimension.
    pub fn owner(&self) -> Option<&str> {
        let widest = program::dimensions().first()?;
        self.setting(widest.name).map(|claimed| claimed.value.as_str())
    }
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
    program::set(&product.program);
    let _ = PRODUCT.set(product);
}

/// Sets the product of unit tests. A test whose result depends on dimensions or words begins with it.
#[cfg(test)]
pub(crate) fn set_neutral() {
    set(&neutral::PRODUCT);
}

/// The product of this process; one without an API of its own until it is set, as in unit tests.
pub(crate) fn product() -> &'static Product {
    PRODUCT.get().copied().unwrap_or(&neutral::PRODUCT)
}
