//! Results. The host renders and writes them; a plugin never prints.

use std::sync::{Arc, MutexGuard, PoisonError};

use astro_plugin_protocol::service::{Emit, Secret, Text};
use serde_json::{Value, json};

use super::{Invocation, ResultState, in_background};
use crate::{
    console::ResultError,
    error::{Failure, Result, code, failed},
    host::port::Reply,
    output::Format,
};

/// `output.emit`
pub(super) fn emit(invocation: &Arc<Invocation>, emit: Emit, reply: Reply) {
    let step = lock(invocation).renderer.step(emit);
    match step {
        Ok(step) => {
            if let Some(notice) = step.notice {
                invocation.console.notice(&notice);
            }
            write(invocation, step.bytes, reply);
        }
        Err(failure) => reply.send(Err(failure)),
    }
}

/// `output.text`
pub(super) fn text(invocation: &Arc<Invocation>, text: Text, reply: Reply) {
    if !invocation.command.needs.text {
        return reply.send(Err(failed("the command does not declare that it streams text")));
    }
    let bytes = match invocation.context.output.value {
        Format::Json => format!("{}\n", json!({ "text": text.text })).into_bytes(),
        // On a terminal a linter's colours are its own; a script gets what was written.
        Format::Table | Format::Clean => text.text.into_bytes(),
    };
    write(invocation, bytes, reply);
}

/// `output.secret`
pub(super) fn secret(invocation: &Arc<Invocation>, secret: Secret, reply: Reply) {
    let invocation = Arc::clone(invocation);
    in_background(reply, move || deliver(&invocation, &secret));
}

/// Writes a one-time secret. A reader that is gone is a failure here: the value would be lost.
fn deliver(invocation: &Invocation, secret: &Secret) -> Result<Value> {
    let mut state = lock(invocation);
    let bytes = state.renderer.secret(secret)?;
    mask_in_ci(invocation, &secret.value);
    invocation.console.result.write_all(&bytes).map(|()| Value::Null).map_err(|error| {
        let reason = match error {
            ResultError::Closed => "the reader is gone".to_owned(),
            ResultError::Failed(reason) => reason,
        };
        let failure = Failure::new(code::DELIVERY, "the token exists but could not be written to stdout")
            .cause(reason)
            .help(
                "its value is lost: rotate the token and write to a file or a program that reads to the end",
            );
        state.failure = Some(failure.clone());
        failure
    })
}

/// GitHub Actions shows what a step prints; this line makes it hide the value from then on.
fn mask_in_ci(invocation: &Invocation, value: &str) {
    if std::env::var_os("GITHUB_ACTIONS").is_some_and(|set| set == "true")
        && !invocation.console.result.is_file()
    {
        invocation.console.stderr_line(&format!("::add-mask::{value}"));
    }
}

fn write(invocation: &Arc<Invocation>, bytes: Vec<u8>, reply: Reply) {
    if bytes.is_empty() {
        return reply.send(Ok(Value::Null));
    }
    if invocation.console.result.is_ready_for(bytes.len()) {
        return reply.send(write_now(invocation, &bytes));
    }
    let invocation = Arc::clone(invocation);
    in_background(reply, move || write_now(&invocation, &bytes));
}

fn write_now(invocation: &Invocation, bytes: &[u8]) -> Result<Value> {
    let mut state = lock(invocation);
    match invocation.console.result.write_all(bytes) {
        Ok(()) => Ok(Value::Null),
        Err(ResultError::Closed) => {
            state.closed = true;
            Err(Failure::new(code::CLOSED, "the reader of the result is gone"))
        }
        Err(ResultError::Failed(reason)) => {
            let failure = failed("the result cannot be written").cause(reason);
            state.failure = Some(failure.clone());
            Err(failure)
        }
    }
}

fn lock(invocation: &Invocation) -> MutexGuard<'_, ResultState> {
    invocation.result.lock().unwrap_or_else(PoisonError::into_inner)
}
