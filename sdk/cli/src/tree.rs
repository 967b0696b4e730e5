//! Manifest commands to one clap command: what the host decides is words, unknown options, arity and the
//! global options. `required`, choices and ranges are left to the plugin's own clap, so that they are
//! decided once.

use astro_plugin_protocol::{
    manifest::{Arg, Arity, Choice, Command, Group, ValueKind},
    names::Global,
};
use clap::{ArgAction, builder::PossibleValue};

use crate::{globals, program::APP};

/// The commands that may be typed: those below one first word, or all of the built-in ones.
#[derive(Debug, Default, Clone)]
pub struct CommandSet {
    /// Words above commands.
    pub groups: Vec<Group>,
    /// The commands.
    pub commands: Vec<Command>,
}

impl CommandSet {
    /// The command or group that a list of typed words begins with: its path and how many words it took.
    /// Aliases are followed. The path is empty when not even the first word is known.
    pub fn locate(&self, words: &[&str]) -> (String, usize) {
        let mut path = String::new();
        for (taken, word) in words.iter().enumerate() {
            match self.child(&path, word) {
                Some(child) => path = child,
                None => return (path, taken),
            }
        }
        (path, words.len())
    }

    /// The command with exactly this path.
    pub fn command(&self, path: &str) -> Option<&Command> {
        self.commands.iter().find(|command| command.path == path)
    }

    /// The words directly below a path (`""` for the first words), each with its help line, in order.
    pub fn children(&self, path: &str) -> Vec<Child<'_>> {
        let mut children: Vec<Child<'_>> = Vec::new();
        for (full, about, aliases, hidden) in self.nodes() {
            let Some(below) = below(full, path) else { continue };
            let word = below.split(' ').next().unwrap_or_default();
            let is_self = below == word;
            match children.iter_mut().find(|child| child.word == word) {
                Some(child) if is_self => {
                    child.about = about;
                    child.aliases = aliases;
                }
                Some(child) => child.hidden &= hidden,
                None => children.push(Child {
                    word,
                    about: if is_self { about } else { "" },
                    aliases: if is_self { aliases } else { &[] },
                    hidden,
                }),
            }
        }
        children
    }

    fn child(&self, path: &str, word: &str) -> Option<String> {
        let found = self
            .children(path)
            .into_iter()
            .find(|child| child.word == word || child.aliases.iter().any(|alias| alias == word))?;
        Some(if path.is_empty() { found.word.to_owned() } else { format!("{path} {}", found.word) })
    }

    fn nodes(&self) -> impl Iterator<Item = (&str, &str, &[String], bool)> {
        let commands =
            self.commands.iter().map(|c| (c.path.as_str(), c.about.as_str(), c.aliases.as_slice(), c.hidden));
        // A group alone hides nothing and shows nothing: it is visible when a command below it is.
        let groups =
            self.groups.iter().map(|g| (g.path.as_str(), g.about.as_str(), g.aliases.as_slice(), true));
        commands.chain(groups)
    }

    /// The clap command of the whole set.
    pub fn to_clap(&self) -> clap::Command {
        let root = clap::Command::new(format!("{APP}"))
            .disable_help_flag(true)
            .disable_help_subcommand(true)
            .disable_version_flag(true)
            .args(globals::all().iter().map(global));
        self.add_children(root, "")
    }

    fn add_children(&self, mut parent: clap::Command, path: &str) -> clap::Command {
        for child in self.children(path) {
            let full = if path.is_empty() { child.word.to_owned() } else { format!("{path} {}", child.word) };
            let mut clap = clap::Command::new(child.word.to_owned())
                .about(child.about.to_owned())
                .aliases(child.aliases.iter().cloned())
                .disable_help_flag(true)
                .disable_help_subcommand(true)
                .disable_version_flag(true)
                .hide(child.hidden);
            if let Some(command) = self.command(&full) {
                clap = clap.args(command.args.iter().map(argument));
                clap = clap.args(command.host_options().map(|option| global(option).global(false)));
            }
            parent = parent.subcommand(self.add_children(clap, &full));
        }
        parent
    }
}

