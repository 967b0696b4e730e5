//! Where a one-time secret is to go, as it was typed.

use std::path::PathBuf;

use clap::ArgMatches;

use crate::{
    error::{Result, usage},
    output::Format,
};

/// What was typed for [`astro_plugin_protocol::names::SECRET_OPTIONS`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `--token-file`
    pub file: Option<PathBuf>,
    /// `--token-exec`
    pub exec: Option<String>,
    /// `--token-exec-newline`
    pub exec_newline: bool,
    /// `--token-verify`
    pub verify: Option<String>,
    /// `--keep-recovery`
    pub keep_recovery: bool,
    /// `--no-recovery`
    pub no_recovery: bool,
}

/// What chose the format of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen<'a> {
    /// An option as it is typed: `-o clean`.
    Option(&'a str),
    /// A setting: `ASTRO_OUTPUT`, a profile.
    Setting(&'a str),
}

impl Options {
    /// Refuses another place for the token beside the format that is the token alone, naming what was set.
    pub fn check_format(&self, format: Format, chosen: Chosen<'_>) -> Result<()> {
        let elsewhere = match (&self.file, &self.exec) {
            (Some(_), _) => "--token-file",
            (_, Some(_)) => "--token-exec",
            (None, None) => return Ok(()),
        };
        if !format.is_bare() {
            return Ok(());
        }
        Err(match chosen {
            Chosen::Option(option) => {
                usage(format!("`{elsewhere}` cannot be used with `{option}`, which prints the token alone"))
                    .help("leave one of the two out")
            }
            Chosen::Setting(setting) => usage(format!(
                "`{elsewhere}` cannot be used with the output format `clean` from {setting}, which prints the token alone"
            ))
            .help("choose another format for this command: -o table or -o json"),
        })
    }

    /// Reads the matches of a command that delivers a secret.
    pub fn read(matches: &ArgMatches) -> Result<Self> {
        let text =
            |id: &str| matches.get_many::<String>(id).and_then(|mut values| values.next_back()).cloned();
        let flag = |id: &str| matches.get_count(id) > 0;
        let options = Self {
            file: text("token-file").map(PathBuf::from),
            exec: text("token-exec"),
            exec_newline: flag("token-exec-newline"),
            verify: text("token-verify"),
            keep_recovery: flag("keep-recovery"),
            no_recovery: flag("no-recovery"),
        };
        if options.file.is_some() && options.exec.is_some() {
            return Err(usage("`--token-file` and `--token-exec` cannot be used together"));
        }
        if options.exec_newline && options.exec.is_none() {
            return Err(usage("`--token-exec-newline` has no effect without `--token-exec`"));
        }
        if options.verify.is_some() && options.file.is_none() && options.exec.is_none() {
            return Err(usage("`--token-verify` has no effect without `--token-exec` or `--token-file`")
                .help("what is printed to stdout is not stored anywhere yet"));
        }
        if options.keep_recovery && options.no_recovery {
            return Err(usage("`--keep-recovery` and `--no-recovery` cannot be used together"));
        }
        Ok(options)
    }
}
