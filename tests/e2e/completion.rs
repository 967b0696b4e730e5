//! Completion in real shells, from manifests.

use astro_e2e::{TestEnv, shells};

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

/// The script registers in each shell, and what it then completes is of the plugins installed now.
#[test]
fn each_shell_takes_the_script() {
    let env = TestEnv::new();
    for shell in shells() {
        let line = match shell.as_str() {
            "bash" => {
                "source <(astro completion bash) && COMP_WORDS=(astro deployment tok) COMP_CWORD=2 COMP_TYPE=9 && _clap_complete_astro astro tok deployment && echo \"${COMPREPLY[@]}\""
            }
            "zsh" => {
                "autoload -U compinit && compinit -u -d $HOME/.zcompdump && source <(astro completion zsh) && print $_comps[astro]"
            }
            "fish" => "astro completion fish | source && complete -C 'astro deployment tok'",
            other => panic!("no session for {other}"),
        };
        let ran = env.shell(&shell, line);
        let expected = if shell == "zsh" { "_clap_dynamic_completer_astro" } else { "token" };
        assert!(ran.code == Some(0) && ran.stdout.contains(expected), "{shell}: {ran:?}");
    }
}
