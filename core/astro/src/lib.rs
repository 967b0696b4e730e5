//! What Astro is, for the host: where its API is, how people sign in to it, what its tokens and its errors say, and which
//! program has the commands that no plugin has. Everything else of `astro` is `astro-host`.

#![forbid(unsafe_code)]

mod api_errors;
mod official;
mod own_context;
mod sign_in;

use astro_host::product::{Api, Authors, PluginApi, Product, Program, Rates, Template};
use astro_plugin_api::VOCABULARY;

/// The product.
pub static ASTRO: Product = Product {
    program: Program { name: "astro", prefix: "ASTRO", vocabulary: VOCABULARY },
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
        token: Some(|organization, token| vec!["organizations", organization, "tokens", token]),
        // "Rate limits" in the documentation of the API.
        rates: Some(Rates { get: 25, post: 10, delete: 5 }),
    },
    sign_in: &sign_in::Auth0,
    api_errors: &api_errors::FieldErrors,
    fallback: Some(&official::CLI),
    authors: Authors {
        api: Some(PluginApi { package: "astro-plugin-api", dir: "astro" }),
        templates: &[Template {
            name: "api",
            about: "List deployments by their status",
            files: &[
                ("src/lib.rs", include_str!("../../../sdk/astro/templates/api/src/lib.rs")),
                ("src/tests.rs", include_str!("../../../sdk/astro/templates/api/src/tests.rs")),
            ],
        }],
    },
};
