//! What Astro is, for the host: where its API is, how people sign in to it, what its tokens and its errors say, and which
//! program has the commands that no plugin has. Everything else of `astro` is `astro-host`.

#![forbid(unsafe_code)]

mod api_errors;
mod official;
mod sign_in;

use astro_host::product::{Api, Product};

/// The product.
pub static ASTRO: Product = Product {
    name: "astro",
    prefix: "ASTRO",
    version: env!("CARGO_PKG_VERSION"),
    folder: "astro-host",
    directory_file: ".astro.toml",
    lock_file: "astro-plugins.lock",
    extension: "astro-plugin",
    about: "astro runs command plugins with one sign-in, one set of profiles and one way to show results. It is independent of Astronomer; `dev`, `deploy` and the rest stay with the official CLI.",
    api: Api {
        title: "the Astro API",
        default_address: Some("https://api.astronomer.io/v1"),
        base_path: "/v1",
        of_domain: Some(official::address),
    },
    sign_in: &sign_in::Auth0,
    api_errors: &api_errors::FieldErrors,
    fallback: Some(&official::CLI),
};
