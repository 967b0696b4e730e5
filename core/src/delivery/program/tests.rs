//! What may be typed for `--token-exec`, and what becomes of placeholders, as tables.

use super::*;

fn program(words: Vec<String>) -> Program {
    Program { option: "--token-exec", words, ends_with_newline: false, reserved: Mutex::default() }
}

fn refused(command: &str) -> Option<String> {
    let words = shlex::split(command).expect("words");
    let program = program(words);
    let failure = program.check_placeholders(&["id", "name", "role"]).err()?;
    assert_eq!(failure.code, crate::base::error::code::USAGE, "{command}");
    let help = failure.help.first().expect("the safe form").clone();
    assert!(help.contains("ASTRO_SECRET_") || help.contains("did you mean"), "{command}: {help}");
    let names_a_field = help.contains("{name}") || help.contains("{role}");
    assert!(!names_a_field || help.contains("did you mean"), "{command}: {help}");
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
        "bash -c -o pipefail {name}",
        "bash -c --rcfile f {name}",
        "tcsh -c {name}",
        "flock lock -c {name}",
        "tmux new-session -d {name}",
        "tee {nmae}",
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
    let program = program(words);
    let failure = program.check_placeholders(&["name"]).expect_err("refused");
    let pasted = failure.help[0].split_once("--token-exec ").expect("the option").1;
    let line = shlex::split(pasted).expect("one word").remove(0);
    let words = shlex::split(&line).expect("words");
    assert_eq!(words, ["sh", "-c", "cat >/dev/null; echo stored \"${ASTRO_SECRET_NAME}\""]);
}

#[test]
fn the_safe_form_keeps_the_quotes_of_a_script() {
    for (script, expected) in [
        ("echo {name}", Some(r#"echo "${ASTRO_SECRET_NAME}""#)),
        (r#"touch "astro-{name}""#, Some(r#"touch "astro-${ASTRO_SECRET_NAME}""#)),
        ("touch 'astro-{name}'", Some(r#"touch 'astro-'"${ASTRO_SECRET_NAME}"''"#)),
        (r#"echo \"{name}\""#, Some(r#"echo \""${ASTRO_SECRET_NAME}"\""#)),
        ("echo ${name} {id}-{unknown}", Some(r#"echo ${name} "${ASTRO_SECRET_ID}"-{unknown}"#)),
        ("echo '{name}' | sh", None),
        ("eval echo {name}", None),
        ("cat >/dev/null; sh -c \"echo {name}\"", None),
        ("[[ {name} -eq 1 ]]", None),
        ("read {name}", None),
        ("find . -exec sh -c {name} \\;", None),
        ("cat <<E\n{name}\nE", None),
        ("echo `echo {name}`", None),
        ("echo $(echo {name})", None),
    ] {
        assert_eq!(in_script(script, &["id", "name"]).as_deref(), expected, "{script}");
    }
}

#[test]
fn a_program_in_another_language_gets_no_line_to_paste() {
    for command in
        ["python3 -c 'print(\"{name}\")'", "perl -e 'print \"{name}\"'", "{name} x", "fish -c 'echo {name}'"]
    {
        let failure = program(shlex::split(command).expect("words")).check_placeholders(&["name"]);
        let help = failure.expect_err("refused").help;
        assert_eq!(help, ["write a fixed text there, or a script that reads ASTRO_SECRET_NAME"], "{command}");
    }
}

#[test]
fn placeholders_are_replaced_once_and_only_by_harmless_texts() {
    let fields = [
        ("name", "ci {id}"),
        ("blank", "CI of main"),
        ("plain", "ci-1_a.b@c:d+é"),
        ("make", "$(shell touch x)"),
        ("quote", "a'b"),
        ("id", "cm1"),
        ("a", "-x"),
        ("b", "x/y"),
        ("c", "/etc/x"),
        ("d", "a\nb"),
        ("e", ""),
    ];
    for (word, expected) in [
        ("{name}", None),
        ("{blank}", None),
        ("{plain}", Some("ci-1_a.b@c:d+é")),
        ("{make}", None),
        ("{quote}", None),
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
        assert_eq!(filled(word, &fields, false).ok().as_deref(), expected, "{word}");
    }
    assert_eq!(filled("{blank}", &fields, true).as_deref(), Ok("CI of main"));
    assert!(filled("x={blank}", &fields, true).is_err());
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
