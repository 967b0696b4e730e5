//! Where a token goes: stdout, a file, or the standard input of a program. Whether it can go there is found out
//! before anything is sent, as far as that can be known.

use std::collections::BTreeMap;

pub use astro_plugin_cli::secret::Options;

use super::{program::Program, token_file::TokenFile};
use crate::{
    base::{
        error::{Result, usage},
        stderr,
    },
    console::{Console, ResultError},
    output::Format,
};

/// A sink that was looked at.
pub enum Sink {
    /// The result itself.
    Stdout,
    /// `--token-file`
    File(TokenFile),
    /// `--token-exec`
    Exec(Program),
}

impl Sink {
    /// Looks at the sink that was chosen.
    pub fn prepare(options: &Options, format: Format, console: &Console) -> Result<Self> {
        let elsewhere = match (&options.file, &options.exec) {
            (Some(_), _) => "--token-file",
            (_, Some(_)) => "--token-exec",
            (None, None) => {
                let unmasked = stderr::misses_the_log().filter(|_| console.hides_in_ci());
                if let Some(reason) = unmasked {
                    return Err(usage(format!("the token would be shown in the log: {reason}, where the line that hides it (add-mask) goes"))
                        .help("leave stderr open, or write the token to a file with `--token-file PATH`"));
                }
                return match console.result.unusable_for_a_secret() {
                    None => Ok(Self::Stdout),
                    Some(reason) => Err(usage(format!("the token would be lost: {reason}"))
                        .help("write it to a file with `--token-file PATH`")
                        .help("or hand it to a program with `--token-exec COMMAND`")),
                };
            }
        };
        if format.is_bare() {
            return Err(usage(format!(
                "`{elsewhere}` cannot be used with `-o clean`: that is the token alone"
            ))
            .help("leave one of the two out"));
        }
        match (&options.file, &options.exec) {
            (Some(path), _) => TokenFile::prepare(path).map(Self::File),
            (_, command) => {
                let program = Program::prepare("--token-exec", command.as_deref().unwrap_or_default())?;
                Ok(Self::Exec(program.with_newline(options.exec_newline)))
            }
        }
    }

    /// Whether it can take this secret: a file that exists is only replaced where the former value is.
    pub fn ready_for(&self, replaces: bool, labels: &BTreeMap<String, String>) -> Result<()> {
        match self {
            Self::File(file) => file.ready_for(replaces),
            Self::Exec(program) => program.ready_for(labels),
            Self::Stdout => Ok(()),
        }
    }
}

/// Writes the result and checks that it arrived, as far as the kernel tells.
pub fn write_and_check(console: &Console, bytes: &[u8]) -> Result<(), String> {
    console.result.write_all(bytes).and_then(|()| console.result.sync()).map_err(|error| match error {
        ResultError::Closed => "the reader of stdout is gone".to_owned(),
        ResultError::Failed(reason) => format!("stdout: {reason}"),
        ResultError::Lost => "stdout: its descriptor was closed in this process".to_owned(),
    })
}
