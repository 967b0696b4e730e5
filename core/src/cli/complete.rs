//! Shell completion of words, flags and choices, from manifests: no plugin is loaded for it.
//!
//! A shell's registration calls `astro` with [`VARIABLE`] set; the answer is always of the plugins that are
//! installed at that moment.

use std::ffi::OsString;

use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use super::tree::CommandSet;
use crate::error::{Failure, Result, failed, usage};

/// The variable that asks for completions; its value is the shell's name.
pub const VARIABLE: &str = "ASTRO_COMPLETE";

/// The script that registers completion in a shell.
pub fn registration(shell: &str, binary: &str) -> Result<Vec<u8>> {
    let mut script = Vec::new();
    completer(shell)?.write_registration(VARIABLE, "astro", "astro", binary, &mut script).map_err(cannot)?;
    Ok(script)
}

/// The candidates for a command line: `args` as the shell hands them over, the program's name first.
pub fn candidates(shell: &str, set: &CommandSet, args: Vec<OsString>) -> Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut command = set.to_clap();
    completer(shell)?.write_complete(&mut command, args, None, &mut answer).map_err(cannot)?;
    Ok(answer)
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
