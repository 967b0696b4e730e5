//! What the program is called, in texts and in the names of its environment variables. The host sets it once, at its start;
//! until then, as in a plugin's tests, it is `astro`.
//!
//! ```
//! use astro_plugin_cli::program::{APP, ENV};
//! assert_eq!(format!("see `{APP} --help`, or set {ENV}_OUTPUT"), "see `astro --help`, or set ASTRO_OUTPUT");
//! ```

use std::{fmt, sync::OnceLock};

use astro_plugin_protocol::names::{Dimension, Vocabulary};

static PROGRAM: OnceLock<&'static Program> = OnceLock::new();

/// What a program calls itself and what it is about.
#[derive(Debug)]
pub struct Program {
    /// Its name, as it is typed.
    pub name: &'static str,
    /// What the names of its environment variables begin with, without the underscore.
    pub prefix: &'static str,
    /// The names that it adds to those of every host.
    pub vocabulary: Vocabulary,
}

/// The program until one is set.
const UNNAMED: Program = Program { name: "astro", prefix: "ASTRO", vocabulary: VOCABULARY };
#[cfg(not(test))]
const VOCABULARY: Vocabulary = Vocabulary::NONE;
#[cfg(test)]
const VOCABULARY: Vocabulary = crate::tests::VOCABULARY;

/// The name of the program, as it is typed.
#[derive(Debug, Clone, Copy)]
pub struct App;

/// What the names of its environment variables begin with, without the underscore.
#[derive(Debug, Clone, Copy)]
pub struct Env;

/// The name of the program, for texts.
pub const APP: App = App;
/// The beginning of its variables' names, for texts.
pub const ENV: Env = Env;

/// Sets the program. Only the first call counts: texts that were made already keep their names.
pub fn set(program: &'static Program) {
    let _ = PROGRAM.set(program);
}

fn program() -> &'static Program {
    PROGRAM.get().copied().unwrap_or(&UNNAMED)
}

/// The name of the program.
pub fn name() -> &'static str {
    program().name
}

/// The beginning of its variables' names.
pub fn prefix() -> &'static str {
    program().prefix
}

/// Whether the host has said what it is called.
pub(crate) fn is_set() -> bool {
    PROGRAM.get().is_some()
}

/// The names that it adds to those of every host.
pub fn vocabulary() -> &'static Vocabulary {
    &program().vocabulary
}

/// What its commands act on, from the widest to the narrowest.
pub fn dimensions() -> &'static [Dimension] {
    program().vocabulary.dimensions
}

/// The name of one of its variables: `OUTPUT` is `ASTRO_OUTPUT`.
pub fn variable(name: &str) -> String {
    format!("{}_{name}", prefix())
}

/// What is data of every product, in the words of this one: the program in command lines is `astro` there, and the names of its variables
/// begin with `ASTRO_`.
pub fn own(text: &str) -> String {
    renamed(text, name(), prefix())
}

fn renamed(text: &str, name: &str, prefix: &str) -> String {
    let mut own = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("astro ") {
        let (before, after) = rest.split_at(at);
        own.push_str(before);
        // A path or a longer word is another one.
        let is_word = !own.ends_with(|last: char| last.is_alphanumeric() || "-_/.".contains(last));
        own.push_str(if is_word { name } else { "astro" });
        rest = &after["astro".len()..];
    }
    own.push_str(rest);
    own.replace("ASTRO_", &format!("{prefix}_"))
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name())
    }
}

impl fmt::Display for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_and_variables_are_of_the_program_that_runs() {
        for (text, expected) in [
            ("astro dag list", "orbit dag list"),
            ("see them with `astro dag list`", "see them with `orbit dag list`"),
            ("name a file: astro lint FILE", "name a file: orbit lint FILE"),
            ("TOKEN=$(astro token create) astro x", "TOKEN=$(orbit token create) orbit x"),
            ("/usr/bin/astro list, my-astro list", "/usr/bin/astro list, my-astro list"),
            ("set ASTRO_TEAM_ID", "set ORBIT_TEAM_ID"),
            ("about Astro and gastronomy", "about Astro and gastronomy"),
            ("", ""),
        ] {
            assert_eq!(renamed(text, "orbit", "ORBIT"), expected);
        }
    }
}
