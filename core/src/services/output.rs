//! Results. The host renders and writes them, in the order in which they were handed over; a plugin never
//! prints.
//!
//! A call must not block, and a full pipe does. So a piece that can be written at once is, on the caller's
//! thread; the first one that cannot starts a writing thread, through which everything then goes.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread::JoinHandle,
};

use astro_plugin_protocol::service::{Emit, Secret, Text};
use serde_json::Value;

use super::{Call, ResultState};
use crate::{
    base::{
        error::{Failure, Result, code, failed, plugin},
        failpoint,
    },
    console::ResultError,
    delivery::Context,
    host::port::Reply,
};

/// `output.emit`
pub(super) fn emit(call: &Arc<Call>, emit: Emit, reply: Reply) {
    enqueue(call, Piece::Emit(emit), reply);
}

/// `output.text`
pub(super) fn text(call: &Arc<Call>, text: Text, reply: Reply) {
    enqueue(call, Piece::Text(text.text), reply);
}

/// `output.secret`
pub(super) fn secret(call: &Arc<Call>, secret: Secret, reply: Reply) {
    enqueue(call, Piece::Secret(secret), reply);
}

/// A piece of the result as it was handed over.
enum Piece {
    Emit(Emit),
    Text(String),
    Secret(Secret),
}

/// A piece as it is written.
struct Rendered {
    bytes: Vec<u8>,
    /// The secret that goes to its sink, with what is written.
    secret: Option<Secret>,
}

/// What the writing thread still has to do.
enum Job {
    Render(Box<Piece>, Reply),
    Write(Box<Rendered>, Reply),
}

/// The writing thread of an call, once there is one.
#[derive(Default)]
pub(crate) struct Queue(Mutex<Option<(mpsc::Sender<Job>, JoinHandle<()>)>>);

impl Queue {
    /// Waits until everything that was handed over is written.
    pub(crate) fn close(&self) {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((jobs, thread)) = running {
            drop(jobs);
            // A panic there was answered by dropping the reply, and is in the log.
            let _ = thread.join();
        }
    }
}

fn enqueue(call: &Arc<Call>, piece: Piece, reply: Reply) {
    let mut queue = call.queue.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((jobs, _)) = &*queue {
        // Only a thread that panicked does not take it; the dropped reply then answers.
        let _ = jobs.send(Job::Render(Box::new(piece), reply));
        return;
    }
    let answer = match render(call, piece) {
        Err(failure) => Err(failure),
        Ok(rendered)
            if rendered.secret.is_none() && call.console.result.is_ready_for(rendered.bytes.len()) =>
        {
            write(call, &rendered)
        }
        Ok(rendered) => match start(call) {
            Ok((jobs, thread)) => {
                let _ = jobs.send(Job::Write(Box::new(rendered), reply));
                *queue = Some((jobs, thread));
                return;
            }
            // Without a thread it is written here, however long that takes.
            Err(_) => write(call, &rendered),
        },
    };
    // An answer may wake somebody who hands over the next piece at once.
    drop(queue);
    reply.send(answer);
}

fn start(call: &Arc<Call>) -> std::io::Result<(mpsc::Sender<Job>, JoinHandle<()>)> {
    let (jobs, todo) = mpsc::channel();
    let call = Arc::clone(call);
    let thread = std::thread::Builder::new().name("result".to_owned()).spawn(move || {
        for job in todo {
            let (rendered, reply) = match job {
                Job::Render(piece, reply) => (render(&call, *piece), reply),
                Job::Write(rendered, reply) => (Ok(*rendered), reply),
            };
            reply.send(rendered.and_then(|rendered| write(&call, &rendered)));
        }
    })?;
    Ok((jobs, thread))
}

fn render(call: &Call, piece: Piece) -> Result<Rendered> {
    let mut state = lock(call);
    match piece {
        Piece::Emit(emit) => {
            let step = state.renderer.step(emit)?;
            if let Some(notice) = step.notice {
                call.console.notice(&notice);
            }
            Ok(Rendered { bytes: step.bytes, secret: None })
        }
        Piece::Text(text) => Ok(Rendered { bytes: call.context().output.value.text(text), secret: None }),
        Piece::Secret(secret) => {
            let Some(delivery) = &call.delivery else {
                return Err(failed("there is nothing that could deliver a one-time secret"));
            };
            let reached = failpoint::reach("secret-received");
            let rendered = state.renderer.secret(&secret, delivery.is_to_stdout()).and_then(|bytes| {
                let rendered = reached.and_then(|()| failpoint::reach("secret-rendered"));
                rendered.map(|()| bytes).map_err(|error| Failure::new(code::DELIVERY, error.to_string()))
            });
            match rendered {
                Ok(bytes) => Ok(Rendered { bytes, secret: Some(secret) }),
                Err(failure) => {
                    let named = delivery.lost_before_delivery(&secret.value, &failure);
                    Err(state.fail(named.unwrap_or(failure)))
                }
            }
        }
    }
}

fn write(call: &Call, rendered: &Rendered) -> Result<Value> {
    match (&rendered.secret, &call.delivery) {
        (Some(secret), Some(delivery)) => {
            let more = Context {
                plugin: &call.plugin,
                command: &call.command.path,
                timeout: call.globals.time_limit(),
                shows_output: call.globals.verbose > 0,
            };
            delivery
                .deliver(&call.console, secret, &rendered.bytes, &more)
                .map_err(|failure| lock(call).fail(failure))?;
            if delivery.is_to_stdout() { Ok(Value::Null) } else { write_plain(call, &rendered.bytes) }
        }
        _ => write_plain(call, &rendered.bytes),
    }
}

/// Writes what is no secret: a reader that is gone has had enough.
fn write_plain(call: &Call, bytes: &[u8]) -> Result<Value> {
    match call.console.suspend(|| call.console.result.write_all(bytes)) {
        Ok(()) => Ok(Value::Null),
        Err(ResultError::Closed) => {
            lock(call).closed = true;
            Err(Failure::new(code::CLOSED, "the reader of the result is gone"))
        }
        Err(ResultError::Failed(reason)) => {
            Err(lock(call).fail(failed("the result cannot be written").cause(reason)))
        }
        Err(ResultError::Lost) => {
            let reason = "it closed the descriptor of the result, which is not its own";
            Err(lock(call).fail(plugin(reason)))
        }
    }
}

impl ResultState {
    /// Keeps the failure that decides how the command ends: a secret that was not delivered outweighs all.
    fn fail(&mut self, failure: Failure) -> Failure {
        if self.failure.as_ref().is_none_or(|known| known.code != code::DELIVERY) {
            self.failure = Some(failure.clone());
        }
        failure
    }
}

fn lock(call: &Call) -> MutexGuard<'_, ResultState> {
    call.result.lock().unwrap_or_else(PoisonError::into_inner)
}
