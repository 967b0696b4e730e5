//! What is offered at the end of a line, and how each shell is told.

use astro_plugin_protocol::{
    invocation::Candidate,
    manifest::{Arg, Arity, Choice, Command, Group, Needs, ValueKind},
};

use super::{Answer, Shell, Spot, Typed, spot};
use crate::tree::CommandSet;

const BREAKS: &str = " \t\n\"'@><=;|&(:";

fn set() -> CommandSet {
    let option = |long: &str, short: Option<char>, arity: Arity, kind: ValueKind| Arg {
        id: long.to_owned(),
        long: Some(long.to_owned()),
        short,
        arity,
        kind,
        help: format!("Help of {long}"),
        ..Arg::default()
    };
    let place = |id: &str, kind: ValueKind| Arg {
        id: id.to_owned(),
        arity: Arity::Positional,
        kind,
        ..Arg::default()
    };
    let choices =
        ["deployment", "workspace"].map(|value| Choice { value: value.to_owned(), ..Choice::default() });
    let create = Command {
        path: "deployment token create".into(),
        aliases: vec!["cr".into()],
        about: "Create a token".into(),
        args: vec![
            option("name", Some('n'), Arity::One, ValueKind::Text),
            option("role", None, Arity::One, ValueKind::Dynamic),
            option("clean-output", Some('c'), Arity::OptionalWithEquals, ValueKind::Bool),
            option("tag", None, Arity::One, ValueKind::Text),
            Arg { hidden: true, ..option("internal", None, Arity::Flag, ValueKind::Text) },
        ],
        needs: Needs { secret: true, ..Needs::default() },
        ..Command::default()
    };
    let mut create = create;
    create.args[3].repeated = true;
    let list = Command {
        path: "deployment token list".into(),
        args: vec![Arg {
            choices: choices.to_vec(),
            ..option("scope", Some('s'), Arity::One, ValueKind::Text)
        }],
        several_profiles: true,
        ..Command::default()
    };
    let inspect = Command {
        path: "deployment inspect".into(),
        args: vec![place("target", ValueKind::setting("deployment"))],
        ..Command::default()
    };
    let info = Command {
        path: "info".into(),
        args: vec![Arg { repeated: true, ..place("files", ValueKind::File) }],
        ..Command::default()
    };
    let run = Command {
        path: "run".into(),
        args: vec![
            place("tool", ValueKind::Text),
            Arg { id: "rest".into(), arity: Arity::Trailing, ..Arg::default() },
        ],
        ..Command::default()
    };
    let hidden = Command { path: "secret-word".into(), hidden: true, ..Command::default() };
    CommandSet {
        groups: vec![
            Group {
                path: "deployment".into(),
                aliases: vec!["de".into(), "deployments".into()],
                ..Group::default()
            },
            Group { path: "deployment token".into(), aliases: vec!["to".into()], ..Group::default() },
        ],
        commands: vec![create, list, inspect, info, run, hidden],
    }
}

fn at(line: &str) -> (Typed, Spot) {
    let typed = Shell::Bash.read_with(&[line.to_owned()], BREAKS);
    let spot = spot(&set(), &typed.before, &typed.current);
    (typed, spot)
}

/// The candidates of a line, `?arg` for values that have to be asked for, `@files` for paths.
fn offered(line: &str) -> String {
    let (_, spot) = at(line);
    let mut all: Vec<String> = spot.known.into_iter().map(|one| one.value).collect();
    all.extend(spot.asked.map(|asked| format!("?{}={}", asked.arg, asked.typed)));
    all.extend(spot.files.then(|| "@files".to_owned()));
    all.join(" ")
}

