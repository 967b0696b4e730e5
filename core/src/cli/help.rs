//! Help pages, from the same data as the parser: a command's own options first, the global ones in one
//! line, examples, related commands, the owning plugin.

use astro_plugin_cli::catalogue::example_line;
use astro_plugin_protocol::{
    manifest::{Arg, Arity, Command, ValueKind},
    names::{BUILTIN_WORDS, Global, SECRET_OPTIONS, SEVERAL_OPTIONS},
    service::View,
};
use textwrap::Options;

use crate::{
    console::{Style, escaped, styled, width},
    exit_code, globals,
    product::product,
    program::{self, APP},
    tree::CommandSet,
};

/// How a page is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Columns.
    pub width: usize,
    /// Escape codes are allowed.
    pub color: bool,
}

impl Layout {
    /// Fits a terminal, at most 100 columns; 80 where there is none.
    pub fn new(terminal: Option<usize>, color: bool) -> Self {
        Self { width: terminal.unwrap_or(80).clamp(20, 100), color }
    }
}

/// A line of the root page.
#[derive(Debug, Clone, Default)]
pub struct Word {
    /// The word.
    pub word: String,
    /// Its help line.
    pub about: String,
}

/// `astro --help`. `more`: what is said of words that are not on the page.
pub fn root(
    binary: &str,
    plugin_words: &[Word],
    builtins: &CommandSet,
    more: Option<&str>,
    layout: Layout,
) -> String {
    let mut page = Page::new(layout);
    page.text(product().about);
    page.heading("Usage");
    page.line(&format!("  {binary} [OPTIONS] <COMMAND>"));
    if plugin_words.is_empty() {
        page.heading("Commands from plugins");
        page.line(&format!("  none installed; see `{APP} plugin --help`"));
    } else {
        page.heading("Commands from plugins");
        page.table(plugin_words.iter().map(|word| (word.word.clone(), word.about.clone())));
    }
    page.heading("Commands");
    let mut own = builtins.children("");
    own.retain(|child| !child.hidden);
    own.sort_by_key(|child| BUILTIN_WORDS.iter().position(|word| *word == child.word));
    page.table(own.iter().map(|child| (child.word.to_owned(), child.about.to_owned())));
    page.more(more);
    page.heading("Options");
    page.globals_line();
    page.blank();
    page.text(&format!(
        "`{APP} help WORD` explains a command; topics: globals, exit-codes, environment, output, automation"
    ));
    page.finish()
}

/// The page of a word that has commands below it. `more`: what is said of words that are not on the page.
pub fn group(
    binary: &str,
    path: &str,
    about: &str,
    set: &CommandSet,
    owners: &[String],
    more: Option<&str>,
    layout: Layout,
) -> String {
    let mut page = Page::new(layout);
    page.text(about);
    page.heading("Usage");
    page.line(&format!("  {binary} {path} <COMMAND>"));
    page.heading("Commands");
    page.table(set.children(path).iter().filter(|child| !child.hidden).map(|child| {
        let aliases: Vec<&str> = child.aliases.iter().map(String::as_str).collect();
        let word = if aliases.is_empty() {
            child.word.to_owned()
        } else {
            format!("{}, {}", child.word, aliases.join(", "))
        };
        (word, child.about.to_owned())
    }));
    page.more(more);
    page.globals();
    page.owner(owners);
    page.finish()
}

/// The page of a command.
pub fn command(binary: &str, command: &Command, owners: &[String], layout: Layout) -> String {
    let mut page = Page::new(layout);
    page.text(if command.long_about.is_empty() { &command.about } else { &command.long_about });
    if let Some(note) = &command.note {
        page.heading("Availability");
        page.text_indented(note);
    }
    page.heading("Usage");
    page.line(&format!("  {binary} {}{}", command.path, usage_tail(command)));
    if !command.aliases.is_empty() {
        page.line(&format!("  aliases of `{}`: {}", command.word(), command.aliases.join(", ")));
    }
    let shown = |positional: bool| {
        command.args.iter().filter(move |arg| !arg.hidden && arg.arity.is_positional() == positional)
    };
    if shown(true).next().is_some() {
        page.heading("Arguments");
        shown(true).for_each(|arg| page.argument(arg));
    }
    if shown(false).next().is_some() {
        page.heading("Options");
        shown(false).for_each(|arg| page.argument(arg));
    }
    if command.needs.secret {
        page.heading("Where the token goes");
        SECRET_OPTIONS.iter().for_each(|option| page.global(option));
    }
    if command.several_profiles {
        page.heading("Several profiles");
        SEVERAL_OPTIONS.iter().for_each(|option| page.global(option));
    }
    page.heading("Effect");
    page.text_indented(&format!("{}: it {}", command.effect, command.effect.meaning()));
    for (long, effect) in command.raising_options() {
        page.text_indented(&format!("{effect} with --{long}: it {}", effect.meaning()));
    }
    if command.needs.process {
        page.text_indented("It runs other programs, which may change anything.");
    }
    if !command.needs.hosts.is_empty() {
        let hosts = command.needs.hosts.join(", ");
        page.text_indented(&format!("It sends requests to {hosts}, without a credential of {APP}."));
    }
    page.globals();
    for section in &command.sections {
        page.heading(&section.title);
        page.text_indented(&section.text);
    }
    if !command.examples.is_empty() {
        page.heading("Examples");
        for example in &command.examples {
            page.text_indented(&format!("{}:", example.about));
            page.line(&format!("    {}", page.literal(&example_line(&example.command, product().extension))));
        }
    }
    if let Some(output) = &command.output {
        page.output(output);
    }
    if !command.exit_codes.is_empty() {
        page.heading("Command-specific exit codes");
        page.table(command.exit_codes.iter().map(|code| (code.code.to_string(), code.meaning.clone())));
    }
    if !command.see_also.is_empty() {
        page.heading("See also");
        let related: Vec<String> = command.see_also.iter().map(|path| format!("{APP} {path}")).collect();
        page.text_indented(&related.join(", "));
    }
    page.owner(owners);
    page.finish()
}

