//! `astro recover`: one-time secrets that an earlier run could not deliver.

use astro_plugin_protocol::{
    manifest::{Command, Needs},
    service::{Column, ColumnKind, Secret, View},
};
use serde_json::{Value, json};

use super::{Request, command, dynamic, positional};
use crate::{
    console::Console,
    error::{Failure, Result, code, failed, usage},
    host::process,
    invocation::chosen_format,
    output::{Format, Renderer, Sheet},
    secret::{
        Context, Delivery,
        recovery::{Leftover, Store},
    },
};

pub(super) fn commands() -> Vec<Command> {
    let entry = || dynamic(positional("entry", "The entry, as `astro recover list` names it", true));
    let mut list = command(
        "recover list",
        "List tokens that were made and not delivered",
        Vec::new(),
        &[
            ("astro recover list", "See what is left over"),
            ("astro recover list -o json", "The same for a program"),
        ],
    );
    list.aliases = vec!["ls".to_owned()];
    list.long_about = "List tokens that were made and not delivered.\n\nBefore a token is created or rotated a note is written, and its answer is kept before anything else happens to it. Both are removed when the token was delivered. What is listed here was not: `kept` entries hold the token (`delivered` ones, too: somebody passed `--keep-recovery`), for `unknown` ones no answer came, and whether the token was made is to be seen in the list of tokens.".to_owned();
    let mut show = command(
        "recover show",
        "Hand out a token that is kept",
        vec![entry()],
        &[
            ("astro recover show 20260131-123456-1a2b", "Show it"),
            ("astro recover show 20260131-123456-1a2b -o clean", "The token alone, for a script"),
            ("astro recover show 20260131-123456-1a2b --token-file token", "Write it to a file"),
        ],
    );
    show.long_about =
        "Hand out a token that is kept, to stdout, a file or a program.\n\nNothing is removed by it; `astro recover discard` does that.".to_owned();
    show.needs = Needs { secret: true, ..Needs::default() };
    let discard = command(
        "recover discard",
        "Remove an entry and the token in it",
        vec![entry()],
        &[("astro recover discard 20260131-123456-1a2b", "Remove an entry")],
    );
    vec![list, show, discard]
}

pub(super) fn list(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let rows = store(request)?.leftovers().iter().map(row).collect();
    let column =
        |key: &str, title: &str, kind| Column { key: key.into(), title: title.into(), kind, optional: false };
    let view = View {
        list: Some("entries".to_owned()),
        columns: vec![
            column("entry", "ENTRY", ColumnKind::Id),
            column("status", "STATUS", ColumnKind::Id),
            column("name", "TOKEN", ColumnKind::Text),
            column("id", "ID", ColumnKind::Id),
            column("deployment_id", "DEPLOYMENT", ColumnKind::Id),
            column("action", "ACTION", ColumnKind::Id),
            column("started_at", "AT", ColumnKind::Time),
            column("profile", "PROFILE", ColumnKind::Text),
        ],
        clean: ["entry", "status", "name", "id", "deployment_id", "action", "started_at", "profile"]
            .map(str::to_owned)
            .to_vec(),
        empty: Some("Nothing is left over.".to_owned()),
        ..View::default()
    };
    request.emit(format, view, rows)
}

pub(super) fn show(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let console = &request.app.console;
    process::keep_memory_private();
    let leftover = find(request)?;
    let Some(value) = leftover.value.clone() else {
        return Err(without_value(&leftover));
    };
    let chosen = chosen_format(&request.parsed.globals, "ASTRO_OUTPUT");
    request.parsed.secret.check_format(format, chosen)?;
    let delivery = Delivery::of_kept(request.parsed.secret.clone(), format, console)?;
    let record = row(&leftover);
    let view = View {
        columns: ["name", "id", "deployment_id", "action", "started_at"]
            .map(|key| Column {
                key: key.into(),
                title: key.to_uppercase().replace('_', " "),
                kind: if key == "started_at" { ColumnKind::Time } else { ColumnKind::Text },
                ..Column::default()
            })
            .to_vec(),
        ..View::default()
    };
    let secret = Secret { view, record, key: "token".to_owned(), value };
    let sheet =
        Sheet { width: console.facts.width, color: console.conversation().color_stdout, ..Sheet::default() };
    let rendered = Renderer::new(format, sheet).secret(&secret, delivery.is_to_stdout())?;
    let timeout = request.parsed.globals.time_limit();
    let shows_output = request.parsed.globals.verbose > 0;
    let more = Context { plugin: &leftover.record.plugin, command: "recover show", timeout, shows_output };
    delivery.deliver(console, &secret, &rendered, &more).map_err(|failure| {
        let reason = failure.causes.first().cloned().unwrap_or_default();
        Failure::new(code::DELIVERY, format!("the token {} could not be delivered", leftover.record.name()))
            .cause(reason)
            .help(format!("it is still kept in {}", leftover.path.display()))
    })?;
    if !delivery.is_to_stdout() {
        request.app.print_bytes(&rendered)?;
    }
    console
        .notice(&format!("It is still kept; remove it with `astro recover discard {}`.", leftover.record.id));
    Ok(0)
}

