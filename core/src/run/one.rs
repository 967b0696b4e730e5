//! One command of a plugin: verified, loaded, asked, and its answer turned into an exit code.

use std::sync::{Arc, Mutex, PoisonError};

use astro_plugin_cli::secret::Chosen;
use astro_plugin_protocol::{
    invocation::{self, Outcome, Run, Terminal},
    manifest::Command,
    message::{self, Answer},
};

use crate::{
    base::{
        error::{Failure, Result, code, plugin},
        failpoint,
    },
    canonical,
    console::{Conversation, logging, report},
    context::{self, Context},
    delivery::Delivery,
    env::Env,
    exit_code,
    globals::Globals,
    host::library,
    output::Renderer,
    parse::{self, Parsed},
    program::{self, APP, ENV},
    run::{ask, many},
    services::{Call, ResultState, Shared},
    store::lookup::Owner,
    sys::{crash, descriptors, process, signals},
    trust::verify,
    wording,
};

/// Loads the plugin and runs the command.
pub(crate) fn invoke(env: &Env, command: &Command, parsed: &Parsed<'_>, owner: &Owner) -> Result<i32> {
    let globals = &parsed.globals;
    if globals.all_profiles || !globals.profiles.is_empty() {
        return many::invoke(env, command, parsed, owner);
    }
    // What sends nothing asks no keyring and runs no program for a token.
    let mut context = if command.needs.api {
        env.resolver().context(globals)?
    } else {
        env.resolver().context_at_hand(globals)?
    };
    let format = context.output.value;
    let conversation = env.start_conversation(globals, format)?;
    for ignored in &context.ignored {
        env.console.notice(&format!("ignored: {ignored}"));
    }
    if command.needs.api {
        context = env.resolver().renewed(context)?;
    }
    let interactive = env.is_interactive(globals, format);
    let identity = identity(owner);
    let run = run_of(env, &context, command, parsed, interactive, &owner.facts.name);
    let effect = command.effect_of(&run.args);
    parsed.secret.check_format(format, chosen_format(globals, &context.output.origin.to_string()))?;
    let delivery = match command.needs.secret {
        true => Some(Delivery::prepare(parsed.secret.clone(), format, &env.console, &env.dirs)?),
        false => None,
    };
    let loaded = load(env, owner, conversation)?;
    if !command.needs.process && !command.needs.secret {
        descriptors::close_on_exec();
    }
    if command.needs.secret {
        process::keep_memory_private();
    }
    if command.needs.api {
        // Reported before the plugin runs.
        context.authority()?;
        context.allow(effect)?;
    }

    let layout = env.table_layout(conversation);
    let call = Arc::new(Call {
        config: owner.facts.config.clone(),
        unstable: owner.facts.unstable.clone(),
        effect,
        interactive,
        delivery,
        result: Mutex::new(ResultState::new(Renderer::new(format, layout))),
        ..Call::new(env, &owner.facts.name, command.clone(), env.api(context, globals), globals.clone())
    });
    let request = message::encode_request(invocation::kind::RUN, &run)?;
    let requests: Vec<ask::Request> = vec![(request, Arc::new(Shared(Arc::clone(&call))))];
    let answers = ask::ask(&loaded, requests, &identity)?;
    call.api.wait_for_renewal();
    env.console.end_progress();
    match answers.and_then(|answers| answers.into_iter().next()) {
        Some(answer) => {
            let finished = finish(&answer, &call, command, &identity);
            call.delivery.iter().for_each(Delivery::abandon);
            finished
        }
        None => {
            let undelivered = call.delivery.as_ref().and_then(Delivery::finish);
            call.delivery.iter().for_each(Delivery::abandon);
            if let Some(failure) = undelivered {
                report::failure(&env.console, &failure);
            }
            signals::raise_pending();
            Ok(exit_code::DECLINED.number.into())
        }
    }
}

/// Verifies and loads the plugin of a command. From here on a crash is the plugin's.
pub(crate) fn load(env: &Env, owner: &Owner, conversation: Conversation) -> Result<library::Loaded> {
    let identity = identity(owner);
    let verified = verify::verify(&owner.store, &owner.facts, env.dirs.as_ref().ok())?;
    // The terminal is looked at before fd 1 is pointed elsewhere.
    signals::start_plugin();
    process::redirect_stdout_to_stderr();
    let (json, named) = (conversation.json_errors, identity.clone());
    crash::arm(move |what| crash_line(&named, what, json));
    let loaded = library::load(verified, &identity)?;
    if loaded.without_proc {
        let warning = plugin(
            "/proc is not mounted: the plugin was loaded by its path, not by the descriptor that was verified",
        );
        report::warning(&env.console, &warning);
    }
    Ok(loaded)
}

