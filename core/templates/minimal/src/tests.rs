//! What a user types and gets, in this process.

#![cfg(test)]

use {{kit}}::{conformance, host};
use astro_plugin_sdk::testing::examples;

use super::plugin;

#[test]
fn it_greets() {
    let shown = host(plugin()).formats("astro {{command}} --name Ada");
    assert_eq!(shown.clean, "Hello Ada!\n");
    assert_eq!(shown.json["greeting"], "Hello Ada!");
}

#[test]
fn every_example_works() {
    examples(&host(plugin()));
}

#[test]
fn it_keeps_the_rules_of_plugins() {
    conformance(plugin());
}