pub(super) fn discard(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let app = request.app;
    let leftover = find(request)?;
    let name = leftover.record.name();
    let only_copy = match leftover.value {
        Some(_) => format!("the only copy of the token {name}"),
        None => format!("what is kept of the token {name}"),
    };
    if leftover.is_answered && !request.parsed.globals.yes {
        let facts = app.console.facts;
        if !(facts.stdin && facts.stderr) || request.parsed.globals.no_input || format != Format::Table {
            return Err(Failure::new(code::INPUT_REQUIRED, format!("this would remove {only_copy}"))
                .help(format!("pass `--yes`, or get it first: astro recover show {}", leftover.record.id)));
        }
        let question = format!("Remove {only_copy}? [y/N] ");
        app.console.ask(&question)?;
    }
    store(request)?.discard(&leftover)?;
    app.console.notice(&format!("Removed the entry {}.", leftover.record.id));
    request.done(format, &leftover.record.id, "discarded")
}

/// Tells a person on a terminal, once, that something is left over.
pub(crate) fn mention(console: &Console, store: &Store) {
    let conversation = console.conversation();
    if !console.facts.stderr || conversation.quiet || conversation.json_errors {
        return;
    }
    for leftover in &store.unmentioned() {
        let record = &leftover.record;
        let what = match leftover.value.is_some() {
            true => format!(
                "The token {} was {} at {} and not delivered",
                record.name(),
                record.action,
                record.started_at
            ),
            false => format!(
                "It is not known whether the token {} was {} at {}",
                record.name(),
                record.action,
                record.started_at
            ),
        };
        console.notice(&format!("{what}: see `astro recover list`."));
        store.mark_mentioned(leftover);
    }
}

fn store(request: &Request<'_>) -> Result<Store> {
    Ok(Store::at(&request.app.dirs.clone()?))
}

fn find(request: &Request<'_>) -> Result<Leftover> {
    let id = request.required("entry")?;
    let found = store(request)?.leftovers().into_iter().find(|leftover| leftover.record.id == id);
    found.ok_or_else(|| {
        failed(format!("there is no entry `{id}`")).help("see the entries with `astro recover list`")
    })
}

fn without_value(leftover: &Leftover) -> Failure {
    let name = leftover.record.name();
    if leftover.is_answered {
        failed(format!("the answer that is kept of the token {name} does not hold its value"))
            .help(format!("look at it yourself: {}", leftover.path.display()))
    } else {
        usage(format!("no answer came for the token {name}: there is nothing to show"))
            .help("see in the list of tokens whether it was made; rotate it to get a value")
            .help(format!("then remove the entry: astro recover discard {}", leftover.record.id))
    }
}

fn row(leftover: &Leftover) -> Value {
    let record = &leftover.record;
    let status = match (&leftover.value, leftover.is_answered) {
        (Some(_), _) if record.is_delivered => "delivered",
        (Some(_), _) => "kept",
        (None, true) => "damaged",
        (None, false) => "unknown",
    };
    json!({
        "entry": record.id,
        "status": status,
        "name": record.labels.get("name"),
        "id": record.labels.get("id"),
        "deployment_id": record.labels.get("deployment_id"),
        "action": record.action,
        "started_at": record.started_at,
        "profile": record.profile,
        "address": record.address,
        "path": leftover.path,
    })
}
