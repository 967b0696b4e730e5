//! `astro context`: what is in effect, and why.

use astro_plugin_protocol::{
    effect::Effect,
    manifest::Arg,
    service::{ColumnKind, View},
    time::minute,
};
use serde_json::{Value, json};

use super::{Request, column, command, positional, switch};
use crate::{
    api::names,
    base::{
        error::{Failure, Result, usage},
        time::{timestamp, unix_now},
    },
    commands::Builtin,
    console::{Console, escaped},
    context::{
        Claims, Context, Origin, Overridden, Sourced,
        names::{Names, beside},
        settings,
    },
    credential::{Source, issuer::Issuer},
    output::Format,
    product::product,
    program::{APP, dimensions},
};

pub(super) fn commands() -> Vec<Builtin> {
    // The official CLI has `context list`, `switch` and `delete`: whoever types them learns today's spelling.
    let official = Arg { hidden: true, ..positional("official", "", false) };
    let mut context = command(
        "context",
        Effect::Read,
        "Show who you are and where: every value and where it came from",
        vec![
            switch("check", "Ask the API and the issuer who the credential belongs to, and whether it works"),
            official.clone(),
            Arg { id: "rest".to_owned(), repeated: true, ..official },
        ],
        &[
            ("astro context", "Show what is in effect"),
            ("astro context -o json", "The same for a program"),
            ("astro context --check", "Also ask the server"),
            ("astro context -o clean", &format!("One line for a prompt: {}", in_prompt())),
        ],
        show,
    );
    context.aliases = vec!["whoami".to_owned()];
    context.long_about = "Show who you are and where.\n\nShown are every value in effect and where it came from, what was overridden, which variables and files are there and not used, and what keeps requests from being sent. Names stand beside IDs as commands last saw them; `--check` asks for them. Nothing is sent without `--check`.".to_owned();
    vec![context]
}

pub(super) fn show(request: &Request<'_>) -> Result<i32> {
    if let Some(word) = request.text("official") {
        return Err(official_spelling(word));
    }
    let env = request.env;
    let globals = &request.parsed.globals;
    let is_prompt = request.format()?.is_bare() && !request.flag("check");
    let mut context =
        if is_prompt { env.resolver().context_at_hand(globals)? } else { env.resolver().context(globals)? };
    let format = context.output.value;
    env.start_conversation(&request.parsed.globals, format)?;
    let mut checked = Vec::new();
    if request.flag("check") {
        context = env.resolver().renewed(context)?;
        checked = check(request, &context)?;
    }
    let names = Names::at(env.dirs.as_ref().ok(), &context.address.value).of_context(&context);
    let mut rows = settings_rows(&context, format);
    for (name, value, origin) in checked {
        rows.push(json!({ "name": name, "value": value, "origin": origin }));
    }
    let in_one_line = |failure: &Failure| match failure.causes.first() {
        Some(cause) => format!("{}: {cause}", failure.message),
        None => failure.message.clone(),
    };
    let blocked = context.obstacle(unix_now()).as_ref().map(in_one_line);
    let read_only = context.read_only.as_ref().map(in_one_line);
    if format.is_document() {
        let document = document(&context, rows, names, blocked, read_only);
        return request.emit(format, View::default(), vec![document]);
    }
    if format.is_bare() {
        let line = prompt_line(&context, blocked.is_some(), names);
        return request.emit(format, prompt_view(), vec![line]);
    }
    name_ids(&mut rows, names);
    let is_time = |row: &Value| matches!(row["name"].as_str(), Some("credential_expires" | "expires_at"));
    for row in rows.iter_mut().filter(|row| is_time(row)) {
        if let Some(time) = row["value"].as_str().map(minute) {
            row["value"] = time.into();
        }
    }
    let view = View {
        list: Some("settings".to_owned()),
        columns: vec![
            column("name", ColumnKind::Id),
            column("value", ColumnKind::Id),
            column("origin", ColumnKind::Id),
        ],
        ..View::default()
    };
    let code = request.emit(format, view, rows)?;
    tell(&env.console, &context, blocked, read_only);
    Ok(code)
}

