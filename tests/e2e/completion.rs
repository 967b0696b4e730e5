//! Completion in real shells, from manifests.

use astro_e2e::{TestEnv, shells};
use expectrl::Expect;

use crate::terminal::{ended, session};

/// The candidates for a line, asked as the shell's script asks.
fn candidates(env: &TestEnv, words: &[&str]) -> String {
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

/// In each shell on a terminal: the word that Tab completes is of the plugins installed now.
#[test]
fn tab_completes_in_each_shell() {
    let env = TestEnv::new();
    for shell in shells() {
        let (args, register) = match shell.as_str() {
            "bash" => (&["--norc", "--noprofile", "-i"][..], "source <(astro completion bash)"),
            "zsh" => {
                (&["-f", "-i"][..], "autoload -U compinit; compinit -u -D; source <(astro completion zsh)")
            }
            "fish" => (&["--no-config", "-i"][..], "astro completion fish | source"),
            other => panic!("no session for {other}"),
        };
        let mut session = session(&env, &shell, args);
        // Line editors draw nothing on a terminal that does not echo, which is how the session begins.
        session.send_line(format!("stty echo; {register}; echo register''ed")).expect("typed");
        session.expect("registered").unwrap_or_else(|error| panic!("{shell}: {error}"));
        // What is expected stands nowhere in what is typed.
        session.send("astro deployment token rot\t --ye\t --version\r").expect("typed");
        session.expect("rotate").unwrap_or_else(|error| panic!("{shell}: {error}"));
        session.expect("--yes").unwrap_or_else(|error| panic!("{shell}: {error}"));
        session.expect("astro 0.").unwrap_or_else(|error| panic!("{shell}: {error}"));
        session.send_line("exit").expect("typed");
        ended(&mut session);
    }
}
