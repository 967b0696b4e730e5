//! A failure as it is shown: lines for a person, one JSON line for a program.

use astro_plugin_protocol::message::HttpFailure;
use serde::Serialize;

use crate::{
    error::{Failure, plain_io},
    escape::escaped,
    exit_code::{self, ExitCode},
    style::{Style, styled},
};

/// The failure as text: one JSON line for a program, else lines that begin with `error:`, `caused by:`, `help:`.
pub fn rendered(failure: &Failure, as_json: bool, color: bool) -> String {
    // A plugin's causes come as its own libraries word them.
    let causes = failure.causes.iter().map(|cause| plain_io(cause)).collect();
    let failure = &Failure { causes, ..failure.clone() };
    if as_json { json(failure, exit_code::of_failure(&failure.code)) } else { text(failure, color) }
}

fn text(failure: &Failure, color: bool) -> String {
    let mut lines = vec![format!("{} {}", styled(Style::Error, "error:", color), escaped(&failure.message))];
    lines.extend(failure.causes.iter().map(|cause| format!("caused by: {}", escaped(cause))));
    if let Some(HttpFailure { request_id, fields, .. }) = &failure.http {
        // Some servers repeat the first field in their message.
        let others = fields
            .iter()
            .filter(|field| field.message.is_empty() || !failure.message.contains(&field.message));
        lines.extend(
            others.map(|field| format!("field `{}`: {}", escaped(&field.field), escaped(&field.message))),
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
