//! What a user types and gets, in this process.

use astro_plugin_sdk::testing::{self, Host};

use super::plugin;

#[test]
fn it_greets() {
    let shown = Host::new(plugin()).formats("astro {{command}} --name Ada");
    assert_eq!(shown.clean, "Hello Ada!\n");
    assert_eq!(shown.json["greeting"], "Hello Ada!");
}

#[test]
fn every_example_works() {
    testing::examples(&Host::new(plugin()));
}

#[test]
fn it_keeps_the_rules_of_plugins() {
    testing::conformance(plugin());
}
