//! A product without an API of its own.

use serde_json::Value;

use super::{Api, ApiError, ApiErrors, Claims, Endpoints, Product, SignIn};
use crate::base::error::{Result, failed};

pub(super) static PRODUCT: Product = Product {
    name: "astro",
    prefix: "ASTRO",
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
    },
    sign_in: &Neutral,
    api_errors: &Neutral,
    fallback: None,
};

struct Neutral;

impl SignIn for Neutral {
    fn issuer(&self, _: &str, _: &dyn Fn(&str) -> Result<Value>) -> Result<Endpoints> {
        Err(failed("this program has no way to sign in"))
    }

    fn claims(&self, payload: &Value) -> Claims {
        let text = |key: &str| payload[key].as_str().map(str::to_owned);
        Claims {
            organization: text("organization"),
            workspace: text("workspace"),
            token_id: text("jti"),
            expires: payload["exp"].as_i64(),
        }
    }
}

impl ApiErrors for Neutral {
    fn read(&self, body: &[u8]) -> ApiError {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let message = ["message", "detail", "title"].iter().find_map(|key| body[key].as_str());
        ApiError { message: message.unwrap_or_default().to_owned(), ..ApiError::default() }
    }
}