#[test]
fn what_may_stand_at_the_cursor_is_offered() {
    crate::product::set_neutral();
    for (line, expected) in [
        // Words, and no options among them.
        ("astro ", "deployment info run"),
        ("astro d", "deployment"),
        ("astro secret", ""),
        ("astro deployments", "deployments"),
        ("astro nowhere ", ""),
        ("astro deployment ", "token inspect"),
        ("astro de to cr --na", "--name"),
        ("astro deployment help ", "token inspect"),
        ("astro deployment token help cr", "create"),
        // A global option with a value, in front and between.
        ("astro --profile x ", "deployment info run"),
        ("astro --profile x dep", "deployment"),
        ("astro --profile=x -o json deployment -qo json to", "token"),
        ("astro -ojson deployment --color never ", "token inspect"),
        // Values.
        ("astro --profile ", "?profile="),
        ("astro --profile=o", "?profile=o"),
        ("astro deployment token list -o ", "table json clean"),
        ("astro deployment token list --output=j", "json"),
        ("astro deployment token list -oj", "json"),
        ("astro deployment token list -qo=j", "json"),
        ("astro deployment token list --scope ", "deployment workspace"),
        ("astro deployment token list --scope=w", "workspace"),
        ("astro deployment token list -sw", "workspace"),
        ("astro de to list --workspace-id ", "?workspace="),
        ("astro de to create --role D", "?role=D"),
        ("astro de to create --role=D", "?role=D"),
        ("astro de to create --name ", ""),
        ("astro de to create --name x --role ", "?role="),
        ("astro de to create --clean-output=", "true false"),
        ("astro de to create -c=t", "true"),
        ("astro de to create -c true --token-f", "--token-file"),
        ("astro de to create --token-file ", "@files"),
        ("astro de to create --token-file=a", "@files"),
        ("astro deployment inspect ", "?target="),
        ("astro deployment inspect x --deployment ", "?deployment="),
        ("astro info ", "@files"),
        ("astro info a b", "@files"),
        // Options: the command's own first, hidden ones and other spellings for those who know them.
        ("astro de to create --in", "--internal"),
        ("astro de to create --workspace-", "--workspace-id"),
        ("astro de to create --n", "--name --no-recovery --no-input"),
        ("astro de to create -n", "-n"),
        ("astro de to create -x", ""),
        ("astro deployment --prof", "--profile"),
        // Once is enough, except where it is not.
        ("astro de to create --name x --nam", ""),
        ("astro de to create -n x --nam", ""),
        ("astro de to create --tag x --tag", "--tag"),
        ("astro de to list --profile x --prof", "--profile"),
        ("astro de to create --profile x --prof", ""),
        // Behind `--` and in the arguments of another program nothing is an option.
        ("astro deployment inspect -- --prof", "?target=--prof"),
        ("astro run tool x --prof", ""),
        ("astro run ", ""),
    ] {
        assert_eq!(offered(line), expected, "{line}");
    }
}

/// Where nothing but an option can follow, options are offered without a dash.
#[test]
fn options_are_offered_where_nothing_else_can_stand() {
    for line in ["astro deployment token create ", "astro deployment inspect x "] {
        let found = offered(line);
        assert!(found.starts_with("--") && found.contains("--profile"), "{line}: {found}");
    }
    let all = offered("astro de to list -");
    assert!(all.starts_with("--scope --all-profiles --profile --output"), "{all}");
}

/// The rest of the word as bash has to be handed it: it begins a new word at `=` and `:`.
#[test]
fn bash_gets_what_follows_its_last_break() {
    crate::product::set_neutral();
    let values =
        [Candidate::new("co:lon", ""), Candidate::new("Data Platform", ""), Candidate::new("-v", "")];
    for (line, expected) in [
        ("astro --workspace ", "co\\:lon|Data\\ Platform"),
        ("astro --workspace co:", "lon"),
        ("astro --workspace 'co:l", "co:lon"),
        ("astro --workspace=D", "Data\\ Platform"),
        ("astro --workspace='D", "Data Platform"),
        ("astro --workspace=\"D", "Data Platform"),
        // Behind `=` a value may begin with a dash.
        ("astro --workspace=", "co\\:lon|Data\\ Platform|-v"),
    ] {
        let (typed, spot) = at(line);
        let answer = Answer { values: values.to_vec(), files: false };
        let written = Shell::Bash.write(&typed, &spot, &answer);
        let lines: Vec<&str> = written.lines().collect();
        assert_eq!((lines[0], lines[1..].join("|").as_str()), ("values 0", expected), "{line}");
    }
    let (typed, spot) = at("astro deployment list > f");
    assert_eq!(Shell::Bash.write(&typed, &spot, &Answer::default()), "files 0\n");
}

/// zsh and fish quote by themselves and show a line of help.
#[test]
fn zsh_and_fish_get_values_with_their_help() {
    crate::product::set_neutral();
    let values = vec![
        Candidate::new("co:lon", "a: b"),
        Candidate::new("back\\slash", ""),
        Candidate::new("esc\u{1b}", "never"),
        Candidate::new("x", "two\nlines\u{1b}"),
    ];
    for (shell, words, expected) in [
        (Shell::Zsh, ["astro", "--workspace", ""], "values 0|co\\:lon:a: b|back\\\\slash|x:two"),
        (Shell::Zsh, ["astro", "-q", "--workspace=c"], "values 12|co\\:lon:a: b"),
        (Shell::Fish, ["astro", "-q", "--workspace=c"], "values 12|--workspace=co:lon\ta: b"),
        (Shell::Fish, ["astro", "--workspace", "'co"], "values 0|co:lon\ta: b"),
    ] {
        let typed = shell.read_with(&words.map(str::to_owned), "");
        let spot = spot(&set(), &typed.before, &typed.current);
        let written = shell.write(&typed, &spot, &Answer { values: values.clone(), files: false });
        assert_eq!(written.trim_end().replace('\n', "|"), expected, "{shell:?} {words:?}");
    }
}
