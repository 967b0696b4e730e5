//! What every plugin must do, and what its help promises.

use astro_plugin_cli::check;
use astro_plugin_protocol::{
    invocation::{Complete, Run},
    manifest::{Arity, Command, Example, ValueKind},
    message::{Failure, code},
};

use super::host::{Host, is_program};
use crate::{Plugin, usage};

/// Checks a plugin against the rules that a host has for it, and those that make its commands usable: the manifest is
/// accepted and the same every time, every visible command has an example, every example is a line of its own command
/// that parses, no argument makes its parser panic, and unknown messages are refused as the protocol wants it.
///
/// No command is run; dynamic values are asked for. A finished file is checked by `astro plugin check FILE`.
///
/// # Panics
/// When a rule is broken; the message lists all of them.
#[track_caller]
pub fn conformance(plugin: Plugin) {
    let host = Host::new(plugin);
    let mut broken = check::problems_of_new(&host.manifest);
    if host.plugin().manifest() != host.manifest {
        broken.push("its manifest is another one each time".to_owned());
    }
    let visible = host.manifest.commands.iter().filter(|command| !command.hidden);
    visible.for_each(|command| of_command(&host, command, &mut broken));
    messages(&host, &mut broken);
    assert!(broken.is_empty(), "the plugin breaks {} rules:\n  {}", broken.len(), broken.join("\n  "));
}

/// Runs every example of the plugin's help in a host, each as it stands. An example ends with 0 or with an exit code that
/// its command declares.
///
/// # Panics
/// When one does not; the message lists all of them with what they said.
#[track_caller]
pub fn examples(host: &Host) {
    let mut failed = Vec::new();
    for (command, line) in lines(host) {
        let ran = host.run(&line);
        if ran.code != 0 && !command.exit_codes.iter().any(|own| own.code == ran.code) {
            failed.push(format!("`{line}` ended with {}: {}", ran.code, ran.stderr.trim_end()));
        }
    }
    assert!(failed.is_empty(), "{} examples do not work:\n  {}", failed.len(), failed.join("\n  "));
}

/// The examples of commands; one that is part of a longer shell line is left out.
fn lines(host: &Host) -> Vec<(Command, String)> {
    let commands = host.manifest.commands.iter();
    commands
        .flat_map(|command| {
            let plain = command.examples.iter().filter(|example| example.is_plain());
            plain.map(|example| (command.clone(), example.command.clone()))
        })
        .collect()
}

fn of_command(host: &Host, command: &Command, broken: &mut Vec<String>) {
    let path = &command.path;
    if command.examples.is_empty() {
        broken.push(format!("`{path}` has no example: declare one with `spec.example`"));
    }
    for example in &command.examples {
        if let Err(reason) = example_parses(host, command, example) {
            broken.push(format!("the example `{}` of `{path}` is refused: {reason}", example.command));
        }
    }
    // Values that no author thinks of: each is accepted, or refused with words about that option.
    let Some(entry) = host.plugin().entry(path) else { return };
    for value in ["", "-1", "\u{fffd}", "99999999999999999999999", "\n"] {
        for arg in command.args.iter().filter(|arg| arg.arity == Arity::One) {
            let long = arg.long.clone().unwrap_or_default();
            let parsed = usage::parse(entry.spec.apply((entry.clap)("")), vec![format!("--{long}={value}")]);
            let Err(error) = parsed else { continue };
            let (failure, _) = error.into_parts();
            let failure = astro_plugin_cli::wording::word(failure, path, &[]);
            if failure.code != code::USAGE || failure.message.trim().is_empty() {
                broken.push(format!(
                    "`{path}` refuses `--{long}={}` with `{}` instead of `usage`, and says `{}`",
                    value.escape_debug(),
                    failure.code,
                    failure.message
                ));
            }
        }
    }
    for arg in command.args.iter().filter(|arg| arg.kind == ValueKind::Dynamic) {
        // It may fail, since nothing is in the script; then a shell shows nothing. It may not panic.
        let completed = host.try_complete(&format!("astro {path}"), &arg.id, "");
        if let Err(failure) = completed.map(drop)
            && failure.code == code::PLUGIN
        {
            broken.push(format!("completing `{}` of `{path}`: {}", arg.id, failure.message));
        }
    }
}

fn example_parses(host: &Host, command: &Command, example: &Example) -> Result<(), String> {
    let line = &example.command;
    let calls = |word: &str| is_program(word.rsplit(['(', '/', '=']).next().unwrap_or_default());
    if !line.split_whitespace().any(calls) {
        return Err("it does not call `astro`, which stands for the program that runs it".to_owned());
    }
    if !example.is_plain() {
        return Ok(());
    }
    let words = shlex::split(line).ok_or("its quotes do not end")?;
    let set = host.commands();
    let parsed = astro_plugin_cli::parse::parse(&words[1..], &set).map_err(|failure| failure.message)?;
    if parsed.path != command.path {
        return Err(format!("it is a line of `{}`", parsed.path));
    }
    let Some(entry) = host.plugin().entry(&command.path) else { return Ok(()) };
    let args = astro_plugin_cli::canonical::arguments(command, &parsed.matches);
    usage::parse(entry.spec.apply((entry.clap)("")), args).map(drop).map_err(|error| {
        let (failure, _) = error.into_parts();
        astro_plugin_cli::wording::word(failure, &command.path, &[]).message
    })
}

/// What a plugin does not know it refuses with the codes that a host looks for.
fn messages(host: &Host, broken: &mut Vec<String>) {
    let Some(command) = host.manifest.commands.first() else { return };
    let services = host.idle_services(command);
    let mut expect = |answer: Result<serde_json::Value, Failure>, wanted: &str, what: &str| {
        let found = answer.map_or_else(|failure| failure.code, |_| "an answer".to_owned());
        if found != wanted {
            broken.push(format!("{what} is answered with `{found}` instead of `{wanted}`"));
        }
    };
    expect(host.ask("from.the.future", (), &services), code::UNIMPLEMENTED, "an unknown invocation");
    let path = "no such command".to_owned();
    let run = Run { path: path.clone(), ..Run::default() };
    expect(host.ask("run", &run, &services), code::PLUGIN, "a command it does not have");
    let complete = Complete { path, ..Complete::default() };
    expect(host.ask("complete", &complete, &services), code::PLUGIN, "completing a command it does not have");
}
