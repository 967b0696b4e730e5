//! One invocation, left to right.

#![forbid(unsafe_code)]

use std::{io::Write, sync::Arc};

use astro_plugin_protocol::{manifest::Command, names::BUILTIN_WORDS};

use crate::{
    author::check,
    base::{
        error::{Failure, Result, code, failed, plugin, usage},
        failpoint, redact,
    },
    cli::{
        complete,
        help::{self, Layout},
    },
    commands,
    config::Dirs,
    console::{Console, Conversation, TerminalFacts, logging, report},
    delivery::recovery::Store,
    globals::Globals,
    host::{Transport, library},
    install, official,
    output::Format,
    parse::{self, Parsed},
    run::{bundle, describe},
    scan,
    store::{
        self, Stores,
        lookup::{Found, Owner},
    },
    sys::{crash, process, signals},
    trust::verify,
};

/// What every command of the host may use.
pub(crate) struct App {
    pub(crate) console: Arc<Console>,
    pub(crate) binary: String,
    pub(crate) stores: Stores,
    /// The user's directories, or why they are not known: `--help` works without.
    pub(crate) dirs: Result<Dirs>,
}

pub(crate) fn main() -> ! {
    signals::install();
    let console = Arc::new(Console::system());
    std::panic::set_hook(Box::new(|info| {
        // A plugin's own panic that the boundary's crate passes on: it is caught and told as the plugin's.
        if info.location().is_some_and(|place| place.file().contains("/async-ffi-")) {
            return;
        }
        let text = format!("error: astro itself failed: {info}\n");
        // There is nobody else to tell.
        let _ = redact::Stderr.write_all(text.as_bytes());
    }));
    let code = match arguments() {
        Ok((binary, args)) => {
            let dirs = Dirs::of_environment();
            let stores = Stores::of_process(dirs.as_ref().ok());
            let app = App { console: Arc::clone(&console), binary, stores, dirs };
            let first = scan::words(&args).first().map(|word| (*word).to_owned()).unwrap_or_default();
            let is_recover = first == "recover";
            let is_builtin = first != "help" && BUILTIN_WORDS.contains(&first.as_str());
            let code = app.run(args).unwrap_or_else(|failure| {
                let failure = if is_builtin { failure } else { app.or_denied(failure) };
                // Whoever interrupts knows why it failed; where a token is, nobody knows.
                if failure.code != code::DELIVERY {
                    signals::raise_pending();
                }
                report::failure(&console, &failure).number.into()
            });
            if let Some(dirs) = app.dirs.as_ref().ok().filter(|_| !is_recover) {
                commands::mention(&console, &Store::at(dirs));
            }
            code
        }
        Err(failure) => {
            let typed: Vec<String> =
                std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
            console.set_conversation(guess_conversation(&typed, console.facts));
            report::failure(&console, &failure).number.into()
        }
    };
    let _ = failpoint::reach("before-exit");
    signals::raise_pending();
    crash::leave(code)
}

