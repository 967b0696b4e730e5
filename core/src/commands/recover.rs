//! `astro recover`: one-time secrets that an earlier run could not deliver.

use astro_plugin_protocol::{
    effect::Effect,
    manifest::Needs,
    service::{Column, ColumnKind, Secret, View},
};
use serde_json::{Value, json};

use super::{Request, command, dynamic, positional};
use crate::{
    base::error::{Failure, Result, code, failed, usage},
    commands::Builtin,
    config::environment,
    console::Console,
    delivery::{
        Context, Delivery,
        recovery::{RecoveryEntry, Store},
    },
    output::Renderer,
    program::{APP, dimensions},
    run::one::chosen_format,
    sys::process,
};

pub(super) fn commands() -> Vec<Builtin> {
    let entry =
        || dynamic(positional("entry", &format!("The entry, as `{APP} recover list` names it"), true));
    let mut list = command(
        "recover list",
        Effect::Read,
        "List tokens that were made and not delivered",
        Vec::new(),
        &[
            ("astro recover list", "List the tokens that were not delivered"),
            ("astro recover list -o json", "The same for a program"),
        ],
        list,
    );
    list.aliases = vec!["ls".to_owned()];
    list.long_about = format!("List tokens that were made and not delivered.\n\nBefore a token is created or rotated a note is written, and its answer is kept before anything else happens to it. Both are removed when the token was delivered. What is listed here was not: `kept` entries hold the token, `delivered` ones hold a token that was delivered with `--keep-recovery` or handed out by `{APP} recover show`, for `unknown` ones no answer came, and whether the token was made is to be seen in the list of tokens.").to_owned();
    let mut show = command(
        "recover show",
        Effect::Write,
        "Show or export a stored token",
        vec![entry()],
        &[
            ("astro recover show 20260131-123456-1a2b", "Show it"),
            ("astro recover show 20260131-123456-1a2b -o clean", "The token alone, for a script"),
            ("astro recover show 20260131-123456-1a2b --token-file token", "Write it to a file"),
        ],
        show,
    );
    show.long_about =
        format!("Show or export a stored token, to stdout, a file or a program.\n\nNothing is removed by it; `{APP} recover discard` does that. Once it was delivered the entry counts as delivered.").to_owned();
    show.needs = Needs { secret: true, ..Needs::default() };
    let discard = command(
        "recover discard",
        Effect::Destructive,
        "Remove an entry and the token in it",
        vec![entry()],
        &[("astro recover discard 20260131-123456-1a2b", "Remove an entry")],
        discard,
    );
    vec![list, show, discard]
}

pub(super) fn list(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let rows = store(request)?.entries().iter().map(row).collect();
    let column = |key: &str, title: &str, kind| Column {
        key: key.into(),
        title: title.into(),
        kind,
        ..Column::default()
    };
    let in_capitals = |name: &str| name.to_uppercase();
    let mut columns = vec![
        column("entry", "ENTRY", ColumnKind::Id),
        column("status", "STATUS", ColumnKind::Id),
        column("name", "TOKEN", ColumnKind::Text),
        column("id", "ID", ColumnKind::Id),
    ];
    let mut clean = ["entry", "status", "name", "id"].map(str::to_owned).to_vec();
    let mut narrower = dimensions().iter().rev().map(|dimension| dimension.name);
    let narrowest = narrower.next();
    if let Some(name) = narrowest {
        let title = in_capitals(name);
        columns.push(column(&format!("{name}_name"), &title, ColumnKind::Text));
        columns.push(column(&format!("{name}_id"), &format!("{title} ID"), ColumnKind::Id));
        clean.push(format!("{name}_id"));
    }
    columns.extend([
        column("action", "ACTION", ColumnKind::Id),
        column("started_at", "AT", ColumnKind::Time),
        column("profile", "PROFILE", ColumnKind::Text),
    ]);
    clean.extend(["action", "started_at", "profile"].map(str::to_owned));
    clean.extend(narrowest.map(|name| format!("{name}_name")));
    for name in narrower {
        let key = format!("{name}_name");
        columns.push(Column { optional: true, ..column(&key, &in_capitals(name), ColumnKind::Text) });
        clean.push(key);
    }
    let view = View {
        list: Some("entries".to_owned()),
        columns,
        clean,
        empty: Some("No undelivered tokens.".to_owned()),
        ..View::default()
    };
    request.emit(format, view, rows)
}

