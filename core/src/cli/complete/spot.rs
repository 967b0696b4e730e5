//! What the cursor is at: a word, an option, or the value of an argument.

use astro_plugin_protocol::{
    invocation::Candidate,
    manifest::{Arg, Arity, Command, ValueKind, read_bool},
    names::Global,
};

use crate::{globals, program, tree::CommandSet};

/// An argument whose values have to be found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// What its values are.
    pub kind: ValueKind,
    /// Its id.
    pub arg: String,
    /// What was typed of the value.
    pub typed: String,
}

/// What the cursor is at, and what may stand there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spot {
    /// The command or the group of the line so far.
    pub path: String,
    /// What the word begins with that is no part of the value: `--output=`.
    pub prefix: String,
    /// What was typed of the rest.
    pub typed: String,
    /// What is known without asking, in order; all of it begins with `typed`.
    pub known: Vec<Candidate>,
    /// Whose values have to be found out.
    pub asked: Option<Asked>,
    /// The shell completes paths.
    pub files: bool,
}

/// Reads the words before the cursor (without the program's name) and the word at it.
pub fn spot(set: &CommandSet, before: &[String], current: &str) -> Spot {
    let mut line =
        Line { set, path: String::new(), given: Vec::new(), places: 0, is_over: false, dead: false };
    let mut pending = None;
    for word in before {
        pending = match pending.take() {
            // The value of the option before it.
            Some(Pending { is_optional: false, .. }) => None,
            Some(Pending { is_optional: true, .. }) if read_bool(word).is_some() => None,
            _ => line.take(word),
        };
    }
    let spot = Spot { path: line.path.clone(), typed: current.to_owned(), ..Spot::default() };
    if line.dead {
        return spot;
    }
    if let Some(Pending { id, is_optional: false }) = pending {
        let options = line.options();
        return options
            .iter()
            .find(|option| option.id == id)
            .map_or(spot.clone(), |option| option.value(spot));
    }
    if !line.is_over && current.starts_with('-') {
        return line.option(spot);
    }
    match line.command() {
        None => line.word(spot),
        Some(command) => line.place(command, spot),
    }
}

/// An option whose value may be the next word.
struct Pending {
    id: String,
    /// Only a boolean would be its value.
    is_optional: bool,
}

/// The line so far.
struct Line<'a> {
    set: &'a CommandSet,
    path: String,
    /// The ids of the options that were given.
    given: Vec<String>,
    /// How many positionals were given.
    places: usize,
    /// Whatever follows is a positional.
    is_over: bool,
    /// Nothing is known below an unknown word.
    dead: bool,
}

