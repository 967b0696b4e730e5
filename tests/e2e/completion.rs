//! Completion in real shells, from manifests.

use astro_e2e::{ACME, TestEnv, control::Control, fixture, shells};
use expectrl::Expect;

use crate::terminal::{ended, session};

/// The candidates for a line, asked as the shell's script asks.
pub(crate) fn candidates(env: &TestEnv, words: &[&str]) -> String {
    let index = (words.len() - 1).to_string();
    let mut command = env.astro();
    command
        .arg("--")
        .args(words)
        .env("ASTRO_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", index)
        .env("_CLAP_IFS", "\n");
    let output = command.output().expect("runs");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The same until a value is among them: on a machine that builds beside the tests 300 ms may pass, and then a person
/// presses Tab again.
pub(crate) fn candidates_with(env: &TestEnv, words: &[&str], value: &str) -> String {
    let mut found = String::new();
    for _ in 0..50 {
        found = candidates(env, words);
        if found.lines().any(|line| line == value) {
            break;
        }
    }
    found
}

#[test]
fn words_flags_and_choices() {
    let env = TestEnv::new();
    for (words, expected, never) in [
        (&["astro", ""][..], &["deployment", "sandbox", "profile", "plugin"][..], "token"),
        (&["astro", "dep"], &["deployment"], "sandbox"),
        (&["astro", "deployment", ""], &["list", "token"], "sandbox"),
        (&["astro", "deployment", "token", ""], &["create", "rotate"], "sandbox"),
        (
            &["astro", "de", "to", "cr", "--"],
            &["--name", "--expiration", "--clean-output", "--profile"],
            "--scope",
        ),
        (
            &["astro", "deployment", "token", "list", "--scope", ""],
            &["deployment", "workspace", "organization"],
            "create",
        ),
        (&["astro", "deployment", "list", "-o", ""], &["table", "json", "clean"], "yaml"),
        (&["astro", "profile", ""], &["add", "use"], "token"),
        (&["astro", "completion", ""], &["bash", "zsh", "fish"], "elvish"),
    ] {
        let found = candidates(&env, words);
        let found: Vec<&str> = found.lines().collect();
        for word in expected {
            assert!(found.contains(word), "{words:?}: {word} in {found:?}");
        }
        assert!(!found.contains(&never), "{words:?}: {never} in {found:?}");
    }
}

/// Values that nobody wrote down: from the configuration, the API, and the plugin.
#[test]
fn values_come_from_whoever_knows_them() {
    let env = TestEnv::with_sandbox();
    env.run(["profile", "add", "other", "--credential", "sandbox", "--organization", ACME]).ok();
    for (words, expected, never) in [
        (&["astro", "profile", "use", ""][..], &["other", "sandbox"][..], ""),
        (&["astro", "deployment", "list", "--profile", "o"], &["other"], "sandbox"),
        (&["astro", "deployment", "list", "--profile=o"], &["--profile=other"], "--profile=sandbox"),
        (&["astro", "deployment", "list", "--organization", ""], &["Acme"], ""),
        (&["astro", "deployment", "list", "--workspace", "D"], &["Data\\ Platform"], "Analytics"),
        (&["astro", "workspace", "switch", ""], &["Analytics", "Data\\ Platform"], ""),
        (
            &["astro", "deployment", "inspect", "--deployment", "Ing"],
            &["Ingest", "Ingest\\ Staging"],
            "Reports",
        ),
        (
            &["astro", "deployment", "token", "rotate", "cm"],
            &["cm00acme0token0deployment"],
            "cm00acme00token0workspace",
        ),
        (&["astro", "deployment", "token", "delete", "--name", "n"], &["nightly"], ""),
        (
            &["astro", "deployment", "token", "create", "--role", ""],
            &["DEPLOYMENT_ADMIN", "DAG_DEPLOYER"],
            "",
        ),
        (&["astro", "de", "to", "up", "-y", "--role", "L"], &["LOG_READER"], "DAG_DEPLOYER"),
    ] {
        let found = candidates_with(&env, words, expected[0]);
        let found: Vec<&str> = found.lines().collect();
        for word in expected {
            assert!(found.contains(word), "{words:?}: {word} in {found:?}");
        }
        assert!(!found.contains(&never), "{words:?}: {never} in {found:?}");
    }
    assert_eq!(Control::of(&env).posts(), 0, "nobody pressed Enter");
}

/// An answer is kept for the second Tab, and for nobody else.
#[test]
fn an_answer_is_kept_for_its_profile_alone() {
    let env = TestEnv::with_sandbox();
    env.shell("sh", "echo other-token | ASTRO_API_URL=$(astro sandbox status -o json | grep -o 'http[^\"]*') astro login --with-token --credential other -q").ok();
    env.run(["profile", "add", "other", "--credential", "other", "--organization", ACME]).ok();
    let line = &["astro", "deployment", "inspect", "--deployment", "Rep"];
    assert_eq!(candidates_with(&env, line, "Reports"), "Reports");
    let kept = env.path(".astro-host/cache/completion");
    for entry in std::fs::read_dir(&kept).expect("a cache") {
        use std::os::unix::fs::PermissionsExt;
        let mode = entry.expect("a file").metadata().expect("facts").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    env.run(["sandbox", "stop"]).ok();
    assert_eq!(candidates(&env, line), "Reports", "from the cache");
    assert_eq!(
        candidates(&env, &["astro", "--profile", "other", "deployment", "inspect", "--deployment", "Rep"]),
        ""
    );
    // With nothing to ask and nothing kept a shell is told nothing.
    std::fs::remove_dir_all(&kept).expect("removed");
    assert_eq!(candidates(&env, line), "");
}

/// Whatever a plugin does while a shell completes a line: what is known without it is offered, no text gets into the line,
/// and nothing is changed.
#[test]
fn a_plugin_that_misbehaves_completes_nothing_and_says_nothing() {
    let env = TestEnv::with_sandbox();
    std::fs::copy(fixture("misbehaving"), env.path("libbad.so")).expect("copied");
    env.run(["plugin", "link", "libbad.so"]).ok();
    for how in ["panic", "block", "pending", "fail", "write", "emit", "notice", "ask"] {
        let found = candidates(&env, &["astro", "misbehave", "values", "--how", how, ""]);
        assert!(found.lines().any(|line| line == "--how") && !found.contains("fine"), "{how}: {found}");
    }
    for how in ["exit", "abort"] {
        let found = candidates(&env, &["astro", "misbehave", "values", "--how", how, ""]);
        assert!(!found.contains("fine"), "{how}: {found}");
    }
    let found = candidates_with(&env, &["astro", "misbehave", "values", "--how", "print", ""], "fine");
    assert!(found.starts_with("fine\nwith\\ blank\n--how") && !found.contains("accident"), "{found:?}");
    assert_eq!(Control::of(&env).posts(), 0, "nothing was written");
}

/// A server that does not answer in time: what is known without it is offered.
#[test]
fn a_slow_server_is_not_waited_for() {
    let env = TestEnv::new();
    env.run(["sandbox", "start", "--latency", "60000"]).ok();
    let found = candidates(&env, &["astro", "workspace", "switch", ""]);
    assert!(found.lines().any(|line| line == "--profile") && !found.contains("Analytics"), "{found}");
    let pid = env.run(["sandbox", "status", "-o", "json"]).json()["pid"].clone();
    astro_e2e::signal(u32::try_from(pid.as_u64().expect("a number")).expect("a pid"), "KILL");
}

/// In each shell on a terminal: the value that Tab completes reaches the command, blanks and all.
#[test]
fn tab_completes_values_in_each_shell() {
    let env = TestEnv::with_sandbox();
    for shell in shells() {
        let mut session = completing_session(&env, &shell);
        // Asked before, so that the answers are at hand when the keys are pressed.
        let asked = |words: &[&str], value: &str| drop(candidates_with(&env, words, value));
        asked(&["astro", "deployment", "inspect", "--deployment", "Rep"], "Reports");
        session.send("astro deployment inspect --deployment Rep\t -o clean\r").expect("typed");
        session.expect("cm00acme000deployment0003").unwrap_or_else(|error| panic!("{shell}: {error}"));
        asked(&["astro", "deployment", "list", "--workspace", "Dat"], "Data\\ Platform");
        session.send("astro deployment list --workspace Dat\t -o clean\r").expect("typed");
        session.expect("cm00acme000deployment0001").unwrap_or_else(|error| panic!("{shell}: {error}"));
        for begun in ["Data\\ ", "'Data ", "\"Data ", "'Dat", "\"Dat"] {
            session.send(format!("astro deployment list --workspace {begun}\t -o json\r")).expect("typed");
            session
                .expect("\"Ingest Staging\"")
                .unwrap_or_else(|error| panic!("{shell} after {begun}: {error}"));
        }
        session.send("astro deployment token list --profile sand\t -o clean\r").expect("typed");
        session.expect("nightly").unwrap_or_else(|error| panic!("{shell}: {error}"));
        let role = ["astro", "deployment", "token", "create", "--name", "of-a-shell", "--role", "LOG"];
        asked(&role, "LOG_READER");
        session
            .send("astro deployment token create --name of-a-shell --role LOG\t --token-file new-token -o json\r")
            .expect("typed");
        session.expect("LOG_READER\",").unwrap_or_else(|error| panic!("{shell}: {error}"));
        asked(&["astro", "deployment", "token", "delete", "--name", "of-"], "of-a-shell");
        session.send("rm new-token; astro deployment token delete --name of-\t --yes\r").expect("typed");
        session.expect("Deleted the token").unwrap_or_else(|error| panic!("{shell}: {error}"));
        asked(&["astro", "deployment", "token", "rotate", "cm"], "cm00acme0token0deployment");
        session
            .send("astro deployment token rotate cm\t --yes --token-file new-token; rm new-token\r")
            .expect("typed");
        session.expect("Rotated the token").unwrap_or_else(|error| panic!("{shell}: {error}"));
        session.send_line("exit").expect("typed");
        ended(&mut session);
    }
}

/// In each shell on a terminal: the word that Tab completes is of the plugins installed now.
#[test]
fn tab_completes_in_each_shell() {
    let env = TestEnv::new();
    for shell in shells() {
        let mut session = completing_session(&env, &shell);
        // What is expected stands nowhere in what is typed.
        session.send("astro deployment token rot\t --ye\t --version\r").expect("typed");
        session.expect("rotate").unwrap_or_else(|error| panic!("{shell}: {error}"));
        session.expect("--yes").unwrap_or_else(|error| panic!("{shell}: {error}"));
        session.expect("astro 0.").unwrap_or_else(|error| panic!("{shell}: {error}"));
        session.send_line("exit").expect("typed");
        ended(&mut session);
    }
}

/// A shell on a terminal that completes `astro`.
fn completing_session(env: &TestEnv, shell: &str) -> expectrl::session::OsSession {
    let (args, register) = match shell {
        "bash" => (&["--norc", "--noprofile", "-i"][..], "source <(astro completion bash)"),
        "zsh" => (&["-f", "-i"][..], "autoload -U compinit; compinit -u -D; source <(astro completion zsh)"),
        "fish" => (&["--no-config", "-i"][..], "astro completion fish | source"),
        other => panic!("no session for {other}"),
    };
    let mut session = session(env, shell, args);
    // Line editors draw nothing on a terminal that does not echo, which is how the session begins.
    session.send_line(format!("stty echo; {register}; echo register''ed")).expect("typed");
    session.expect("registered").unwrap_or_else(|error| panic!("{shell}: {error}"));
    session
}