/// The parser of one command alone, for arguments without the words of its path.
pub fn leaf(command: &Command) -> clap::Command {
    clap::Command::new(format!("{APP}"))
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(globals::all().iter().map(|option| global(option).global(false)))
        .args(command.args.iter().map(argument))
        .args(command.host_options().map(|option| global(option).global(false)))
}

/// A word below another.
#[derive(Debug)]
pub struct Child<'a> {
    /// The word.
    pub word: &'a str,
    /// Its help line.
    pub about: &'a str,
    /// Other spellings.
    pub aliases: &'a [String],
    /// Left out of listings.
    pub hidden: bool,
}

fn below<'a>(full: &'a str, path: &str) -> Option<&'a str> {
    if path.is_empty() { Some(full) } else { full.strip_prefix(path)?.strip_prefix(' ') }
}

fn global(global: &'static Global) -> clap::Arg {
    let mut arg = clap::Arg::new(global.long).long(global.long).global(true).help(global.help);
    if let Some(short) = global.short {
        arg = arg.short(short);
    }
    arg = arg.aliases(global.aliases.iter().copied());
    match global.value {
        Some(name) => arg
            .value_name(name)
            .action(ArgAction::Append)
            .value_parser(values(global.choices.iter().copied())),
        None => arg.action(ArgAction::Count),
    }
}

/// Accepts any text; the listed values are for completion only.
fn values<S: Into<String>>(
    choices: impl Iterator<Item = S>,
) -> impl clap::builder::TypedValueParser<Value = String> {
    Listed(choices.map(|choice| PossibleValue::new(choice.into())).collect())
}

fn argument(arg: &Arg) -> clap::Arg {
    let mut clap = clap::Arg::new(arg.id.clone()).help(arg.help.clone()).hide(arg.hidden);
    if let Some(long) = &arg.long {
        clap = clap.long(long.clone()).aliases(arg.aliases.iter().cloned());
    }
    if let Some(short) = arg.short {
        clap = clap.short(short);
    }
    if let Some(name) = &arg.value_name {
        clap = clap.value_name(name.clone());
    }
    let choices = arg.choices.iter().map(|Choice { value, help }| match help.as_str() {
        "" => PossibleValue::new(value.clone()),
        help => PossibleValue::new(value.clone()).help(help.to_owned()),
    });
    let parser = Listed(choices.collect());
    if arg.kind == ValueKind::File {
        clap = clap.value_hint(clap::ValueHint::AnyPath);
    }
    let repeated = if arg.repeated { ArgAction::Append } else { ArgAction::Set };
    match arg.arity {
        Arity::Flag => clap.action(ArgAction::Count),
        // A negative number is a value, so that the range's own message is reached; any other word with a
        // dash is not, so that `--name --force` does not make a token named `--force`.
        Arity::One => clap.action(repeated).value_parser(parser).allow_negative_numbers(true),
        Arity::OptionalWithEquals => clap
            .action(repeated)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_parser(parser),
        Arity::Positional => {
            let clap = clap.action(repeated).value_parser(parser).allow_negative_numbers(true);
            if arg.repeated { clap.num_args(0..) } else { clap }
        }
        Arity::Trailing => clap
            .action(ArgAction::Append)
            .num_args(0..)
            .value_parser(parser)
            .trailing_var_arg(true)
            .allow_hyphen_values(true),
        Arity::Unknown => clap.action(ArgAction::Count).hide(true),
    }
}

#[derive(Clone)]
struct Listed(Vec<PossibleValue>);

impl clap::builder::TypedValueParser for Listed {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        value
            .to_str()
            .map(str::to_owned)
            .ok_or_else(|| clap::Error::new(clap::error::ErrorKind::InvalidUtf8).with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        (!self.0.is_empty())
            .then(|| Box::new(self.0.iter().cloned()) as Box<dyn Iterator<Item = PossibleValue>>)
    }
}
