//! Variables that select something: who, where, which format, which home. There is one rule for all of them: a variable
//! is not set, or it has a value. One that is set and empty is what is left of a secret that a pipeline does not have, or
//! of a typing error in `export X=$Y`: going on without it would select another customer.
//!
//! `ASTRO_LOG` and `NO_COLOR` select nothing of that kind and count as not set when they are empty, as no-color.org wants
//! it for the latter.

use std::{env::VarError, fmt, path::PathBuf};

use astro_plugin_protocol::names::Dimension;

use crate::{
    base::error::{Failure, Result, usage},
    globals,
    program::{self, ENV},
};

/// A variable of the program, by what follows the prefix of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable(pub &'static str);

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ENV}_{}", self.0)
    }
}

/// The profile.
pub const PROFILE: Variable = Variable("PROFILE");
/// The output format.
pub const OUTPUT: Variable = Variable("OUTPUT");
/// The credential.
pub const API_TOKEN: Variable = Variable("API_TOKEN");
/// The address of the API.
pub const API_URL: Variable = Variable("API_URL");
/// The domain that the address is made of.
pub const DOMAIN: Variable = Variable("DOMAIN");
/// The directory of configuration, plugins and state.
pub const HOME: Variable = Variable("HOME");
/// What is logged.
pub const LOG: Variable = Variable("LOG");

/// The variable of a dimension: `TEAM_ID`.
pub fn of_dimension(dimension: &Dimension) -> Variable {
    let option = globals::find(dimension.name).and_then(|global| global.env);
    Variable(option.and_then(|name| name.split_once('_')).map_or(dimension.name, |(_, name)| name))
}

/// Those of all dimensions.
pub fn of_dimensions() -> impl Iterator<Item = Variable> {
    program::dimensions().iter().map(of_dimension)
}

/// The value of a variable, when it is set. Empty, blank and what is no text is exit code 2 with the variable's name.
pub fn variable(variable: Variable) -> Result<Option<String>> {
    let name = variable.to_string();
    let value = std::env::var(&name);
    checked(&name, value)
}

fn checked(name: &str, value: std::result::Result<String, VarError>) -> Result<Option<String>> {
    match value {
        Ok(value) if value.is_empty() => Err(refused(name, "is set and empty")),
        Ok(value) if value.trim().is_empty() => Err(refused(name, "holds nothing but blanks")),
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(refused(name, "is not UTF-8 text")),
    }
}

/// The same for a path, which need not be text.
pub fn path(variable: Variable) -> Result<Option<PathBuf>> {
    let name = variable.to_string();
    match std::env::var_os(&name) {
        Some(value) if value.is_empty() => Err(refused(&name, "is set and empty")),
        value => Ok(value.map(PathBuf::from)),
    }
}

/// A variable that holds what it must not; its value is not shown.
fn refused(name: &str, reason: &str) -> Failure {
    usage(format!("{name} {reason}"))
        .help(format!("give it a value, or take it out of the environment: unset {name}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn a_variable_has_a_value_or_is_not_set() {
        let not_text = VarError::NotUnicode(std::ffi::OsString::from_vec(vec![0xff]));
        for (value, expected) in [
            (Ok("acme".to_owned()), Ok(Some("acme"))),
            (Err(VarError::NotPresent), Ok(None)),
            (Ok(String::new()), Err("ASTRO_PROFILE is set and empty")),
            (Ok(" \t".to_owned()), Err("ASTRO_PROFILE holds nothing but blanks")),
            (Ok("\n".to_owned()), Err("ASTRO_PROFILE holds nothing but blanks")),
            (Err(not_text), Err("ASTRO_PROFILE is not UTF-8 text")),
        ] {
            let found = checked("ASTRO_PROFILE", value);
            if let Err(failure) = &found {
                assert_eq!(failure.code, crate::base::error::code::USAGE);
                assert!(failure.help[0].ends_with("unset ASTRO_PROFILE"), "{failure:?}");
            }
            let found = found.as_ref().map(Option::as_deref).map_err(|failure| failure.message.as_str());
            assert_eq!(found, expected);
        }
    }
}
