//! `astro context`: what is in effect, and why.

use astro_plugin_protocol::{
    manifest::{Arg, Command},
    service::{Column, ColumnKind, View},
};
use serde_json::{Value, json};

use super::{Request, command, positional};
use crate::{
    context::{Context, Origin, Overridden, Sourced, timestamp, unix_now},
    error::{Failure, Result, usage},
    output::Format,
};

pub(super) fn commands() -> Vec<Command> {
    // The official CLI has `context list`, `switch` and `delete`: whoever types them learns today's spelling.
    let official = Arg { hidden: true, ..positional("official", "", false) };
    let mut context = command(
        "context",
        "Show who you are and where: every value and where it came from",
        vec![official.clone(), Arg { id: "rest".to_owned(), repeated: true, ..official }],
        &[
            ("astro context", "Show what is in effect"),
            ("astro context -o json", "The same for a program"),
            (
                "astro context -o clean",
                "One line for a prompt: profile, organization, workspace, deployment, ready or blocked",
            ),
        ],
    );
    context.aliases = vec!["whoami".to_owned()];
    context.long_about = "Show who you are and where.\n\nShown are every value in effect and where it came from, what was overridden, which variables and files are there and not used, and what keeps requests from being sent. Nothing is sent for it.".to_owned();
    vec![context]
}

pub(super) fn show(request: &Request<'_>) -> Result<i32> {
    if let Some(word) = request.text("official") {
        return Err(official_spelling(word));
    }
    let app = request.app;
    let context = app.context(&request.parsed.globals)?;
    let format = context.output.value;
    app.start_conversation(&request.parsed.globals, format)?;
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
    row("token_id", claimed(claims.and_then(|claims| claims.token_id.clone()), "apiTokenId"));
    row("organization", text(&context.organization));
    row("workspace", text(&context.workspace));
    row("deployment", text(&context.deployment));
    row("output", Some((format.name().to_owned(), context.output.origin.to_string())));
    let blocked = context.authority(unix_now()).err().map(|failure| match failure.causes.first() {
        Some(cause) => format!("{}: {cause}", failure.message),
        None => failure.message,
    });
    match format {
        Format::Json => {
            let overridden: Vec<Value> = context
                .overridden
                .iter()
                .map(|overridden| {
                    let Overridden { name, setting } = overridden;
                    json!({ "name": name, "value": setting.value, "origin": setting.origin.to_string() })
                })
                .collect();
            let document = json!({
                "settings": rows,
                "overridden": overridden,
                "ignored": context.ignored,
                "blocked": blocked,
            });
            return request.emit(format, View::default(), vec![document]);
        }
        Format::Clean => {
            return request.emit(format, prompt_view(), vec![prompt_line(&context, blocked.is_some())]);
        }
        Format::Table => {}
    }
    let column =
        |key: &str, kind| Column { key: key.into(), title: key.to_uppercase(), kind, optional: false };
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
    for Overridden { name, setting } in &context.overridden {
        app.console.notice(&format!("overridden: {name} `{}` from {}", setting.value, setting.origin));
    }
    for ignored in &context.ignored {
        app.console.notice(&format!("ignored: {ignored}"));
    }
    if let Some(blocked) = blocked {
        app.console.notice(&format!("nothing can be sent: {blocked}"));
    }
    Ok(code)
}

/// One line for a shell's prompt: who and where, and whether a request could be sent.
fn prompt_line(context: &Context, is_blocked: bool) -> Value {
    let text = |value: &Option<Sourced<String>>| value.as_ref().map(|value| value.value.clone());
    let who = text(&context.profile)
        .or_else(|| context.credential.as_ref().map(|credential| credential.origin.to_string()));
    json!({
        "profile": who,
        "organization": text(&context.organization),
        "workspace": text(&context.workspace),
        "deployment": text(&context.deployment),
        "state": if is_blocked { "blocked" } else { "ready" },
    })
}

fn prompt_view() -> View {
    let columns = ["profile", "organization", "workspace", "deployment", "state"];
    View { clean: columns.map(str::to_owned).to_vec(), ..View::default() }
}

/// The command that does here what a word after `context` does in the official CLI.
fn official_spelling(word: &str) -> Failure {
    let today = match word {
        "list" | "ls" => "astro profile list",
        "switch" | "sw" => "astro profile use NAME",
        "delete" => "astro profile remove NAME",
        _ => {
            return usage(format!("`astro context` does not take the argument `{word}`"))
                .help("see `astro context --help`");
        }
    };
    usage(format!(
        "`astro context {word}` is a command of the official Astro CLI; here a context is a profile"
    ))
    .help(format!("type `{today}`"))
}
