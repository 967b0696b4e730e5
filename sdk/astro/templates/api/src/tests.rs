//! What a user types and gets: with a scripted API in this process, and with a real one in the sandbox.

use astro_plugin_api::testing::{self, ORGANIZATION};
use astro_plugin_sdk::{
    sandbox,
    serde_json::json,
    testing::{Host, examples},
};

use super::plugin;

/// A host whose API has two deployments.
fn host() -> Host {
    let path = format!("organizations/{ORGANIZATION}/deployments");
    let rows = json!([
        {"id": "c2", "name": "reports", "status": "UNHEALTHY"},
        {"id": "c1", "name": "etl", "status": "HEALTHY"},
    ]);
    testing::host(plugin()).list(&path, "deployments", rows).lenient()
}

#[test]
fn it_lists_in_every_format() {
    let shown = host().formats("astro {{command}}");
    assert_eq!(shown.clean, "c1\tetl\tHEALTHY\nc2\treports\tUNHEALTHY\n");
    assert_eq!(shown.json["deployments"][1]["name"], "reports");
    assert!(shown.table.starts_with("ID  NAME"), "{}", shown.table);
}

#[test]
fn its_configuration_counts() {
    let host = host().config(json!({"only-healthy": true}));
    assert_eq!(host.run("astro {{command}} -o clean").ok(), "c1\tetl\tHEALTHY\n");
}

#[test]
fn an_unknown_name_says_what_to_do() {
    let ran = host().run("astro {{command}} nothing");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("help: see all of them with `astro {{command}}`"), "{}", ran.stderr);
}

#[test]
fn a_network_that_is_down_is_exit_code_5() {
    assert_eq!(host().offline().run("astro {{command}}").code, 5);
}

#[test]
fn names_are_completed() {
    let found = host().complete("astro {{command}}", "wanted", "re");
    assert_eq!(found[0].value, "reports");
}

#[test]
fn every_example_works() {
    examples(&host());
}

#[test]
fn it_keeps_the_rules_of_plugins() {
    testing::conformance(plugin());
}

#[test]
#[ignore = "needs an installed astro: `astro plugin test` runs it"]
fn it_works_against_the_sandbox() {
    let astro = sandbox!();
    let listed = astro.run("astro {{command}} --profile sandbox -o json").json();
    assert!(listed["deployments"].as_array().is_some_and(|rows| !rows.is_empty()), "{listed}");
}
