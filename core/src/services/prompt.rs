//! Questions, on stderr. Where nobody can be asked, each is an error that names the flag.

use std::sync::{Arc, MutexGuard, PoisonError};

use astro_plugin_protocol::{
    effect::Effect,
    service::{AskText, Confirm, Select},
    time::minute,
};
use dialoguer::{FuzzySelect, console::Term, theme::Theme};
use serde_json::Value;

use super::{Call, in_background};
use crate::{
    base::{
        error::{Failure, Result, code},
        threads,
    },
    console::{Console, declined, escaped, is_yes, no_answer, width},
    host::port::Reply,
    program::APP,
    sys::signals,
};

/// `prompt.confirm`
pub(super) fn confirm(call: &Arc<Call>, confirm: Confirm, reply: Reply) {
    // What is asked for here is a change: better refused before the question than after the answer.
    if let Err(refused) = call.context().allow(Effect::Write)
        && call.command.needs.api
    {
        return reply.send(Err(refused));
    }
    let call = Arc::clone(call);
    in_background(reply, move || {
        let mut agreed = agreement(&call);
        agree(&call, &confirm, &mut agreed).map(|()| Value::Bool(true))
    });
}

/// Goes on with what may take away what cannot be had back, once the user agreed to something: to what the plugin asked before,
/// else to this.
pub(super) fn agreed(
    call: &Arc<Call>,
    confirm: Confirm,
    reply: Reply,
    go_on: impl FnOnce(&Arc<Call>, Reply) + Send + 'static,
) {
    let call = Arc::clone(call);
    threads::start_or_run("service", move || {
        // Of several requests at once, one asks.
        let mut agreed = agreement(&call);
        let answer = if *agreed { Ok(()) } else { agree(&call, &confirm, &mut agreed) };
        drop(agreed);
        match answer {
            Ok(()) => go_on(&call, reply),
            Err(failure) => reply.send(Err(failure)),
        }
    });
}

fn agreement(call: &Call) -> MutexGuard<'_, bool> {
    call.agreed.lock().unwrap_or_else(PoisonError::into_inner)
}

fn agree(call: &Call, confirm: &Confirm, agreed: &mut bool) -> Result<()> {
    if !call.globals.yes {
        if !call.interactive {
            return Err(nobody(call, "--yes", &[]));
        }
        let console = &call.console;
        let _apart = Apart::new(console);
        confirm.details.iter().for_each(|line| console.stderr_line(&escaped(line)));
        if let Some(file) = call.delivery.as_ref().and_then(|delivery| delivery.replaced_file()) {
            let told = format!("The new value replaces the one in {}.", file.display());
            console.stderr_line(&escaped(&told));
        }
        if !is_yes(&console.read_line(&format!("{} [y/N]", escaped(&confirm.question)))?) {
            return Err(declined());
        }
    }
    *agreed = true;
    Ok(())
}

/// `prompt.text`
pub(super) fn text(call: &Arc<Call>, text: AskText, reply: Reply) {
    if !call.interactive {
        return reply.send(Err(nobody(call, &text.flag, &text.help)));
    }
    let console = Arc::clone(&call.console);
    in_background(reply, move || {
        let _apart = Apart::new(&console);
        loop {
            let answer = console.read_line(&marked(&escaped(&text.question)))?;
            if !answer.is_empty() {
                return Ok(Value::String(answer));
            }
        }
    });
}

/// `prompt.select`
pub(super) fn select(call: &Arc<Call>, select: Select, reply: Reply) {
    if !call.interactive {
        return reply.send(Err(nobody(call, &select.flag, &select.help)));
    }
    let console = Arc::clone(&call.console);
    in_background(reply, move || {
        let _apart = Apart::new(&console);
        let items = aligned(&select.items);
        let question = escaped(&select.question).into_owned();
        let chosen = ask(|| {
            // What is typed filters: a number or a name that is in no item chooses nothing.
            FuzzySelect::with_theme(&OneMark)
                .with_prompt(question)
                .items(&items)
                .default(0)
                .interact_on_opt(&Term::stderr())
        })?;
        chosen.map(Value::from).ok_or_else(declined)
    });
}

/// A question with the one mark that it ends with: its own, or a colon.
fn marked(question: &str) -> String {
    let question = question.trim_end();
    let mark = if question.ends_with(['?', ':']) { "" } else { ":" };
    format!("{question}{mark}")
}

/// The library's own theme puts a colon behind every question.
struct OneMark;

impl Theme for OneMark {
    fn format_input_prompt_selection(
        &self,
        text: &mut dyn std::fmt::Write,
        question: &str,
        chosen: &str,
    ) -> std::fmt::Result {
        // The columns are of no use in one line.
        let words: Vec<&str> = chosen.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
        write!(text, "{} {}", marked(question), words.join("  "))
    }
}

/// A cell as a table would show it.
fn shown(cell: &str) -> String {
    match cell {
        "" => "-".to_owned(),
        cell => escaped(&minute(cell)).into_owned(),
    }
}

/// Items as rows: what stands between tabs begins in the same column in each.
fn aligned(items: &[String]) -> Vec<String> {
    let rows: Vec<Vec<String>> = items.iter().map(|item| item.split('\t').map(shown).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let room = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max();
    let widths: Vec<usize> = (0..columns).map(|column| room(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells =
            row.iter().zip(&widths).map(|(cell, room)| format!("{cell}{}", " ".repeat(room - width(cell))));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Nothing is drawn over a question until this is dropped.
struct Apart<'c>(&'c Console);

impl<'c> Apart<'c> {
    fn new(console: &'c Console) -> Self {
        console.hide_progress(true);
        Self(console)
    }
}

impl Drop for Apart<'_> {
    fn drop(&mut self) {
        self.0.hide_progress(false);
    }
}

/// A question that takes the terminal out of its modes.
fn ask<T>(ask: impl FnOnce() -> dialoguer::Result<T>) -> Result<T> {
    signals::asking(ask).map_err(|error| {
        // It hides the cursor and does not show it again when it is interrupted.
        let _ = Term::stderr().show_cursor();
        no_answer(&error.to_string())
    })
}

fn nobody(call: &Call, flag: &str, help: &[String]) -> Failure {
    let mut failure = Failure::new(
        code::INPUT_REQUIRED,
        format!("`{APP} {}` needs `{flag}`, because it cannot prompt here", call.command.path),
    );
    failure.help = help.to_vec();
    if help.is_empty() { failure.help(format!("pass `{flag}`, or run it on a terminal")) } else { failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_one_mark() {
        for (question, expected) in
            [("Name of the token", "Name of the token:"), ("Which role?", "Which role?"), ("Name: ", "Name:")]
        {
            assert_eq!(marked(question), expected);
        }
        let mut text = String::new();
        OneMark
            .format_input_prompt_selection(&mut text, "Which token?", "ci       cm1  ADMIN")
            .expect("written");
        assert_eq!(text, "Which token? ci  cm1  ADMIN");
    }

    #[test]
    fn cells_of_items_stand_in_columns() {
        let items = ["ci\tcm1\t2026-01-31T12:34:56.789Z", "日本語\tcm22\t", "one cell", "a\u{1b}\tcm3"]
            .map(str::to_owned);
        let rows = aligned(&items);
        assert_eq!(rows[0], "ci        cm1   2026-01-31 12:34Z");
        assert_eq!(rows[1], "日本語    cm22  -");
        assert_eq!(rows[2], "one cell");
        assert_eq!(rows[3], "a\\u{1b}   cm3");
    }
}
