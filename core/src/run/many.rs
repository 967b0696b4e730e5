//! A command that lists, for several profiles at once: one invocation each, side by side, and one result. A profile that
//! fails does not hide the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};

use astro_plugin_protocol::{
    invocation::kind,
    manifest::Command,
    message,
    service::{Column, ColumnKind, View},
};
use serde_json::{Map, Value, json};

use super::one::{self, finish, identity};
use crate::{
    base::error::{Failure, Result, plugin, usage},
    config::{Config, environment},
    console::report,
    context::{Context, settings},
    env::Env,
    exit_code,
    globals::Globals,
    host::{Services, port},
    output::{Collected, Format, Renderer},
    parse::Parsed,
    program::APP,
    run::ask,
    services::{Call, Shared},
    store::lookup::Owner,
    sys::signals,
};

/// The key that tells whose row it is.
const PROFILE: &str = "profile";

pub(super) fn invoke(env: &Env, command: &Command, parsed: &Parsed<'_>, owner: &Owner) -> Result<i32> {
    let widest = settings::owner().map(|widest| widest.name);
    if let Some((word, value)) = widest.and_then(|widest| Some((widest, parsed.globals.setting(widest)?))) {
        return Err(usage(format!("`--{word} {value}` cannot be used for several profiles"))
            .help("each profile has its own"));
    }
    // No single profile decides the format.
    let format =
        Format::without_context(parsed.globals.output.clone(), environment::variable(environment::OUTPUT)?)?;
    let conversation = env.start_conversation(&parsed.globals, format)?;
    let profiles = profiles_of(env, &parsed.globals)?;
    let loaded = one::load(env, owner, conversation)?;

    let mut failures: BTreeMap<usize, Failure> = BTreeMap::new();
    let mut running: Vec<(usize, Arc<Call>)> = Vec::new();
    let mut requests: Vec<ask::Request> = Vec::new();
    let mut told = BTreeSet::new();
    for (index, profile) in profiles.iter().enumerate() {
        let globals = Globals {
            profile: Some(profile.clone()),
            output: Some(format.name().to_owned()),
            ..parsed.globals.clone()
        };
        let context = match context_for_one(env, &globals, command) {
            Ok(context) => context,
            Err(failure) => {
                failures.insert(index, failure);
                continue;
            }
        };
        for ignored in &context.ignored {
            if told.insert(ignored.clone()) {
                env.console.notice(&format!("ignored: {ignored}"));
            }
        }
        let run = one::run_of(env, &context, command, parsed, false, &owner.facts.name);
        let request = message::encode_request(kind::RUN, &run)?;
        let api = env.api(context, &globals).labelled(profile);
        let call = Arc::new(Call {
            config: owner.facts.config.clone(),
            unstable: owner.facts.unstable.clone(),
            ..Call::new(env, &owner.facts.name, command.clone(), api, globals)
        });
        requests.push((
            request,
            Arc::new(OfProfile { shared: Shared(Arc::clone(&call)), profile: profile.clone() }),
        ));
        running.push((index, call));
    }

    let identity = identity(owner);
    let answers = ask::ask(&loaded, requests, &identity)?;
    running.iter().for_each(|(_, call)| call.api.wait_for_renewal());
    let Some(answers) = answers else {
        signals::raise_pending();
        return Ok(exit_code::DECLINED.number.into());
    };
    let mut lists: Vec<(&str, Collected)> = Vec::new();
    for ((index, call), answer) in running.iter().zip(answers) {
        let ended = finish(&answer, call, command, &identity);
        let collected = call.result.lock().unwrap_or_else(PoisonError::into_inner).renderer.take_collected();
        match (ended, collected) {
            (Ok(0), Some(collected)) if collected.is_whole => lists.push((&profiles[*index], collected)),
            (Ok(_), _) => {
                failures.insert(*index, plugin(format!("plugin {identity} gave no result")));
            }
            (Err(failure), _) => {
                failures.insert(*index, failure);
            }
        }
    }
    let failures: Vec<(&str, Failure)> =
        failures.into_iter().map(|(index, failure)| (profiles[index].as_str(), failure)).collect();
    env.print_bytes(&rendered(format, env.table_layout(conversation), lists, &failures)?)?;
    for (profile, failure) in &failures {
        let message = format!("profile `{profile}`: {}", failure.message);
        report::failure(&env.console, &Failure { message, ..failure.clone() });
    }
    Ok(common_code(&failures))
}

