//! `astro commands`: what programs and people read of all commands.

use std::collections::BTreeSet;

use astro_e2e::{TestEnv, plugin_files::PluginFile, says};
use serde_json::Value;

use crate::completion::candidates;

fn names<'r>(record: &'r Value, key: &str) -> Vec<&'r str> {
    record[key].as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).collect()
}

/// Help, completion and the catalogue are made from one description; each is compared with the others, for every command.
#[test]
fn help_completion_and_the_catalogue_say_the_same() {
    let env = TestEnv::new();
    let global: BTreeSet<String> =
        candidates(&env, &["astro", "version", "--"]).lines().map(str::to_owned).collect();
    let catalogue = env.run(["commands", "-o", "json"]).json();
    let commands = catalogue["commands"].as_array().expect("a list");
    assert!(commands.len() > 60, "{}", commands.len());
    for record in commands {
        let path = record["path"].as_str().expect("a path");
        let words: Vec<&str> = path.split(' ').collect();
        let help = env.run(words.iter().copied().chain(["--help"])).ok();
        let effect = record["effect"].as_str().expect("an effect");
        assert!(help.contains(&format!("\nEffect:\n  {effect}")), "{path}: {help}");
        let options: BTreeSet<String> =
            names(record, "options").into_iter().map(|name| format!("--{name}")).collect();
        for option in &options {
            let is_there = help.lines().any(|line| line.split([' ', ',']).any(|word| word == option));
            assert!(is_there, "{path} {option}: {help}");
        }
        let typed: Vec<&str> = ["astro"].into_iter().chain(words).chain(["--"]).collect();
        let offered: BTreeSet<String> = candidates(&env, &typed)
            .lines()
            .map(str::to_owned)
            .filter(|option| !global.contains(option))
            .collect();
        assert_eq!(offered, options, "{path}");
    }
    let paths: Vec<&str> = commands.iter().filter_map(|record| record["path"].as_str()).collect();
    assert!(paths.is_sorted(), "{paths:?}");
    let table: Vec<String> = env
        .run(["commands", "-o", "clean"])
        .ok()
        .lines()
        .map(|line| line.split('\t').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(table, paths, "each format has every command");
}

#[test]
fn no_library_is_loaded_for_it_and_what_is_installed_is_in_it() {
    let env = TestEnv::new();
    let canary = env.path("canary");
    let paths = |args: &[&str]| -> Vec<String> {
        let ran = env.ran(env.astro().env("ASTRO_FIXTURE_CANARY", &canary).arg("commands").args(args));
        let rows = ran.json()["commands"].as_array().cloned().unwrap_or_default();
        rows.iter().filter_map(|row| row["path"].as_str().map(str::to_owned)).collect()
    };
    let file = PluginFile::marked(&env).version("1.0.0");
    std::fs::write(env.path("marked.astro-plugin"), file.bytes()).expect("written");
    assert!(!paths(&["-o", "json"]).contains(&"marked".to_owned()));
    env.run(["plugin", "install", "./marked.astro-plugin"]).ok();
    assert_eq!(paths(&["marked", "-o", "json"]), ["marked"]);
    // The file of all commands is made again when it is damaged, or gone.
    let index = env.path(".astro-host/plugins/index/commands");
    for change in [
        |path: &std::path::Path| std::fs::write(path, "damaged"),
        |path: &std::path::Path| std::fs::remove_file(path),
        |path: &std::path::Path| {
            let text = std::fs::read_to_string(path)?;
            std::fs::write(path, &text[..text.len() - 30])
        },
    ] {
        change(&index).expect("changed");
        assert_eq!(paths(&["marked", "-o", "json"]), ["marked"]);
    }
    env.run(["plugin", "remove", "marked"]).ok();
    assert!(!paths(&["-o", "json"]).contains(&"marked".to_owned()));
    assert!(!canary.exists(), "its code ran");
    for typed in [&["de", "to"][..], &["deployment", "token"], &["deployment token"]] {
        let found = paths(&[typed, &["-o", "json"]].concat());
        assert!(
            found.len() == 5 && found.iter().all(|path| path.starts_with("deployment token ")),
            "{found:?}"
        );
    }
    says(&env.run(["commands", "marked"]), 127, &["`marked`"]);
    assert_eq!(paths(&["whoami", "-o", "json"]), ["context"]);
    for (typed, meant) in [
        (&["deploy"][..], "did you mean `astro commands deployment`?"),
        (&["plugin", "indx"], "did you mean `astro commands plugin index`?"),
        (&["deployment", "token", "list", "x"], "see all commands"),
    ] {
        says(&env.run([&["commands"], typed].concat()), 127, &[typed[0], meant]);
    }
}
