//! A local Astro API: real HTTP, a real SQLite file, real JWTs, real checks. Everything that `astro` does
//! against Astro works on a laptop and in CI, without an account.
//!
//! * `commands`: start, stop, status, reset, env, serve.
//! * `api`: the operations of the API's subset in `openapi.yaml`, one file for each resource.
//! * `database`: the SQLite file and what it is seeded with; `token`: the JWTs, `signing` their signatures.
//! * `issuer`: who signs people in: codes, sessions, refresh.
//! * `instance`: the one server of an `ASTRO_HOME`: its lock, its state file.

#![deny(unsafe_code)]

mod api;
mod commands;
mod database;
mod instance;
mod issuer;
mod signing;
mod token;

use astro_plugin_sdk::{Plugin, export_plugin};

export_plugin!(
    Plugin::new("sandbox", env!("CARGO_PKG_VERSION"))
        .about("A local Astro API for trying things out and for tests")
        .publisher("astro-host")
        .product("astro")
        .license("Apache-2.0")
        .group("sandbox", "Run a local Astro API")
        .command::<commands::Start>()
        .command::<commands::Stop>()
        .command::<commands::Status>()
        .command::<commands::Reset>()
        .command::<commands::Env>()
        .command::<commands::Serve>()
);

#[cfg(test)]
#[test]
fn it_keeps_the_rules_of_plugins() {
    astro_plugin_api::testing::conformance(plugin());
}
