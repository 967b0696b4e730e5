//! Finding one's way: organizations, workspaces and deployments.

#![deny(unsafe_code)]

mod deployments;
mod organizations;
mod subject;
mod switch;
mod workspaces;

use astro_plugin_sdk::{Plugin, export_plugin};

export_plugin!(
    Plugin::new("platform", env!("CARGO_PKG_VERSION"))
        .about("Organizations, workspaces and deployments of Astro")
        .publisher("astro-host")
        .product("astro")
        .license("Apache-2.0")
        .command::<organizations::List>()
        .command::<organizations::Inspect>()
        .command::<organizations::Switch>()
        .command::<workspaces::List>()
        .command::<workspaces::Inspect>()
        .command::<workspaces::Switch>()
        .command::<deployments::List>()
        .command::<deployments::Inspect>()
        .command::<deployments::Switch>()
);

#[cfg(test)]
mod tests;

#[cfg(test)]
#[test]
fn it_keeps_the_rules_of_plugins() {
    astro_plugin_api::testing::conformance(plugin());
}
