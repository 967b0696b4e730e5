//! Every help page is a snapshot, and none of them loads a plugin.

use std::fmt::Write;

use astro_e2e::{TestEnv, assert_file, fixture, workspace};

/// Everything that `astro help` can be asked for, in the order of the reference page.
const PAGES: &[&str] = &[
    "",
    "deployment",
    "organization",
    "organization list",
    "organization inspect",
    "organization switch",
    "workspace",
    "workspace list",
    "workspace inspect",
    "workspace switch",
    "deployment list",
    "deployment inspect",
    "deployment switch",
    "deployment token",
    "deployment token create",
    "deployment token list",
    "deployment token rotate",
    "deployment token update",
    "deployment token delete",
    "sandbox",
    "sandbox start",
    "sandbox stop",
    "sandbox status",
    "sandbox reset",
    "sandbox env",
    "sandbox serve",
    "profile",
    "profile add",
    "profile list",
    "profile show",
    "profile use",
    "profile edit",
    "profile rename",
    "profile remove",
    "profile export",
    "profile import",
    "context",
    "config",
    "config get",
    "config set",
    "config unset",
    "config list",
    "config path",
    "config edit",
    "login",
    "logout",
    "credential",
    "credential list",
    "recover",
    "recover list",
    "recover show",
    "recover discard",
    "plugin",
    "plugin list",
    "plugin info",
    "plugin link",
    "plugin remove",
    "plugin install",
    "plugin upgrade",
    "plugin rollback",
    "plugin pin",
    "plugin sync",
    "plugin search",
    "plugin verify",
    "plugin exec",
    "plugin index",
    "plugin index add",
    "plugin index list",
    "plugin index remove",
    "plugin index build",
    "plugin index sign",
    "plugin index check",
    "plugin new",
    "plugin dev",
    "plugin test",
    "plugin check",
    "plugin pack",
    "commands",
    "completion",
    "version",
    "help",
    "globals",
    "exit-codes",
    "environment",
    "output",
    "automation",
];

/// The reference page of the documentation is made of the real help.
#[test]
fn the_reference_page_is_the_real_help() {
    let env = TestEnv::new();
    let mut page =
        String::from("# Commands\n\nThis page is the help of the program itself; a test keeps it so.\n");
    for words in PAGES {
        let text = env.run(std::iter::once("help").chain(words.split_whitespace())).ok();
        let title = if words.is_empty() { "astro".to_owned() } else { format!("astro {words}") };
        let title = if ["globals", "exit-codes", "environment", "output", "automation"].contains(words) {
            format!("astro help {words}")
        } else {
            title
        };
        let _ = write!(page, "\n## {title}\n\n```text\n{text}```\n");
        // What a terminal can only name, the page links.
        if text.contains("guide/automation.md") {
            page.push_str("\nMore: [to use the token in an automated process](../guide/automation.md), [secret managers](../guide/secret-managers.md).\n");
        }
    }
    assert_file(&page, &workspace().join("docs/src/reference/cli.md"));
}

/// A command that is not in the list above would have no page.
#[test]
fn every_command_has_its_page() {
    let env = TestEnv::new();
    let mut words: Vec<String> = vec![String::new()];
    while let Some(path) = words.pop() {
        let page = env.run(std::iter::once("help").chain(path.split_whitespace())).ok();
        assert!(PAGES.contains(&path.as_str()), "{path}");
        if !path.is_empty() && !page.contains("<COMMAND>") {
            continue;
        }
        // The words of a list stand at the beginning of a line, behind two spaces.
        let listed = page
            .lines()
            .skip_while(|line| !line.starts_with("Commands"))
            .take_while(|line| !line.contains("ptions:"));
        for line in listed.filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
            let word = line.trim().split([' ', ',']).next().expect("a word");
            let child = format!("{path} {word}").trim().to_owned();
            words.push(child);
        }
    }
}

