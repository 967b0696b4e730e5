//! `astro commands`: what there is, for programs and for people. Answered from the index; no library is loaded.

use std::borrow::Cow;

use astro_plugin_cli::catalogue;
use astro_plugin_protocol::{
    effect::Effect,
    service::{Column, ColumnKind, View},
};
use serde_json::{Value, json};

use crate::{
    base::error::{Failure, Result, code, failed},
    commands::{self, Builtin, Request, column, command, positional},
    console::report,
    output::Format,
    product::product,
    program::APP,
    store::Catalogue,
    suggest,
};

pub(super) fn commands() -> Vec<Builtin> {
    let mut prefix = positional("prefix", "Only the commands below these words", false);
    prefix.repeated = true;
    let mut list = command(
        "commands",
        Effect::Read,
        "List all commands and what each may change",
        vec![prefix],
        &[
            ("astro commands plugin", "What there is for plugins"),
            (
                "astro commands -o json | jq -r '.commands[] | select(.effect == \"destructive\").path'",
                "What may take something away",
            ),
        ],
        list,
    );
    list.command.long_about = "List all commands and what each may change: those of the program and of every plugin in use.\n\nWith `-o json` each has its arguments and options (kind, choices, range, default, what it raises the effect to), the keys of its result, exit codes, examples, and the plugin that brings it; the schema is reference/commands.schema.json of the documentation. No plugin is loaded for it.".to_owned();
    vec![list]
}

/// A command of the catalogue: its path, and its record as JSON text.
struct Row<'c> {
    path: &'c str,
    json: Cow<'c, str>,
}

fn list(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    // `plugin index` in quotes are two words, too.
    let words = request.texts("prefix");
    let words: Vec<&str> = words.iter().flat_map(|words| words.split_whitespace()).collect();
    let catalogue = request.env.stores.catalogue();
    for failure in &catalogue.denied {
        report::warning(&request.env.console, failure);
    }
    let rows = rows(&catalogue, &canonical(request, &words))?;
    if rows.is_empty() {
        return Err(nothing_below(request, &words));
    }
    if format == Format::JSON {
        // As the index has it: a thousand records are neither parsed nor written again.
        let length: usize = rows.iter().map(|row| row.json.len() + 1).sum();
        let mut text = String::with_capacity(length + 20);
        text.push_str("{\"commands\":[");
        for (index, row) in rows.iter().enumerate() {
            text.push_str(if index > 0 { "," } else { "" });
            text.push_str(&row.json);
        }
        text.push_str("]}\n");
        return request.env.print(&text);
    }
    let parsed: serde_json::Result<Vec<Value>> =
        rows.iter().map(|row| serde_json::from_str(&row.json)).collect();
    let mut parsed = parsed.map_err(|error| failed("cannot read the catalogue").cause(error.to_string()))?;
    if !format.is_document() {
        // What a line of text has room for.
        for row in &mut parsed {
            let plugin = row["plugin"]["name"].take();
            *row = json!({ "path": row["path"], "effect": row["effect"], "about": row["about"], "plugin": plugin });
        }
    }
    request.emit(format, view(), parsed)
}

/// The words as the catalogue has them: aliases are followed, and what is unknown stays as it was typed.
fn canonical(request: &Request<'_>, words: &[&str]) -> String {
    let Some(first) = words.first() else { return String::new() };
    let found = request.env.stores.word(first);
    for set in found.iter().map(|found| &found.set).chain([commands::commands()]) {
        let (path, taken) = set.locate(words);
        if taken == words.len() {
            return path;
        }
    }
    words.join(" ")
}

/// The host's own commands and those of plugins, by path.
fn rows<'c>(plugins: &'c Catalogue, prefix: &str) -> Result<Vec<Row<'c>>> {
    let is_below = |path: &str| {
        prefix.is_empty()
            || path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let mut rows = Vec::new();
    for own in commands::commands().commands.iter().filter(|own| !own.hidden && is_below(&own.path)) {
        rows.push(Row { path: &own.path, json: catalogue::line(own, None, product().extension)?.into() });
    }
    let lines = plugins.lines().into_iter().filter(|line| is_below(line.path));
    rows.extend(lines.map(|line| Row { path: line.path, json: line.json.into() }));
    rows.sort_by(|a, b| a.path.cmp(b.path));
    Ok(rows)
}

fn nothing_below(request: &Request<'_>, words: &[&str]) -> Failure {
    let all = commands::all(request.env);
    let (known, taken) = all.locate(words);
    let meant = suggest::commands(&all, &known, words.get(taken..).unwrap_or_default());
    let message = format!("no command is `{}` or below it", words.join(" "));
    let failure = Failure::new(code::UNKNOWN_COMMAND, message);
    let failure = meant
        .iter()
        .fold(failure, |failure, path| failure.help(format!("did you mean `{APP} commands {path}`?")));
    failure.help(format!("see all commands with `{APP} commands`"))
}

fn view() -> View {
    View {
        list: Some("commands".to_owned()),
        columns: vec![
            column("path", ColumnKind::Id),
            column("effect", ColumnKind::Id),
            Column { optional: true, ..column("plugin", ColumnKind::Text) },
            column("about", ColumnKind::Text),
        ],
        clean: ["path", "effect", "plugin", "about"].map(str::to_owned).to_vec(),
        ..View::default()
    }
}
