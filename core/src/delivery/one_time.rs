//! A request whose answer carries a one-time secret: sent once, on a connection of its own, with signals deferred
//! until the answer is on the disk.

use std::time::{Duration, Instant};

use astro_plugin_protocol::service::{HttpRequest, HttpResponse, OneTimeSecret};

use super::{
    Delivery,
    recovery::{PendingSecret, Record},
    settle::{self, Verdict},
    undelivered, value_at,
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
    let OneTime { client, delivery, request, secret, .. } = *one;
    let mut prepared = Prepared::new(client, request)?;
    let unshared = client.unshared()?;
    delivery.ready_for(secret)?;
    // Another process may have been waited for: what counts is how things are now.
    let before = settle::before(client, secret).await?;
    retry::pace(&prepared.method).await;
    prepared.authorize(client.token()?)?;
    *sent_with = Some(prepared.token.clone());
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
        &unknown(secret, &kept.record, &format!("{APP} ended before an answer came"), None),
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
    let mut says_done = false;
    let (reason, refusal, may_still_happen) = match (outcome, &value) {
        (Ok(answered), Some(value)) if answered.is_success() => {
            return answer(one, kept, value, &answered, deferral);
        }
        (Ok(answered), _) if answered.is_success() => {
            kept.learn_id();
            says_done = answered.is_json && kept.record.labels.contains_key("id");
            ("the answer does not hold the token".to_owned(), None, true)
        }
        (Ok(answered), None) if answered.is_definite() => {
            kept.remove();
            exit_message::clear();
            return Err(refused(&prepared.method, &answered, &client.context));
        }
        (Ok(answered), _) => {
            let refusal = refused(&prepared.method, &answered, &client.context);
            // A token in a refusal is hidden by now, and kept.
            let refusal = Failure { message: redact::redacted(&refusal.message).into_owned(), ..refusal };
            // A gateway that ran out of patience says nothing of what is behind it.
            (refusal.message.clone(), Some(refusal), matches!(answered.status, 408 | 504 | 524))
        }
        (Err(SendError::NotSent(error)), _) => {
            kept.remove();
            exit_message::clear();
            return Err(unreachable(&error, &client.context, &reqwest::Method::GET));
        }
        (Err(SendError::TimedOut), _) => ("no answer came in time".to_owned(), None, true),
        (Err(SendError::ConnectionLost(error)), _) => (innermost(&error), None, false),
        (Err(SendError::Truncated(failure)), _) => (failure.message, None, true),
    };
    let failure = if let Some(value) = value {
        renew_own(client, secret, &value);
        undelivered(&kept, &reason)
    } else if says_done {
        outcome_error(secret, kept, Verdict::Done, reason, refusal, Duration::ZERO)
    } else {
        let verdict = settle::settle(client, secret, before.as_ref(), may_still_happen).await;
        outcome_error(secret, kept, verdict, reason, refusal, settle::watched(client))
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
        Ok(HttpResponse { status: answered.status, body })
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

/// What a person is told when no answer came.
fn outcome_error(
    secret: &OneTimeSecret,
    kept: PendingSecret,
    verdict: Verdict,
    reason: String,
    refusal: Option<Failure>,
    watched: Duration,
) -> Failure {
    let (name, action) = (kept.record.name(), secret.action.as_str());
    match verdict {
        // What was answered is never thrown away, whatever the server shows now.
        Verdict::NotDone if kept.answer().is_empty() => {
            kept.remove();
            let still = if secret.replaces { "; its present value still works" } else { "" };
            let http = refusal.and_then(|refusal| refusal.http);
            let failure = Failure::new(code::NETWORK, format!("the token {name} was not {action}{still}"));
            let seen = format!("the API showed no change within {} s", watched.as_secs());
            let help = "look at the token once more, then run the command again";
            Failure { http, ..failure.cause(reason).cause(seen).help(help) }
        }
        Verdict::Done => {
            let failure = Failure::new(
                code::DELIVERY,
                format!("the token {name} was {action}, but its value did not come"),
            )
            .cause(reason)
            .help("rotate the token to get another value");
            match kept.path().map(ToOwned::to_owned) {
                Some(path) => {
                    failure.help(format!("the part of the answer that came is kept in {}", path.display()))
                }
                None => {
                    kept.remove();
                    failure
                }
            }
        }
        Verdict::NotDone | Verdict::Unknown => unknown(secret, &kept.record, &reason, refusal),
    }
}

fn unknown(secret: &OneTimeSecret, record: &Record, reason: &str, refusal: Option<Failure>) -> Failure {
    let what = format!("it is not known whether the token {} was {}", record.name(), secret.action);
    let failure = Failure::new(code::OUTCOME_UNKNOWN, what).cause(reason);
    // What the refusal itself advises comes first.
    let advice = refusal.into_iter().flat_map(|refusal| refusal.help);
    let noted = match record.id.as_str() {
        "" => "nothing was recorded (--no-recovery)".to_owned(),
        id => format!("this is noted as {id}: {APP} recover list"),
    };
    advice
        .fold(failure, Failure::help)
        .help("look at the list of tokens before you try again: it may still happen")
        .help(noted)
}
