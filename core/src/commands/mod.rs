//! The host's own commands, described by the same data as a plugin's, so that parsing, help and completion
//! are one mechanism.

#![forbid(unsafe_code)]

mod catalogue;
mod completion;
mod config;
mod context;
mod credential;
mod help;
mod login;
pub(crate) mod pages;
mod plugin;
mod profile;
mod recover;
mod values;

use std::{
    ops::{Deref, DerefMut},
    sync::OnceLock,
};

use astro_plugin_protocol::{
    effect::Effect,
    manifest::{Arg, Arity, Choice, Command, Example, Group, ValueKind},
    service::{Column, ColumnKind, View},
};
use serde_json::Value;

use crate::{
    base::error::{Result, failed},
    config::environment,
    env::Env,
    output::{Format, Renderer},
    parse::Parsed,
    program::APP,
    store::index::Facts,
    tree::CommandSet,
};

/// A command of the host: its description, as a plugin's manifest has it, and what runs it.
struct Builtin {
    command: Command,
    run: fn(&Request<'_>) -> Result<i32>,
}

impl Deref for Builtin {
    type Target = Command;

    fn deref(&self) -> &Command {
        &self.command
    }
}

impl DerefMut for Builtin {
    fn deref_mut(&mut self) -> &mut Command {
        &mut self.command
    }
}

/// What describes the commands whose first word is one of these.
type Area = (&'static [&'static str], fn() -> Vec<Builtin>);

/// All of them: the only list there is.
const AREAS: &[Area] = &[
    (&["profile"], profile::commands),
    (&["context", "whoami"], context::commands),
    (&["config"], config::commands),
    (&["login", "logout"], login::commands),
    (&["credential"], credential::commands),
    (&["plugin"], plugin::commands),
    (&["recover"], recover::commands),
    (&["completion"], completion::commands),
    (&["commands"], catalogue::commands),
    (&["help", "version"], help::commands),
];

/// Some of them, as a set of commands with what runs each.
pub(crate) struct Builtins {
    pub(crate) set: CommandSet,
    /// In the order of the set's commands.
    runs: Vec<fn(&Request<'_>) -> Result<i32>>,
}

impl Builtins {
    /// Describes those that a first word can mean. All of them would take longer than the rest of a start.
    pub(crate) fn of(first: &str) -> Self {
        Self::describe(AREAS.iter().filter(|(words, _)| words.contains(&first)))
    }

    fn describe<'a>(areas: impl Iterator<Item = &'a Area>) -> Self {
        let builtins = areas.flat_map(|(_, commands)| commands());
        let (commands, runs) = builtins.map(|builtin| (builtin.command, builtin.run)).unzip();
        Self { set: CommandSet { groups: groups(), commands }, runs }
    }

    /// Runs one of them.
    pub(crate) fn run(&self, env: &Env, command: &Command, parsed: &Parsed<'_>) -> Result<i32> {
        let runs = self.set.commands.iter().zip(&self.runs);
        let run = runs.filter(|(known, _)| known.path == command.path).map(|(_, run)| run).next();
        // What was parsed is one of the set.
        let run = run.ok_or_else(|| failed(format!("cannot run `{}`", command.path)))?;
        run(&Request { env, parsed })
    }
}

/// The descriptions of all, made once and never dropped: the process ends soon.
pub(crate) fn commands() -> &'static CommandSet {
    static ALL: OnceLock<CommandSet> = OnceLock::new();
    ALL.get_or_init(|| Builtins::describe(AREAS.iter()).set)
}

/// Those of the host and of every plugin in use.
pub(crate) fn all(env: &Env) -> CommandSet {
    let mut all = commands().clone();
    for root in env.stores.root_words() {
        if let Some(found) = env.stores.word(&root.path) {
            all.groups.extend(found.set.groups);
            all.commands.extend(found.set.commands);
        }
        all.groups.push(root);
    }
    all
}

fn groups() -> Vec<Group> {
    let group = |path: &str, about: &str| Group {
        path: path.to_owned(),
        about: about.to_owned(),
        aliases: Vec::new(),
    };
    vec![
        group("profile", "Choose who you are and where: named profiles"),
        group("credential", "Look at what is stored to sign in with"),
        group("config", "Look at the configuration and change it"),
        group("recover", "Get tokens that were made and not delivered"),
        group("plugin", "Use plugins, and write your own"),
        group("plugin index", "Choose where plugins are looked up, and publish your own"),
    ]
}

pub(crate) use recover::print_pending_notice;
pub(crate) use values::values;

/// Makes the index of a store that an installer filled.
pub(crate) fn index_store(dir: &str) -> Result<i32> {
    let store = crate::store::system_store(dir);
    let index = store.rebuild();
    if let Some(reason) = index.root.unreadable.first() {
        return Err(crate::base::error::plugin(reason.clone()));
    }
    index.root.plugins.iter().find_map(Facts::failure).map_or(Ok(0), Err)
}

/// What a command of the host gets.
struct Request<'a> {
    env: &'a Env,
    parsed: &'a Parsed<'a>,
}

