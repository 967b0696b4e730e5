//! A first look at the raw arguments, before anything is known about plugins: which words were typed.

use astro_plugin_protocol::manifest::{Arity, Command, ValueKind, read_bool};

use crate::globals;

/// The words among the arguments, in order: what is neither an option nor the value of a global option.
/// Stops at `--`. The command's path is a prefix of them.
pub fn words(args: &[String]) -> Vec<&str> {
    word_places(args).into_iter().map(|place| args[place].as_str()).collect()
}

/// Where those words stand.
pub(crate) fn word_places(args: &[String]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut rest = args.iter().enumerate();
    while let Some((place, arg)) = rest.next() {
        if arg == "--" {
            break;
        }
        if !arg.starts_with('-') || arg == "-" {
            places.push(place);
        } else if takes_next(arg) {
            rest.next();
        }
    }
    places
}

/// The arguments without the words of the command's path, the first `taken` ones.
pub fn without_path(args: &[String], taken: usize) -> Vec<String> {
    let places = word_places(args);
    let path = places.get(..taken).unwrap_or(&places);
    let kept = args.iter().enumerate().filter(|(place, _)| !path.contains(place));
    kept.map(|(_, arg)| arg.clone()).collect()
}

/// The first option before an argument that is not a global one: it belongs to no command there, and whether the next
/// word is its value cannot be told. Without its value.
pub fn unknown_option(args: &[String], before: usize) -> Option<&str> {
    let mut rest = args.iter().take(before);
    while let Some(arg) = rest.next() {
        if !arg.starts_with('-') || arg == "-" {
            continue;
        }
        if !is_global(arg) {
            return arg.split('=').next();
        }
        if takes_next(arg) {
            rest.next();
        }
    }
    None
}

/// `-y=false`: a switch of a cluster and the value that it got and does not take.
pub fn switch_with_value(args: &[String]) -> Option<(String, &str)> {
    args.iter().take_while(|arg| *arg != "--").find_map(|arg| {
        let (letters, value) = arg.strip_prefix('-')?.split_once('=')?;
        let last = letters.chars().next_back().filter(|_| !letters.starts_with('-'))?;
        Some((format!("-{last}"), value))
    })
}

/// Whether an argument is made of global options alone.
fn is_global(arg: &str) -> bool {
    if let Some(long) = arg.strip_prefix("--") {
        let long = long.split('=').next().unwrap_or_default();
        return globals::all().iter().any(|global| global.long == long || global.aliases.contains(&long));
    }
    let letters = arg.strip_prefix('-').unwrap_or_default();
    for letter in letters.chars() {
        match globals::all().iter().find(|global| global.short == Some(letter)) {
            // The rest is its value.
            Some(global) if global.value.is_some() => return true,
            Some(_) => {}
            None => return false,
        }
    }
    !letters.is_empty()
}

/// Whether an argument is a global option whose value is the next argument.
fn takes_next(arg: &str) -> bool {
    if let Some(long) = arg.strip_prefix("--") {
        return globals::all()
            .iter()
            .any(|global| global.value.is_some() && (global.long == long || global.aliases.contains(&long)));
    }
    // In a cluster such as `-qo` only the last letter can take the next argument.
    let mut letters = arg[1..].chars().peekable();
    while let Some(letter) = letters.next() {
        match globals::all().iter().find(|global| global.short == Some(letter)) {
            Some(global) if global.value.is_some() => return letters.peek().is_none(),
            Some(_) => {}
            None => return false,
        }
    }
    false
}

/// Joins a switch and the word after it when that word is a boolean: `-c True` becomes `-c=True`, so that
/// `rotate -c TOKEN_ID` and `create -c True` both mean what they look like.
pub fn join_switches(args: &[String], command: &Command) -> Vec<String> {
    let switches: Vec<_> = command
        .args
        .iter()
        .filter(|arg| arg.arity == Arity::OptionalWithEquals && arg.kind == ValueKind::Bool)
        .collect();
    let mut joined: Vec<String> = Vec::with_capacity(args.len());
    let mut rest = args.iter().peekable();
    // What stands before a trailing positional: the command's words and its other positionals.
    let has_trailing = command.args.iter().any(|arg| arg.arity == Arity::Trailing);
    let places = command.args.iter().filter(|arg| arg.arity == Arity::Positional).count();
    let mut places_left = command.words().count() + places;
    while let Some(arg) = rest.next() {
        let is_place = !arg.starts_with('-') || arg == "-";
        if arg == "--" || (has_trailing && is_place && places_left == 0) {
            joined.push(arg.clone());
            joined.extend(rest.cloned());
            break;
        }
        if is_place {
            places_left = places_left.saturating_sub(1);
        } else if takes_next(arg) || takes_value(arg, command) {
            joined.push(arg.clone());
            joined.extend(rest.next().cloned());
            continue;
        }
        let is_switch = switches.iter().any(|switch| match arg.strip_prefix("--") {
            Some(long) => {
                switch.long.as_deref() == Some(long) || switch.aliases.iter().any(|alias| alias == long)
            }
            None => switch.short.is_some_and(|short| ends_cluster(arg, short, command)),
        });
        match rest.peek() {
            Some(next) if is_switch && read_bool(next).is_some() => {
                joined.push(format!("{arg}={next}"));
                rest.next();
            }
            _ => joined.push(arg.clone()),
        }
    }
    joined
}

