//! The only place that prints errors.

use astro_plugin_protocol::message::HttpFailure;
use serde::Serialize;

use crate::{
    console::{Console, Style, escaped, styled},
    error::{Failure, code, plain_io},
    exit_code::{self, ExitCode},
    host::last_words,
    redact::redacted,
};

/// Prints a failure on stderr, for a person or as one JSON line, and gives its exit code.
pub fn failure(console: &Console, failure: &Failure) -> ExitCode {
    console.stderr_line(&rendered(console, failure));
    if matches!(failure.code.as_str(), code::DELIVERY | code::OUTCOME_UNKNOWN) {
        last_words::clear();
    }
    exit_code::of_failure(&failure.code)
}

/// What is printed, as it is prepared for a process that may end at once.
pub fn rendered(console: &Console, failure: &Failure) -> String {
    let code = exit_code::of_failure(&failure.code);
    // A plugin's causes come as its own libraries word them.
    let causes = failure.causes.iter().map(|cause| plain_io(cause)).collect();
    let failure = &Failure { causes, ..failure.clone() };
    let conversation = console.conversation();
    let text = match conversation.json_errors {
        true => json(failure, code),
        false => text(failure, conversation.color_stderr),
    };
    redacted(&text).into_owned()
}

/// Prints a warning: something is wrong that does not stop this command.
pub fn warning(console: &Console, failure: &Failure) {
    let conversation = console.conversation();
    if conversation.json_errors || conversation.quiet {
        return;
    }
    let label = styled(Style::Warning, "warning:", conversation.color_stderr);
    let causes: String = failure.causes.iter().map(|cause| format!(": {}", escaped(cause))).collect();
    console.stderr_line(&format!("{label} {}{causes}", escaped(&failure.message)));
}

fn text(failure: &Failure, color: bool) -> String {
    let mut lines = vec![format!("{} {}", styled(Style::Error, "error:", color), escaped(&failure.message))];
    lines.extend(failure.causes.iter().map(|cause| format!("caused by: {}", escaped(cause))));
    if let Some(HttpFailure { request_id, fields, .. }) = &failure.http {
        lines.extend(
            fields
                .iter()
                .map(|field| format!("field `{}`: {}", escaped(&field.field), escaped(&field.message))),
        );
        lines.extend(request_id.iter().map(|id| format!("request id: {}", escaped(id))));
    }
    let label = styled(Style::Help, "help:", color);
    lines.extend(failure.help.iter().map(|help| format!("{label} {}", escaped(help))));
    lines.join("\n")
}

fn json(failure: &Failure, code: ExitCode) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        error: &'a str,
        kind: &'a str,
        exit_code: u8,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        causes: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a str>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        fields: &'a [astro_plugin_protocol::message::FieldError],
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        help: &'a [String],
    }
    let http = failure.http.as_ref();
    let line = Line {
        error: &failure.message,
        kind: &failure.code,
        exit_code: code.number,
        causes: &failure.causes,
        status: http.map(|http| http.status),
        request_id: http.and_then(|http| http.request_id.as_deref()),
        fields: http.map_or(&[], |http| &http.fields),
        help: &failure.help,
    };
    serde_json::to_string(&line)
        .unwrap_or_else(|_| r#"{"error":"","kind":"failed","exit_code":1}"#.to_owned())
}
