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

/// The word at the cursor as it was typed, from bash.
const WORD: &str = "_ASTRO_WORD";

/// The script that registers completion in a shell.
pub fn registration(shell: &str, binary: &str) -> Result<Vec<u8>> {
    let mut script = Vec::new();
    completer(shell)?.write_registration(VARIABLE, "astro", "astro", binary, &mut script).map_err(cannot)?;
    // bash takes the quote away from the word it hands over.
    let with_word = format!("{WORD}=\"${{COMP_WORDS[COMP_CWORD]}}\" _CLAP_IFS=");
    match String::from_utf8(script) {
        Ok(text) if shell == "bash" => Ok(text.replacen("_CLAP_IFS=", &with_word, 1).into_bytes()),
        Ok(text) => Ok(text.into_bytes()),
        Err(error) => Ok(error.into_bytes()),
    }
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
    let quoting = Quoting::of(shell, &std::env::var(WORD).unwrap_or_default());
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

/// How the word at the cursor is quoted, which is how a value has to be handed to the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoting {
    /// bash takes what it gets: everything it would act on gets a backslash.
    Backslash,
    /// bash, behind an open `"`: four characters still act.
    Double,
    /// bash, behind an open `'`: nothing acts, and a `'` cannot be written.
    Single,
    /// zsh and fish quote by themselves.
    OfTheShell,
}

impl Quoting {
    /// `word` is the word at the cursor as it was typed, its quote included.
    fn of(shell: &str, word: &str) -> Self {
        match (shell, word.chars().next()) {
            ("bash", Some('"')) => Self::Double,
            ("bash", Some('\'')) => Self::Single,
            ("bash", _) => Self::Backslash,
            _ => Self::OfTheShell,
        }
    }

    /// A value in this form; none when it cannot be written so.
    fn quoted(self, value: &str) -> Option<String> {
        let needs = |c: char| match self {
            Self::OfTheShell | Self::Single => false,
            Self::Double => "\"$`\\".contains(c),
            Self::Backslash => !(c.is_alphanumeric() || "-_./@%+,".contains(c)),
        };
        // What cannot be written so: a quote inside its own kind, the history's sign, which acts inside `"`, and what the
        // script's own expansion would take for a pattern of file names.
        let unwritable = match self {
            Self::Single => "'*?[",
            Self::Double => "!*?[",
            Self::Backslash | Self::OfTheShell => "",
        };
        if value.contains(|c| unwritable.contains(c)) {
            return None;
        }
        let mut quoted = String::with_capacity(value.len());
        for c in value.chars() {
            if needs(c) {
                quoted.push('\\');
            }
            quoted.push(c);
        }
        Some(quoted)
    }
}

/// What a word that is being typed means so far: without its opening quote and its backslashes.
fn unquoted(word: &str) -> String {
    let (bare, acts) = match word.chars().next() {
        Some('\'') => (&word[1..], false),
        Some('"') => (&word[1..], true),
        _ => (word, true),
    };
    if !acts {
        return bare.to_owned();
    }
    let mut meant = String::with_capacity(bare.len());
    let mut chars = bare.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => meant.extend(chars.next()),
            c => meant.push(c),
        }
    }
    meant
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
            let typed = unquoted(&typed.to_string_lossy());
            let found = values.matching(&typed);
            let asked = Asked { kind, arg: id.clone(), typed };
            *values.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
            found
        }))
    }

    fn matching(&self, typed: &str) -> Vec<CompletionCandidate> {
        let fitting = self.known.iter().filter(|one| one.value.starts_with(typed) && !one.value.is_empty());
        fitting
            // A value that looks like an option would be one.
            .filter(|one| !one.value.starts_with('-') && !one.value.chars().any(is_control))
            .filter_map(|one| {
                let help = (!one.help.is_empty()).then(|| escaped(&one.help).into_owned().into());
                Some(CompletionCandidate::new(self.quoting.quoted(&one.value)?).help(help))
            })
            .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_as_the_word_was_begun() {
        for (word, value, written) in [
            ("Ing", "Ingest Staging", Some("Ingest\\ Staging")),
            ("", "$(touch x)`y`;'\"", Some("\\$\\(touch\\ x\\)\\`y\\`\\;\\'\\\"")),
            ("'Ing", "Ingest Staging", Some("Ingest Staging")),
            ("'it", "it's", None),
            ("\"hh", "hh!!", None),
            ("hh", "hh!!", Some("hh\\!\\!")),
            ("'gl", "gl*b", None),
            ("\"Ing", "Ingest $HOME", Some("Ingest \\$HOME")),
        ] {
            assert_eq!(Quoting::of("bash", word).quoted(value).as_deref(), written, "{word} {value}");
        }
        assert_eq!(Quoting::of("zsh", "'a").quoted("a b").as_deref(), Some("a b"));
    }

    #[test]
    fn a_word_is_read_as_the_shell_will() {
        for (word, meant) in [
            ("Ingest\\ S", "Ingest S"),
            ("'Ingest S", "Ingest S"),
            ("\"a\\\"b", "a\"b"),
            ("'a\\b", "a\\b"),
            ("a\\", "a"),
        ] {
            assert_eq!(unquoted(word), meant, "{word}");
        }
    }
}