/// What the plugin is asked to run.
pub(super) fn run_of(
    env: &Env,
    context: &Context,
    command: &Command,
    parsed: &Parsed<'_>,
    interactive: bool,
    plugin: &str,
) -> Run {
    let facts = env.console.facts;
    Run {
        path: command.path.clone(),
        args: canonical::arguments(command, &parsed.matches),
        context: context_for_plugin(env, context, plugin),
        terminal: Terminal::new(
            interactive,
            facts.stdout,
            facts.width.and_then(|width| u16::try_from(width).ok()),
        ),
        log_level: logging::level(),
    }
}

pub(crate) fn context_for_plugin(env: &Env, context: &Context, plugin: &str) -> invocation::Context {
    let dirs = env.dirs.as_ref().ok();
    let mut resolved = invocation::Context::default();
    resolved.profile = context.profile.as_ref().map(context::Sourced::to_setting);
    context.output.value.name().clone_into(&mut resolved.output);
    resolved.token_id = context.token_id().map(str::to_owned);
    if let Some(dirs) = dirs {
        resolved.state_dir = dirs.plugin_state(plugin).to_string_lossy().into_owned();
        resolved.cache_dir = dirs.plugin_cache(plugin).to_string_lossy().into_owned();
        resolved.private_home = dirs.private_home;
    }
    resolved.program = APP.to_string();
    resolved.variables = ENV.to_string();
    for (dimension, setting) in context.settings.chosen() {
        resolved.set(dimension.name, setting.to_setting());
    }
    resolved
}

/// What chose the format, for people: an option that they typed, or where the format came from.
pub(crate) fn chosen_format<'a>(globals: &'a Globals, origin: &'a str) -> Chosen<'a> {
    match (&globals.output_option, &globals.output) {
        (Some(option), _) => Chosen::Option(option),
        (None, Some(_)) => Chosen::Option("-o clean"),
        (None, None) => Chosen::Setting(origin),
    }
}

/// The plugin in words.
pub(super) fn identity(owner: &Owner) -> String {
    format!("`{}` {}", owner.facts.name, owner.facts.version)
}

/// How the answer becomes an exit code.
pub(super) fn finish(answer: &[u8], call: &Call, command: &Command, identity: &str) -> Result<i32> {
    // A piece that the plugin did not wait for is part of the result all the same.
    call.queue.close();
    let undelivered = call.delivery.as_ref().and_then(Delivery::finish);
    let _ = failpoint::reach("result-written");
    let state = call.result.lock().unwrap_or_else(PoisonError::into_inner);
    let ended = ended(answer);
    // Whatever the plugin made of it: a result that was not written is not done, and a secret that was not
    // delivered outweighs all.
    if let Some(failure) = state.failure.clone().filter(|failure| failure.code == code::DELIVERY) {
        return Err(failure);
    }
    if let Some(failure) = undelivered.or(state.failure.clone()) {
        return Err(match ended {
            _ if failure.code == code::PLUGIN => plugin(format!("plugin {identity}: {}", failure.message)),
            Err(reason) if failure.code == code::DELIVERY && reason.code != code::DELIVERY => {
                failure.cause(reason.message)
            }
            _ => failure,
        });
    }
    match ended {
        Ok(Outcome { exit_code: code @ 0..=2 }) => Ok(code.into()),
        Ok(Outcome { exit_code }) if command.exit_codes.iter().any(|own| own.code == exit_code) => {
            Ok(exit_code.into())
        }
        Ok(Outcome { exit_code }) => Err(plugin(format!(
            "plugin {identity} ended with the code {exit_code}, which its manifest does not declare"
        ))),
        Err(failure) if failure.code == code::CLOSED && state.closed => Ok(0),
        Err(failure) if failure.code == code::PLUGIN || failure.code == code::UNIMPLEMENTED => Err(Failure {
            causes: failure.causes,
            ..plugin(format!("plugin {identity}: {}", failure.message))
        }),
        Err(failure) => Err(wording::word(failure, &command.path, &parse::options(Some(command)))),
    }
}

/// The answer's outcome. What is no answer at all is the plugin's fault, whatever it meant.
fn ended(answer: &[u8]) -> Result<Outcome> {
    let unusable = |failure: Failure| {
        let mut unusable = plugin("it returned an invalid response").cause(failure.message);
        unusable.causes.extend(failure.causes);
        unusable
    };
    match message::read_answer(answer).map_err(unusable)? {
        Answer::Ok(value) => message::read(value).map_err(unusable),
        Answer::Error(failure) => Err(ours(failure)),
    }
}

/// What a plugin says, with the name of this program in the lines that people type.
fn ours(failure: Failure) -> Failure {
    Failure {
        message: program::own(&failure.message),
        help: failure.help.iter().map(|line| program::own(line)).collect(),
        ..failure
    }
}

fn crash_line(identity: &str, what: &str, json: bool) -> String {
    let message = format!("plugin {identity} {what}");
    if json {
        serde_json::json!({"error": message, "kind": code::PLUGIN, "exit_code": 126}).to_string()
    } else {
        format!("error: {message}\nhelp: report it to the plugin's author; see `{APP} plugin list`")
    }
}
