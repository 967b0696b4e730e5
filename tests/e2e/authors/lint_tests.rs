//! The tests of `astro airflow lint`.

use astro_plugin_sdk::{
    serde_json::json,
    testing::{self, Host},
};

use super::plugin;

#[test]
fn a_finding_has_its_place_and_the_exit_code() {
    let dag = std::env::temp_dir().join("astro-airflow-lint.py");
    std::fs::write(&dag, "from x import *\n").expect("written");
    let line = format!("astro airflow lint {}", dag.display());
    let ran = Host::new(plugin()).run(&line);
    assert_eq!((ran.code, ran.stdout.ends_with(":1: star-import\n")), (20, true), "{ran:?}");
    let wrong = Host::new(plugin()).config(json!({"rules": "some"})).run(&line);
    assert_eq!(wrong.code, 3);
}

#[test]
fn it_keeps_the_rules_of_plugins() {
    testing::conformance(plugin());
}
