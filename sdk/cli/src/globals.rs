//! The global options: which there are, and what was typed for them, read out of the parsed command line and nothing more.

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use astro_plugin_protocol::{
    duration::Scale,
    names::{Dimension, GLOBALS, Global},
};
use clap::ArgMatches;

use crate::{
    error::{Result, usage},
    program,
};

/// Its global options: those of every host, and one for each dimension after the first two.
pub fn all() -> &'static [Global] {
    static OF_PROGRAM: OnceLock<Vec<Global>> = OnceLock::new();
    static OF_NONE: OnceLock<Vec<Global>> = OnceLock::new();
    let known = if program::is_set() { &OF_PROGRAM } else { &OF_NONE };
    known.get_or_init(|| {
        let (first, rest) = GLOBALS.split_at(2);
        first
            .iter()
            .copied()
            .chain(program::dimensions().iter().map(of_dimension))
            .chain(rest.iter().copied())
            .collect()
    })
}

/// The option of a dimension. The texts live as long as the process, as those of the other options do.
fn of_dimension(dimension: &Dimension) -> Global {
    let leaked = |text: String| -> &'static str { text.leak() };
    let name = dimension.name;
    Global {
        long: name,
        short: None,
        aliases: vec![leaked(format!("{name}-id"))].leak(),
        value: Some("ID|NAME"),
        repeatable: false,
        choices: &[],
        env: Some(leaked(format!("ASTRO_{}_ID", name.to_uppercase()))),
        help: leaked(format!("Act in this {name}")),
    }
}

/// The global option with this long name.
pub fn find(long: &str) -> Option<&'static Global> {
    all().iter().find(|global| global.long == long)
}

/// The global options as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Globals {
    /// `--profile`
    pub profile: Option<String>,
    /// `--profile` when it was given several times: each once, in order.
    pub profiles: Vec<String>,
    /// `--all-profiles`, of commands that may run for several.
    pub all_profiles: bool,
    /// `-o/--output`
    pub output: Option<String>,
    /// The option of the command that stands for `-o/--output`, when one did.
    pub output_option: Option<String>,
    /// The options of the program's dimensions: for each that was given, its name and the value.
    pub settings: BTreeMap<&'static str, String>,
    /// `-y/--yes`
    pub yes: bool,
    /// `--no-input`
    pub no_input: bool,
    /// `--color`
    pub color: Option<String>,
    /// `--timeout`
    pub timeout: Option<Duration>,
    /// `--debug`
    pub debug: bool,
    /// `-q/--quiet`
    pub quiet: bool,
    /// `-v/--verbose`, how often
    pub verbose: u8,
    /// `-h/--help`
    pub help: bool,
    /// `-V/--version`
    pub version: bool,
}

impl Globals {
    /// What was typed for a dimension.
    pub fn setting(&self, dimension: &str) -> Option<&str> {
        self.settings.get(dimension).map(String::as_str)
    }

    /// How long a request may take with its repetitions, and a program that takes a token: `--timeout`, or a minute.
    pub fn time_limit(&self) -> Duration {
        self.timeout.unwrap_or(Duration::from_secs(60))
    }

    /// Reads the matches of the command that was typed; clap hands global values down to it.
    /// `several`: the command may run for several profiles at once.
    pub fn read(matches: &ArgMatches, several: bool) -> Result<Self> {
        let text = |id: &str| -> Result<Option<String>> {
            let mut values = matches.get_many::<String>(id).into_iter().flatten();
            let (first, second) = (values.next(), values.next());
            match (first, second) {
                (Some(first), Some(second)) if first != second => {
                    Err(usage(format!("`--{id}` is given twice: `{first}` and `{second}`")))
                }
                (Some(first), _) if first.is_empty() => Err(usage(format!("`--{id}` needs a value"))),
                (first, _) => Ok(first.cloned()),
            }
        };
        let flag = |id: &str| matches.get_count(id) > 0;
        let mut profiles: Vec<String> = Vec::new();
        for name in matches.get_many::<String>("profile").into_iter().flatten().filter(|_| several) {
            if !profiles.contains(name) {
                profiles.push(name.clone());
            }
        }
        if profiles.iter().any(String::is_empty) || profiles.len() < 2 {
            profiles.clear();
        }
        let mut settings = BTreeMap::new();
        for dimension in program::dimensions() {
            settings.extend(text(dimension.name)?.map(|value| (dimension.name, value)));
        }
        let globals = Self {
            profile: if profiles.is_empty() { text("profile")? } else { None },
            profiles,
            all_profiles: several && flag("all-profiles"),
            output: text("output")?,
            output_option: None,
            settings,
            yes: flag("yes"),
            no_input: flag("no-input"),
            color: text("color")?,
            timeout: text("timeout")?.map(|text| duration(&text)).transpose()?,
            debug: flag("debug"),
            quiet: flag("quiet"),
            verbose: matches.get_count("verbose"),
            help: flag("help"),
            version: flag("version"),
        };
        globals.check_choices()?;
        if globals.all_profiles && (globals.profile.is_some() || !globals.profiles.is_empty()) {
            return Err(usage("`--all-profiles` and `--profile` cannot be used together"));
        }
        Ok(globals)
    }

    /// Applies a global setting that an option of a command stands for, such as `--output=clean`.
    pub fn apply_meaning(&mut self, option: &str, means: &str) -> Result<()> {
        match means.trim_start_matches("--").split_once('=') {
            Some(("output", format)) => {
                if let Some(typed) = self.output.as_deref().filter(|typed| *typed != format) {
                    return Err(usage(format!(
                        "`{option}` is the same as `-o {format}` and cannot be used with `-o {typed}`"
                    ))
                    .help("leave one of the two out"));
                }
                if self.output.replace(format.to_owned()).is_none() {
                    self.output_option = Some(option.to_owned());
                }
            }
            None if means == "--yes" => self.yes = true,
            _ => return Err(usage(format!("`{option}` stands for `{means}`, which cannot be set that way"))),
        }
        Ok(())
    }

    fn check_choices(&self) -> Result<()> {
        for global in all() {
            let value = match global.long {
                "output" => self.output.as_deref(),
                "color" => self.color.as_deref(),
                _ => None,
            };
            if let Some(value) = value.filter(|value| !global.choices.contains(value)) {
                return Err(usage(format!("`{value}` is not a value of `--{}`", global.long))
                    .help(format!("use one of: {}", global.choices.join(", "))));
            }
        }
        Ok(())
    }
}

fn duration(text: &str) -> Result<Duration> {
    let range = Duration::from_secs(1)..=Duration::from_secs(86_400);
    Scale::Seconds.read(text).filter(|duration| range.contains(duration)).ok_or_else(|| {
        usage(format!("`--timeout {text}` is not a duration from 1s to 24h"))
            .help("write it as `30s`, `2m` or a number of seconds")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_from_a_second_to_a_day() {
        for (text, seconds) in [("30", 30), ("2m", 120), ("24h", 86_400)] {
            assert_eq!(duration(text).expect(text), Duration::from_secs(seconds));
        }
        for text in ["", "0", "-1", "25h", "1d", "99999999999999999999"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_meaning_that_contradicts_is_refused() {
        let mut globals = Globals { output: Some("json".into()), ..Globals::default() };
        let error = globals.apply_meaning("--clean-output", "--output=clean").expect_err("refused");
        assert!(error.message.contains("-o json"), "{error:?}");
        globals.output = Some("clean".into());
        globals.apply_meaning("--clean-output", "--output=clean").expect("the same is fine");
    }
}