/// Whether an argument is an option of the command whose value is the next argument.
fn takes_value(arg: &str, command: &Command) -> bool {
    let secret = command.host_options().filter(|option| option.value.is_some());
    if secret.into_iter().any(|option| arg.strip_prefix("--") == Some(option.long)) {
        return true;
    }
    let mut options = command.args.iter().filter(|option| option.arity == Arity::One);
    options.any(|option| match arg.strip_prefix("--") {
        Some(long) => {
            option.long.as_deref() == Some(long) || option.aliases.iter().any(|alias| alias == long)
        }
        None => option.short.is_some_and(|short| ends_cluster(arg, short, command)),
    })
}

/// Whether `-yc` is a cluster of flags that ends with this short name.
fn ends_cluster(arg: &str, short: char, command: &Command) -> bool {
    let Some(letters) = arg.strip_prefix('-') else { return false };
    let Some(before) = letters.strip_suffix(short) else { return false };
    before.chars().all(|letter| {
        command.args.iter().any(|arg| arg.short == Some(letter) && arg.arity == Arity::Flag)
            || globals::all().iter().any(|global| global.short == Some(letter) && global.value.is_none())
    })
}

#[cfg(test)]
mod tests {
    use astro_plugin_protocol::manifest::Arg;

    use super::*;

    fn args(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn global_values_are_no_words() {
        let rows = [
            ("deployment token list", "deployment token list"),
            ("--profile deployment token", "token"),
            ("--profile=x deployment", "deployment"),
            ("-o json deployment -qo json list", "deployment list"),
            ("-ojson deployment", "deployment"),
            ("-vv deployment -- list", "deployment"),
            ("--unknown deployment", "deployment"),
        ];
        for (line, expected) in rows {
            assert_eq!(words(&args(line)).join(" "), expected, "{line}");
        }
    }

    #[test]
    fn a_path_is_taken_out() {
        let rows = [
            ("token list -o json x", "-o json x"),
            ("--profile p token -qojson list --name y", "--profile p -qojson --name y"),
            ("--deployment=x token list", "--deployment=x"),
            ("token list -- token list", "-- token list"),
        ];
        for (line, expected) in rows {
            assert_eq!(without_path(&args(line), 2).join(" "), expected, "{line}");
        }
    }

    #[test]
    fn an_option_that_is_not_global_is_found_before_a_word() {
        let rows = [
            ("--outptu json", Some("--outptu")),
            ("--outptu=json list", Some("--outptu")),
            ("-o json -f list", Some("-f")),
            ("-o json --profile -x list", None),
            ("-qojson list", None),
            ("token --name list", Some("--name")),
        ];
        for (line, expected) in rows {
            let args = args(line);
            assert_eq!(unknown_option(&args, args.len() - 1), expected, "{line}");
        }
        assert_eq!(unknown_option(&args("list --name"), 0), None);
    }

    #[test]
    fn only_a_boolean_word_is_the_value_of_a_switch() {
        let command = Command {
            args: vec![
                Arg {
                    id: "clean".into(),
                    long: Some("clean-output".into()),
                    short: Some('c'),
                    arity: Arity::OptionalWithEquals,
                    kind: ValueKind::Bool,
                    ..Arg::default()
                },
                Arg { id: "force".into(), long: Some("force".into()), short: Some('f'), ..Arg::default() },
            ],
            ..Command::default()
        };
        let rows = [
            ("-c True", "-c=True"),
            ("-c tokenid", "-c tokenid"),
            ("--clean-output False x", "--clean-output=False x"),
            ("--clean-output=1", "--clean-output=1"),
            ("-yfc 0", "-yfc=0"),
            ("-nc 0", "-nc 0"),
            ("-- -c true", "-- -c true"),
            ("-c", "-c"),
        ];
        for (line, expected) in rows {
            assert_eq!(join_switches(&args(line), &command).join(" "), expected, "{line}");
        }
        let wrapper = Command {
            path: "run".into(),
            args: command
                .args
                .into_iter()
                .chain([Arg { id: "rest".into(), arity: Arity::Trailing, ..Arg::default() }])
                .collect(),
            ..Command::default()
        };
        for (line, expected) in [
            ("run -c true tool -c true", "run -c=true tool -c true"),
            ("run --profile p -c 0 tool -c 0", "run --profile p -c=0 tool -c 0"),
        ] {
            assert_eq!(join_switches(&args(line), &wrapper).join(" "), expected, "{line}");
        }
    }
}
