//! Shell completion of words, flags and choices, from manifests: no plugin is loaded for it.
//!
//! A shell's registration calls `astro` with [`VARIABLE`] set; the answer is always of the plugins that are
//! installed at that moment. Values that nobody wrote down are found by the room `completing`.

use std::{
    ffi::{OsStr, OsString},
    sync::{Arc, Mutex, PoisonError},
};

use astro_plugin_protocol::{
    invocation::Candidate,
    manifest::{Command, ValueKind},
};
use clap_complete::{
    ArgValueCompleter, CompletionCandidate,
    env::{Bash, EnvCompleter, Fish, Zsh},
};

use super::tree::CommandSet;
use crate::{
    console::{escaped, is_control},
    context::directory,
    error::{Failure, Result, failed, usage},
};

/// The variable that asks for completions; its value is the shell's name.
pub const VARIABLE: &str = "ASTRO_COMPLETE";

/// The script that registers completion in a shell.
pub fn registration(shell: &str, binary: &str) -> Result<Vec<u8>> {
    let mut script = Vec::new();
    completer(shell)?.write_registration(VARIABLE, "astro", "astro", binary, &mut script).map_err(cannot)?;
    Ok(script)
}

/// An argument whose values have to be found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// What its values are.
    pub kind: ValueKind,
    /// Its id.
    pub arg: String,
    /// What was typed of the value.
    pub typed: String,
}

/// The candidates for a command line (`args` as the shell hands them over, the program's name first) in the shell's own
/// form, and the argument whose values have to be found out, if the cursor is at one. Its values are `known`.
pub fn candidates(
    shell: &str,
    set: &CommandSet,
    path: &str,
    args: Vec<OsString>,
    known: Vec<Candidate>,
) -> Result<(Vec<u8>, Option<Asked>)> {
    let quoting = if shell == "bash" { Quoting::Backslash } else { Quoting::OfTheShell };
    let asked = Arc::new(Mutex::new(None));
    let values = Values { quoting, known: Arc::new(known), asked: Arc::clone(&asked) };
    let mut command = set.to_clap().mut_args(|arg| {
        let kind = kind_of_global(arg.get_id().as_str());
        values.attach(arg, kind)
    });
    if let Some(leaf) = set.command(path) {
        let words: Vec<&str> = leaf.words().collect();
        command = values.attach_to_leaf(command, &words, leaf);
    }
    let mut answer = Vec::new();
    // Paths are completed from here.
    let here = directory::working().ok();
    completer(shell)?.write_complete(&mut command, args, here.as_deref(), &mut answer).map_err(cannot)?;
    let asked = asked.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok((answer, asked))
}

fn kind_of_global(id: &str) -> ValueKind {
    match id {
        "profile" => ValueKind::Profile,
        "organization" => ValueKind::Organization,
        "workspace" => ValueKind::Workspace,
        "deployment" => ValueKind::Deployment,
        _ => ValueKind::Text,
    }
}

/// How a value with a blank reaches the command line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoting {
    /// bash takes what it gets.
    Backslash,
    /// zsh and fish quote by themselves.
    OfTheShell,
}

/// Values that were found out, and the question for those that were not.
#[derive(Clone)]
struct Values {
    quoting: Quoting,
    known: Arc<Vec<Candidate>>,
    asked: Arc<Mutex<Option<Asked>>>,
}

impl Values {
    fn attach_to_leaf(&self, command: clap::Command, words: &[&str], leaf: &Command) -> clap::Command {
        match words {
            [] => command.mut_args(|arg| {
                let kind = leaf.args.iter().find(|own| arg.get_id() == own.id.as_str()).map(|own| own.kind);
                self.attach(arg, kind.unwrap_or_default())
            }),
            [word, rest @ ..] => {
                command.mut_subcommand(*word, |below| self.attach_to_leaf(below, rest, leaf))
            }
        }
    }

    fn attach(&self, arg: clap::Arg, kind: ValueKind) -> clap::Arg {
        if matches!(kind, ValueKind::Text | ValueKind::Bool | ValueKind::File | ValueKind::Unknown) {
            return arg;
        }
        let (values, id) = (self.clone(), arg.get_id().to_string());
        arg.add(ArgValueCompleter::new(move |typed: &OsStr| {
            let typed = values.unquoted(&typed.to_string_lossy());
            let found = values.matching(&typed);
            let asked = Asked { kind, arg: id.clone(), typed };
            *values.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
            found
        }))
    }

    fn matching(&self, typed: &str) -> Vec<CompletionCandidate> {
        let fitting = self.known.iter().filter(|one| one.value.starts_with(typed) && !one.value.is_empty());
        fitting
            .filter(|one| !one.value.chars().any(is_control))
            .map(|one| {
                let help = (!one.help.is_empty()).then(|| escaped(&one.help).into_owned().into());
                CompletionCandidate::new(self.quoted(&one.value)).help(help)
            })
            .collect()
    }

    fn quoted(&self, value: &str) -> String {
        if self.quoting == Quoting::OfTheShell {
            return value.to_owned();
        }
        let mut quoted = String::with_capacity(value.len());
        for c in value.chars() {
            if !(c.is_alphanumeric() || "-_./@%+,".contains(c)) {
                quoted.push('\\');
            }
            quoted.push(c);
        }
        quoted
    }

    fn unquoted(&self, typed: &str) -> String {
        match self.quoting {
            Quoting::Backslash => typed.replace('\\', ""),
            Quoting::OfTheShell => typed.to_owned(),
        }
    }
}

fn completer(shell: &str) -> Result<&'static dyn EnvCompleter> {
    match shell {
        "bash" => Ok(&Bash),
        "zsh" => Ok(&Zsh),
        "fish" => Ok(&Fish),
        other => {
            Err(usage(format!("there is no completion for `{other}`")).help("use one of: bash, zsh, fish"))
        }
    }
}

fn cannot(error: std::io::Error) -> Failure {
    failed("completions cannot be written").cause(error.to_string())
}
