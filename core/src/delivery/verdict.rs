//! What becomes of a request with a one-time secret, by what came of it: the decisions alone, without IO.

use std::time::Duration;

use astro_plugin_protocol::service::OneTimeSecret;

use super::{recovery::PendingSecret, settle::Verdict};
use crate::{
    base::error::{Failure, code},
    program::APP,
};

/// What came of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// An answer with success. `is_record`: it says in JSON what was made.
    Success { is_record: bool },
    /// A refusal before anything was done.
    Refusal,
    /// An answer that does not say what was done: a redirect, 5xx. `is_timeout`: a gateway that waited no longer.
    Unclear { is_timeout: bool },
    /// Nothing can have reached the server.
    NotSent,
    /// No answer before the deadline.
    TimedOut,
    /// The connection ended.
    ConnectionLost,
    /// The answer began and broke off, or was too large.
    Truncated,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The value goes to the plugin.
    HandOver,
    /// The value is there, and nothing else is sure: it is kept, and said to be.
    Keep,
    /// It is sure that nothing was done: the note is removed.
    Nothing,
    /// It was done, and the value did not come.
    Done,
    /// The API is asked how things are now. `may_still_happen`: what is not done now may be done later.
    Settle { may_still_happen: bool },
}

/// Decides. `has_value`: the value is in what came, wherever and whatever it calls itself.
pub(super) fn next(came: Came, has_value: bool) -> Next {
    match (came, has_value) {
        (Came::NotSent, _) => Next::Nothing,
        (Came::Success { .. }, true) => Next::HandOver,
        // A token is never thrown away, also when it comes with a refusal.
        (_, true) => Next::Keep,
        (Came::Refusal, false) => Next::Nothing,
        (Came::Success { is_record: true }, false) => Next::Done,
        (Came::Success { is_record: false } | Came::TimedOut | Came::Truncated, false) => {
            Next::Settle { may_still_happen: true }
        }
        // A gateway that ran out of patience says nothing of what is behind it.
        (Came::Unclear { is_timeout }, false) => Next::Settle { may_still_happen: is_timeout },
        (Came::ConnectionLost, false) => Next::Settle { may_still_happen: false },
    }
}

/// What a person is told when no value came, and whether the note of it stays. `refusal`: what the API said, when it did;
/// `watched`: how long it was looked at afterwards.
pub(super) fn outcome_error(
    secret: &OneTimeSecret,
    pending: PendingSecret,
    verdict: Verdict,
    reason: String,
    refusal: Option<Failure>,
    watched: Duration,
) -> Failure {
    let (name, action) = (pending.record.name(), secret.action.as_str());
    match verdict {
        // What was answered is never thrown away, whatever the server shows now.
        Verdict::NotDone if pending.answer().is_empty() => {
            pending.remove();
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
            match pending.path().map(ToOwned::to_owned) {
                Some(path) => {
                    failure.help(format!("the part of the answer that came is kept in {}", path.display()))
                }
                None => {
                    pending.remove();
                    failure
                }
            }
        }
        Verdict::NotDone | Verdict::Unknown => unknown(secret, &pending, &reason, refusal),
    }
}

/// What is said as long as nothing is known.
pub(super) fn unknown(
    secret: &OneTimeSecret,
    pending: &PendingSecret,
    reason: &str,
    refusal: Option<Failure>,
) -> Failure {
    let record = &pending.record;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::recovery::{Record, Store};

    /// Every row of what came × value there or not.
    #[test]
    fn what_follows_from_what_came() {
        let settle = |may_still_happen| Next::Settle { may_still_happen };
        for (came, without, with) in [
            (Came::Success { is_record: true }, Next::Done, Next::HandOver),
            (Came::Success { is_record: false }, settle(true), Next::HandOver),
            (Came::Refusal, Next::Nothing, Next::Keep),
            (Came::Unclear { is_timeout: false }, settle(false), Next::Keep),
            (Came::Unclear { is_timeout: true }, settle(true), Next::Keep),
            (Came::NotSent, Next::Nothing, Next::Nothing),
            (Came::TimedOut, settle(true), Next::Keep),
            (Came::ConnectionLost, settle(false), Next::Keep),
            (Came::Truncated, settle(true), Next::Keep),
        ] {
            assert_eq!((next(came, false), next(came, true)), (without, with), "{came:?}");
        }
    }

    /// Every row of verdict × what came of the answer × where it is noted: the code, and whether the note stays.
    #[test]
    fn what_is_said_and_kept_when_no_value_came() {
        const NETWORK: &str = code::NETWORK;
        const DELIVERY: &str = code::DELIVERY;
        const UNKNOWN: &str = code::OUTCOME_UNKNOWN;
        let home = tempfile::tempdir().expect("a directory");
        let store = Store::in_directory(home.path().join("recovery"));
        for (verdict, has_answer, is_noted, expected, stays) in [
            (Verdict::NotDone, false, true, NETWORK, false),
            (Verdict::NotDone, false, false, NETWORK, false),
            // Something came: it may hold the value, whatever the server shows.
            (Verdict::NotDone, true, true, UNKNOWN, true),
            (Verdict::NotDone, true, false, UNKNOWN, false),
            // Nothing of it is left to recover.
            (Verdict::Done, false, true, DELIVERY, false),
            (Verdict::Done, true, true, DELIVERY, true),
            (Verdict::Done, true, false, DELIVERY, false),
            (Verdict::Unknown, false, true, UNKNOWN, true),
            (Verdict::Unknown, true, true, UNKNOWN, true),
            (Verdict::Unknown, false, false, UNKNOWN, false),
        ] {
            let labels = [("name".to_owned(), "ci".to_owned())].into();
            let record = Record { action: "rotated".to_owned(), labels, ..Record::now() };
            let mut pending = match is_noted {
                true => store.begin(record).expect("noted"),
                false => PendingSecret::in_memory(record),
            };
            if has_answer {
                pending.append(b"{\"tok");
            }
            let secret = OneTimeSecret::at("/token", "rotated").replacing();
            let refusal = Failure::new(code::FAILED, "502").help("ask the operators");
            let failure = outcome_error(
                &secret,
                pending,
                verdict,
                "it was lost".to_owned(),
                Some(refusal),
                Duration::ZERO,
            );
            let row = format!("{verdict:?}, answer {has_answer}, noted {is_noted}: {failure:?}");
            assert_eq!(failure.code, expected, "{row}");
            assert!(failure.message.contains("ci") && failure.causes[0] == "it was lost", "{row}");
            assert_eq!(!store.entries().is_empty(), stays, "{row}");
            for entry in store.entries() {
                store.discard(&entry).expect("removed");
            }
        }
    }
}