impl<'a> Line<'a> {
    fn command(&self) -> Option<&'a Command> {
        self.set.command(&self.path)
    }

    /// The options that may be given here: the command's own, the host's for it, the global ones.
    fn options(&self) -> Vec<Choice<'a>> {
        let command = self.command();
        let own = command.into_iter().flat_map(|command| &command.args).filter_map(Choice::of_arg);
        let added = command.into_iter().flat_map(Command::host_options);
        let mut all: Vec<Choice<'a>> =
            own.chain(added.chain(globals::all()).map(Choice::of_global)).collect();
        if command.is_some_and(|command| command.several_profiles) {
            all.iter_mut()
                .filter(|option| option.id == "profile")
                .for_each(|option| option.is_repeated = true);
        }
        all
    }

    /// Takes a word before the cursor.
    fn take(&mut self, word: &str) -> Option<Pending> {
        if !self.is_over && word == "--" {
            self.is_over = true;
            return None;
        }
        if !self.is_over && word.starts_with('-') && word != "-" {
            let options = self.options();
            return match read(&options, word) {
                Read::Given(ids, pending) => {
                    self.given.extend(ids);
                    pending
                }
                // Its value may be the next word or not; nobody knows.
                Read::Value { option, .. } => {
                    self.given.push(option.id.to_owned());
                    None
                }
                Read::Unknown => None,
            };
        }
        if let Some(command) = self.command() {
            self.places += 1;
            // What follows belongs to another program, whatever it looks like.
            let positional = positional(command, self.places - 1);
            self.is_over |= positional.is_some_and(|arg| arg.arity == Arity::Trailing);
            return None;
        }
        // `astro cluster help create` is another way to write `astro help cluster create`.
        let (path, taken) = self.set.locate(&words(&self.path, word));
        let count = words(&self.path, word).len();
        if taken == count {
            self.path = path;
        } else if self.path.is_empty() || word != "help" {
            self.dead = true;
        }
        None
    }

    /// The cursor is at a word that begins with a dash.
    fn option(&self, spot: Spot) -> Spot {
        let options = self.options();
        if let Read::Value { option, prefix } = read(&options, &spot.typed) {
            let typed = spot.typed[prefix.len()..].to_owned();
            return option.value(Spot { prefix, typed, ..spot });
        }
        let is_short = !spot.typed.starts_with("--") && spot.typed != "-";
        if is_short && !matches!(read(&options, &spot.typed), Read::Unknown) {
            let known = vec![Candidate::new(spot.typed.clone(), "")];
            return Spot { known, ..spot };
        }
        let fits = |long: &str| format!("--{long}").starts_with(&spot.typed);
        let open: Vec<&Choice<'_>> = options
            .iter()
            .filter(|option| option.is_repeated || !self.given.iter().any(|given| given == option.id))
            .collect();
        let shown: Vec<Candidate> = open
            .iter()
            .filter(|option| !option.is_hidden && fits(option.long))
            .map(|option| Candidate::new(format!("--{}", option.long), option.help))
            .collect();
        // Other spellings are known to those who type them.
        let others = open.iter().flat_map(|option| {
            let longs = option.aliases.iter().copied().chain(Some(option.long).filter(|_| option.is_hidden));
            longs.filter(|long| fits(long)).map(|long| Candidate::new(format!("--{long}"), option.help))
        });
        let known = if shown.is_empty() { others.collect() } else { shown };
        Spot { known, ..spot }
    }

    /// The cursor is at a word of a command's path.
    fn word(&self, spot: Spot) -> Spot {
        let children = self.set.children(&self.path);
        let fits = |word: &str| word.starts_with(&spot.typed);
        let visible = children.iter().filter(|child| !child.hidden);
        let shown: Vec<Candidate> = visible
            .clone()
            .filter(|child| fits(child.word))
            .map(|child| Candidate::new(child.word, child.about))
            .collect();
        let others = visible.flat_map(|child| {
            let aliases = child.aliases.iter().filter(|alias| fits(alias));
            aliases.map(|alias| Candidate::new(alias.clone(), child.about))
        });
        let known = if shown.is_empty() { others.collect() } else { shown };
        Spot { known, ..spot }
    }

    /// The cursor is at a positional of a command, or behind the last one.
    fn place(&self, command: &Command, spot: Spot) -> Spot {
        match positional(command, self.places) {
            Some(arg) if !arg.hidden => Choice::of_place(arg).value(spot),
            // Nothing but an option can follow.
            _ if spot.typed.is_empty() && !self.is_over => {
                let listed = self.option(Spot { typed: "-".to_owned(), ..spot.clone() });
                Spot { known: listed.known, ..spot }
            }
            _ => spot,
        }
    }
}

fn words<'w>(path: &'w str, word: &'w str) -> Vec<&'w str> {
    path.split(' ').filter(|word| !word.is_empty()).chain(std::iter::once(word)).collect()
}

/// The positional at a place; the last one may take many.
fn positional(command: &Command, place: usize) -> Option<&Arg> {
    let mut positionals = command.args.iter().filter(|arg| arg.arity.is_positional());
    let last = positionals.clone().next_back();
    positionals.nth(place).or_else(|| last.filter(|arg| arg.repeated || arg.arity == Arity::Trailing))
}

/// An argument that is chosen or filled: an option of a command, of the host, or a positional.
struct Choice<'a> {
    id: &'a str,
    long: &'a str,
    short: Option<char>,
    aliases: Vec<&'a str>,
    help: &'a str,
    takes: Takes,
    is_repeated: bool,
    is_hidden: bool,
    kind: ValueKind,
    values: Vec<Candidate>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// A value, after `=` or as the next word.
    Value,
    /// A value after `=` alone; a boolean also as the next word.
    WithEquals,
}

impl<'a> Choice<'a> {
    fn of_arg(arg: &'a Arg) -> Option<Self> {
        let takes = match arg.arity {
            Arity::Flag => Takes::Nothing,
            Arity::One => Takes::Value,
            Arity::OptionalWithEquals => Takes::WithEquals,
            Arity::Positional | Arity::Trailing | Arity::Unknown => return None,
        };
        Some(Self { long: arg.long.as_deref()?, takes, ..Self::of_place(arg) })
    }

