//! A host in the test's own process.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use astro_plugin_cli::{
    canonical,
    error::{Failure, code},
    escape::is_control,
    exit_code, failure,
    output::{Format, TableLayout},
    parse::{self, Parsed},
    program, time,
    tree::CommandSet,
    wording,
};
use astro_plugin_protocol::{
    invocation::{self, Candidate, Candidates, Complete, Outcome, Run, Setting, Source, Terminal, kind},
    manifest::{self, ValueKind},
    message::{self, encode_request},
    service::{ContextSelect, HttpRequest, ProfilePut},
};
use futures_util::future::{Either, select};
use serde_json::Value;

use super::{
    Formats, Ran,
    script::Script,
    services::{Line, Services},
};
use crate::{Plugin, bridge};

/// A host that runs commands of a plugin in this process and answers what they ask for by a script.
///
/// Nothing is sent, and nothing is read from the machine it runs on or written to it but what the command itself writes and downloads: a
/// request that is not in the script is an error that says so. The clock stands still at 2026-01-31T12:00:00Z unless [`Host::at`] sets it.
///
/// ```
/// # use astro_plugin_sdk::{prelude::*, serde_json::json, testing::{Host, When, Reply}};
/// /// Greet somebody
/// #[derive(Args)]
/// struct Hello {}
///
/// impl Command for Hello {
///     const PATH: &'static str = "hello";
///     const EFFECT: Effect = Effect::Read;
///     type Output = ();
///
///     fn declare(spec: &mut Spec) {
///         spec.needs_api().example("astro hello", "Greet");
///     }
///
///     async fn run(self, ctx: Context) -> Result<()> {
///         let name: String = ctx.http().get(["me"]).send().await?.json()?;
///         ctx.notice(format!("Hello {name}!")).await
///     }
/// }
///
/// let host = Host::new(Plugin::new("hello", "1.0.0").command::<Hello>()).get("me", json!("Ada"));
/// assert_eq!(host.run("astro hello").stderr, "Hello Ada!\n");
/// assert_eq!(host.requests().len(), 1);
/// ```
pub struct Host {
    plugin: &'static Plugin,
    pub(super) manifest: manifest::Manifest,
    pub(super) context: invocation::Context,
    script: Arc<Mutex<Script>>,
    pub(super) interactive: bool,
    pub(super) width: Option<usize>,
}

impl Host {
    /// A host with this plugin, without settings, and nobody at the terminal.
    pub fn new(plugin: Plugin) -> Self {
        // It has to live as long as anything the command leaves behind.
        let plugin: &'static Plugin = Box::leak(Box::new(plugin));
        Self {
            manifest: plugin.manifest(),
            plugin,
            context: invocation::Context::default(),
            script: Arc::default(),
            interactive: false,
            width: None,
        }
    }

    /// What was delivered to the sink of [`Host::token_sink`], in order.
    pub fn delivered(&self) -> Vec<String> {
        self.script().delivered.clone()
    }

    /// The profiles that the command wrote ([`crate::Context::put_profile`]), in order.
    pub fn profiles(&self) -> Vec<ProfilePut> {
        self.script().profiles.clone()
    }

    /// What the command selected for later commands ([`crate::Context::set_context`]), in order.
    pub fn selected(&self) -> Vec<ContextSelect> {
        self.script().selected.clone()
    }

    /// What was shown to take a while, one line for each step: `Reading files 0/2`, `Reading files 1/2`, `Reading files ended`.
    pub fn progress(&self) -> Vec<String> {
        self.script().progress.clone()
    }

    /// The requests that were sent, in order.
    pub fn requests(&self) -> Vec<HttpRequest> {
        self.script().requests.clone()
    }

