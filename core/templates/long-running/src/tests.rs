//! What a user types and gets, in this process. Programs are never run here: the script says what they print.

use {{kit}}::conformance;
use astro_plugin_sdk::{ProcessEnd, testing::Host};

use super::plugin;

/// A host whose git knows the file of this module.
fn host() -> Host {
    let listed = format!("{}\0", file!());
    let git = ProcessEnd::with_code(0).after_writing(listed);
    {{kit}}::host(plugin()).program("git", git)
}

#[test]
fn a_file_with_too_many_lines_is_told() {
    let ran = host().run("astro {{command}} --limit 3");
    assert_eq!(ran.code, 20);
    assert!(ran.stdout.contains("src/tests.rs: "), "{ran:?}");
    assert_eq!(host().run("astro {{command}}").code, 0);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let ran = host().run("astro {{command}} nothing.py");
    assert_eq!((ran.code, ran.stderr.starts_with("error: cannot read `nothing.py`")), (1, true), "{ran:?}");
}

#[test]
fn a_limit_that_is_none_is_refused() {
    let ran = host().run("astro {{command}} --limit 0");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("must be a whole number of lines from 1 to 1000000"), "{}", ran.stderr);
}

#[test]
fn it_keeps_the_rules_of_plugins() {
    conformance(plugin());
}
