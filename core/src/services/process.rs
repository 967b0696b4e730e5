//! `process.run`: a program of the plugin's choice, with the terminal and without our credentials.

use std::{
    io::Read,
    os::{fd::AsFd, unix::process::ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use astro_plugin_protocol::service::{Process, ProcessEnd};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Invocation, to_value};
use crate::{
    error::{Result, code, failed, plain_io},
    host::{
        port::Reply,
        signals::{self, Deferral},
    },
    output::Format,
    secret::sink,
};

/// The most that is taken of what a program writes, in bytes.
const MOST: u64 = 16 * 1024 * 1024;
/// How long more of its words are waited for after its end.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long it has to end after it was told to.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often its end is looked for.
const LOOK: Duration = Duration::from_millis(5);

/// `process.run`
pub(super) fn run(invocation: &Arc<Invocation>, process: Process, reply: Reply) {
    let invocation = Arc::clone(invocation);
    let work = move || {
        let ended = run_to_its_end(&invocation, &process);
        // Whoever interrupted wants no more of the command: it is left where it is, unless it waits to be told.
        match signals::pending().is_some() && !signals::somebody_waits() {
            true => std::mem::forget(reply),
            false => reply.send(ended),
        }
    };
    if let Err(error) = std::thread::Builder::new().name("program".to_owned()).spawn(work) {
        tracing::error!("no thread for a program: {error}");
    }
}

fn run_to_its_end(invocation: &Invocation, process: &Process) -> Result<Value> {
    if !invocation.command.needs.process {
        return Err(failed("the command does not declare that it runs programs"));
    }
    let program = &process.program;
    let cannot = |error: std::io::Error| {
        let failure = failed(format!("the program `{program}` cannot be run"));
        failure.cause(plain_io(&error.to_string()))
    };
    let mut command = Command::new(program);
    command.args(&process.args);
    if let Some(directory) = &process.directory {
        command.current_dir(directory);
    }
    sink::scrub(&mut command);
    command.envs(&process.variables);
    command.stdout(match (process.capture, invocation.context.output.value) {
        (true, _) => Stdio::piped(),
        // It is no JSON document, and two results are none.
        (false, Format::Json) => std::io::stderr().as_fd().try_clone_to_owned().map_err(cannot)?.into(),
        (false, Format::Table | Format::Clean) => {
            invocation.console.result.for_child().map_or_else(Stdio::null, Stdio::from)
        }
    });
    // Ctrl-C reaches the program by itself: as in a shell it decides first, and then the signal acts here.
    let waiting = signals::defer(false);
    let on_terminal = invocation.console.facts.stdin || invocation.console.facts.stderr;
    if !process.capture {
        invocation.console.hide_progress(true);
    }
    let ended = command.spawn().and_then(|mut child| {
        let said = child.stdout.take().map(read_in_background);
        Ok((wait(&mut child, waiting, on_terminal)?, said))
    });
    if !process.capture {
        invocation.console.hide_progress(false);
    }
    let ended = ended.map(|(status, said)| {
        // What it left behind may hold the pipe open: what came so far is what there is.
        let said = said.map(|said| said.until(Instant::now() + LAST_WORDS)).unwrap_or_default();
        (status, said)
    });
    let (status, said) = ended.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound if process.directory.is_none() => {
            failed(format!("there is no program `{program}`")).help("install it, or put it on the PATH")
        }
        _ => cannot(error),
    })?;
    if said.len() as u64 > MOST {
        return Err(crate::error::Failure::new(
            code::FAILED,
            format!("`{program}` wrote more than {MOST} bytes"),
        ));
    }
    to_value(ProcessEnd {
        code: status.code(),
        signal: status.signal(),
        stdout: String::from_utf8_lossy(&said).into_owned(),
    })
}

/// Waits for the end. TERM and HUP are handed on, they were for the whole command; a program that does not end for them is
/// waited for a while longer. INT comes from a terminal, which sent it to the program, too, and is handed on where there is
/// none.
fn wait(child: &mut Child, mut waiting: Deferral, on_terminal: bool) -> std::io::Result<ExitStatus> {
    let (mut seen, _) = signals::newest();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let (count, newest) = signals::newest();
        if count != seen {
            seen = count;
            let known = [Signal::TERM, Signal::HUP, Signal::INT];
            let signal = known.into_iter().find(|known| known.as_raw() == newest);
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            if let (Some(signal), Some(pid)) = (signal, pid)
                && !(signal == Signal::INT && on_terminal)
            {
                // It may have ended this moment; one that is stopped gets the signal when it goes on.
                let _ = kill_process(pid, signal);
                let _ = kill_process(pid, Signal::CONT);
                waiting = waiting.at_most(PATIENCE);
            }
        }
        std::thread::sleep(LOOK);
    }
}

/// What a program writes, piece by piece.
struct Said(mpsc::Receiver<Vec<u8>>);

impl Said {
    /// All of it, or what came until then; one byte more than allowed tells that it was too much.
    fn until(&self, end: Instant) -> Vec<u8> {
        let mut all = Vec::new();
        while let Ok(piece) = self.0.recv_timeout(end.saturating_duration_since(Instant::now())) {
            all.extend(piece);
        }
        all
    }
}

fn read_in_background(stream: impl Read + Send + 'static) -> Said {
    let (sender, pieces) = mpsc::channel();
    std::thread::spawn(move || {
        let mut stream = stream.take(MOST + 1);
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    Said(pieces)
}
