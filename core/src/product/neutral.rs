//! A product without an API of its own.

use serde_json::Value;

#[cfg(not(test))]
use super::Vocabulary;
use super::{Api, ApiError, ApiErrors, Authors, Endpoints, Product, Program, SignIn};
use crate::base::error::{Result, failed};

pub(super) static PRODUCT: Product = Product {
    program: Program { name: "astro", prefix: "ASTRO", vocabulary: VOCABULARY },
    version: env!("CARGO_PKG_VERSION"),
    folder: "astro-host",
    directory_file: ".astro.toml",
    lock_file: "astro-plugins.lock",
    extension: "astro-plugin",
    about: "",
    api: Api {
        title: "the API",
        default_address: Some("https://api.example.com/v1"),
        base_path: "/v1",
        of_domain: Some(|domain| format!("https://api.{domain}/v1")),
        token: None,
        rates: None,
    },
    sign_in: &Neutral,
    api_errors: &Neutral,
    fallback: None,
    authors: Authors::NONE,
};

struct Neutral;

impl SignIn for Neutral {
    fn issuer(&self, _: &str, _: &dyn Fn(&str) -> Result<Value>) -> Result<Endpoints> {
        Err(failed("this program has no way to sign in"))
    }
}

impl ApiErrors for Neutral {
    fn read(&self, body: &[u8]) -> ApiError {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let message = ["message", "detail", "title"].iter().find_map(|key| body[key].as_str());
        ApiError { message: message.unwrap_or_default().to_owned(), ..ApiError::default() }
    }
}

#[cfg(not(test))]
const VOCABULARY: Vocabulary = Vocabulary::NONE;

#[cfg(test)]
use tests::VOCABULARY;

#[cfg(test)]
mod tests {
    use astro_plugin_protocol::names::{Vocabulary, WellKnown};

    use crate::product::Dimension;

    /// What unit tests act on.
    pub(super) const VOCABULARY: Vocabulary = {
        fn is_id(text: &str) -> bool {
            text.len() == 25 && text.starts_with('c')
        }
        Vocabulary {
            dimensions: &[
                Dimension {
                    name: "organization",
                    claim: Some("/organization"),
                    list: &["organizations"],
                    is_id,
                },
                Dimension {
                    name: "workspace",
                    claim: Some("/workspace"),
                    list: &["organizations", "{organization}", "workspaces"],
                    is_id,
                },
                Dimension {
                    name: "deployment",
                    claim: None,
                    list: &["organizations", "{organization}", "deployments"],
                    is_id,
                },
            ],
            words: &[
                WellKnown { path: "deployment", aliases: &["de"], about: "Work with deployments" },
                WellKnown { path: "deployment token", aliases: &["to"], about: "Manage tokens" },
            ],
            reserved: &[],
        }
    };
}
