//! Arguments and a command set to what was meant: a command with its values, or a group word alone.

use astro_plugin_protocol::{manifest::Command, message::UsageProblem};
use clap::ArgMatches;

use crate::{
    error::{Failure, Result, code},
    globals::{self, Globals},
    program::APP,
    scan,
    secret::Options,
    suggest,
    tree::{self, CommandSet},
    wording::{self, Refusal},
};

/// A parsed command line.
pub struct Parsed<'a> {
    /// The path of the command or of the group, `""` for none.
    pub path: String,
    /// The command, when the path is one.
    pub command: Option<&'a Command>,
    /// The global options, with what the command's own options stand for already applied.
    pub globals: Globals,
    /// Where a one-time secret goes; for commands that deliver one.
    pub secret: Options,
    /// The values of the command's own arguments.
    pub matches: ArgMatches,
}

/// Parses the arguments (without the program's name).
pub fn parse<'a>(args: &[String], set: &'a CommandSet) -> Result<Parsed<'a>> {
    let (args, path, taken) = located(args, set);
    let command = set.command(&path);
    let words = scan::words(&args);
    let is_unknown = command.is_none() && words.len() > taken;
    // What looks like an unknown word may be the value of an option that is none.
    let last = if is_unknown { taken } else { taken.saturating_sub(1) };
    if let Some(failure) = unknown_option(&args, &path, last) {
        return Err(failure);
    }
    if is_unknown {
        return Err(unknown_word(set, &path, &words[taken..]));
    }
    // A tree of commands with options that all of them share takes longer to make than one command.
    let (parser, args) = match command {
        Some(command) => {
            (tree::leaf(command), scan::without_path(&scan::join_switches(&args, command), taken))
        }
        None => (set.to_clap(), args),
    };
    let line = std::iter::once(format!("{APP}").to_owned()).chain(args.iter().cloned());
    let matches = parser.try_get_matches_from(line).map_err(|error| match wording::refusal(&error) {
        Refusal::UnknownWord(word) => unknown_word(set, &path, &[&word]),
        Refusal::Problem(problem) => refused(&with_switch(problem, &args), &path, &options(command)),
    })?;
    let leaf = deepest(&matches);
    let mut globals = Globals::read(leaf, command.is_some_and(|command| command.several_profiles))?;
    for arg in command.iter().flat_map(|command| &command.args) {
        let Some(means) = &arg.means else { continue };
        if is_on(arg, leaf) {
            globals.apply_meaning(&arg.spelled(), means)?;
        }
    }
    let secret = match command {
        Some(command) if command.needs.secret => Options::read(leaf)?,
        _ => Options::default(),
    };
    Ok(Parsed { command, globals, secret, matches: leaf.clone(), path })
}

/// The arguments, the path of their words, and how many words it takes. `astro plugin help install` is what many type
/// for `astro help plugin install`.
fn located(args: &[String], set: &CommandSet) -> (Vec<String>, String, usize) {
    let mut args = args.to_vec();
    let mut wants_help = false;
    loop {
        let places = scan::word_places(&args);
        let (path, taken) = set.locate(&scan::words(&args));
        match places.get(taken) {
            Some(place) if args[*place] == "help" && !path.is_empty() && set.command(&path).is_none() => {
                args.remove(*place);
                wants_help = true;
            }
            _ => {
                // Before `--`, behind which it would be an argument.
                args.splice(0..0, wants_help.then(|| "--help".to_owned()));
                return (args, path, taken);
            }
        }
    }
}

/// The failure for an option before a word (the first is 0) that is no global one.
pub fn unknown_option(args: &[String], path: &str, word: usize) -> Option<Failure> {
    let place = scan::word_places(args).get(word).copied()?;
    let option = scan::unknown_option(args, place)?.to_owned();
    let known = options(None);
    if let Some((switch, value)) = scan::switch_with_value(args)
        && switch == option
        && globals::all().iter().any(|global| global.short.is_some_and(|short| switch.ends_with(short)))
    {
        let problem = UsageProblem::UnexpectedValue { option: switch, value: value.to_owned() };
        return Some(refused(&problem, path, &known));
    }
    let is_slip = suggest::nearest(&option, known.iter().map(String::as_str)).is_some();
    let failure = refused(&UsageProblem::UnknownOption { option }, path, &known);
    if is_slip {
        return Some(failure);
    }
    Some(failure.help("an option of a command is written after the words of the command"))
}

/// `-y=false` is refused as an option `-=`: what is meant is a value of `-y`.
fn with_switch(problem: UsageProblem, args: &[String]) -> UsageProblem {
    match (problem, scan::switch_with_value(args)) {
        (UsageProblem::UnknownOption { option }, Some((switch, value))) if option == "-=" => {
            UsageProblem::UnexpectedValue { option: switch, value: value.to_owned() }
        }
        (problem, _) => problem,
    }
}

/// A flag that is set, or a switch that is not `false`.
fn is_on(arg: &astro_plugin_protocol::manifest::Arg, matches: &ArgMatches) -> bool {
    use astro_plugin_protocol::manifest::{Arity, read_bool};
    match arg.arity {
        Arity::Flag => matches.get_count(&arg.id) > 0,
        _ => matches.get_one::<String>(&arg.id).is_some_and(|value| read_bool(value) != Some(false)),
    }
}

/// Every way to write an option of this command, for suggestions.
pub fn options(command: Option<&Command>) -> Vec<String> {
    let own = command
        .into_iter()
        .flat_map(|command| &command.args)
        .flat_map(|arg| arg.long.iter().chain(&arg.aliases));
    let global = globals::all().iter().map(|global| global.long.to_owned());
    let added = command.into_iter().flat_map(Command::host_options);
    own.cloned()
        .chain(added.map(|option| option.long.to_owned()))
        .chain(global)
        .map(|long| format!("--{long}"))
        .collect()
}

