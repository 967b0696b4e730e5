//! What the program is called, in texts and in the names of its environment variables. The host sets it once, at its start;
//! until then, as in a plugin's tests, it is `astro`.
//!
//! ```
//! use astro_plugin_cli::program::{APP, ENV};
//! assert_eq!(format!("see `{APP} --help`, or set {ENV}_OUTPUT"), "see `astro --help`, or set ASTRO_OUTPUT");
//! ```

use std::{fmt, sync::OnceLock};

static NAMES: OnceLock<(&'static str, &'static str)> = OnceLock::new();

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

/// Sets both. Only the first call counts: texts that were made already keep their names.
pub fn set(name: &'static str, prefix: &'static str) {
    let _ = NAMES.set((name, prefix));
}

/// The name of the program.
pub fn name() -> &'static str {
    NAMES.get().map_or("astro", |(name, _)| name)
}

/// The beginning of its variables' names.
pub fn prefix() -> &'static str {
    NAMES.get().map_or("ASTRO", |(_, prefix)| prefix)
}

/// The name of one of its variables: `OUTPUT` is `ASTRO_OUTPUT`.
pub fn variable(name: &str) -> String {
    format!("{}_{name}", prefix())
}

/// What is data of every product, in the words of this one: command lines that begin with `astro`, alone or quoted in a text,
/// and names of variables that begin with `ASTRO_`.
pub fn own(text: &str) -> String {
    let text = text.strip_prefix("astro ").map_or_else(|| text.to_owned(), |rest| format!("{APP} {rest}"));
    text.replace("`astro ", &format!("`{APP} ")).replace("ASTRO_", &format!("{ENV}_"))
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
