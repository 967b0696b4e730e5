//! Parsing the canonical arguments with the author's own clap definitions; refusals become data.

use astro_plugin_protocol::message::{Failure, UsageProblem, code};
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::{Error, Result};

pub(crate) fn parse(command: clap::Command, args: Vec<String>) -> Result<clap::ArgMatches> {
    command
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .try_get_matches_from(args)
        .map_err(|error| to_error(&error))
}

/// clap's error as a failure of code `usage`; clap's own text never reaches a user.
pub(crate) fn to_error(error: &clap::Error) -> Error {
    let problem = problem(error);
    let mut failure = Failure::new(code::USAGE, "the arguments were refused");
    failure.details = serde_json::to_value(&problem).unwrap_or_default();
    Error::from_failure(failure)
}

fn problem(error: &clap::Error) -> UsageProblem {
    let one = |kind| strings(error, kind).into_iter().next().unwrap_or_default();
    let option = one(ContextKind::InvalidArg);
    let value = one(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument if option.starts_with('-') => UsageProblem::UnknownOption { option },
        ErrorKind::UnknownArgument => UsageProblem::UnexpectedArgument { argument: option },
        ErrorKind::InvalidValue if value.is_empty() && strings(error, ContextKind::ValidValue).is_empty() => {
            UsageProblem::MissingValue { option }
        }
        ErrorKind::InvalidValue => UsageProblem::InvalidValue {
            option,
            value,
            reason: format!("must be one of {}", strings(error, ContextKind::ValidValue).join(", ")),
            choices: Vec::new(),
        },
        ErrorKind::ValueValidation => {
            let declared = one(ContextKind::Custom);
            let reason = match (declared.is_empty(), std::error::Error::source(error)) {
                (false, _) => declared,
                (true, Some(source)) => source.to_string(),
                (true, None) => "is not accepted".to_owned(),
            };
            UsageProblem::InvalidValue { option, value, reason, choices: Vec::new() }
        }
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues | ErrorKind::TooFewValues => {
            UsageProblem::UnexpectedValue { option, value }
        }
        ErrorKind::NoEquals => UsageProblem::MissingValue { option },
        ErrorKind::ArgumentConflict => {
            let with = strings(error, ContextKind::PriorArg);
            if with.contains(&option) {
                UsageProblem::Repeated { option }
            } else {
                UsageProblem::Conflict { option, with }
            }
        }
        ErrorKind::MissingRequiredArgument => {
            UsageProblem::Required { options: strings(error, ContextKind::InvalidArg) }
        }
        _ => UsageProblem::Unknown,
    }
}

fn strings(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}
