//! Asking a library for its manifest: the one time plugin code runs before a command, in a child process.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use astro_plugin_protocol::manifest::Manifest;

use crate::{
    base::error::{Result, ResultExt, code, plugin},
    check,
    sys::{
        child::{self, Limits},
        process::this_binary,
    },
};

/// The hidden word of the child process.
pub(crate) const CHILD_WORD: &str = "__describe";
/// How long a library may take to describe itself.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(10);
/// The most that is taken of what it says, in bytes.
const MOST: usize = 8 * 1024 * 1024;

/// The manifest of a library, checked.
pub(crate) fn in_child(path: &Path) -> Result<Manifest> {
    let bytes = ask_child(CHILD_WORD, path)?;
    let what = || format!("`{}` cannot be described", path.display());
    let manifest: Manifest = serde_json::from_slice(&bytes).context(code::PLUGIN, what)?;
    let mut failure = plugin(format!("the manifest of `{}` is not accepted", path.display()));
    for problem in check::problems_of_new(&manifest) {
        failure = failure.cause(problem);
    }
    if failure.causes.is_empty() { Ok(manifest) } else { Err(failure) }
}

/// What a child process of this program answers on stdout that loads a library: `word` says what it asks of it.
pub(crate) fn ask_child(word: &str, path: &Path) -> Result<Vec<u8>> {
    let what = || format!("`{}` cannot be described", path.display());
    let mut command = Command::new(this_binary()?);
    child::scrub(&mut command);
    command.arg(word).arg(path).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A process that the library left behind may hold the pipes open: what came so far is what there is.
    let ended = child::run(&mut command, Limits { time: Some(DESCRIBE_TIMEOUT), output: MOST })
        .context(code::PLUGIN, what)?;
    if !ended.status.success() {
        let mut failure = plugin(what());
        for cause in causes(&String::from_utf8_lossy(&ended.stderr)) {
            failure = failure.cause(cause);
        }
        return Err(if failure.causes.is_empty() {
            failure.cause(ended.status.to_string())
        } else {
            failure
        });
    }
    Ok(ended.stdout)
}

/// What a child process said about its end, without the addresses that the runtime lists after a panic.
fn causes(said: &str) -> impl Iterator<Item = &str> {
    let is_backtrace = |line: &str| {
        let number = line.trim_start().split(':').next().unwrap_or_default();
        line.starts_with(' ') && (number.parse::<u32>().is_ok() || line.trim_start().starts_with("at "))
    };
    said.lines()
        .filter(move |line| !is_backtrace(line) && !line.starts_with("note: ") && *line != "stack backtrace:")
        .map(|line| line.trim_start_matches("error: ").trim_start_matches("caused by: ").trim())
        .filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_panic_is_told_without_its_addresses() {
        let said = "\nthread '<unnamed>' (7) panicked at src/lib.rs:28:29:\nwhile describing\n\
            note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n\
            stack backtrace:\n   0:     0x7f21 - <std::sys::BacktraceLock as Display>::fmt\n  22:     0x7f22 - main\n\
            \u{20}                              at ./csu/libc-start.c:360:3\n\
            thread caused non-unwinding panic. aborting.\nerror: it aborted\n";
        let causes: Vec<&str> = super::causes(said).collect();
        assert_eq!(
            causes,
            [
                "thread '<unnamed>' (7) panicked at src/lib.rs:28:29:",
                "while describing",
                "thread caused non-unwinding panic. aborting.",
                "it aborted",
            ]
        );
    }
}
