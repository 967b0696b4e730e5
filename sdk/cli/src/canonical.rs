//! What a plugin gets: long names, one value as `--long=value`, global options removed, positionals after
//! `--`. Whatever way a command line was spelled, the plugin's own parser sees one spelling.

use astro_plugin_protocol::manifest::{Arity, Command};
use clap::ArgMatches;

/// The canonical arguments of a command.
pub fn arguments(command: &Command, matches: &ArgMatches) -> Vec<String> {
    let mut options = Vec::new();
    let mut places = Vec::new();
    for arg in &command.args {
        let texts = || matches.get_many::<String>(&arg.id).into_iter().flatten().cloned();
        match (arg.arity, &arg.long) {
            (Arity::Flag, Some(long)) => {
                options.extend((0..matches.get_count(&arg.id)).map(|_| format!("--{long}")));
            }
            (Arity::One | Arity::OptionalWithEquals, Some(long)) => {
                options.extend(texts().map(|value| format!("--{long}={value}")));
            }
            (Arity::Positional | Arity::Trailing, _) => places.extend(texts()),
            _ => {}
        }
    }
    if !places.is_empty() {
        options.push("--".to_owned());
        options.append(&mut places);
    }
    options
}

#[cfg(test)]
mod tests {
    use astro_plugin_protocol::manifest::{Arg, ValueKind};

    use super::*;
    use crate::{scan::join_switches, tree::CommandSet};

    fn rotate() -> CommandSet {
        let option = |id: &str, short: char, arity: Arity| Arg {
            id: id.into(),
            long: Some(id.into()),
            short: Some(short),
            arity,
            ..Arg::default()
        };
        let mut clean = option("clean-output", 'c', Arity::OptionalWithEquals);
        clean.kind = ValueKind::Bool;
        let mut tag = option("tag", 't', Arity::One);
        tag.repeated = true;
        CommandSet {
            commands: vec![Command {
                path: "x rotate".into(),
                args: vec![
                    option("expiration", 'e', Arity::One),
                    option("force", 'f', Arity::Flag),
                    clean,
                    tag,
                    Arg { id: "token_id".into(), arity: Arity::Positional, ..Arg::default() },
                ],
                ..Command::default()
            }],
            ..CommandSet::default()
        }
    }

    /// One spelling for every way to type it; `!` marks a line that is refused.
    #[test]
    fn every_spelling_becomes_one() {
        let rows = [
            ("", ""),
            ("-e 5", "--expiration=5"),
            ("-e5", "--expiration=5"),
            ("-e=5", "--expiration=5"),
            ("--expiration 5", "--expiration=5"),
            ("--expiration=5", "--expiration=5"),
            ("-e -1", "--expiration=-1"),
            ("--expiration=", "--expiration="),
            ("-e abc", "--expiration=abc"),
            ("-e 1.5", "--expiration=1.5"),
            ("-f", "--force"),
            ("-ffy", "--force --force"),
            ("-yf -o json abc", "--force -- abc"),
            ("-c True", "--clean-output=True"),
            ("-c", "--clean-output=true"),
            ("-c abc", "--clean-output=true -- abc"),
            ("abc -c", "--clean-output=true -- abc"),
            ("--clean-output False abc", "--clean-output=False -- abc"),
            ("-t a -t b", "--tag=a --tag=b"),
            ("-- -x", "-- -x"),
            ("--profile p --deployment-id d abc", "-- abc"),
            ("-e --force", "!"),
            ("--frobnicate", "!"),
            ("abc def", "!"),
            ("--force=1", "!"),
            ("-e", "!"),
        ];
        let set = rotate();
        let command = &set.commands[0];
        for (line, expected) in rows {
            let typed: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let mut all = vec!["astro".to_owned(), "x".to_owned(), "rotate".to_owned()];
            all.extend(join_switches(&typed, command));
            let found = match set.to_clap().try_get_matches_from(all) {
                Ok(matches) => {
                    let leaf = matches.subcommand().and_then(|(_, m)| m.subcommand()).expect("both words").1;
                    arguments(command, leaf).join(" ")
                }
                Err(_) => "!".to_owned(),
            };
            assert_eq!(found, expected, "{line}");
        }
    }
}