/// `astro help globals`.
pub fn globals(layout: Layout) -> String {
    let mut page = Page::new(layout);
    page.text("Options that every command accepts, in any position before `--`. An option beats its environment variable.");
    page.heading("Global options");
    globals::all().iter().for_each(|global| page.global(global));
    page.finish()
}

/// `astro help exit-codes`.
pub fn exit_codes(layout: Layout) -> String {
    let mut page = Page::new(layout);
    page.text("A command ends with one of these codes, or with one of its own from 10 to 99 that its help page explains. An interrupted command dies by the signal, so that a shell loop stops.");
    page.heading("Exit codes");
    page.table(exit_code::ALL.iter().map(|code| (code.number.to_string(), code.meaning.to_owned())));
    page.finish()
}

/// A page of prose: `astro help environment` and the like. Lines that begin with two spaces stay as they are.
pub fn prose(text: &str, layout: Layout) -> String {
    let mut page = Page::new(layout);
    for paragraph in text.split("\n\n") {
        if paragraph.starts_with("  ") {
            paragraph.lines().for_each(|line| page.line(line));
        } else {
            page.text(&paragraph.replace('\n', " "));
        }
        page.blank();
    }
    page.finish()
}

fn usage_tail(command: &Command) -> String {
    let mut tail = String::new();
    if command.args.iter().any(|arg| !arg.arity.is_positional() && !arg.hidden) {
        tail.push_str(" [OPTIONS]");
    }
    for arg in command.args.iter().filter(|arg| arg.arity.is_positional() && !arg.hidden) {
        let dots = if arg.repeated || arg.arity == Arity::Trailing { "..." } else { "" };
        tail.push_str(&format!(" {}{dots}", arg.spelled()));
    }
    tail
}

fn option_left(arg: &Arg) -> String {
    let Some(long) = &arg.long else { return arg.spelled() };
    let mut left = match arg.short {
        Some(short) => format!("-{short}, --{long}"),
        None => format!("    --{long}"),
    };
    let value = arg.value_name.as_deref().unwrap_or("VALUE");
    match arg.arity {
        Arity::One => left.push_str(&format!(" <{value}>")),
        Arity::OptionalWithEquals if arg.kind == ValueKind::Bool => left.push_str(" [<True|False>]"),
        Arity::OptionalWithEquals => left.push_str(&format!("[=<{value}>]")),
        _ => {}
    }
    left
}

fn option_facts(arg: &Arg) -> String {
    let mut facts = Vec::new();
    if arg.required {
        facts.push("required".to_owned());
    }
    if !arg.aliases.is_empty() {
        let aliases: Vec<String> = arg.aliases.iter().map(|alias| format!("--{alias}")).collect();
        facts.push(format!("also: {}", aliases.join(", ")));
    }
    if arg.repeated {
        facts.push("may be repeated".to_owned());
    }
    if !arg.choices.is_empty() {
        let values: Vec<&str> = arg.choices.iter().map(|choice| choice.value.as_str()).collect();
        facts.push(format!("possible values: {}", values.join(", ")));
    }
    if let Some(range) = &arg.range {
        facts.push(format!("range: {range}"));
    }
    if let Some(default) = &arg.default {
        facts.push(format!("default: {default}"));
    }
    facts.iter().map(|fact| format!(" [{fact}]")).collect()
}

/// A page being written.
struct Page {
    text: String,
    layout: Layout,
}

impl Page {
    fn new(layout: Layout) -> Self {
        Self { text: String::new(), layout }
    }

    fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn heading(&mut self, title: &str) {
        self.blank();
        let title = styled(Style::Heading, &format!("{}:", escaped(title)), self.layout.color);
        self.line(&title);
    }

    fn text(&mut self, text: &str) {
        self.wrapped(text, "", "");
    }

    fn text_indented(&mut self, text: &str) {
        self.wrapped(text, "  ", "  ");
    }

    fn wrapped(&mut self, text: &str, first: &str, rest: &str) {
        for paragraph in text.lines() {
            if paragraph.is_empty() {
                self.blank();
                continue;
            }
            let options = Options::new(self.layout.width)
                .initial_indent(first)
                .subsequent_indent(rest)
                .break_words(false)
                .word_splitter(textwrap::WordSplitter::NoHyphenation);
            for line in textwrap::wrap(&escaped(paragraph), options) {
                self.line(&line);
            }
        }
    }

    fn literal(&self, text: &str) -> String {
        styled(Style::Literal, &escaped(text), self.layout.color)
    }

    fn table(&mut self, rows: impl Iterator<Item = (String, String)>) {
        let rows: Vec<(String, String)> = rows.collect();
        let left = rows.iter().map(|(left, _)| width(left)).max().unwrap_or(0).min(28);
        for (word, about) in rows {
            let pad = " ".repeat(left.saturating_sub(width(&word)));
            let rest = " ".repeat(left + 4);
            let first = format!("  {}{pad}  ", self.literal(&word));
            if width(&word) > left {
                self.line(&first);
                self.wrapped(&about, &rest, &rest);
                continue;
            }
            let before = self.text.len();
            self.wrapped(&about, &rest, &rest);
            // The lines were measured without escape codes; the word takes the place of the first indent.
            match self.text.get(before..before + rest.len()) {
                Some(indent) if *indent == rest => {
                    self.text.replace_range(before..before + rest.len(), &first);
                }
                _ => self.line(&first),
            }
        }
    }

    fn argument(&mut self, arg: &Arg) {
        let help = if arg.long_help.is_empty() { &arg.help } else { &arg.long_help };
        let global = arg
            .means
            .as_deref()
            .map(|means| format!(" (the same as `{}`)", means.replace("--output=", "-o ")))
            .unwrap_or_default();
        self.entry(&option_left(arg), &format!("{help}{global}{}", option_facts(arg)));
    }

    fn entry(&mut self, left: &str, help: &str) {
        let left = self.literal(left);
        self.line(&format!("  {left}"));
        self.wrapped(help.trim_start(), "          ", "          ");
    }

    fn global(&mut self, global: &Global) {
        let mut left = match global.short {
            Some(short) => format!("-{short}, --{}", global.long),
            None => format!("    --{}", global.long),
        };
        if let Some(value) = global.value {
            left.push_str(&format!(" <{value}>"));
        }
        let mut help = program::own(global.help);
        if !global.aliases.is_empty() {
            let aliases: Vec<String> = global.aliases.iter().map(|alias| format!("--{alias}")).collect();
            help.push_str(&format!(" [also: {}]", aliases.join(", ")));
        }
        if !global.choices.is_empty() {
            help.push_str(&format!(" [possible values: {}]", global.choices.join(", ")));
        }
        if let Some(env) = global.env.map(program::own) {
            help.push_str(&format!(" [env: {env}]"));
        }
        self.entry(&left, &help);
    }

    fn globals(&mut self) {
        self.heading("Global options");
        self.globals_line();
    }

    fn globals_line(&mut self) {
        let narrowest = program::dimensions().last();
        let narrowest = narrowest.map(|narrowest| format!("--{}, ", narrowest.name)).unwrap_or_default();
        self.text_indented(&format!(
            "--profile, -o/--output, {narrowest}-y/--yes, …; see `{APP} help globals`"
        ));
    }

    /// What a script gets: the fields of clean in their order, and where the records are in json.
    fn output(&mut self, output: &View) {
        if output.clean.is_empty() && output.list.is_none() {
            return;
        }
        self.heading("Output for scripts");
        if !output.clean.is_empty() {
            self.text_indented(&format!("-o clean: {}", output.clean.join(", ")));
        }
        if let Some(list) = &output.list {
            self.text_indented(&format!("-o json: {{\"{list}\": [...]}}"));
        }
    }

    /// What is said of words that are not on the page.
    fn more(&mut self, text: Option<&str>) {
        if let Some(text) = text {
            self.heading("More commands");
            self.text_indented(text);
        }
    }

    fn owner(&mut self, owners: &[String]) {
        if !owners.is_empty() {
            self.heading("Plugin");
            self.text_indented(&owners.join(", "));
        }
    }

    fn finish(mut self) -> String {
        while self.text.ends_with("\n\n") {
            self.text.pop();
        }
        self.text
    }
}