pub(super) fn show(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let console = &request.env.console;
    process::keep_memory_private();
    let entry = find(request)?;
    let Some(value) = entry.value.clone() else {
        return Err(without_value(&entry));
    };
    let variable = environment::OUTPUT.to_string();
    let chosen = chosen_format(&request.parsed.globals, &variable);
    request.parsed.secret.check_format(format, chosen)?;
    let delivery = Delivery::for_recovered_entry(request.parsed.secret.clone(), format, console)?;
    let record = row(&entry);
    let view = View {
        columns: shown_keys()
            .into_iter()
            .map(|key| Column {
                key: key.clone(),
                title: key.to_uppercase().replace('_', " "),
                kind: if key == "started_at" { ColumnKind::Time } else { ColumnKind::Text },
                ..Column::default()
            })
            .collect(),
        ..View::default()
    };
    let secret = Secret { view, record, key: "token".to_owned(), value };
    let layout = request.env.table_layout(console.conversation());
    let rendered = Renderer::new(format, layout).secret(&secret, delivery.is_to_stdout())?;
    let timeout = request.parsed.globals.time_limit();
    let shows_output = request.parsed.globals.verbose > 0;
    let more = Context { plugin: &entry.record.plugin, command: "recover show", timeout, shows_output };
    delivery.deliver(console, &secret, &rendered, &more).map_err(|failure| {
        let reason = failure.causes.first().cloned().unwrap_or_default();
        Failure::new(code::DELIVERY, format!("the token {} could not be delivered", entry.record.name()))
            .cause(reason)
            .help(format!("it is still kept in {}", entry.path.display()))
    })?;
    if !delivery.is_to_stdout() {
        request.env.print_bytes(&rendered)?;
    }
    store(request)?.mark_delivered(&entry);
    console.notice(&format!(
        "The entry is still stored; remove it with `{APP} recover discard {}`.",
        entry.record.id
    ));
    Ok(0)
}

pub(super) fn discard(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let env = request.env;
    let entry = find(request)?;
    let (what, help) = discarded(&entry);
    if entry.is_answered && !request.parsed.globals.yes {
        if !env.is_interactive(&request.parsed.globals, format) {
            return Err(
                Failure::new(code::INPUT_REQUIRED, format!("this would remove {what}")).help(help.clone())
            );
        }
        env.console.ask(&format!("Remove {what}? [y/N] "))?;
    }
    store(request)?.discard(&entry)?;
    env.console.notice(&format!("Removed the entry {}.", entry.record.id));
    request.done(format, &entry.record.id, "discarded")
}

/// What would be removed, and what to do instead.
fn discarded(entry: &RecoveryEntry) -> (String, String) {
    let record = &entry.record;
    let place = dimensions().last().and_then(|narrowest| {
        let name = narrowest.name;
        let place = ["name", "id"].iter().find_map(|what| record.labels.get(&format!("{name}_{what}")))?;
        Some(format!(" of the {name} {place}"))
    });
    let place = place.unwrap_or_default();
    let name = format!("{}{place}", record.name());
    match (&entry.value, record.is_delivered) {
        (Some(_), true) => (
            format!("the copy that is kept of the token {name}, which was delivered"),
            "pass `--yes` to remove it".to_owned(),
        ),
        (Some(_), false) => (
            format!("the only copy of the token {name}"),
            format!("pass `--yes`, or get it first: {APP} recover show {}", record.id),
        ),
        (None, _) => (
            format!("what is kept of the token {name}"),
            format!("pass `--yes`, or look at it first: {}", entry.path.display()),
        ),
    }
}

/// Tells a person on a terminal, once, that something is left over: one line, whatever there is.
pub(crate) fn print_pending_notice(console: &Console, store: &Store) {
    let conversation = console.conversation();
    if !console.facts.stderr || conversation.quiet || conversation.json_errors {
        return;
    }
    let left = store.unreported();
    let Some(what) = mentioned(&left) else { return };
    console.notice(&format!("{what}: see `{APP} recover list`."));
    left.iter().for_each(|entry| store.mark_reported(entry));
}

/// What is left over, in one sentence.
fn mentioned(left: &[RecoveryEntry]) -> Option<String> {
    let lost = left.iter().filter(|entry| entry.value.is_some()).count();
    let unknown = left.len() - lost;
    let tokens = |count: usize| if count == 1 { "1 token".to_owned() } else { format!("{count} tokens") };
    let was = |count: usize| if count == 1 { "was" } else { "were" };
    Some(match (left, lost, unknown) {
        ([], ..) => return None,
        ([one], 1, _) => {
            let record = &one.record;
            let name = record.name();
            format!("The token {name} was {} at {} and not delivered", record.action, record.started_at)
        }
        ([one], ..) => {
            let record = &one.record;
            let name = record.name();
            format!("It is not known whether the token {name} was {} at {}", record.action, record.started_at)
        }
        (_, lost, 0) => format!("{} were not delivered", tokens(lost)),
        (_, 0, unknown) => format!("It is not known whether {} were created or rotated", tokens(unknown)),
        (_, lost, unknown) => format!(
            "{} {} not delivered, and it is not known whether {} {} created or rotated",
            tokens(lost),
            was(lost),
            if unknown == 1 { "another one".to_owned() } else { format!("{unknown} others") },
            was(unknown)
        ),
    })
}