    fn of_place(arg: &'a Arg) -> Self {
        let listed =
            arg.choices.iter().map(|choice| Candidate::new(choice.value.clone(), choice.help.clone()));
        let mut values: Vec<Candidate> = listed.collect();
        if arg.kind == ValueKind::Bool && values.is_empty() {
            values = ["true", "false"].map(|value| Candidate::new(value, "")).to_vec();
        }
        Self {
            id: &arg.id,
            long: "",
            short: arg.short,
            aliases: arg.aliases.iter().map(String::as_str).collect(),
            help: &arg.help,
            takes: Takes::Value,
            is_repeated: arg.repeated,
            is_hidden: arg.hidden,
            kind: arg.kind.clone(),
            values,
        }
    }

    fn of_global(global: &'static Global) -> Self {
        Self {
            id: global.long,
            long: global.long,
            short: global.short,
            aliases: global.aliases.to_vec(),
            help: global.help,
            takes: if global.value.is_some() { Takes::Value } else { Takes::Nothing },
            is_repeated: global.repeatable,
            is_hidden: false,
            kind: kind_of_global(global.long),
            values: global.choices.iter().map(|value| Candidate::new(*value, "")).collect(),
        }
    }

    /// The cursor is at the value of this argument.
    fn value(&self, spot: Spot) -> Spot {
        let typed = &spot.typed;
        let known = self.values.iter().filter(|one| one.value.starts_with(typed)).cloned().collect();
        let is_asked =
            !matches!(self.kind, ValueKind::Text | ValueKind::Bool | ValueKind::File | ValueKind::Unknown);
        let asked = Asked { kind: self.kind.clone(), arg: self.id.to_owned(), typed: typed.clone() };
        Spot {
            known,
            asked: Some(asked).filter(|_| is_asked && self.values.is_empty()),
            files: self.kind == ValueKind::File,
            ..spot
        }
    }
}

fn kind_of_global(long: &str) -> ValueKind {
    match long {
        "profile" => ValueKind::Profile,
        "token-file" => ValueKind::File,
        long if program::vocabulary().dimension(long).is_some() => ValueKind::setting(long),
        _ => ValueKind::Text,
    }
}

/// What a word that begins with a dash is.
enum Read<'o, 'a> {
    /// Whole options, of which the last may want the next word.
    Given(Vec<String>, Option<Pending>),
    /// An option with its value; `prefix` is what stands before the value.
    Value { option: &'o Choice<'a>, prefix: String },
    /// No option of this command.
    Unknown,
}

fn read<'o, 'a>(options: &'o [Choice<'a>], word: &str) -> Read<'o, 'a> {
    match word.strip_prefix("--") {
        Some(long) => read_long(options, long),
        None => read_cluster(options, word.strip_prefix('-').unwrap_or_default()),
    }
}

fn read_long<'o, 'a>(options: &'o [Choice<'a>], long: &str) -> Read<'o, 'a> {
    let name = long.split('=').next().unwrap_or_default();
    let Some(option) = options.iter().find(|option| option.long == name || option.aliases.contains(&name))
    else {
        return Read::Unknown;
    };
    match (option.takes, name.len() < long.len()) {
        (Takes::Nothing, true) => Read::Unknown,
        (_, true) => Read::Value { option, prefix: format!("--{name}=") },
        (takes, false) => Read::Given(vec![option.id.to_owned()], pending(option, takes)),
    }
}

/// `-yo` and what it may continue with: `-yojson`, `-yo=json`.
fn read_cluster<'o, 'a>(options: &'o [Choice<'a>], letters: &str) -> Read<'o, 'a> {
    let mut ids = Vec::new();
    let mut last = None;
    for (at, letter) in letters.char_indices() {
        let Some(option) = options.iter().find(|option| option.short == Some(letter)) else {
            return Read::Unknown;
        };
        let rest = &letters[at + letter.len_utf8()..];
        let equals = usize::from(rest.starts_with('='));
        let has_value = match option.takes {
            Takes::Nothing => false,
            Takes::Value => !rest.is_empty(),
            Takes::WithEquals => equals == 1,
        };
        if has_value {
            let prefix = format!("-{}", &letters[..at + letter.len_utf8() + equals]);
            return Read::Value { option, prefix };
        }
        ids.push(option.id.to_owned());
        last = pending(option, option.takes);
    }
    if ids.is_empty() { Read::Unknown } else { Read::Given(ids, last) }
}

fn pending(option: &Choice<'_>, takes: Takes) -> Option<Pending> {
    let is_optional = match takes {
        Takes::Nothing => return None,
        Takes::Value => false,
        Takes::WithEquals => true,
    };
    Some(Pending { id: option.id.to_owned(), is_optional })
}
