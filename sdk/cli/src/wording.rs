//! Refused command lines in words: one voice for what the host's parser and a plugin's parser refuse.

use astro_plugin_protocol::message::UsageProblem;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::{
    error::{Failure, code, usage},
    escape::escaped,
    program::APP,
    suggest,
};

/// A failure that carries a [`UsageProblem`] as data gets its words; any other is left alone.
pub fn word(failure: Failure, path: &str, known_options: &[String]) -> Failure {
    if failure.code != code::USAGE || failure.details.is_null() {
        return failure;
    }
    match serde_json::from_value::<UsageProblem>(failure.details.clone()) {
        Ok(problem) => in_words(&problem, path, known_options).unwrap_or(failure),
        Err(_) => failure,
    }
}

fn in_words(problem: &UsageProblem, path: &str, known_options: &[String]) -> Option<Failure> {
    let astro = if path.is_empty() { format!("{APP}").to_owned() } else { format!("{APP} {path}") };
    let see = format!("see `{astro} --help`");
    Some(match problem {
        UsageProblem::UnknownOption { option } => {
            let failure = usage(format!("`{}` is not an option of `{astro}`", escaped(option)));
            match suggest::nearest(option, known_options.iter().map(String::as_str)) {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => failure,
            }
            .help(see)
        }
        UsageProblem::UnexpectedArgument { argument } => {
            usage(format!("`{astro}` does not take the argument `{}`", escaped(argument))).help(see)
        }
        UsageProblem::MissingValue { option } => {
            let long = option.split([' ', '=', '[']).next().unwrap_or_default();
            usage(format!("`{option}` needs a value"))
                .help(format!("a value that begins with a dash is written `{long}=-value`"))
                .help(see)
        }
        UsageProblem::UnexpectedValue { option, value } => {
            usage(format!("`{option}` is a switch and takes no value, not `{}`", escaped(value)))
                .help(format!("leave `{option}` out where it should not apply"))
                .help(see)
        }
        UsageProblem::InvalidValue { option, value, reason, choices } => {
            let failure = match value.as_str() {
                "" => usage(format!("`{option}` {reason}, not empty")),
                value => usage(format!("`{option}` {reason}, not `{}`", escaped(value))),
            };
            if choices.is_empty() {
                failure
            } else {
                failure.help(format!("use one of: {}", choices.join(", ")))
            }
        }
        UsageProblem::Repeated { option } => usage(format!("`{option}` is given more than once")),
        UsageProblem::Conflict { option, with } => {
            usage(format!("`{option}` cannot be used with `{}`", with.join("`, `")))
        }
        UsageProblem::Required { options } => usage(format!(
            "`{}` {} missing",
            options.join("`, `"),
            if options.len() == 1 { "is" } else { "are" }
        ))
        .help(see),
        UsageProblem::Unknown => return None,
    })
}

/// What the host's own parser refused.
pub enum Refusal {
    /// A word that is no command, below a path.
    UnknownWord(String),
    /// Anything else.
    Problem(UsageProblem),
}

/// The error of the host's own clap as data.
pub fn refusal(error: &clap::Error) -> Refusal {
    let one = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    let option = one(ContextKind::InvalidArg);
    let value = one(ContextKind::InvalidValue);
    Refusal::Problem(match error.kind() {
        ErrorKind::InvalidSubcommand => return Refusal::UnknownWord(one(ContextKind::InvalidSubcommand)),
        ErrorKind::UnknownArgument if option.starts_with('-') => UsageProblem::UnknownOption { option },
        ErrorKind::UnknownArgument => UsageProblem::UnexpectedArgument { argument: option },
        ErrorKind::InvalidValue | ErrorKind::NoEquals if value.is_empty() => {
            UsageProblem::MissingValue { option }
        }
        ErrorKind::ArgumentConflict => UsageProblem::Repeated { option },
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues => {
            // A flag that may be repeated is displayed with three dots.
            let option = option.trim_end_matches("...").to_owned();
            UsageProblem::UnexpectedValue { option, value }
        }
        _ => UsageProblem::Unknown,
    })
}
