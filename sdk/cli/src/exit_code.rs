//! The exit codes of `astro`, one place, one line each. `astro help exit-codes` prints this table.

use astro_plugin_protocol::message::code;

/// An exit code and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitCode {
    /// The number a shell sees.
    pub number: u8,
    /// One line, without full stop.
    pub meaning: &'static str,
}

macro_rules! exit_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $meaning:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: ExitCode = ExitCode { number: $number, meaning: $meaning };)+
        /// All of them, in order.
        pub const ALL: &[ExitCode] = &[$($name),+];
    };
}

exit_codes! {
    /// Done.
    DONE = 0, "done";
    /// The API refused, nothing was found, a write failed.
    FAILED = 1, "failed: the API refused, nothing was found";
    /// The command line is wrong, or an answer is needed and the terminal is not interactive.
    USAGE = 2, "usage: unknown flag, missing or invalid value, an answer is needed and the terminal is not interactive";
    /// Configuration cannot be read or is invalid.
    CONFIG = 3, "configuration cannot be read or is invalid";
    /// Not signed in, or the credential is expired or refused.
    AUTH = 4, "not signed in, credential expired or refused";
    /// Nothing reached the server, or it did not answer.
    NETWORK = 5, "network: nothing reached the server, or it did not answer";
    /// A write may or may not have happened.
    OUTCOME_UNKNOWN = 6, "outcome unknown: a write may or may not have happened";
    /// A secret exists and could not be delivered.
    DELIVERY = 7, "the secret exists but could not be delivered";
    /// The plugin was refused, crashed, panicked or ended the process.
    PLUGIN = 126, "plugin unusable: refused, crashed, panicked, exited";
    /// No such command.
    UNKNOWN_COMMAND = 127, "unknown command";
    /// The user said no.
    DECLINED = 130, "declined at a prompt";
}

/// The exit code for the code of a failure; a code this host does not know is a plain failure.
pub fn of_failure(failure_code: &str) -> ExitCode {
    match failure_code {
        code::USAGE | code::INPUT_REQUIRED => USAGE,
        code::CONFIG => CONFIG,
        code::AUTH => AUTH,
        code::NETWORK => NETWORK,
        code::OUTCOME_UNKNOWN => OUTCOME_UNKNOWN,
        code::DELIVERY => DELIVERY,
        code::PLUGIN => PLUGIN,
        code::UNKNOWN_COMMAND => UNKNOWN_COMMAND,
        code::DECLINED => DECLINED,
        _ => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scripts depend on these numbers: the table is frozen.
    #[test]
    fn the_table_is_frozen() {
        let numbers: Vec<u8> = ALL.iter().map(|code| code.number).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 126, 127, 130]);
    }
}