fn store(request: &Request<'_>) -> Result<Store> {
    Ok(Store::at(&request.env.dirs.clone()?))
}

fn find(request: &Request<'_>) -> Result<RecoveryEntry> {
    let id = request.required("entry")?;
    let found = store(request)?.entries().into_iter().find(|entry| entry.record.id == id);
    found.ok_or_else(|| {
        failed(format!("there is no entry `{id}`")).help(format!("see the entries with `{APP} recover list`"))
    })
}

fn without_value(entry: &RecoveryEntry) -> Failure {
    let name = entry.record.name();
    if entry.is_answered {
        failed(format!("the stored response does not contain the token {name}"))
            .help(format!("look at it yourself: {}", entry.path.display()))
    } else {
        usage(format!("no response was received for the token {name}; nothing to recover"))
            .help("see in the list of tokens whether it was made; rotate it to get a value")
            .help(format!("then remove the entry: {APP} recover discard {}", entry.record.id))
    }
}

fn row(entry: &RecoveryEntry) -> Value {
    let record = &entry.record;
    let status = match (&entry.value, entry.is_answered) {
        (Some(_), _) if record.is_delivered => "delivered",
        (Some(_), _) => "kept",
        (None, true) => "damaged",
        (None, false) => "unknown",
    };
    let mut row = json!({
        "entry": record.id,
        "status": status,
        "name": record.labels.get("name"),
        "id": record.labels.get("id"),
        "action": record.action,
        "started_at": record.started_at,
        "profile": record.profile,
        "address": record.address,
        "path": entry.path,
    });
    for dimension in dimensions() {
        for key in ["id", "name"].map(|what| format!("{}_{what}", dimension.name)) {
            row[&key] = record.labels.get(&key).cloned().into();
        }
    }
    row
}

/// The keys of an entry that are shown beside its value.
fn shown_keys() -> Vec<String> {
    let mut narrower = dimensions().iter().rev().map(|dimension| dimension.name);
    let narrowest = narrower.next().map(|name| [format!("{name}_name"), format!("{name}_id")]);
    ["name", "id"]
        .map(str::to_owned)
        .into_iter()
        .chain(narrowest.into_iter().flatten())
        .chain(narrower.map(|name| format!("{name}_name")))
        .chain(["action", "started_at"].map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::recovery::Record;

    fn left(name: &str, has_value: bool, is_delivered: bool) -> RecoveryEntry {
        let labels = [("name".to_owned(), name.to_owned())].into();
        let record =
            Record { id: "E".into(), action: "created".into(), labels, is_delivered, ..Record::now() };
        RecoveryEntry {
            record: Record { started_at: "T".to_owned(), ..record },
            path: "/state/E.answer".into(),
            value: has_value.then(|| "value".to_owned()),
            is_answered: true,
            is_whole: true,
        }
    }

    #[test]
    fn whatever_is_left_over_is_mentioned_in_one_line() {
        let (lost, unknown) = (|name| left(name, true, false), |name| left(name, false, false));
        for (left, expected) in [
            (vec![], None),
            (vec![lost("a")], Some("The token `a` was created at T and not delivered")),
            (vec![unknown("a")], Some("It is not known whether the token `a` was created at T")),
            (vec![lost("a"), lost("b")], Some("2 tokens were not delivered")),
            (
                vec![unknown("a"), unknown("b")],
                Some("It is not known whether 2 tokens were created or rotated"),
            ),
            (
                vec![lost("a"), unknown("b")],
                Some(
                    "1 token was not delivered, and it is not known whether another one was created or rotated",
                ),
            ),
            (
                vec![lost("a"), lost("b"), unknown("c"), unknown("d")],
                Some(
                    "2 tokens were not delivered, and it is not known whether 2 others were created or rotated",
                ),
            ),
        ] {
            assert_eq!(mentioned(&left).as_deref(), expected);
        }
    }

    #[test]
    fn what_was_delivered_is_not_called_the_only_copy() {
        for (has_value, is_delivered, expected) in [
            (true, false, "the only copy of the token `a`"),
            (true, true, "the copy that is kept of the token `a`, which was delivered"),
            (false, false, "what is kept of the token `a`"),
        ] {
            let (what, help) = discarded(&left("a", has_value, is_delivered));
            assert_eq!(what, expected);
            assert!(help.contains("--yes"), "{help}");
        }
    }
}
