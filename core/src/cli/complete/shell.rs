//! The shells: the script that registers completion in each, what it hands over, and the answer in its form.
//!
//! The first line of an answer is `values N` or `files N`, with N the characters of the word that are no part of the
//! value (`--output=` has nine); a candidate a line follows. Anything else that is printed completes nothing, such as the
//! text of another program of the same name.

use astro_plugin_protocol::invocation::Candidate;

use super::{line, spot::Spot};
use crate::{
    base::error::{Result, usage},
    console::{escaped, is_control},
    program::{self, ENV},
};

/// The variable with the characters at which bash begins a new word, from its script.
fn breaks_variable() -> String {
    format!("_{ENV}_BREAKS")
}

/// A shell that completes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// bash, from 3.2 on.
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// What a shell's script handed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed {
    /// The words between the program's name and the cursor.
    pub before: Vec<String>,
    /// What was typed of the word at the cursor.
    pub current: String,
    /// What bash will do to the answer.
    line: line::Line,
}

/// What a shell is answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The values, in order.
    pub values: Vec<Candidate>,
    /// The shell completes paths.
    pub files: bool,
}

impl Shell {
    /// The shells by their names.
    pub const NAMES: &[&str] = &["bash", "zsh", "fish"];

    /// The shell with this name.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "bash" => Ok(Self::Bash),
            "zsh" => Ok(Self::Zsh),
            "fish" => Ok(Self::Fish),
            other => Err(usage(format!("there is no completion for `{other}`"))
                .help(format!("use one of: {}", Self::NAMES.join(", ")))),
        }
    }

    /// The script that registers completion.
    pub fn script(self) -> String {
        let script = match self {
            Self::Bash => include_str!("astro.bash"),
            Self::Zsh => include_str!("astro.zsh"),
            Self::Fish => include_str!("astro.fish"),
        };
        script.replace("ASTRO", program::prefix()).replace("astro", program::name())
    }

    /// Reads what the script hands over after `--`: the line from bash, words from the others.
    pub fn read(self, args: &[String]) -> Typed {
        let breaks = std::env::var(breaks_variable()).unwrap_or_default();
        self.read_with(args, &breaks)
    }

    pub(super) fn read_with(self, args: &[String], breaks: &str) -> Typed {
        match (self, args) {
            (_, []) => Typed::default(),
            (Self::Bash, [text, ..]) => {
                let line = line::read(text, breaks);
                let before = line.before.iter().skip(1).cloned().collect();
                Typed { before, current: line.current.clone(), line }
            }
            (Self::Zsh | Self::Fish, [before @ .., current]) => {
                let before = before.iter().skip(1).cloned().collect();
                // fish hands over the word with its quotes.
                let current = if self == Self::Fish { unquoted(current) } else { current.clone() };
                Typed { before, current, line: line::Line::default() }
            }
        }
    }

    /// The answer in this shell's form.
    pub fn write(self, typed: &Typed, spot: &Spot, answer: &Answer) -> String {
        let skipped = if self == Self::Bash { 0 } else { spot.prefix.chars().count() };
        if answer.files || typed.line.is_redirected {
            return format!("files {skipped}\n");
        }
        let mut text = format!("values {skipped}\n");
        let mut seen: Vec<&str> = Vec::new();
        for candidate in &answer.values {
            if seen.contains(&candidate.value.as_str()) || !fits(candidate, spot) {
                continue;
            }
            seen.push(&candidate.value);
            let about = escaped(candidate.help.lines().next().unwrap_or_default());
            match self {
                Self::Bash => {
                    let whole = format!("{}{}", spot.prefix, candidate.value);
                    let rest = whole.strip_prefix(&typed.line.kept);
                    let Some(word) = rest.and_then(|rest| typed.line.quoting.quoted(rest)) else { continue };
                    text.push_str(&word);
                }
                Self::Zsh => {
                    text.push_str(&candidate.value.replace('\\', "\\\\").replace(':', "\\:"));
                    if !about.is_empty() {
                        text.push(':');
                        text.push_str(&about);
                    }
                }
                Self::Fish => {
                    text.push_str(&spot.prefix);
                    text.push_str(&candidate.value);
                    if !about.is_empty() {
                        text.push('\t');
                        text.push_str(&about);
                    }
                }
            }
            text.push('\n');
        }
        text
    }
}

/// Whether a candidate can stand here. A value that looks like an option would be one, except behind `=`.
fn fits(candidate: &Candidate, spot: &Spot) -> bool {
    let value = &candidate.value;
    let is_option = value.starts_with('-') && spot.prefix.is_empty();
    value.starts_with(&spot.typed)
        && !value.is_empty()
        && (!is_option || spot.known.contains(candidate))
        && !value.chars().any(is_control)
}

/// What a word of fish means: inside `'` a backslash acts before `'` and itself alone.
fn unquoted(word: &str) -> String {
    let mut meant = String::with_capacity(word.len());
    let mut open = None;
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        match (open, c) {
            (Some(quote), c) if c == quote => open = None,
            (None, '\'' | '"') => open = Some(c),
            (None, '\\') => meant.extend(chars.next()),
            (Some(quote), '\\') => {
                let acts = chars
                    .peek()
                    .is_some_and(|next| *next == '\\' || *next == quote || (quote == '"' && *next == '$'));
                match chars.next_if(|_| acts) {
                    Some(next) => meant.push(next),
                    None => meant.push('\\'),
                }
            }
            (_, c) => meant.push(c),
        }
    }
    meant
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_fish_is_read_as_fish_will() {
        for (word, meant) in [
            ("Ingest\\ S", "Ingest S"),
            ("'Ingest S", "Ingest S"),
            ("\"a\\\"b", "a\"b"),
            ("'a\\b", "a\\b"),
            ("'a\\'b", "a'b"),
            ("--workspace='Data P", "--workspace=Data P"),
            ("a\\", "a"),
        ] {
            assert_eq!(unquoted(word), meant, "{word}");
        }
    }
}
