//! Arguments and a command set to what was meant: a command with its values, or a group word alone.

use astro_plugin_protocol::{manifest::Command, message::UsageProblem};
use clap::ArgMatches;

use crate::{
    error::{Failure, Result, code},
    globals::Globals,
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
    let (path, taken) = set.locate(&scan::words(args));
    let command = set.command(&path);
    let args = match command {
        Some(command) => scan::join_switches(args, command),
        None => args.to_vec(),
    };
    // `astro deployment help` is what many type for `astro help deployment`.
    let args = match scan::words(&args).get(taken) {
        Some(&"help") if command.is_none() && !path.is_empty() => {
            args.iter().filter(|arg| *arg != "help").cloned().chain(["--help".to_owned()]).collect()
        }
        _ => args,
    };
    if command.is_none() && scan::words(&args).len() > taken {
        return Err(unknown_word(set, &path, scan::words(&args)[taken]));
    }
    // A tree of commands with options that all of them share takes longer to make than one command.
    let flat = command.and_then(|command| Some((command, scan::without_path(&args, taken)?)));
    let (parser, args) = match flat {
        Some((command, rest)) => (tree::leaf(command), rest),
        None => (set.to_clap(), args),
    };
    let line = std::iter::once("astro".to_owned()).chain(args);
    let matches = parser.try_get_matches_from(line).map_err(|error| match wording::refusal(&error) {
        Refusal::UnknownWord(word) => unknown_word(set, &path, &word),
        Refusal::Problem(problem) => refused(&problem, &path, &options(command)),
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
    let global = astro_plugin_protocol::names::GLOBALS.iter().map(|global| global.long.to_owned());
    let added = command.into_iter().flat_map(Command::host_options);
    own.cloned()
        .chain(added.map(|option| option.long.to_owned()))
        .chain(global)
        .map(|long| format!("--{long}"))
        .collect()
}

/// The failure for a word that is no command, at any depth.
pub fn unknown_word(set: &CommandSet, path: &str, word: &str) -> Failure {
    let line = if path.is_empty() { word.to_owned() } else { format!("{path} {word}") };
    let failure = Failure::new(code::UNKNOWN_COMMAND, format!("no such command: `astro {line}`"));
    let children = set.children(path);
    let failure = match suggest::nearest(word, children.iter().map(|child| child.word)) {
        Some(near) if path.is_empty() => failure.help(format!("did you mean `astro {near}`?")),
        Some(near) => failure.help(format!("did you mean `astro {path} {near}`?")),
        None => failure,
    };
    let see = if path.is_empty() { "astro --help".to_owned() } else { format!("astro {path} --help") };
    failure.help(format!("see all commands with `{see}`, installed plugins with `astro plugin list`"))
}

fn refused(problem: &UsageProblem, path: &str, options: &[String]) -> Failure {
    let mut failure = Failure::new(code::USAGE, "the command line was refused");
    failure.details = serde_json::to_value(problem).unwrap_or_default();
    wording::word(failure, path, options)
}

fn deepest(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, below)| deepest(below))
}
