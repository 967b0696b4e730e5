//! `process.run`: a program of the plugin's choice, with the terminal and without our credentials.

use std::{
    os::{fd::AsFd, unix::process::ExitStatusExt},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use astro_plugin_protocol::service::{Process, ProcessEnd};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Call, to_value};
use crate::{
    base::{
        error::{Result, code, failed, plain_io},
        threads,
    },
    host::port::Reply,
    sys::{
        child::{self, Limits},
        signals::{self, Deferral},
    },
};

/// The most that is taken of what a program writes, in bytes.
const MOST: usize = 16 * 1024 * 1024;
/// How long it has to end after it was told to.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// `process.run`
pub(super) fn run(call: &Arc<Call>, process: Process, reply: Reply) {
    let call = Arc::clone(call);
    let work = move || {
        let ended = run_to_its_end(&call, &process);
        // Whoever interrupted wants no more of the command: it is left where it is, unless it waits to be told.
        match signals::pending().is_some() && !signals::has_waiters() {
            true => std::mem::forget(reply),
            false => reply.send(ended),
        }
    };
    threads::start_or_run("program", work);
}

fn run_to_its_end(call: &Call, process: &Process) -> Result<Value> {
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
    child::scrub(&mut command);
    command.envs(&process.variables);
    command.stdout(if process.capture {
        Stdio::piped()
    } else if call.context().output.value.is_document() {
        // What it prints would stand beside the document.
        std::io::stderr().as_fd().try_clone_to_owned().map_err(cannot)?.into()
    } else {
        call.console.result.for_child().map_or_else(Stdio::null, Stdio::from)
    });
    // Ctrl-C reaches the program by itself: as in a shell it decides first, and then the signal acts here.
    let mut forward = Forward::new(call.console.facts.stdin || call.console.facts.stderr);
    if !process.capture {
        call.console.hide_progress(true);
    }
    let limits = Limits { time: None, output: MOST };
    let ended =
        child::run_with(&mut command, limits, &mut |_| {}, Some(&mut |child: &Child| forward.newest(child)));
    if !process.capture {
        call.console.hide_progress(false);
    }
    // What it left behind may hold the pipe open: what came so far is what there is.
    let ended = ended.map_err(|error| match error {
        child::Error::NotStarted(error)
            if error.kind() == std::io::ErrorKind::NotFound && process.directory.is_none() =>
        {
            failed(format!("there is no program `{program}`")).help("install it, or put it on the PATH")
        }
        child::Error::NotStarted(error) => cannot(error),
        other => failed(format!("the program `{program}` cannot be run")).cause(other.to_string()),
    })?;
    if ended.stdout.len() > MOST {
        return Err(crate::base::error::Failure::new(
            code::FAILED,
            format!("`{program}` wrote more than {MOST} bytes"),
        ));
    }
    let mut end = ProcessEnd::default();
    end.code = ended.status.code();
    end.signal = ended.status.signal();
    end.stdout = String::from_utf8_lossy(&ended.stdout).into_owned();
    to_value(end)
}

/// Hands signals on to a program while it runs. TERM and HUP were for the whole command; a program that does not end for
/// them is waited for a while longer. INT comes from a terminal, which sent it to the program, too, and is handed on where
/// there is none.
struct Forward {
    waiting: Option<Deferral>,
    seen: usize,
    on_terminal: bool,
}

impl Forward {
    fn new(on_terminal: bool) -> Self {
        Self { waiting: Some(signals::defer(false)), seen: signals::newest().0, on_terminal }
    }

    fn newest(&mut self, child: &Child) {
        let (count, newest) = signals::newest();
        if count == self.seen {
            return;
        }
        self.seen = count;
        let known = [Signal::TERM, Signal::HUP, Signal::INT];
        let signal = known.into_iter().find(|known| known.as_raw() == newest);
        if let Some(signal) = signal.filter(|signal| *signal != Signal::INT || !self.on_terminal) {
            let pid = Pid::from_child(child);
            // It may have ended this moment; one that is stopped gets the signal when it goes on.
            let _ = kill_process(pid, signal);
            let _ = kill_process(pid, Signal::CONT);
            self.waiting = self.waiting.take().map(|waiting| waiting.at_most(END_TIMEOUT));
        }
    }
}
