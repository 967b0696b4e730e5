//! After a request whose answer was lost: was it done? One more GET tells, where the plugin said how.

use std::time::{Duration, Instant};

use astro_plugin_protocol::service::{HttpRequest, OneTimeSecret, Settle};
use reqwest::header::DATE;
use serde_json::Value;

use super::{Prepared, Unanswered, client, once::is_own};
use crate::services::Invocation;

/// How often it is asked, and the pause between.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    NotDone,
    Unknown,
}

/// Asks the server. `started` is when the request was sent.
pub(super) async fn settle(invocation: &Invocation, secret: &OneTimeSecret, started: Instant) -> Verdict {
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(PAUSE * attempt).await;
        }
        match ask(invocation, secret, started).await {
            Some(verdict) => return verdict,
            None => continue,
        }
    }
    Verdict::Unknown
}

/// One try; `None` when it may help to ask again.
async fn ask(invocation: &Invocation, secret: &OneTimeSecret, started: Instant) -> Option<Verdict> {
    let (path, query) = match secret.settle.as_ref() {
        Some(Settle::Changed { path, .. }) => (path.clone(), Vec::new()),
        Some(Settle::Appeared { path, query, .. }) => (path.clone(), query.clone()),
        Some(Settle::Unknown) | None => return Some(Verdict::Unknown),
    };
    let request = HttpRequest { method: "GET".to_owned(), path, query, ..HttpRequest::default() };
    let Ok(prepared) = Prepared::new(invocation, &request) else { return Some(Verdict::Unknown) };
    let Ok(client) = client(&invocation.context) else { return Some(Verdict::Unknown) };
    // The server's clock at the time of the request, so that no other clock matters.
    let mut server_now = None;
    let outcome = prepared.send_noting(client, |headers| server_now = headers.get(DATE).cloned()).await;
    let answered = match outcome {
        Ok(answered) => answered,
        Err(Unanswered::NotSent(_) | Unanswered::Lost(_) | Unanswered::BrokeOff(_)) => return None,
    };
    match (&secret.settle, answered.status) {
        // The value it was asked with stopped working: it was rotated.
        (Some(Settle::Changed { .. }), 401) if is_own(invocation, secret) => Some(Verdict::Done),
        (Some(settle), 200) => {
            let body: Value = serde_json::from_slice(&answered.body).ok()?;
            let since = server_now
                .and_then(|date| jiff::fmt::rfc2822::parse(date.to_str().ok()?).ok())
                .map(|now| now.timestamp() - started.elapsed());
            Some(judge(settle, &body, since))
        }
        (_, 500..=599) => None,
        _ => Some(Verdict::Unknown),
    }
}

fn judge(settle: &Settle, body: &Value, since: Option<jiff::Timestamp>) -> Verdict {
    match settle {
        Settle::Changed { before, .. } => {
            let at = |pointer: &str| body.pointer(pointer).cloned().unwrap_or_default();
            let is_changed = before.iter().any(|(pointer, former)| at(pointer) != *former);
            if is_changed { Verdict::Done } else { Verdict::NotDone }
        }
        Settle::Appeared { rows, like, made_at, .. } => {
            let (Some(rows), Some(since)) = (body.pointer(rows).and_then(Value::as_array), since) else {
                return Verdict::Unknown;
            };
            // The Date header has whole seconds.
            let since = since - Duration::from_secs(1);
            let is_new = |row: &Value| {
                let made: Option<jiff::Timestamp> = row.pointer(made_at)?.as_str()?.parse().ok();
                Some(
                    made? >= since && like.iter().all(|(pointer, value)| row.pointer(pointer) == Some(value)),
                )
            };
            let is_done = rows.iter().any(|row| is_new(row).unwrap_or(false));
            if is_done { Verdict::Done } else { Verdict::NotDone }
        }
        Settle::Unknown => Verdict::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_changed_value_means_done() {
        let before = [("/lastRotatedAt".to_owned(), Value::Null), ("/shortToken".to_owned(), json!("a"))];
        let settle = Settle::Changed { path: vec![], before: before.into() };
        for (body, verdict) in [
            (json!({"shortToken": "a"}), Verdict::NotDone),
            (json!({"shortToken": "a", "lastRotatedAt": null}), Verdict::NotDone),
            (json!({"shortToken": "b"}), Verdict::Done),
            (json!({"shortToken": "a", "lastRotatedAt": "2026-01-01T00:00:00Z"}), Verdict::Done),
        ] {
            assert_eq!(judge(&settle, &body, None), verdict, "{body}");
        }
    }

    #[test]
    fn a_new_row_of_that_name_means_done() {
        let settle = Settle::Appeared {
            path: vec![],
            query: vec![],
            rows: "/tokens".into(),
            like: [("/name".to_owned(), json!("ci"))].into(),
            made_at: "/createdAt".into(),
        };
        let since = "2026-01-01T12:00:00Z".parse().ok();
        let row = |name: &str, at: &str| json!({"tokens": [{"name": name, "createdAt": at}]});
        for (body, since, verdict) in [
            (row("ci", "2026-01-01T12:00:03.5Z"), since, Verdict::Done),
            (row("ci", "2026-01-01T11:59:58Z"), since, Verdict::NotDone),
            (row("other", "2026-01-01T12:00:03Z"), since, Verdict::NotDone),
            (json!({"tokens": []}), since, Verdict::NotDone),
            (row("ci", "2026-01-01T12:00:03Z"), None, Verdict::Unknown),
            (json!({}), since, Verdict::Unknown),
        ] {
            assert_eq!(judge(&settle, &body, since), verdict, "{body}");
        }
    }
}