/// Every value in effect and where it came from.
fn settings_rows(context: &Context, format: Format) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: Option<(String, String)>| {
        let (value, origin) =
            value.map_or((Value::Null, Value::Null), |(value, origin)| (value.into(), origin.into()));
        rows.push(json!({ "name": name, "value": value, "origin": origin }));
    };
    let text = |value: &Option<Sourced<String>>| {
        value.as_ref().map(|value| (value.value.clone(), value.origin.to_string()))
    };
    row("profile", text(&context.profile));
    row("address", Some((context.address.value.to_string(), context.address.origin.to_string())));
    row(
        "credential",
        context.credential.as_ref().map(|credential| ("set".to_owned(), credential.origin.to_string())),
    );
    let claims = context.claims.as_ref();
    let claimed = |value: Option<String>, claim: &'static str| {
        value.map(|value| (value, Origin::Claim(claim).to_string()))
    };
    row("credential_expires", claimed(claims.and_then(|claims| claims.expires).map(timestamp), "exp"));
    let token_id = claims.and_then(|claims| claims.token_id.clone());
    row("token_id", token_id.and_then(|token| claimed(Some(token.value), token.claim)));
    for (dimension, setting) in context.settings.iter() {
        row(dimension.name, text(&setting.cloned()));
    }
    row("output", Some((format.name().to_owned(), context.output.origin.to_string())));
    rows
}

