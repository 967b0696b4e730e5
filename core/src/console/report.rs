//! The only place that prints errors.

use astro_plugin_cli::failure;

use crate::{
    base::{
        error::{Failure, code},
        redact::redacted,
    },
    console::{Console, Style, escaped, styled},
    exit_code::{self, ExitCode},
    sys::exit_message,
};

/// Prints a failure on stderr, for a person or as one JSON line, and gives its exit code.
pub fn failure(console: &Console, failure: &Failure) -> ExitCode {
    console.stderr_line(&rendered(console, failure));
    if matches!(failure.code.as_str(), code::DELIVERY | code::OUTCOME_UNKNOWN) {
        exit_message::clear();
    }
    exit_code::of_failure(&failure.code)
}

/// What is printed, as it is prepared for a process that may end at once.
pub fn rendered(console: &Console, failure: &Failure) -> String {
    let conversation = console.conversation();
    redacted(&failure::rendered(failure, conversation.json_errors, conversation.color_stderr)).into_owned()
}

/// Prints a warning, and what to do about it: something is wrong that does not stop this command.
pub fn warning(console: &Console, failure: &Failure) {
    let conversation = console.conversation();
    if conversation.json_errors || conversation.quiet {
        return;
    }
    let label = styled(Style::Warning, "warning:", conversation.color_stderr);
    let causes: String = failure.causes.iter().map(|cause| format!(": {}", escaped(cause))).collect();
    let text = format!("{label} {}{causes}", escaped(&failure.message));
    if !console.is_new_warning(&text) {
        return;
    }
    console.stderr_line(&text);
    let label = styled(Style::Help, "help:", conversation.color_stderr);
    failure.help.iter().for_each(|help| console.stderr_line(&format!("{label} {}", escaped(help))));
}
