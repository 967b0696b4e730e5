//! What may be typed for `--token-exec`, and what becomes of placeholders, as tables.

use super::*;

fn refused(command: &str) -> Option<String> {
    let words = shlex::split(command).expect("words");
    let program = Program { option: "--token-exec", words, ends_with_newline: false };
    let failure = program.check_placeholders(&["id", "name", "role"]).err()?;
    assert_eq!(failure.code, crate::base::error::code::USAGE, "{command}");
    let help = failure.help.first().expect("the safe form").clone();
    assert!(help.contains("ASTRO_SECRET_"), "{command}: {help}");
    assert!(!help.contains("{name}") && !help.contains("{role}"), "{command}: {help}");
    Some(failure.message)
}

#[test]
fn placeholders_are_refused_where_their_text_would_run() {
    for command in [
        "sh -c 'echo {name}'",
        "sh -c {name}",
        "/bin/bash -ec 'echo {name}'",
        "bash -o pipefail -c 'echo {name}'",
        "bash -c -e 'echo {name}'",
        "env A=1 dash -c 'echo {id}'",
        "sudo -u x zsh -lc 'echo {role}'",
        "fish --command {name}",
        "ssh host tee {name}",
        "su -c 'tee {name}' x",
        "{name} x",
        "/opt/{name}/put x",
        "python3 -c 'print(\"{name}\")'",
        "psql -c \"select '{name}'\"",
        "curl -d '{\"name\": \"{name}\"}' http://127.0.0.1",
    ] {
        assert!(refused(command).is_some(), "{command}");
    }
    for command in [
        "vault kv put secret/{name} token=-",
        "kubectl create secret generic {name} --from-file=token=/dev/stdin",
        "put --label=id={id},name={name} -",
        "sh -c 'cat > \"$1\"' sh {name}",
        "bash store.sh {name}",
        "sh -c 'echo ${name}'",
        "sh -c 'echo {unknown}'",
        "awk {print}",
    ] {
        assert_eq!(refused(command), None, "{command}");
    }
}

#[test]
fn the_safe_form_is_a_command_that_can_be_pasted() {
    let command = "sh -c 'cat >/dev/null; echo stored {name}'";
    let words = shlex::split(command).expect("words");
    let program = Program { option: "--token-exec", words, ends_with_newline: false };
    let failure = program.check_placeholders(&["name"]).expect_err("refused");
    let pasted = failure.help[0].split_once("--token-exec ").expect("the option").1;
    let line = shlex::split(pasted).expect("one word").remove(0);
    let words = shlex::split(&line).expect("words");
    assert_eq!(words, ["sh", "-c", "cat >/dev/null; echo stored \"$ASTRO_SECRET_NAME\""]);
}

#[test]
fn the_safe_form_of_a_word_keeps_its_quotes() {
    for (word, expected) in [
        (r#"{"name": "{name}"}"#, r#"'{"name": "'"$ASTRO_SECRET_NAME"'"}'"#),
        ("{id}-{name}", r#""$ASTRO_SECRET_ID"-"$ASTRO_SECRET_NAME""#),
        ("plain", "plain"),
    ] {
        assert_eq!(script_word(word, &["id", "name"]), expected, "{word}");
    }
}

#[test]
fn placeholders_are_replaced_once_and_only_by_harmless_texts() {
    let fields = [
        ("name", "ci {id}"),
        ("id", "cm1"),
        ("a", "-x"),
        ("b", "x/y"),
        ("c", "/etc/x"),
        ("d", "a\nb"),
        ("e", ""),
    ];
    for (word, expected) in [
        ("{name}", Some("ci {id}")),
        ("secret/{id}", Some("secret/cm1")),
        ("{id}-{id}", Some("cm1-cm1")),
        ("{unknown}{", Some("{unknown}{")),
        ("${id}", Some("${id}")),
        ("{b}", Some("x/y")),
        ("secret/{b}", None),
        ("{a}", None),
        ("--x={a}", None),
        ("{c}", None),
        ("{d}", None),
        ("{e}", None),
    ] {
        assert_eq!(filled(word, &fields).ok().as_deref(), expected, "{word}");
    }
}

#[test]
fn syntax_of_a_shell_is_noticed_outside_quotes_alone() {
    for (command, expected) in [
        ("cat > f", Some(">")),
        ("cat >f", Some(">f")),
        ("cat 2>&1", Some("2>&1")),
        ("a | b", Some("|")),
        ("a && b", Some("&&")),
        ("a; b", Some("a;")),
        ("put $HOME/x", Some("$HOME/x")),
        ("put ${X}", Some("${X}")),
        ("put $(id)", Some("$(id)")),
        ("tee ~/token", Some("~/token")),
        ("put '>' x", None),
        ("sh -c 'cat > f; echo $X'", None),
        ("sh -c \"cat > \\\"f\\\"\"", None),
        ("put a\\;", None),
        ("put cost=5$", None),
        ("put a>b", None),
        ("vault kv put secret/astro token=-", None),
    ] {
        assert_eq!(shell_syntax(command).as_deref(), expected, "{command}");
    }
}