/// The failure for a word that is no command, at any depth: the first of the words below the path.
pub fn unknown_word(set: &CommandSet, path: &str, words: &[&str]) -> Failure {
    let word = words.first().copied().unwrap_or_default();
    let line = if path.is_empty() { word.to_owned() } else { format!("{path} {word}") };
    let failure = Failure::new(code::UNKNOWN_COMMAND, format!("no such command: `{APP} {line}`"));
    let meant: Vec<String> =
        suggest::commands(set, path, words).iter().map(|meant| format!("`{APP} {meant}`")).collect();
    let failure = match meant.as_slice() {
        [] => failure,
        [one] => failure.help(format!("did you mean {one}?")),
        [others @ .., last] => failure.help(format!("did you mean {} or {last}?", others.join(", "))),
    };
    let see =
        if path.is_empty() { format!("{APP} --help").to_owned() } else { format!("{APP} {path} --help") };
    failure.help(format!("see all commands with `{see}`, installed plugins with `{APP} plugin list`"))
}

fn refused(problem: &UsageProblem, path: &str, options: &[String]) -> Failure {
    let mut failure = Failure::new(code::USAGE, "the command line was refused");
    failure.details = serde_json::to_value(problem).unwrap_or_default();
    wording::word(failure, path, options)
}

fn deepest(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, below)| deepest(below))
}

#[cfg(test)]
mod tests {
    use astro_plugin_protocol::manifest::{Arg, Arity, Group};

    use super::*;
    use crate::exit_code;

    fn set() -> CommandSet {
        let option = |id: &str, short: char, arity: Arity| Arg {
            id: id.into(),
            long: Some(id.into()),
            short: Some(short),
            arity,
            ..Arg::default()
        };
        let command = |path: &str, args: Vec<Arg>| Command { path: path.into(), args, ..Command::default() };
        CommandSet {
            groups: vec![
                Group { path: "deployment".into(), aliases: vec!["de".into()], ..Group::default() },
                Group { path: "deployment token".into(), ..Group::default() },
            ],
            commands: vec![
                command("deployment list", vec![option("all", 'a', Arity::Flag)]),
                command(
                    "deployment token create",
                    vec![
                        option("name", 'n', Arity::One),
                        Arg { id: "place".into(), arity: Arity::Positional, ..Arg::default() },
                    ],
                ),
            ],
        }
    }

    /// How a line is taken: `run` or `help` and a path, or the exit code, the message and the help.
    fn taken(line: &str) -> String {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match parse(&args, &set()) {
            Ok(parsed) if parsed.globals.help || parsed.command.is_none() => format!("help {}", parsed.path),
            Ok(parsed) => format!("run {}", parsed.path),
            Err(failure) => {
                let code = exit_code::of_failure(&failure.code).number;
                format!("{code} {} / {}", failure.message, failure.help.join(" / "))
            }
        }
    }

    #[test]
    fn help_may_stand_below_any_word() {
        for (line, expected) in [
            ("deployment", "help deployment"),
            ("deployment help", "help deployment"),
            ("de help token", "help deployment token"),
            ("deployment token help create", "help deployment token create"),
            ("deployment help token create", "help deployment token create"),
            ("-o json deployment help list -- x", "2 `astro deployment list` does not take the argument `x`"),
            ("deployment token create help", "run deployment token create"),
            ("deployment token create --name help", "run deployment token create"),
            ("deployment token help nothing", "127 no such command: `astro deployment token nothing`"),
        ] {
            assert!(taken(line).starts_with(expected), "{line}: {}", taken(line));
        }
    }

    /// An option that is none is a matter of usage, wherever it stands; a word that is none is an unknown command.
    #[test]
    fn unknown_options_and_unknown_words_are_told_apart() {
        for (line, code, words) in [
            ("--outptu json", 2, "`--outptu` is not an option of `astro` / did you mean `--output`?"),
            ("--outptu json deployment list", 2, "did you mean `--output`?"),
            ("--OUTPUT=json deployment list", 2, "did you mean `--output`?"),
            (
                "deployment --outptu json list",
                2,
                "not an option of `astro deployment` / did you mean `--output`?",
            ),
            ("deployment list --outptu json", 2, "not an option of `astro deployment list`"),
            ("--name x deployment token create", 2, "is written after the words of the command"),
            ("deployment -n x token create", 2, "`-n` is not an option of `astro deployment`"),
            ("deployment token -n x create", 2, "is written after the words of the command"),
            ("deployment list --all=1", 2, "`--all` is a switch and takes no value, not `1`"),
            ("deployment list --yes=false", 2, "`--yes` is a switch and takes no value, not `false`"),
            (
                "deployment list -y=false",
                2,
                "`-y` is a switch and takes no value, not `false` / leave `-y` out",
            ),
            ("-y=false deployment list", 2, "`-y` is a switch and takes no value, not `false`"),
            ("deployment list -qy=0", 2, "`-y` is a switch and takes no value, not `0`"),
            ("deployment list -x=0", 2, "`-x` is not an option"),
            ("token", 127, "did you mean `astro deployment token`?"),
            ("tokens create", 127, "did you mean `astro deployment token create`?"),
            ("dep list", 127, "did you mean `astro deployment list`?"),
            ("Deployment", 127, "did you mean `astro deployment`?"),
            ("deployment lsit", 127, "did you mean `astro deployment list`?"),
            ("deployment create", 127, "did you mean `astro deployment token create`?"),
            ("zebra", 127, "no such command: `astro zebra` / see all commands"),
        ] {
            let found = taken(line);
            assert!(found.starts_with(&format!("{code} ")) && found.contains(words), "{line}: {found}");
        }
    }
}