/// `--help` after the words, `help` before them: one page.
#[test]
fn both_ways_to_ask_give_one_page() {
    let env = TestEnv::new();
    for words in PAGES.iter().filter(|words| {
        !["", "globals", "exit-codes", "environment", "output", "automation", "help"].contains(*words)
    }) {
        let asked = env.run(std::iter::once("help").chain(words.split_whitespace())).ok();
        assert_eq!(env.run(words.split_whitespace().chain(["--help"])).ok(), asked, "{words}");
    }
    assert_eq!(env.run(["--help"]).ok(), env.run(["help"]).ok());
    assert_eq!(env.run(["deployment", "token", "help"]).ok(), env.run(["help", "deployment", "token"]).ok());
    // A command that `--version` was typed after is not run.
    for line in
        ["--version", "-V", "version", "sandbox start -V", "deployment --version", "profile list --version"]
    {
        assert_eq!(
            env.run(line.split(' ')).ok(),
            concat!("astro ", env!("CARGO_PKG_VERSION"), "\n"),
            "{line}"
        );
    }
    assert_eq!(env.run::<&str>([]).ok(), env.run(["help"]).ok(), "astro alone shows the page on stdout");
    assert_eq!(env.run(["deployment", "token"]).ok(), env.run(["help", "deployment", "token"]).ok());
    assert_eq!(
        env.run(["de", "to", "cr", "-h"]).ok(),
        env.run(["help", "deployment", "token", "create"]).ok()
    );
}

/// The dynamic loader itself says which libraries were opened.
#[test]
fn help_lists_and_completion_load_no_plugin() {
    let env = TestEnv::new();
    // Also not a linked one that was built again since: only running it asks it anew.
    std::fs::copy(fixture("hello"), env.path("libhello.so")).expect("copied");
    env.run(["plugin", "link", "libhello.so"]).ok();
    std::fs::remove_file(env.path("libhello.so")).expect("removed");
    std::fs::copy(fixture("hello"), env.path("libhello.so")).expect("copied");
    let loaded = |args: &[&str], variables: &[(&str, &str)]| {
        let output = env
            .astro()
            .args(args)
            .env("LD_DEBUG", "files")
            .envs(variables.iter().copied())
            .output()
            .expect("runs");
        assert!(output.status.success(), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("libc.so"), "the loader speaks: {said}");
        said.contains("/proc/")
            || said.contains("astro-plugin")
            || said.contains("/fd/")
            || said.contains("hello.so")
    };
    let complete = [("ASTRO_COMPLETE", "fish")];
    for args in [
        &["--help"][..],
        &["help", "deployment", "token", "create"],
        &["plugin", "list"],
        &["plugin", "info", "sandbox"],
        &["plugin", "info", "hello"],
        &["hello", "--help"],
    ] {
        assert!(!loaded(args, &[]), "{args:?}");
    }
    assert!(!loaded(&["--", "astro", "deployment", "token", ""], &complete));
    assert!(loaded(&["hello"], &[]), "the check can fail: a command does load its plugin");
    assert!(loaded(&["sandbox", "start", "-q"], &[]), "the check can fail: a command does load its plugin");
    env.run(["sandbox", "stop"]).ok();
}

#[test]
fn pages_fit_forty_columns() {
    let env = TestEnv::new();
    let styles = regex::Regex::new("\x1b\\[[0-9;]*m").expect("a pattern");
    for words in ["", "deployment token create", "context"] {
        let line = format!("script -qec 'stty cols 40; astro help {words}' /dev/null");
        let session = env.shell("bash", &line);
        assert_eq!(session.code, Some(0), "{session:?}");
        let page = styles.replace_all(&session.stdout, "");
        assert!(page.lines().count() > 20, "{page}");
        for line in page.lines().map(str::trim_end) {
            // A heading, a command line to type and a word are never broken.
            let may_be_wide = line.ends_with(':')
                || line.trim_start().starts_with("astro ")
                || line.contains("=$(astro")
                || !line.trim().contains(' ');
            assert!(line.chars().count() <= 40 || may_be_wide, "{words}: {line}");
        }
    }
}