impl Request<'_> {
    fn text(&self, id: &str) -> Option<&str> {
        self.parsed.matches.get_one::<String>(id).map(String::as_str)
    }

    /// All values of an argument that may be repeated.
    fn texts(&self, id: &str) -> Vec<&str> {
        self.parsed.matches.get_many::<String>(id).into_iter().flatten().map(String::as_str).collect()
    }

    /// A positional the command cannot do without.
    fn required(&self, id: &str) -> Result<&str> {
        self.text(id).filter(|text| !text.is_empty()).ok_or_else(|| {
            let path = &self.parsed.path;
            crate::base::error::usage(format!("`{APP} {path}` needs <{}>", id.to_uppercase()))
                .help(format!("see `{APP} {path} --help`"))
        })
    }

    fn flag(&self, id: &str) -> bool {
        self.parsed.matches.get_count(id) > 0
    }

    /// The format of a command that needs no context.
    fn format(&self) -> Result<Format> {
        let format = Format::without_context(
            self.parsed.globals.output.clone(),
            environment::variable(environment::OUTPUT)?,
        )?;
        self.env.start_conversation(&self.parsed.globals, format)?;
        Ok(format)
    }

    /// Ends a command that changed something and has nothing to show: people were told on stderr, a program gets
    /// what was done to what.
    fn done(&self, format: Format, name: &str, action: &str) -> Result<i32> {
        let view = View { clean: vec!["name".to_owned()], ..View::default() };
        self.emit_for_programs(format, view, vec![serde_json::json!({ "name": name, "action": action })])
    }

    /// Renders what people were told on stderr already: they see no result.
    fn emit_for_programs(&self, format: Format, view: View, rows: Vec<Value>) -> Result<i32> {
        if format.is_for_people() { Ok(0) } else { self.emit(format, view, rows) }
    }

    /// Whether a password may be asked for; the prompt itself checks that there is a terminal.
    fn may_ask(&self, format: Format) -> bool {
        !self.parsed.globals.no_input && format.is_for_people()
    }

    /// Renders records like a plugin's.
    fn emit(&self, format: Format, view: View, rows: Vec<Value>) -> Result<i32> {
        let console = &self.env.console;
        let layout = self.env.table_layout(console.conversation());
        let whole = Renderer::whole(format, layout, view, rows)?;
        if let Some(notice) = whole.notice {
            console.notice(&notice);
        }
        self.env.print_bytes(&whole.bytes)
    }
}

fn command(
    path: &str,
    effect: Effect,
    about: &str,
    args: Vec<Arg>,
    examples: &[(&str, &str)],
    run: fn(&Request<'_>) -> Result<i32>,
) -> Builtin {
    let command = Command {
        path: path.to_owned(),
        effect,
        about: about.to_owned(),
        args,
        examples: examples
            .iter()
            .map(|(command, about)| Example { command: (*command).to_owned(), about: (*about).to_owned() })
            .collect(),
        ..Command::default()
    };
    Builtin { command, run }
}

fn positional(id: &str, help: &str, required: bool) -> Arg {
    Arg {
        id: id.to_owned(),
        arity: Arity::Positional,
        value_name: Some(id.to_uppercase()),
        help: help.to_owned(),
        required,
        ..Arg::default()
    }
}

fn option(long: &str, value: &str, help: &str) -> Arg {
    Arg {
        id: long.to_owned(),
        long: Some(long.to_owned()),
        arity: Arity::One,
        value_name: Some(value.to_owned()),
        help: help.to_owned(),
        ..Arg::default()
    }
}

/// An argument whose values `values` knows.
fn dynamic(arg: Arg) -> Arg {
    Arg { kind: ValueKind::Dynamic, ..arg }
}

/// An argument that is a path.
fn file(arg: Arg) -> Arg {
    Arg { kind: ValueKind::File, ..arg }
}

fn switch(long: &str, help: &str) -> Arg {
    Arg { id: long.to_owned(), long: Some(long.to_owned()), help: help.to_owned(), ..Arg::default() }
}

/// A column with its key in capital letters above it.
fn column(key: &str, kind: ColumnKind) -> Column {
    Column { key: key.to_owned(), title: key.to_uppercase().replace('_', " "), kind, ..Column::default() }
}

fn choices(values: &[&str]) -> Vec<Choice> {
    values.iter().map(|value| Choice { value: (*value).to_owned(), help: String::new() }).collect()
}

#[cfg(test)]
mod tests {
    use astro_plugin_protocol::names::BUILTIN_WORDS;

    use super::*;

    /// Only the area of the first word is asked, so each command must be found in its own.
    #[test]
    fn every_command_is_described_by_the_area_of_its_first_word() {
        for command in &commands().commands {
            for path in crate::check::spellings(&command.path, &command.aliases) {
                let first = path.split(' ').next().expect("a word");
                let found = Builtins::of(first).set.commands.iter().any(|known| known.path == command.path);
                assert!(found, "{path}");
                assert!(BUILTIN_WORDS.contains(&first), "{first}");
            }
        }
        for word in BUILTIN_WORDS {
            assert!(AREAS.iter().any(|(words, _)| words.contains(word)), "{word} belongs to no area");
        }
        for (words, commands) in AREAS {
            for word in *words {
                let is_used = |path: &str| path.split(' ').next() == Some(*word);
                let found = commands();
                let mut spellings = found.iter().flat_map(|one| one.aliases.iter().chain([&one.path]));
                assert!(spellings.any(|path| is_used(path)), "{word}");
            }
        }
    }
}
