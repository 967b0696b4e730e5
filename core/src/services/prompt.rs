//! Questions, on stderr. Where nobody can be asked, each is an error that names the flag.

use std::sync::Arc;

use astro_plugin_protocol::service::{AskText, Confirm, Select};
use dialoguer::{FuzzySelect, console::Term, theme::SimpleTheme};
use serde_json::Value;

use super::{Invocation, in_background};
use crate::{
    console::{Console, declined, escaped, is_yes, no_answer},
    context::Effect,
    error::{Failure, Result, code},
    host::{port::Reply, signals},
};

/// `prompt.confirm`
pub(super) fn confirm(invocation: &Arc<Invocation>, confirm: Confirm, reply: Reply) {
    // What is asked for here is a change: better refused before the question than after the answer.
    if let Err(refused) = invocation.context.allow(Effect::Write)
        && invocation.command.needs.api
    {
        return reply.send(Err(refused));
    }
    if invocation.globals.yes {
        return reply.send(Ok(Value::Bool(true)));
    }
    if !invocation.interactive {
        return reply.send(Err(nobody(invocation, "--yes", &[])));
    }
    let console = Arc::clone(&invocation.console);
    let delivery = invocation.delivery.as_ref();
    let replaced =
        delivery.and_then(|delivery| delivery.replaced_file()).map(|file| file.display().to_string());
    in_background(reply, move || {
        let _apart = Apart::new(&console);
        confirm.details.iter().for_each(|line| console.stderr_line(&escaped(line)));
        if let Some(file) = replaced {
            console.stderr_line(&escaped(&format!("The new value replaces the one in {file}.")));
        }
        let answer = console.read_line(&format!("{} [y/N]", escaped(&confirm.question)))?;
        if is_yes(&answer) { Ok(Value::Bool(true)) } else { Err(declined()) }
    });
}

/// `prompt.text`
pub(super) fn text(invocation: &Arc<Invocation>, text: AskText, reply: Reply) {
    if !invocation.interactive {
        return reply.send(Err(nobody(invocation, &text.flag, &text.help)));
    }
    let console = Arc::clone(&invocation.console);
    in_background(reply, move || {
        let _apart = Apart::new(&console);
        loop {
            let answer = console.read_line(&format!("{}:", escaped(&text.question)))?;
            if !answer.is_empty() {
                return Ok(Value::String(answer));
            }
        }
    });
}

/// `prompt.select`
pub(super) fn select(invocation: &Arc<Invocation>, select: Select, reply: Reply) {
    if !invocation.interactive {
        return reply.send(Err(nobody(invocation, &select.flag, &select.help)));
    }
    let console = Arc::clone(&invocation.console);
    in_background(reply, move || {
        let _apart = Apart::new(&console);
        let items: Vec<String> = select.items.iter().map(|item| escaped(item).into_owned()).collect();
        let question = escaped(&select.question).into_owned();
        let chosen = ask(|| {
            // What is typed filters: a number or a name that is in no item chooses nothing.
            FuzzySelect::with_theme(&SimpleTheme)
                .with_prompt(question)
                .items(&items)
                .default(0)
                .interact_on_opt(&Term::stderr())
        })?;
        chosen.map(Value::from).ok_or_else(declined)
    });
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

fn nobody(invocation: &Invocation, flag: &str, help: &[String]) -> Failure {
    let mut failure = Failure::new(
        code::INPUT_REQUIRED,
        format!("`astro {}` needs `{flag}`: nobody can be asked here", invocation.command.path),
    );
    failure.help = help.to_vec();
    if help.is_empty() { failure.help(format!("pass `{flag}`, or run it on a terminal")) } else { failure }
}
