//! The terminal: stdout carries the result and nothing else, stderr the conversation.

#![forbid(unsafe_code)]

pub mod logging;
mod progress;
mod question;
pub mod report;
mod result;

use std::{
    collections::HashSet,
    io::IsTerminal,
    sync::{Mutex, PoisonError},
};

use crate::base::{redact::redacted, stderr};

pub use astro_plugin_cli::{
    escape::{escaped, is_control, width},
    style::{Style, styled},
};
pub use question::{declined, is_yes, no_answer};
pub use result::{ResultError, ResultStream};

/// Facts about the terminal, read once at the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TerminalFacts {
    /// stdin is a terminal.
    pub stdin: bool,
    /// stdout is a terminal.
    pub stdout: bool,
    /// stderr is a terminal.
    pub stderr: bool,
    /// Columns, when stdout is a terminal.
    pub width: Option<usize>,
    /// `TERM=dumb`: no colours, no cursor movement.
    pub dumb: bool,
}

impl TerminalFacts {
    /// Looks at the descriptors of this process.
    pub fn read() -> Self {
        let stdout = std::io::stdout().is_terminal();
        Self {
            stdin: std::io::stdin().is_terminal(),
            stdout,
            stderr: std::io::stderr().is_terminal(),
            width: stdout.then(terminal_width).flatten(),
            dumb: std::env::var_os("TERM").is_some_and(|term| term == "dumb"),
        }
    }
}

fn terminal_width() -> Option<usize> {
    let columns = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| size.ws_col);
    // A pseudo-terminal nobody sized reports 0 columns.
    Some(if columns == 0 { 80 } else { usize::from(columns) })
}

/// What may be written to stderr in this run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conversation {
    /// Notices are silent: `--quiet`, or a format for scripts.
    pub quiet: bool,
    /// Colours on stderr.
    pub color_stderr: bool,
    /// Colours on stdout.
    pub color_stdout: bool,
    /// Errors are written as JSON lines.
    pub json_errors: bool,
}

/// The console of one process.
pub struct Console {
    /// Where the result goes.
    pub result: ResultStream,
    /// Facts about the terminal.
    pub facts: TerminalFacts,
    conversation: Mutex<Conversation>,
    progress: progress::Progress,
    warned: Mutex<HashSet<String>>,
}

impl Console {
    /// The console of this process. Takes a private copy of the descriptor of stdout.
    pub fn system() -> Self {
        Self {
            result: ResultStream::of_stdout(),
            facts: TerminalFacts::read(),
            conversation: Mutex::new(Conversation::default()),
            progress: progress::Progress::default(),
            warned: Mutex::default(),
        }
    }

    /// Whether a warning was not printed before: one that applies to several plugins is printed once.
    pub(crate) fn is_new_warning(&self, text: &str) -> bool {
        self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned())
    }

    /// Sets what may be written to stderr, once the command line is known.
    pub fn set_conversation(&self, conversation: Conversation) {
        *self.lock() = conversation;
    }

    /// What may be written to stderr.
    pub fn conversation(&self) -> Conversation {
        *self.lock()
    }

    /// One status line for a person; control characters in it are escaped.
    pub fn notice(&self, text: &str) {
        if !self.conversation().quiet {
            self.stderr_line(&escaped(text));
        }
    }

    /// One line on stderr, without secrets. A stderr that cannot be written to is not an error.
    pub fn stderr_line(&self, line: &str) {
        let line = format!("{}\n", redacted(line));
        let _ = self.suspend(|| stderr::write_all(line.as_bytes()));
    }

    /// Makes a CI's log hide a value from now on: the one line on stderr that holds a secret
    /// (GitHub Actions, "Workflow commands", `add-mask`). Fails where the line does not arrive.
    pub fn mask(&self, value: &str) -> std::io::Result<()> {
        self.suspend(|| stderr::write_all(format!("::add-mask::{value}\n").as_bytes()))
    }

    /// Whether a value on stdout ends in a log that hides what is masked: a step of GitHub Actions.
    pub fn hides_in_ci(&self) -> bool {
        std::env::var_os("GITHUB_ACTIONS").is_some_and(|set| set == "true") && !self.result.is_file()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Conversation> {
        self.conversation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