/// The name the binary was called by and its arguments; text that is not UTF-8 is refused.
fn arguments() -> Result<(String, Vec<String>)> {
    let mut all = std::env::args_os();
    let binary = all
        .next()
        .and_then(|path| Some(std::path::Path::new(&path).file_name()?.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "astro".to_owned());
    let args: std::result::Result<Vec<String>, _> = all.map(std::ffi::OsString::into_string).collect();
    let args =
        args.map_err(|bad| usage(format!("the argument `{}` is not UTF-8 text", bad.to_string_lossy())))?;
    Ok((binary, args))
}

impl App {
    fn run(&self, args: Vec<String>) -> Result<i32> {
        // Errors before the format is known should still be in the format that was asked for.
        self.console.set_conversation(guess_conversation(&args, self.console.facts));
        if let Ok(shell) = std::env::var(complete::VARIABLE) {
            return self.complete(&shell, &args);
        }
        if let [word, path] = args.as_slice()
            && word == describe::CHILD_WORD
        {
            return self.describe(path);
        }
        if let [word, path] = args.as_slice()
            && word == check::CHILD_WORD
        {
            return check::probe(self, path);
        }
        match args.as_slice() {
            [word, library, dir] if word == bundle::WORD => {
                bundle::bundle(library.as_ref(), &system_store(dir))?;
                return Ok(0);
            }
            [word, dir] if word == bundle::INDEX_WORD => return commands::index_store(dir),
            _ => {}
        }
        let words = scan::words(&args);
        let Some(first) = words.first().copied() else {
            return self.root(&args);
        };
        // Describing the host's own commands takes longer than the rest of a plugin's start.
        if BUILTIN_WORDS.contains(&first) {
            let builtins = commands::commands();
            if !builtins.locate(&words).0.is_empty() {
                let parsed = parse::parse(&args, &builtins)?;
                return self.builtin(&parsed, &builtins);
            }
        }
        match self.stores.word(first) {
            Some(found) => {
                let Some((path, word)) = official::unknown_below(&found.set, &words) else {
                    return self.plugin_word(&args, &found);
                };
                official::hand_over(self, &args, &found.set, &path, word)?;
                self.plugin_word(&args, &found)
                    .map_err(|failure| official::explained(failure, &self.dirs, &args, &path, word))
            }
            None => {
                official::hand_over(self, &args, &self.first_words(), "", first)?;
                Err(official::explained(self.unknown(&args, &words), &self.dirs, &args, "", first))
            }
        }
    }

    /// A command is not known to be unknown while a store that may have it cannot be read.
    fn or_denied(&self, failure: Failure) -> Failure {
        match failure.code == code::UNKNOWN_COMMAND {
            true => self.stores.denied().into_iter().next().unwrap_or(failure),
            false => failure,
        }
    }

    /// No word at all: the root page, or an option such as `--version`.
    fn root(&self, args: &[String]) -> Result<i32> {
        let none = crate::tree::CommandSet::default();
        let parsed = parse::parse(args, &none)?;
        self.start_conversation(&parsed.globals, Format::Table)?;
        if parsed.globals.version { self.version() } else { self.print_root_page() }
    }

    /// Prints the root page, with a warning for each store whose commands may be missing from it.
    pub(crate) fn print_root_page(&self) -> Result<i32> {
        let (words, denied) = self.stores.root_page();
        for failure in &denied {
            report::warning(&self.console, failure);
        }
        let words: Vec<help::Word> =
            words.into_iter().map(|word| help::Word { word: word.path, about: word.about }).collect();
        let more = official::more_commands(&self.dirs, "");
        self.print(&help::root(&self.binary, &words, &commands::commands(), more.as_deref(), self.layout()))
    }

    /// `--version`, wherever it stands: a command it was typed after is not run.
    fn version(&self) -> Result<i32> {
        self.print(&format!("astro {}\n", crate::VERSION))
    }

    fn builtin(&self, parsed: &Parsed<'_>, set: &crate::tree::CommandSet) -> Result<i32> {
        if parsed.globals.version {
            return self.version();
        }
        let Some(command) = parsed.command else {
            let about =
                set.groups.iter().find(|group| group.path == parsed.path).map_or("", |group| &group.about);
            self.start_conversation(&parsed.globals, Format::Table)?;
            return self.print(&help::group(
                &self.binary,
                &parsed.path,
                about,
                set,
                &[],
                None,
                self.layout(),
            ));
        };
        if parsed.globals.help {
            self.start_conversation(&parsed.globals, Format::Table)?;
            return self.print(&help::command(&self.binary, command, &[], self.layout()));
        }
        commands::run(self, command, parsed)
    }

    fn plugin_word(&self, args: &[String], found: &Found) -> Result<i32> {
        let parsed = parse::parse(args, &found.set)?;
        if parsed.globals.version {
            return self.version();
        }
        let Some(command) = parsed.command else {
            self.start_conversation(&parsed.globals, Format::Table)?;
            return self.print(&self.group_page(&parsed.path, found));
        };
        let owners = found.owners_below(&command.path);
        if parsed.globals.help {
            self.start_conversation(&parsed.globals, Format::Table)?;
            return self.print(&help::command(&self.binary, command, &owners, self.layout()));
        }
        let Some(owner) = found.owner(&command.path) else {
            return Err(plugin(format!("nobody owns `astro {}`", command.path)));
        };
        let is_known = owner.facts.is_current(&owner.store)
            || verify::is_remembered(&owner.store, &owner.facts, self.dirs.as_ref().ok());
        if !is_known {
            return self.plugin_word_again(args, owner);
        }
        self.invoke_usable(command, &parsed, owner)
    }

    /// Runs a line with the commands of one plugin alone, whoever else has some of their words.
    pub(crate) fn run_found(&self, args: &[String], found: &Found) -> Result<i32> {
        if scan::words(args).is_empty() {
            let all: Vec<&str> = found.set.commands.iter().map(|command| command.path.as_str()).collect();
            return Err(usage("a command of the plugin is needed")
                .help(format!("its commands are: {}", all.join(", ")))
                .help("write it after `--`"));
        }
        let stale = found
            .owners
            .iter()
            .find(|owner| owner.facts.is_linked() && !owner.facts.is_current(&owner.store));
        if let Some(owner) = stale {
            return Err(plugin(format!("`{}` was built again since it was linked", owner.facts.name))
                .help(format!("link it again: astro plugin link {}", owner.facts.path.display())));
        }
        self.plugin_word(args, found)
    }

    /// The plugin's file is not the one the index was made from: it is looked at again, once. A linked one is
    /// described again, any other is refused by its hash if its bytes changed.
    fn plugin_word_again(&self, args: &[String], owner: &Owner) -> Result<i32> {
        let words = scan::words(args);
        let first = words.first().copied().unwrap_or_default();
        let found = crate::run::link::word_again(&self.stores, first, owner)?;
        let found = found.ok_or_else(|| self.unknown(args, &words))?;
        let parsed = parse::parse(args, &found.set)?;
        match (parsed.command, parsed.command.and_then(|command| found.owner(&command.path))) {
            (Some(command), Some(owner)) => self.invoke_usable(command, &parsed, owner),
            _ => self.print(&self.group_page(&parsed.path, &found)),
        }
    }

    fn invoke_usable(&self, command: &Command, parsed: &Parsed<'_>, owner: &Owner) -> Result<i32> {
        // Before anything is found out about the context, which does not matter then.
        match owner.facts.failure() {
            Some(failure) => Err(failure),
            None => self.invoke(command, parsed, owner),
        }
    }

    pub(crate) fn group_page(&self, path: &str, found: &Found) -> String {
        let about = found.set.groups.iter().find(|group| group.path == path).map_or("", |group| &group.about);
        let more = official::more_commands(&self.dirs, path);
        let owners = found.owners_below(path);
        help::group(&self.binary, path, about, &found.set, &owners, more.as_deref(), self.layout())
    }

    /// Fixes what may be written to stderr, and starts the log.
    pub(crate) fn start_conversation(&self, globals: &Globals, format: Format) -> Result<Conversation> {
        let facts = self.console.facts;
        let color = |terminal: bool| match globals.color.as_deref() {
            Some("always") => true,
            Some("never") => false,
            _ => terminal && !facts.dumb && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        let conversation = Conversation {
            quiet: globals.quiet || format != Format::Table,
            color_stderr: color(facts.stderr),
            color_stdout: color(facts.stdout),
            json_errors: format == Format::Json,
        };
        self.console.set_conversation(conversation);
        logging::start(globals.verbose).map_err(|reason| {
            crate::base::error::config("ASTRO_LOG cannot be read")
                .cause(reason)
                .help("set it to error, warn, info, debug or trace")
        })?;
        Ok(conversation)
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout::new(self.console.facts.width, self.console.conversation().color_stdout)
    }

    /// Writes a result of the host's own. A reader that is gone is a quiet end.
    pub(crate) fn print(&self, text: &str) -> Result<i32> {
        self.print_bytes(text.as_bytes())
    }

    pub(crate) fn print_bytes(&self, bytes: &[u8]) -> Result<i32> {
        use crate::console::ResultError;
        match self.console.result.write_all(bytes) {
            Ok(()) | Err(ResultError::Closed) => Ok(0),
            Err(ResultError::Failed(reason)) => Err(failed("the result cannot be written").cause(reason)),
            Err(ResultError::Lost) => {
                Err(failed("the result cannot be written").cause("its descriptor was closed"))
            }
        }
    }

    fn describe(&self, path: &str) -> Result<i32> {
        process::keep_stdout_private();
        let verified = verify::open_for_describe(std::path::Path::new(path))?;
        crash::arm(|what| format!("error: it {what}"));
        let manifest = library::load(verified, &format!("`{path}`"))?.describe()?;
        self.print_bytes(&manifest)
    }

    /// Every first word: the host's own and those of plugins.
    pub(crate) fn first_words(&self) -> crate::tree::CommandSet {
        let mut all = commands::commands();
        all.groups.extend(self.stores.root_words());
        all
    }

    /// The failure for a line whose first word no installed plugin provides.
    fn unknown(&self, args: &[String], words: &[&str]) -> Failure {
        if let Some(failure) = parse::unknown_option(args, "", 0) {
            return failure;
        }
        let word = words.first().copied().unwrap_or_default();
        let mut all = commands::commands();
        for root in self.stores.root_words() {
            if let Some(found) = self.stores.word(&root.path) {
                all.groups.extend(found.set.groups);
                all.commands.extend(found.set.commands);
            }
            all.groups.push(root);
        }
        let mut failure = parse::unknown_word(&all, "", words);
        match &self.dirs {
            Ok(dirs) => failure.help.extend(install::brought_by(dirs, word)),
            Err(reason) => failure.causes.push(format!("your own plugins are not known: {}", reason.message)),
        }
        failure
    }
}

/// Before anything is parsed: whether the raw arguments or `ASTRO_OUTPUT` ask for json.
fn guess_conversation(args: &[String], facts: TerminalFacts) -> Conversation {
    let before = args.iter().take_while(|arg| *arg != "--");
    let mut format = std::env::var("ASTRO_OUTPUT").unwrap_or_default();
    let mut last = "";
    for arg in before {
        if last == "-o" || last == "--output" {
            format = arg.clone();
        }
        for prefix in ["-o=", "--output=", "-o"] {
            if let Some(value) = arg.strip_prefix(prefix).filter(|value| !value.is_empty()) {
                format = value.to_owned();
                break;
            }
        }
        last = arg;
    }
    Conversation {
        quiet: false,
        color_stderr: facts.stderr
            && !facts.dumb
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        color_stdout: false,
        json_errors: format == "json",
    }
}

/// Where the index of a directory is made by the installer.
pub(crate) fn system_store(dir: &str) -> store::Store {
    store::Store { dir: dir.into(), kind: store::Kind::System }
}
