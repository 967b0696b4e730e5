//! Questions, on stderr. Where nobody can be asked, each is an error that names the flag.

use std::{io::Write, sync::Arc};

use astro_plugin_protocol::service::{AskText, Confirm, Select};
use dialoguer::{FuzzySelect, console::Term, theme::SimpleTheme};
use serde_json::Value;

use super::{Invocation, in_background};
use crate::{
    console::escaped,
    error::{Failure, Result, code},
    host::{port::Reply, signals},
};

/// `prompt.confirm`
pub(super) fn confirm(invocation: &Arc<Invocation>, confirm: Confirm, reply: Reply) {
    if invocation.globals.yes {
        return reply.send(Ok(Value::Bool(true)));
    }
    if !invocation.interactive {
        return reply.send(Err(nobody(invocation, "--yes", &[])));
    }
    let console = Arc::clone(&invocation.console);
    in_background(reply, move || {
        confirm.details.iter().for_each(|line| console.stderr_line(&escaped(line)));
        let answer = read_line(&format!("{} [y/N]", escaped(&confirm.question)))?;
        match answer.to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(Value::Bool(true)),
            _ => Err(declined()),
        }
    });
}

/// `prompt.text`
pub(super) fn text(invocation: &Arc<Invocation>, text: AskText, reply: Reply) {
    if !invocation.interactive {
        return reply.send(Err(nobody(invocation, &text.flag, &text.help)));
    }
    in_background(reply, move || {
        loop {
            let answer = read_line(&format!("{}:", escaped(&text.question)))?;
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
    in_background(reply, move || {
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

/// A question and the line that is typed, in the terminal's own line mode: it works on every terminal, Ctrl-D is
/// no answer, and there is nothing to put back after Ctrl-C.
fn read_line(question: &str) -> Result<String> {
    let mut stderr = std::io::stderr();
    // A question that cannot be shown is seen by nobody; the answer decides.
    let _ = stderr.write_all(format!("{question} ").as_bytes()).and_then(|()| stderr.flush());
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(0) => {
            let _ = stderr.write_all(b"\n");
            Err(declined())
        }
        Ok(_) => Ok(line.trim().to_owned()),
        Err(error) => Err(no_answer(&error.to_string())),
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

fn declined() -> Failure {
    Failure::new(code::DECLINED, "declined; nothing was sent")
}

fn no_answer(reason: &str) -> Failure {
    Failure::new(code::DECLINED, "no answer").cause(reason)
}

fn nobody(invocation: &Invocation, flag: &str, help: &[String]) -> Failure {
    let mut failure = Failure::new(
        code::INPUT_REQUIRED,
        format!("`astro {}` needs `{flag}`: nobody can be asked here", invocation.command.path),
    );
    failure.help = help.to_vec();
    if help.is_empty() { failure.help(format!("pass `{flag}`, or run it on a terminal")) } else { failure }
}
