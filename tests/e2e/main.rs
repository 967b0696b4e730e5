//! The outside tests: few, and each a session with the installed binary.

#![expect(
    clippy::literal_string_with_formatting_args,
    reason = "placeholders of `--token-exec` look like them"
)]

mod attacks;
mod authors;
mod catalogue;
mod compatibility;
mod completion;
mod configuration;
mod containers;
mod corpus;
mod delivery;
mod directories;
mod effects;
mod failures;
mod foreign_directories;
mod forwarding;
mod guides;
mod help;
mod homes;
mod installing;
mod journeys;
mod keeping;
mod kit;
mod loading;
mod loopholes;
mod manual;
mod misbehaving;
mod network;
mod official;
mod ownership;
mod platform;
mod plugins;
mod processes;
mod profiles;
mod refusals;
mod reinstalling;
mod sandbox;
mod second_host;
mod secret_managers;
mod services;
mod signing_in;
mod sinks;
mod statuspage;
mod terminal;
mod tokens;
mod torture;
mod trust;
mod verdicts;

/// A file that is not in the list above would never run.
#[test]
fn no_file_is_forgotten() {
    let listed = include_str!("main.rs");
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/e2e")).expect("the directory") {
        let name = entry.expect("an entry").file_name().into_string().expect("text");
        if let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") {
            assert!(listed.contains(&format!("mod {module};")), "{name} is not listed");
        }
    }
}

/// Words of a test that is gone, or renamed, would stay in the file and be compared with nothing.
#[test]
fn wording_is_that_of_tests_that_exist() {
    let dir = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/e2e"));
    for entry in std::fs::read_dir(dir.join("wording")).expect("the directory") {
        let path = entry.expect("an entry").path();
        let area = path.file_stem().and_then(|stem| stem.to_str()).expect("text").to_owned();
        let mut sources = std::fs::read_to_string(dir.join(format!("{area}.rs"))).expect("the area");
        for module in std::fs::read_dir(dir.join(&area)).into_iter().flatten() {
            sources += &std::fs::read_to_string(module.expect("an entry").path()).expect("a module");
        }
        let wording = std::fs::read_to_string(&path).expect("read");
        for head in wording.lines().filter_map(|line| line.strip_prefix("== ")) {
            let test = head.split([' ', ':']).rfind(|word| word.parse::<u32>().is_err());
            let test = test.expect("a test");
            assert!(sources.contains(&format!("fn {test}()")), "{area}.txt: {head}");
        }
    }
}
