//! `astro deployment token`: create, list, rotate, update and delete the API tokens of a deployment.
//!
//! * [`commands`]: one file for each verb: its options, then what it does.
//! * [`api`]: the API's operations, typed. * [`token`]: a token as it is shown.
//! * [`select`]: which token is meant. * [`place`]: where it is, in words. * [`role`]: which roles there are.

#![deny(unsafe_code)]

mod api;
mod commands;
mod place;
mod role;
mod select;
mod token;

use astro_plugin_sdk::{Plugin, export_plugin};

export_plugin!(
    Plugin::new("deployment-token", env!("CARGO_PKG_VERSION"))
        .about("API tokens of Astro deployments")
        .publisher("astro-host")
        .product("astro")
        .license("Apache-2.0")
        .command::<commands::Create>()
        .command::<commands::List>()
        .command::<commands::Rotate>()
        .command::<commands::Update>()
        .command::<commands::Delete>()
);

#[cfg(test)]
mod tests;

#[cfg(test)]
#[test]
fn it_keeps_the_rules_of_plugins() {
    astro_plugin_api::testing::conformance(plugin());
}
