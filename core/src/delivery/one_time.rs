//! A request whose answer carries a one-time secret: sent once, on a connection of its own, with signals deferred
//! until the answer is on the disk.

use std::time::{Duration, Instant};

use astro_plugin_protocol::service::{HttpRequest, HttpResponse, OneTimeSecret};

use super::{
    Delivery,
    recovery::{PendingSecret, Record},
    settle::{self, Verdict},
    undelivered, value_at,
    verdict::{self, Came, Next, outcome_error, unknown},
};
use crate::{
    api::{
        ApiClient,
        error::{refused, unreachable},
        request::{Answered, Prepared, SendError},
        retry,
    },
    base::{
        error::{Failure, Result, auth, code, failed, innermost},
        failpoint, redact,
    },
    console::report,
    context::Origin,
    credential::{self, Secret, Stored},
    program::APP,
    sys::{exit_message, signals},
};

/// A request with a one-time secret, and what is needed to send and deliver it.
pub(crate) struct OneTime<'a> {
    pub(crate) client: &'a ApiClient,
    pub(crate) delivery: &'a Delivery,
    pub(crate) plugin: &'a str,
    /// The path of the command.
    pub(crate) command: &'a str,
    pub(crate) request: &'a HttpRequest,
    /// Its body, where that is not JSON.
    pub(crate) bytes: &'a [u8],
    pub(crate) secret: &'a OneTimeSecret,
}

/// Sends it, and once more when the API refused the credential and there is another one: a 401 says that nothing was
/// done.
pub(crate) async fn perform(one: &OneTime<'_>) -> Result<HttpResponse> {
    let mut sent_with = None;
    let outcome = send(one, &mut sent_with).await;
    match (outcome, sent_with) {
        (Err(failure), Some(token)) if failure.http.as_ref().is_some_and(|http| http.status == 401) => {
            match one.client.token_after_refusal(&token).await? {
                Some(_) => send(one, &mut None).await,
                None => Err(failure),
            }
        }
        (outcome, _) => outcome,
    }
}

/// One attempt; `sent_with` gets the credential.
async fn send(one: &OneTime<'_>, sent_with: &mut Option<Secret>) -> Result<HttpResponse> {
    let OneTime { client, delivery, request, bytes, secret, .. } = *one;
    let mut prepared = Prepared::new(client, request, bytes)?;
    let unshared = client.unshared()?;
    delivery.ready_for(secret)?;
    // Another process may have been waited for: what counts is how things are now.
    let before = settle::before(client, secret).await?;
    retry::pace(&prepared.method).await;
    prepared.authorize(client.token()?)?;
    sent_with.clone_from(&prepared.token);
    // Whoever interrupted until now finds no note: nothing was sent.
    let mut kept = delivery.begin(record(one))?;
    prepared.deadline = Instant::now() + client.time_limit;

    let deferral = signals::defer(!client.console.conversation().quiet);
    if signals::pending().is_some() {
        kept.remove();
        return Err(Failure::new(code::CLOSED, "it was interrupted before anything was sent"));
    }
    exit_message::set(report::rendered(
        &client.console,
        &unknown(secret, &kept, &format!("{APP} ended before an answer came"), None),
    ));
    let started = Instant::now();
    let outcome = prepared.send_whole(&unshared, |piece| kept.append(piece)).await;
    if let Ok(answered) = &outcome {
        client.debug(request, answered, started.elapsed());
    }
    // Whatever came is looked through, also when it broke off, is a refusal, or calls itself something else.
    if let Ok(answered) = &outcome
        && !answered.is_success()
        && value_at(&answered.body, &secret.pointer).is_some()
    {
        kept.append(&answered.body);
    }
    kept.sync();
    let value = kept.find_value().map(str::to_owned);
    if value.is_none() && outcome.as_ref().is_ok_and(Answered::is_success) {
        kept.learn_id();
    }
    let (came, reason, refusal) = describe(one, &prepared.method, &kept, &outcome);
    let failure = match (verdict::next(came, value.is_some()), value, outcome) {
        (Next::HandOver, Some(value), Ok(answered)) => {
            return answer(one, kept, &value, &answered, deferral);
        }
        (Next::Nothing, _, outcome) => {
            kept.remove();
            exit_message::clear();
            return Err(match outcome {
                Err(SendError::NotSent(error)) => unreachable(&error, &client.context, &reqwest::Method::GET),
                _ => refusal.unwrap_or_else(|| failed(reason)),
            });
        }
        (Next::HandOver | Next::Keep, Some(value), _) => {
            renew_own(client, secret, &value);
            undelivered(&kept, &reason)
        }
        (Next::Settle { may_still_happen }, ..) => {
            let verdict = settle::settle(client, secret, before.as_ref(), may_still_happen).await;
            outcome_error(secret, kept, verdict, reason, refusal, settle::watched(client))
        }
        (Next::Done | Next::HandOver | Next::Keep, ..) => {
            outcome_error(secret, kept, Verdict::Done, reason, refusal, Duration::ZERO)
        }
    };
    exit_message::set(report::rendered(&client.console, &failure));
    if signals::pending().is_some() {
        // Whoever interrupted is told before the signal acts.
        report::failure(&client.console, &failure);
        delivery.abandon();
        drop(deferral);
        signals::raise_pending();
    }
    if failure.code == code::NETWORK {
        exit_message::clear();
    }
    // Also a plugin that does not wait for the answer ends with this.
    if matches!(failure.code.as_str(), code::DELIVERY | code::OUTCOME_UNKNOWN) {
        delivery.fail(failure.clone());
    }
    Err(failure)
}

