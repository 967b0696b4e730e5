//! One run, from the arguments to the exit code: which part of the host has the line.

#![forbid(unsafe_code)]

use std::{io::Write, sync::Arc};

use astro_plugin_protocol::names::BUILTIN_WORDS;

use crate::{
    author::check,
    base::{
        error::{Failure, Result, code, usage},
        failpoint, redact,
    },
    cli::{complete, help},
    commands::{self, Builtins, pages},
    completion,
    config::{Dirs, environment},
    console::{Console, Conversation, TerminalFacts, report},
    delivery::recovery::Store,
    env::Env,
    fallback,
    host::{Transport, library},
    install,
    output::Format,
    parse::{self, Parsed},
    program::APP,
    run::{bundle, describe, line},
    scan,
    store::{self, Stores},
    sys::{crash, process, signals},
    tree::CommandSet,
    trust::verify,
};

/// Ends a program whose product has wrong values, with a message for its author.
pub(crate) fn refuse(problems: &[String]) -> ! {
    let text: String = problems
        .iter()
        .map(|problem| format!("error: the product of this program cannot be used: {problem}\n"))
        .collect();
    // A failed write cannot be reported anywhere.
    let _ = redact::Stderr.write_all(text.as_bytes());
    crash::exit_now(126)
}

pub(crate) fn main() -> ! {
    signals::install();
    let console = Arc::new(Console::system());
    std::panic::set_hook(Box::new(|info| {
        // A plugin's own panic that the boundary's crate passes on: it is caught and told as the plugin's.
        if info.location().is_some_and(|place| place.file().contains("/async-ffi-")) {
            return;
        }
        let text = format!("error: {APP} itself failed: {info}\n");
        // There is nobody else to tell.
        let _ = redact::Stderr.write_all(text.as_bytes());
    }));
    let code = match arguments() {
        Ok((binary, args)) => {
            let dirs = Dirs::of_environment();
            let stores = Stores::of_process(dirs.as_ref().ok());
            let env = Env { console: Arc::clone(&console), binary, stores, dirs };
            let first = scan::words(&args).first().map(|word| (*word).to_owned()).unwrap_or_default();
            let is_recover = first == "recover";
            let is_builtin = first != "help" && BUILTIN_WORDS.contains(&first.as_str());
            let code = route(&env, &args).unwrap_or_else(|failure| {
                let failure = if is_builtin { failure } else { or_denied(&env, failure) };
                // Whoever interrupts knows why it failed; where a token is, nobody knows.
                if failure.code != code::DELIVERY {
                    signals::raise_pending();
                }
                report::failure(&console, &failure).number.into()
            });
            if let Some(dirs) = env.dirs.as_ref().ok().filter(|_| !is_recover) {
                commands::print_pending_notice(&console, &Store::at(dirs));
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
    crash::exit_now(code)
}

/// The name the binary was called by and its arguments; text that is not UTF-8 is refused.
fn arguments() -> Result<(String, Vec<String>)> {
    let mut all = std::env::args_os();
    let binary = all
        .next()
        .and_then(|path| Some(std::path::Path::new(&path).file_name()?.to_string_lossy().into_owned()))
        .unwrap_or_else(|| format!("{APP}").to_owned());
    let args: std::result::Result<Vec<String>, _> = all.map(std::ffi::OsString::into_string).collect();
    let args =
        args.map_err(|bad| usage(format!("the argument `{}` is not UTF-8 text", bad.to_string_lossy())))?;
    Ok((binary, args))
}

/// Runs what was typed. The order: what shells and other processes of astro ask for, the host's own commands, those of
/// plugins, and what is left for the official CLI.
fn route(env: &Env, args: &[String]) -> Result<i32> {
    // Errors before the format is known should still be in the format that was asked for.
    env.console.set_conversation(guess_conversation(args, env.console.facts));
    if let Ok(shell) = std::env::var(complete::variable()) {
        return completion::complete(env, &shell, args);
    }
    if let Some(code) = internal(env, args) {
        return code;
    }
    let words = scan::words(args);
    let Some(first) = words.first().copied() else {
        return root(env, args);
    };
    if BUILTIN_WORDS.contains(&first) {
        let builtins = Builtins::of(first);
        if !builtins.set.locate(&words).0.is_empty() {
            let parsed = parse::parse(args, &builtins.set)?;
            return builtin(env, &parsed, &builtins);
        }
    }
    match env.stores.word(first) {
        Some(found) => {
            let Some((path, word)) = fallback::unknown_below(&found.set, &words) else {
                return line::line(env, args, &found);
            };
            fallback::exec_fallback(env, args, &found.set, &path, word)?;
            line::line(env, args, &found)
                .map_err(|failure| fallback::explained(failure, &env.dirs, args, &path, word))
        }
        None => {
            fallback::exec_fallback(env, args, &pages::first_words(env), "", first)?;
            Err(fallback::explained(unknown(env, args, &words), &env.dirs, args, "", first))
        }
    }
}

/// The hidden words that astro and its installer call it with, in processes of their own.
fn internal(env: &Env, args: &[String]) -> Option<Result<i32>> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    Some(match words.as_slice() {
        [describe::CHILD_WORD, path] => describe(env, path),
        [check::CHILD_WORD, path] => check::probe(env, path),
        [bundle::WORD, library, dir] => {
            bundle::bundle(library.as_ref(), &store::system_store(dir)).map(|()| 0)
        }
        [bundle::INDEX_WORD, dir] => commands::index_store(dir),
        _ => return None,
    })
}

/// A command is not known to be unknown while a store that may have it cannot be read.
fn or_denied(env: &Env, failure: Failure) -> Failure {
    match failure.code == code::UNKNOWN_COMMAND {
        true => env.stores.denied().into_iter().next().unwrap_or(failure),
        false => failure,
    }
}

/// No word at all: the root page, or an option such as `--version`.
fn root(env: &Env, args: &[String]) -> Result<i32> {
    let none = CommandSet::default();
    let parsed = parse::parse(args, &none)?;
    env.start_conversation(&parsed.globals, Format::TABLE)?;
    if parsed.globals.version { env.print_version() } else { pages::print_root_page(env) }
}

fn builtin(env: &Env, parsed: &Parsed<'_>, builtins: &Builtins) -> Result<i32> {
    if parsed.globals.version {
        return env.print_version();
    }
    let Some(command) = parsed.command else {
        let about = builtins
            .set
            .groups
            .iter()
            .find(|group| group.path == parsed.path)
            .map_or("", |group| &group.about);
        env.start_conversation(&parsed.globals, Format::TABLE)?;
        let page = help::group(&env.binary, &parsed.path, about, &builtins.set, &[], None, env.layout());
        return env.print(&page);
    };
    if parsed.globals.help {
        env.start_conversation(&parsed.globals, Format::TABLE)?;
        return env.print(&help::command(&env.binary, command, &[], env.layout()));
    }
    builtins.run(env, command, parsed)
}

/// The failure for a line whose first word no installed plugin provides.
fn unknown(env: &Env, args: &[String], words: &[&str]) -> Failure {
    if let Some(failure) = parse::unknown_option(args, "", 0) {
        return failure;
    }
    let word = words.first().copied().unwrap_or_default();
    let mut failure = parse::unknown_word(&commands::all(env), "", words);
    match &env.dirs {
        Ok(dirs) => failure.help.extend(install::suggest_install(dirs, word)),
        Err(reason) => failure.causes.push(format!("your own plugins are not known: {}", reason.message)),
    }
    failure
}

fn describe(env: &Env, path: &str) -> Result<i32> {
    process::redirect_stdout_to_stderr();
    let verified = verify::open_for_describe(std::path::Path::new(path))?;
    crash::arm(|what| format!("error: it {what}"));
    let manifest = library::load(verified, &format!("`{path}`"))?.describe()?;
    env.print_bytes(&manifest)
}

/// Before anything is parsed: whether the raw arguments or `ASTRO_OUTPUT` ask for json.
fn guess_conversation(args: &[String], facts: TerminalFacts) -> Conversation {
    let before = args.iter().take_while(|arg| *arg != "--");
    let mut format = std::env::var(environment::OUTPUT.to_string()).unwrap_or_default();
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
