//! After a request whose answer was lost: was it done? The same GET before and after it tells, where the plugin said
//! which.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use astro_plugin_protocol::service::{HttpRequest, OneTimeSecret, Settle};
use serde_json::Value;

use super::one_time::is_own;
use crate::{api::ApiClient, base::error::Failure};

/// When it is asked, in parts of the time that is spent on it: a server may need a moment, or some.
const POLL_POINTS: [f64; 5] = [0.0, 0.1, 0.25, 0.5, 1.0];
/// How long unchanged things are watched until they count as not done: a gateway may have given up on a server that
/// goes on. Never longer than `--timeout`.
const POLL_WINDOW: Duration = Duration::from_secs(6);
/// How long they are watched where unchanged things say nothing anyway.
const SHORT_WINDOW: Duration = Duration::from_millis(1400);
/// How long one look may take. Whoever interrupts waits for it.
const POLL_TIMEOUT: Duration = Duration::from_secs(3);

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    NotDone,
    Unknown,
}

/// How things were before the request; nothing where that cannot be read. A credential that is refused is renewed here:
/// before anything is sent that can be done only once.
pub(super) async fn before(client: &ApiClient, secret: &OneTimeSecret) -> Result<Option<Value>, Failure> {
    let token = client.token()?;
    let mut seen = look(client, secret).await;
    if matches!(seen, Err(Some(401))) && client.token_after_refusal(&token).await?.is_some() {
        seen = look(client, secret).await;
    }
    Ok(seen.ok())
}

/// Compares with how things are now. `may_still_happen`: the server may be working on it yet, so that unchanged
/// things say nothing.
pub(super) async fn settle(
    client: &ApiClient,
    secret: &OneTimeSecret,
    before: Option<&Value>,
    may_still_happen: bool,
) -> Verdict {
    let (Some(before), Some(how)) = (before, &secret.settle) else { return Verdict::Unknown };
    let mut verdict = Verdict::Unknown;
    let watched = if may_still_happen { SHORT_WINDOW } else { watched(client) };
    let started = tokio::time::Instant::now();
    for part in POLL_POINTS {
        tokio::time::sleep_until(started + watched.mul_f64(part)).await;
        match look(client, secret).await {
            Ok(now) => match is_done(how, before, &now) {
                Some(true) => return Verdict::Done,
                Some(false) if !may_still_happen => verdict = Verdict::NotDone,
                _ => verdict = Verdict::Unknown,
            },
            // The value it was asked with stopped working: it was rotated.
            Err(Some(401)) if secret.replaces && is_own(client, secret) => verdict = Verdict::Done,
            // The last look counts: the first ones may have been too early.
            Err(_) => verdict = Verdict::Unknown,
        }
    }
    verdict
}

/// How long unchanged things are watched.
pub(super) fn watched(client: &ApiClient) -> Duration {
    POLL_WINDOW.min(client.time_limit)
}

/// One GET; the error is the status of a refusal.
async fn look(client: &ApiClient, secret: &OneTimeSecret) -> Result<Value, Option<u16>> {
    let (path, query) = match secret.settle.as_ref() {
        Some(Settle::Changed { path, .. }) => (path.clone(), Vec::new()),
        Some(Settle::Appeared { path, query, .. }) => (path.clone(), query.clone()),
        Some(_) | None => return Err(None),
    };
    let request = HttpRequest::new("GET", path).with_query(query);
    client.look(&request, Instant::now() + POLL_TIMEOUT).await
}

/// Nothing where what is looked at is not in the answer.
fn is_done(how: &Settle, before: &Value, now: &Value) -> Option<bool> {
    match how {
        Settle::Changed { watch, .. } => {
            let at = |thing: &Value, pointer: &String| thing.pointer(pointer).cloned().unwrap_or_default();
            // A value that is not told any more is no change.
            let told = watch.iter().filter(|pointer| !at(now, pointer).is_null());
            let told: Vec<bool> = told.map(|pointer| at(now, pointer) != at(before, pointer)).collect();
            (!told.is_empty()).then(|| told.contains(&true))
        }
        Settle::Appeared { rows, like, id, .. } => {
            let ids = |list: &Value| -> Option<BTreeSet<String>> {
                let rows = list.pointer(rows)?.as_array()?.iter();
                let rows = rows
                    .filter(|row| like.iter().all(|(pointer, value)| row.pointer(pointer) == Some(value)));
                Some(rows.filter_map(|row| Some(row.pointer(id)?.to_string())).collect())
            };
            Some(!ids(now)?.is_subset(&ids(before)?))
        }
        // A way of a newer plugin.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_changed_value_means_done() {
        let how = Settle::Changed { path: vec![], watch: vec!["/at".into(), "/short".into()] };
        let before = json!({"at": null, "short": "a"});
        for (now, done) in [
            (json!({"short": "a"}), Some(false)),
            (json!({"short": "a", "at": null}), Some(false)),
            (json!({"at": null}), None),
            (json!({"short": "b"}), Some(true)),
            (json!({"short": "a", "at": "2026-01-01T00:00:00Z"}), Some(true)),
        ] {
            assert_eq!(is_done(&how, &before, &now), done, "{now}");
        }
    }

    #[test]
    fn a_new_row_of_that_name_means_done() {
        let how = Settle::Appeared {
            path: vec![],
            query: vec![],
            rows: "/tokens".into(),
            like: [("/name".to_owned(), json!("ci"))].into(),
            id: "/id".into(),
        };
        let rows = |rows: &[(&str, &str)]| json!({"tokens": rows.iter().map(|(id, name)| json!({"id": id, "name": name})).collect::<Vec<_>>()});
        let before = rows(&[("1", "ci"), ("2", "other")]);
        for (now, done) in [
            (rows(&[("1", "ci"), ("2", "other")]), Some(false)),
            (rows(&[("3", "other"), ("1", "ci")]), Some(false)),
            (rows(&[("3", "ci"), ("1", "ci")]), Some(true)),
            (rows(&[]), Some(false)),
            (json!({}), None),
        ] {
            assert_eq!(is_done(&how, &before, &now), done, "{now}");
        }
    }
}