/// The same for a program, with what was overridden and what is in the way.
fn document(
    context: &Context,
    rows: Vec<Value>,
    names: Vec<(&'static str, Option<String>)>,
    blocked: Option<String>,
    read_only: Option<String>,
) -> Value {
    let overridden: Vec<Value> = context
        .overridden
        .iter()
        .map(|overridden| {
            let Overridden { name, setting } = overridden;
            json!({ "name": name, "value": setting.value, "origin": setting.origin.to_string() })
        })
        .collect();
    let mut document = json!({
        "settings": rows,
        "overridden": overridden,
        "ignored": context.ignored,
        "blocked": blocked,
        "directory_files": directory_files(context),
        "read_only": read_only,
    });
    for (level, name) in names {
        document[format!("{level}_name")] = name.into();
    }
    document
}

/// What a person should know beside the table.
fn tell(console: &Console, context: &Context, blocked: Option<String>, read_only: Option<String>) {
    for Overridden { name, setting } in &context.overridden {
        console.notice(&format!("overridden: {name} `{}` from {}", setting.value, setting.origin));
    }
    for path in context.directory.iter().flat_map(|directory| &directory.files) {
        console.notice(&format!("directory file: {}", path.display()));
    }
    for ignored in &context.ignored {
        console.notice(&format!("ignored: {ignored}"));
    }
    for unused in &context.unused {
        let line = format!("{}: {}", unused.path.display(), unused.reason);
        if !context.ignored.contains(&line) {
            console.notice(&format!("ignored: {line}"));
        }
    }
    if let Some(blocked) = blocked {
        console.notice(&format!("nothing can be sent: {blocked}"));
    }
    if let Some(read_only) = read_only {
        console.notice(&format!("nothing can be changed: {read_only}"));
    }
}

/// Every directory file that was looked at, with the reason where it is not used.
fn directory_files(context: &Context) -> Vec<Value> {
    let used = context.directory.iter().flat_map(|directory| &directory.files);
    let used = used.map(|path| (path, None));
    let unused = context.unused.iter().map(|unused| (&unused.path, Some(&unused.reason)));
    used.chain(unused)
        .map(|(path, reason)| {
            json!({ "path": path.display().to_string(), "used": reason.is_none(), "reason": reason })
        })
        .collect()
}

/// What the server says about the credential: to whom it belongs, what it is for, until when. An error when it is not
/// accepted.
fn check(request: &Request<'_>, context: &Context) -> Result<Vec<(&'static str, Value, &'static str)>> {
    const API: &str = "the API";
    context.authority()?;
    let env = request.env;
    let api = env.api(context.clone(), &request.parsed.globals);
    names::ask(&api);
    let owner = context.claims.as_ref().and_then(Claims::owner);
    if let (Some(owner), Some(token), Some(path)) = (owner, context.token_id(), product().api.token) {
        let found = api.get(&path(owner, token), &[])?;
        return Ok(vec![
            ("belongs_to", found["name"].clone(), API),
            ("scope", found["scope"].clone(), API),
            ("expires_at", found["endAt"].clone(), API),
        ]);
    }
    let mut rows = Vec::new();
    let mut all = None;
    if let Some(widest) = settings::owner() {
        let found = api.get(widest.list, &[])?;
        let names =
            found[widest.plural()].as_array().into_iter().flatten().filter_map(|one| one["name"].as_str());
        all = Some((widest.plural(), names.collect::<Vec<_>>().join(", ")));
    }
    if let (Some(_), Some(credential)) = (&context.session, &context.credential) {
        let who = Issuer::of(&context.address.value, context.trust())?.who(&credential.value);
        rows.push(("belongs_to", who.into(), "the issuer"));
    }
    rows.extend(all.map(|(plural, names)| (plural, names.into(), API)));
    let expires = context.session.as_ref().map(|session| timestamp(session.expires));
    rows.push(("expires_at", expires.into(), "the issuer"));
    Ok(rows)
}

/// Shows the names beside the IDs they belong to.
fn name_ids(rows: &mut [Value], names: Vec<(&'static str, Option<String>)>) {
    for (level, name) in names {
        let Some(row) = rows.iter_mut().find(|row| row["name"] == level) else { continue };
        if let Some(value) = row["value"].as_str() {
            row["value"] = beside(value, name.as_deref()).into();
        }
    }
}

/// One line for a shell's prompt: who and where, and whether a request could be sent.
fn prompt_line(context: &Context, is_blocked: bool, names: Vec<(&'static str, Option<String>)>) -> Value {
    // It is shown on a terminal after every command: nothing in it may act there.
    let text =
        |value: &Option<Sourced<String>>| value.as_ref().map(|value| escaped(&value.value).into_owned());
    let who = text(&context.profile)
        .or_else(|| context.credential.as_ref().map(|credential| credential.origin.to_string()));
    // What the keyring or a program holds was not asked.
    let is_unread =
        context.contradiction.is_none() && context.credential.is_none() && context.source != Source::File;
    let state = match (is_unread, is_blocked) {
        (true, _) => "unread",
        (false, true) => "blocked",
        (false, false) if context.read_only.is_some() => "read-only",
        (false, false) => "ready",
    };
    let mut line = json!({ "profile": who, "state": state });
    for (dimension, setting) in context.settings.iter() {
        line[dimension.name] = text(&setting.cloned()).into();
    }
    for (level, name) in names {
        line[format!("{level}_name")] = name.map(|name| escaped(&name).into_owned()).into();
    }
    line
}

fn prompt_view() -> View {
    let names = || dimensions().iter().map(|dimension| dimension.name);
    let keys = ["profile"].into_iter().chain(names()).chain(["state"]).map(str::to_owned);
    View { clean: keys.chain(names().map(|name| format!("{name}_name"))).collect(), ..View::default() }
}

/// What a line for a prompt holds, in words.
fn in_prompt() -> String {
    let names: Vec<&str> = dimensions().iter().map(|dimension| dimension.name).collect();
    let states = "ready, read-only, blocked or unread";
    match names.as_slice() {
        [] => format!("profile, {states}"),
        [one] => format!("profile, {one}, {states}, and its name"),
        all => format!("profile, {}, {states}, and the {} names", all.join(", "), in_number(all.len())),
    }
}

fn in_number(count: usize) -> String {
    const WORDS: [&str; 5] = ["no", "one", "two", "three", "four"];
    WORDS.get(count).map_or_else(|| count.to_string(), |word| (*word).to_owned())
}

/// The command that does here what a word after `context` does in the official CLI.
fn official_spelling(word: &str) -> Failure {
    let today = match word {
        "list" | "ls" => format!("{APP} profile list"),
        "switch" | "sw" => format!("{APP} profile use NAME"),
        "delete" => format!("{APP} profile remove NAME"),
        _ => {
            return usage(format!("`{APP} context` does not take the argument `{word}`"))
                .help(format!("see `{APP} context --help`"));
        }
    };
    let whose = match product().fallback {
        Some(fallback) => format!("is a command of {}", fallback.title),
        None => "is no command".to_owned(),
    };
    usage(format!("`{APP} context {word}` {whose}; here a context is a profile"))
        .help(format!("type `{today}`"))
}