    /// The bodies of the requests that were sent, in order, where they are not JSON ([`crate::HttpCall::body`]); else empty.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        self.script().bodies.clone()
    }

    /// Runs a line as a user types it, the program first: `astro`, or the name that [`set_program`](super::set_program) set. Quotes
    /// are those of a shell.
    ///
    /// # Panics
    /// When the line cannot be split into words.
    #[track_caller]
    pub fn run(&self, line: &str) -> Ran {
        let Some(words) = shlex::split(line) else { panic!("`{line}` cannot be split into words") };
        let args = match words.split_first() {
            Some((first, rest)) if is_program(first) => rest,
            _ => &words,
        };
        self.run_args(args)
    }

    /// Runs a command, in words, without `astro`.
    pub fn run_args(&self, args: &[String]) -> Ran {
        let set = self.commands();
        let asks_for_json = asks_for_json(args);
        match parse::parse(args, &set) {
            Ok(parsed) => self.run_parsed(&parsed),
            Err(failure) => refused(&failure, asks_for_json),
        }
    }

    /// Runs a line in each format: what it does must not depend on how it is shown.
    ///
    /// # Panics
    /// When it does not end with 0 in one of them.
    #[track_caller]
    pub fn formats(&self, line: &str) -> Formats {
        Formats {
            table: self.run(&format!("{line} -o table")).ok(),
            json: {
                let ran = self.run(&format!("{line} -o json"));
                assert_eq!(ran.code, 0, "the command failed:\n{}", ran.stderr);
                ran.json()
            },
            clean: self.run(&format!("{line} -o clean")).ok(),
        }
    }

    /// The candidates for an argument, by its id, after what was typed of its value; `line` is the rest of the line.
    ///
    /// # Panics
    /// When the line is not one of a command of the plugin, the argument is not declared with [`crate::Spec::dynamic`], or
    /// the command's answer is a failure.
    #[track_caller]
    pub fn complete(&self, line: &str, arg: &str, typed: &str) -> Vec<Candidate> {
        match self.try_complete(line, arg, typed) {
            Ok(candidates) => candidates,
            Err(failure) => panic!("{}", failure::rendered(&failure, false, false)),
        }
    }

    pub(super) fn try_complete(&self, line: &str, arg: &str, typed: &str) -> Result<Vec<Candidate>, Failure> {
        let set = self.commands();
        let words = shlex::split(line).unwrap_or_default();
        let parsed = parse::parse(words.get(1..).unwrap_or_default(), &set)?;
        let command = parsed.command.ok_or_else(|| unknown(&parsed.path))?;
        let is_asked = command.args.iter().any(|own| own.id == arg && own.kind == ValueKind::Dynamic);
        if !is_asked {
            let message = format!("a shell does not ask for `{arg}` of `astro {}`", command.path);
            return Err(Failure::new(code::PLUGIN, message).help("declare it with `spec.completes`"));
        }
        let complete = Complete {
            path: command.path.clone(),
            arg: arg.to_owned(),
            typed: typed.to_owned(),
            args: canonical::arguments(command, &parsed.matches),
            context: self.context_for(&parsed, Format::TABLE),
            log_level: 0,
        };
        let services = self.services(&parsed, command, Format::TABLE, true);
        let answer = self.ask(kind::COMPLETE, &complete, &services)?;
        let answer: Candidates = message::read(answer)?;
        let fits = |value: &str| {
            value.starts_with(typed)
                && !value.is_empty()
                && !value.starts_with('-')
                && !value.chars().any(is_control)
        };
        Ok(answer.candidates.into_iter().filter(|candidate| fits(&candidate.value)).collect())
    }

    /// Sends one message to the plugin.
    pub(super) fn ask(
        &self,
        kind: &str,
        body: impl serde::Serialize,
        services: &Arc<Services>,
    ) -> Result<Value, Failure> {
        let request = encode_request(kind, body)?;
        let open = services.open();
        let handled = catch_unwind(AssertUnwindSafe(|| {
            let handling = pin!(bridge::handle(self.plugin, open.port(), &request));
            match pollster::block_on(select(handling, services.interrupted())) {
                Either::Left((answer, _)) => answer,
                // As the death by signal that it is.
                Either::Right(_) => Err(Failure::new(code::DECLINED, "interrupted")),
            }
        }));
        handled.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Failure::new(code::PLUGIN, format!("it panicked: {}", text.unwrap_or_default())))
        })
    }

    fn run_parsed(&self, parsed: &Parsed<'_>) -> Ran {
        let json = parsed.globals.output.as_deref() == Some("json");
        if parsed.globals.help || parsed.globals.version || parsed.command.is_none() {
            return match parsed.command.is_some() || parsed.globals.version || !parsed.path.is_empty() {
                // The host shows help pages; what is on them is in the manifest.
                true => Ran { stdout: String::new(), stderr: String::new(), code: 0 },
                false => refused(&unknown(&parsed.path), json),
            };
        }
        let Some(command) = parsed.command else { return refused(&unknown(&parsed.path), json) };
        let format = match Format::without_context(parsed.globals.output.clone(), None) {
            Ok(format) => format,
            Err(failure) => return refused(&failure, json),
        };
        let run = Run {
            path: command.path.clone(),
            args: canonical::arguments(command, &parsed.matches),
            context: self.context_for(parsed, format),
            terminal: Terminal::new(
                self.interactive && !parsed.globals.no_input && format.is_for_people(),
                self.width.is_some(),
                self.width.and_then(|width| u16::try_from(width).ok()),
            ),
            log_level: 0,
        };
        let services = self.services(parsed, command, format, false);
        let answer = self.ask(kind::RUN, &run, &services);
        let (code, failure) = judged(answer, command, services.closing());
        let mut stderr = services.said();
        if let Some(failure) = failure {
            let failure = wording::word(failure, &command.path, &parse::options(Some(command)));
            stderr.push_str(&failure::rendered(&failure, format.is_document(), false));
            stderr.push('\n');
        }
        Ran { stdout: services.result(), stderr, code }
    }

    fn services(
        &self,
        parsed: &Parsed<'_>,
        command: &manifest::Command,
        format: Format,
        completing: bool,
    ) -> Arc<Services> {
        let layout = TableLayout {
            width: self.width,
            color: false,
            now: time::timestamp(self.script().unix_ms / 1000),
        };
        let line = Line {
            command: command.clone(),
            globals: parsed.globals.clone(),
            format,
            layout,
            interactive: self.interactive && !parsed.globals.no_input,
            completing,
            effect: command.effect_of(&canonical::arguments(command, &parsed.matches)),
        };
        Arc::new(Services::new(Arc::clone(&self.script), &self.manifest, line))
    }

    fn context_for(&self, parsed: &Parsed<'_>, format: Format) -> invocation::Context {
        let flag = |value: &str, name: &str| Setting::new(value, format!("--{name}"), Source::Flag);
        let globals = &parsed.globals;
        let mut context = self.context.clone();
        format.name().clone_into(&mut context.output);
        if let Some(profile) = &globals.profile {
            context.profile = Some(flag(profile, "profile"));
        }
        for (dimension, value) in &globals.settings {
            context.set(dimension, flag(value, dimension));
        }
        context
    }

    /// Services for a message that belongs to no line.
    pub(super) fn idle_services(&self, command: &manifest::Command) -> Arc<Services> {
        let line =
            Line { command: command.clone(), completing: true, effect: command.effect, ..Line::default() };
        Arc::new(Services::new(Arc::clone(&self.script), &self.manifest, line))
    }

    pub(super) fn commands(&self) -> CommandSet {
        CommandSet { groups: self.manifest.groups.clone(), commands: self.manifest.commands.clone() }
    }

    pub(super) fn plugin(&self) -> &'static Plugin {
        self.plugin
    }

    pub(super) fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a line that cannot be parsed asks for json: the last format before `--` counts.
