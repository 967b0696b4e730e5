//! A request whose answer carries a one-time secret: sent once, on a connection of its own, with signals deferred
//! until the answer is on the disk.

use std::time::Instant;

use astro_plugin_protocol::service::{HttpRequest, HttpResponse, OneTimeSecret};

use super::{
    Answered, Prepared, Unanswered, build, builder, debug, refused, retry,
    settle::{self, Verdict},
    unreachable,
};
use crate::{
    config::{self, Stored},
    context::Origin,
    error::{Failure, Result, code, failed},
    failpoint,
    host::signals,
    secret::{
        recovery::{Kept, Record},
        undelivered,
    },
    services::Invocation,
};

/// Sends it.
pub(super) async fn perform(
    invocation: &Invocation,
    request: &HttpRequest,
    secret: &OneTimeSecret,
) -> Result<HttpResponse> {
    let Some(delivery) = &invocation.delivery else {
        return Err(failed("the command does not declare that it delivers a one-time secret"));
    };
    let prepared = Prepared::new(invocation, request)?;
    let address = &invocation.context.address.value;
    // A pooled connection may be dead, and a client then sends again by itself.
    let client = build(builder(&invocation.context)?.pool_max_idle_per_host(0))?;
    let mut kept = delivery.begin(secret, record(invocation, secret))?;
    retry::pace(&prepared.method).await;

    let deferral = signals::defer(!invocation.console.conversation().quiet);
    let started = Instant::now();
    let outcome = prepared.send(&client, |piece| kept.append(piece)).await;
    if let Ok(answered) = &outcome {
        debug(invocation, request, answered, started.elapsed());
    }
    let lost = match outcome {
        Ok(answered) if answered.is_success() && !answered.body.is_empty() && answered.is_json => {
            return answer(invocation, secret, kept, &answered, deferral);
        }
        Ok(answered) if answered.is_success() => "the answer does not hold the token".to_owned(),
        Ok(answered) if answered.is_ambiguous() => {
            refused(&prepared.method, &answered, &invocation.context).message
        }
        Ok(answered) => {
            kept.remove();
            return Err(refused(&prepared.method, &answered, &invocation.context));
        }
        Err(Unanswered::NotSent(error)) => {
            kept.remove();
            return Err(unreachable(&error, address, &reqwest::Method::GET));
        }
        Err(Unanswered::Lost(error)) => super::innermost(&error),
        Err(Unanswered::BrokeOff(failure)) => failure.message,
    };
    let verdict = settle::settle(invocation, secret, started).await;
    drop(deferral);
    Err(verdict_in_words(secret, kept, verdict, lost))
}

fn record(invocation: &Invocation, secret: &OneTimeSecret) -> Record {
    Record {
        plugin: invocation.plugin.clone(),
        command: invocation.command.path.clone(),
        action: secret.action.clone(),
        labels: secret.labels.clone(),
        pointer: secret.pointer.clone(),
        profile: invocation.context.profile.as_ref().map(|profile| profile.value.clone()),
        address: invocation.context.address.value.to_string(),
        ..Record::now()
    }
}

/// The answer is here: on the disk, then to the plugin.
fn answer(
    invocation: &Invocation,
    secret: &OneTimeSecret,
    mut kept: Kept,
    answered: &Answered,
    deferral: signals::Deferral,
) -> Result<HttpResponse> {
    kept.sync();
    let found = kept.find_value().map(str::to_owned);
    let step = |step| failpoint::reach(step).map_err(|error| failed(error.to_string()));
    let handed = (|| {
        let Some(value) = found else {
            return Err(failed(format!("the answer has no text at `{}`", secret.pointer)));
        };
        step("value-found")?;
        kept.learn_id();
        renew_own(invocation, secret, &value);
        step("credential-updated")?;
        // From here on a signal ends the command at once: the token is on the disk.
        drop(deferral);
        step("signals-released")?;
        answered.json(&reqwest::Method::POST, &invocation.context.address.value)
    })();
    let delivery = invocation.delivery.as_ref();
    match handed {
        Ok(response) if signals::pending().is_none() => {
            if let Some(delivery) = delivery {
                delivery.keep(kept);
            }
            step("answer-handed-over")?;
            Ok(response)
        }
        Ok(_) => {
            let failure = undelivered(&kept, "it was interrupted");
            crate::cli::report::failure(&invocation.console, &failure);
            signals::raise_pending();
            Err(failure)
        }
        Err(reason) => {
            let failure = undelivered(&kept, &reason.message);
            if let Some(delivery) = delivery {
                delivery.keep(kept);
            }
            Err(failure)
        }
    }
}

/// When the token in use was rotated, a stored credential takes the new value; a variable cannot.
fn renew_own(invocation: &Invocation, secret: &OneTimeSecret, value: &str) {
    let context = &invocation.context;
    if !secret.replaces || !is_own(invocation, secret) {
        return;
    }
    let notice = match (context.credential.as_ref().map(|credential| &credential.origin), &invocation.dirs) {
        (Some(Origin::Credential(name)), Some(dirs)) => {
            let token = config::Secret::new(value.to_owned());
            match config::store(dirs, name, &Stored { address: context.address.value.to_string(), token }) {
                Ok(()) => format!("The credential `{name}` now holds the new value."),
                Err(failure) => format!(
                    "The credential `{name}` still holds the former value, which no longer works: {}",
                    failure.message
                ),
            }
        }
        (Some(origin), _) => format!("{origin} holds the former value, which no longer works."),
        (None, _) => return,
    };
    invocation.console.notice(&notice);
}

/// Whether the request is about the token that astro uses itself.
pub(super) fn is_own(invocation: &Invocation, secret: &OneTimeSecret) -> bool {
    let own = invocation.context.claims.as_ref().and_then(|claims| claims.token_id.as_deref());
    own.is_some() && own == secret.labels.get("id").map(String::as_str)
}

/// What a person is told when no answer came.
fn verdict_in_words(secret: &OneTimeSecret, kept: Kept, verdict: Verdict, reason: String) -> Failure {
    let (name, action) = (kept.record.name(), secret.action.as_str());
    match verdict {
        Verdict::NotDone => {
            kept.remove();
            let still = if secret.replaces { "; its present value still works" } else { "" };
            Failure::new(code::NETWORK, format!("the token {name} was not {action}{still}"))
                .cause(reason)
                .help("run the command again")
        }
        Verdict::Done => {
            let has_part = !kept.answer().is_empty();
            let failure = Failure::new(
                code::DELIVERY,
                format!("the token {name} was {action}, but the answer with its value was lost"),
            )
            .cause(reason)
            .help("rotate the token to get another value");
            match kept.path().map(ToOwned::to_owned).filter(|_| has_part) {
                Some(path) => {
                    failure.help(format!("the part of the answer that came is kept in {}", path.display()))
                }
                None => {
                    kept.remove();
                    failure
                }
            }
        }
        Verdict::Unknown => Failure::new(
            code::OUTCOME_UNKNOWN,
            format!("it is not known whether the token {name} was {action}"),
        )
        .cause(reason)
        .help("look at the tokens of the deployment before you try again")
        .help(format!("this is noted as {}: astro recover list", kept.record.id)),
    }
}