/// The profiles that were named, or all there are.
fn profiles_of(env: &Env, globals: &Globals) -> Result<Vec<String>> {
    if !globals.all_profiles {
        return Ok(globals.profiles.clone());
    }
    let config = Config::load(&env.dirs.clone()?)?;
    match config.profiles.is_empty() {
        true => Err(usage("there are no profiles").help(format!("add one with `{APP} profile add NAME`"))),
        false => Ok(config.profiles.into_keys().collect()),
    }
}

/// The context of one profile, with which a request may be sent.
fn context_for_one(env: &Env, globals: &Globals, command: &Command) -> Result<Context> {
    let context = env.resolver().context(globals)?;
    if !command.needs.api {
        return Ok(context);
    }
    let context = env.resolver().renewed(context)?;
    context.authority()?;
    Ok(context)
}

/// What one of several profiles may use. Its lines of the log name the profile.
struct OfProfile {
    shared: Shared,
    profile: String,
}

impl Services for OfProfile {
    fn call(&self, request: Vec<u8>, reply: port::Reply) {
        self.shared.call(request, reply);
    }

    fn log(&self, level: u32, target: &str, text: &str) {
        self.shared.log(level, target, &format!("profile `{}`: {text}", self.profile));
    }
}

/// One result of all lists; in a document the failures are part of it.
fn rendered(
    format: Format,
    layout: crate::output::TableLayout,
    lists: Vec<(&str, Collected)>,
    failures: &[(&str, Failure)],
) -> Result<Vec<u8>> {
    let view = lists.first().map(|(_, collected)| collected.view.clone()).unwrap_or_default();
    let rows = lists.into_iter().flat_map(|(profile, collected)| {
        let rows = collected.rows.into_iter();
        rows.map(move |row| with_profile(profile, row))
    });
    let rows: Vec<Value> = rows.collect();
    if format.is_document() {
        let key = view.list.unwrap_or_else(|| "results".to_owned());
        let errors: Vec<Value> = failures.iter().map(|(profile, failure)| error(profile, failure)).collect();
        let document =
            Value::Object(Map::from_iter([(key, rows.into()), ("errors".to_owned(), errors.into())]));
        return Ok(Renderer::whole(format, layout, View::default(), vec![document])?.bytes);
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut view = view;
    view.list.get_or_insert_with(|| "results".to_owned());
    let column = Column {
        key: PROFILE.to_owned(),
        title: "PROFILE".to_owned(),
        kind: ColumnKind::Id,
        ..Column::default()
    };
    view.columns.insert(0, column);
    // Scripts count columns: what is new comes last.
    view.clean.push(PROFILE.to_owned());
    Ok(Renderer::whole(format, layout, view, rows)?.bytes)
}

fn with_profile(profile: &str, row: Value) -> Value {
    let mut fields = Map::from_iter([(PROFILE.to_owned(), profile.into())]);
    if let Value::Object(row) = row {
        fields.extend(row);
    }
    Value::Object(fields)
}

fn error(profile: &str, failure: &Failure) -> Value {
    let http = failure.http.as_ref();
    json!({
        "profile": profile,
        "error": failure.message,
        "kind": failure.code,
        "exit_code": exit_code::of_failure(&failure.code).number,
        "status": http.map(|http| http.status),
        "request_id": http.and_then(|http| http.request_id.clone()),
        "help": failure.help,
    })
}

/// One common failure gives its code, different ones 1.
fn common_code(failures: &[(&str, Failure)]) -> i32 {
    let mut codes = failures.iter().map(|(_, failure)| exit_code::of_failure(&failure.code).number);
    let Some(first) = codes.next() else { return exit_code::DONE.number.into() };
    if codes.all(|code| code == first) { first.into() } else { exit_code::FAILED.number.into() }
}