fn asks_for_json(args: &[String]) -> bool {
    let mut format = "";
    let mut last = "";
    for arg in args.iter().take_while(|arg| *arg != "--") {
        if last == "-o" || last == "--output" {
            format = arg;
        }
        let joined = ["-o=", "--output=", "-o"].into_iter().find_map(|prefix| arg.strip_prefix(prefix));
        format = joined.filter(|value| !value.is_empty()).unwrap_or(format);
        last = arg;
    }
    format == "json"
}

/// Whether a line that begins with this is one of the program: data that serves every program says `astro`.
pub(super) fn is_program(word: &str) -> bool {
    word == "astro" || word == program::name()
}

impl Drop for Host {
    fn drop(&mut self) {
        let unused = self.script.lock().unwrap_or_else(PoisonError::into_inner).unused();
        if !unused.is_empty() && !std::thread::panicking() {
            panic!(
                "no request came for {}; take it out of the test, or call Host::lenient",
                unused.join(", ")
            );
        }
    }
}

/// How an answer becomes an exit code, and the error that is shown.
fn judged(
    answer: Result<Value, Failure>,
    command: &manifest::Command,
    unwritten: Option<Failure>,
) -> (u8, Option<Failure>) {
    let outcome = answer.and_then(message::read::<Outcome>);
    let failure = match (unwritten, outcome) {
        // The words of the system alone help nobody at 3 a.m.
        (None, Err(failure)) if failure.causes.is_empty() && failure.message.contains(" (os error ") => {
            let message = format!("its error names no object: {}", failure.message);
            Failure::new(code::PLUGIN, message).help("say what could not be done with `.context(|| …)`")
        }
        (Some(failure), _) | (None, Err(failure)) => failure,
        (None, Ok(Outcome { exit_code: code @ 0..=2 })) => return (code, None),
        (None, Ok(Outcome { exit_code })) if command.exit_codes.iter().any(|own| own.code == exit_code) => {
            return (exit_code, None);
        }
        (None, Ok(Outcome { exit_code })) => Failure::new(
            code::PLUGIN,
            format!("it ended with the code {exit_code}, which its manifest does not declare"),
        ),
    };
    (exit_code::of_failure(&failure.code).number, Some(failure))
}

fn refused(failure: &Failure, json: bool) -> Ran {
    let stderr = format!("{}\n", failure::rendered(failure, json, false));
    Ran { stdout: String::new(), stderr, code: exit_code::of_failure(&failure.code).number }
}

fn unknown(path: &str) -> Failure {
    Failure::new(code::UNKNOWN_COMMAND, format!("no such command: `astro {path}`"))
        .help("the plugin's manifest has the paths of its commands")
}