/// What came, why that is not what was wanted, and the API's refusal when it is one.
fn describe(
    one: &OneTime<'_>,
    method: &reqwest::Method,
    kept: &PendingSecret,
    outcome: &std::result::Result<Answered, SendError>,
) -> (Came, String, Option<Failure>) {
    let refusal = |answered: &Answered| {
        let refusal = refused(method, answered, &one.client.context);
        // A token in a refusal is hidden by now, and kept.
        Failure { message: redact::redacted(&refusal.message).into_owned(), ..refusal }
    };
    match outcome {
        Ok(answered) if answered.is_success() => {
            let is_record = answered.is_json && kept.record.labels.contains_key("id");
            (Came::Success { is_record }, "the answer does not hold the token".to_owned(), None)
        }
        Ok(answered) => {
            let refusal = refusal(answered);
            let came = match answered.is_definite() {
                true => Came::Refusal,
                false => Came::Unclear { is_timeout: matches!(answered.status, 408 | 504 | 524) },
            };
            (came, refusal.message.clone(), Some(refusal))
        }
        Err(SendError::NotSent(error)) => (Came::NotSent, innermost(error), None),
        Err(SendError::TimedOut) => (Came::TimedOut, "no answer came in time".to_owned(), None),
        Err(SendError::ConnectionLost(error)) => (Came::ConnectionLost, innermost(error), None),
        Err(SendError::Truncated(failure)) => (Came::Truncated, failure.message.clone(), None),
    }
}

fn record(one: &OneTime<'_>) -> Record {
    let OneTime { client, plugin, command, secret, .. } = *one;
    Record {
        plugin: plugin.to_owned(),
        command: command.to_owned(),
        action: secret.action.clone(),
        labels: secret.labels.clone(),
        pointer: secret.pointer.clone(),
        profile: client.context.profile.as_ref().map(|profile| profile.value.clone()),
        address: client.context.address.value.to_string(),
        ..Record::now()
    }
}

/// The answer is here: on the disk, then to the plugin.
fn answer(
    one: &OneTime<'_>,
    mut kept: PendingSecret,
    value: &str,
    answered: &Answered,
    deferral: signals::Deferral,
) -> Result<HttpResponse> {
    let OneTime { client, delivery, secret, .. } = *one;
    let step = |step| failpoint::reach(step).map_err(|error| failed(error.to_string()));
    let mut deferral = Some(deferral);
    let handed: Result<HttpResponse> = (|| {
        step("value-found")?;
        kept.learn_id();
        renew_own(client, secret, value);
        step("credential-updated")?;
        let words = undelivered(&kept, "it was interrupted");
        exit_message::set(report::rendered(&client.console, &words));
        // From here on a signal ends the command at once: the token is on the disk. Where it is not, signals wait
        // until it is delivered, or until the time limit is over once more.
        match kept.path() {
            Some(_) => drop(deferral.take()),
            None => kept.hold(deferral.take(), client.time_limit),
        }
        step("signals-released")?;
        let body = serde_json::from_slice(&answered.body).map_err(|error| failed(error.to_string()))?;
        Ok(HttpResponse { status: answered.status, body, ..HttpResponse::default() })
    })();
    match handed {
        Ok(response) if signals::pending().is_none() || kept.path().is_none() => {
            delivery.keep(kept);
            step("answer-handed-over")?;
            Ok(response)
        }
        Ok(_) => {
            let failure = undelivered(&kept, "it was interrupted");
            report::failure(&client.console, &failure);
            delivery.abandon();
            signals::raise_pending();
            Err(failure)
        }
        Err(reason) => {
            let failure = undelivered(&kept, &reason.message);
            delivery.keep(kept);
            Err(failure)
        }
    }
}

/// When the token in use was rotated, a stored credential takes the new value; a variable cannot.
fn renew_own(client: &ApiClient, secret: &OneTimeSecret, value: &str) {
    let context = &client.context;
    if !secret.replaces || !is_own(client, secret) {
        return;
    }
    let (notice, is_dead) =
        match (context.credential.as_ref().map(|credential| &credential.origin), &client.dirs) {
            (Some(Origin::Credential(name)), Some(dirs)) => {
                let token = Secret::new(value.to_owned());
                let stored = Stored { address: context.address.value.to_string(), token, session: None };
                match credential::write(dirs, name, context.source, &stored) {
                    Ok(()) => (format!("The credential `{name}` now holds the new value."), false),
                    Err(failure) => {
                        let message =
                            format!("the credential `{name}` still holds the former value, which is dead");
                        (format!("{message}: {}", failure.message), true)
                    }
                }
            }
            (Some(origin), _) => (format!("{origin} holds the former value, which no longer works."), false),
            (None, _) => return,
        };
    if is_dead {
        report::failure(&client.console, &auth(notice));
    } else {
        client.console.notice(&notice);
    }
}

/// Whether the request is about the token that astro uses itself.
pub(super) fn is_own(client: &ApiClient, secret: &OneTimeSecret) -> bool {
    let own = client.context.token_id();
    own.is_some() && own == secret.labels.get("id").map(String::as_str)
}
