//! The token endpoint of an issuer (RFC 6749, section 5), and the sign-in on another device (RFC 8628).
//!
//! A request for tokens is sent once: a code that comes twice ends the sign-in at some issuers. A device polls, and goes
//! on when a gateway answers for the issuer or no answer comes, until its code expires.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::issuer::{Asked, ask, form};
use crate::{
    base::error::{Failure, auth, code, failed},
    net::tls::Trust,
    program::APP,
};

/// The shortest time between two questions of a device, whatever the issuer asks for.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// The longest time that a device goes on asking.
const LONGEST_DEVICE: Duration = Duration::from_secs(3600);
/// The longest time that is added to a pause while nothing comes of the questions.
const LONGEST_EXTRA: Duration = Duration::from_secs(30);
/// What `slow_down` adds to every pause from then on (RFC 8628, section 3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// What an issuer gave.
#[derive(Clone, Deserialize)]
pub struct Granted {
    /// What requests are sent with.
    pub access_token: String,
    /// What gets the next pair, when there is one.
    #[serde(default)]
    pub refresh_token: Option<String>,
    /// How long the access token works, in seconds. Some issuers write it as text.
    #[serde(default, deserialize_with = "seconds")]
    pub expires_in: Option<u64>,
    /// Who signed in, signed by the issuer (OpenID Connect Core 1.0, section 2).
    #[serde(default)]
    pub id_token: Option<String>,
    /// What was granted, when it says so: words, or a list of them at some issuers.
    #[serde(default)]
    pub scope: Value,
}

/// Scopes that say nothing of the access token (OpenID Connect Core 1.0, sections 3.1.2.1, 5.4 and 11). Where the token is for
/// an API (RFC 8707), issuers leave them out of what they say was granted.
const OF_THE_ID_TOKEN: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];

impl Granted {
    /// What was asked for and is not among what was granted. Empty when the issuer does not say; then it is all of it (RFC
    /// 6749, section 5.1).
    pub fn left_out<'s>(&self, asked: &'s [String]) -> Vec<&'s str> {
        let granted: Vec<&str> = match &self.scope {
            Value::String(words) => words.split(' ').collect(),
            Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
            _ => return Vec::new(),
        };
        let asked = asked.iter().map(String::as_str).filter(|scope| !OF_THE_ID_TOKEN.contains(scope));
        asked.filter(|scope| !granted.contains(scope)).collect()
    }
}

/// Why an issuer gave nothing.
#[derive(Debug)]
pub enum Denied {
    /// It said so: the code of the RFC and what it tells a person.
    Refused {
        /// Such as `invalid_grant`.
        error: String,
        /// The issuer's own words.
        description: Option<String>,
    },
    /// It has no time, or a gateway answered for it.
    Busy {
        /// 429 or 5xx.
        status: u16,
        /// How long it asks to wait.
        wait: Option<Duration>,
    },
    /// No answer came.
    Lost(Failure),
    /// What came is no answer of a token endpoint.
    Unreadable(String),
}

impl Denied {
    /// The same as the answer to a renewal: a token that is not known any more is `invalid_grant` (RFC 6749, section 5.2), at
    /// some issuers `invalid_request`.
    #[must_use]
    pub fn of_renewal(self) -> Self {
        match self {
            Self::Refused { error, description } if error == "invalid_request" => {
                Self::Refused { error: "invalid_grant".to_owned(), description: description.or(Some(error)) }
            }
            other => other,
        }
    }

    /// What the issuer said.
    fn reason(&self) -> String {
        match self {
            Self::Refused { error, description } => {
                description.clone().filter(|text| !text.is_empty()).unwrap_or_else(|| error.clone())
            }
            Self::Busy { status, .. } => format!("the issuer answered {status}"),
            Self::Lost(failure) => crate::base::error::with_causes(failure),
            Self::Unreadable(what) => what.clone(),
        }
    }
}

impl From<Denied> for Failure {
    /// What the issuer says is escaped where it is printed.
    fn from(denied: Denied) -> Self {
        let reason = denied.reason();
        match denied {
            Denied::Refused { error, .. } if error == "invalid_grant" => {
                auth("the sign-in has ended: the issuer does not renew it").cause(reason)
            }
            Denied::Refused { .. } => auth("the issuer refused").cause(reason),
            Denied::Busy { .. } => Self::new(code::NETWORK, "the issuer gives no tokens now").cause(reason),
            Denied::Lost(failure) => failure,
            Denied::Unreadable(_) => failed("the issuer's answer cannot be read").cause(reason),
        }
    }
}

/// Asks the token endpoint once.
pub fn tokens(url: &str, trust: &Trust, fields: &[(&str, &str)]) -> Result<Granted, Denied> {
    let answer = ask(url, trust, Asked::Form(form(fields))).map_err(Denied::Lost)?;
    read(answer.status, answer.retry_after, &answer.body)
}

/// Reads an answer. What is in it is never quoted where it may be tokens.
fn read(status: u16, wait: Option<Duration>, body: &[u8]) -> Result<Granted, Denied> {
    if status == 429 || status >= 500 {
        return Err(Denied::Busy { status, wait });
    }
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    if let Some(error) = text("error") {
        return Err(Denied::Refused { error, description: text("error_description") });
    }
    let granted = (200..300).contains(&status).then(|| serde_json::from_value(value).ok()).flatten();
    granted.ok_or_else(|| {
        Denied::Unreadable(format!("it answered {status} without tokens and without an error"))
    })
}

/// What a person needs on the other device.
#[derive(Debug, Clone, Deserialize)]
pub struct Device {
    device_code: String,
    /// What is compared.
    pub user_code: String,
    /// Where it is typed.
    #[serde(alias = "verification_url")]
    pub verification_uri: String,
    /// The same with the code in it.
    #[serde(default)]
    pub verification_uri_complete: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
    #[serde(default, deserialize_with = "seconds")]
    interval: Option<u64>,
    /// What proves that whoever asks for the tokens began the sign-in (RFC 7636).
    #[serde(skip)]
    verifier: String,
}

impl Device {
    /// Asks for a code. The verifier is that of the challenge in the fields.
    pub fn begin(
        url: &str,
        trust: &Trust,
        fields: &[(&str, &str)],
        verifier: String,
    ) -> Result<Self, Denied> {
        let answer = ask(url, trust, Asked::Form(form(fields))).map_err(Denied::Lost)?;
        if let Ok(device) = serde_json::from_slice(&answer.body) {
            return Ok(Self { verifier, ..device });
        }
        Err(match read(answer.status, answer.retry_after, &answer.body) {
            Ok(_) => Denied::Unreadable("it answered with tokens and not with a code".to_owned()),
            Err(denied) => denied,
        })
    }

    /// How long the code works.
    pub fn lifetime(&self) -> Duration {
        // The RFC has no default; issuers give five to thirty minutes.
        Duration::from_secs(self.expires_in.unwrap_or(300)).min(LONGEST_DEVICE)
    }

    /// The fields of each question.
    pub fn fields<'f>(&'f self, client_id: &'f str) -> Vec<(&'f str, &'f str)> {
        vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", &self.device_code),
            ("client_id", client_id),
            ("code_verifier", &self.verifier),
        ]
    }

    /// Asks until there are tokens, a refusal, or the code expires. `elapsed`: since the code was given; `trouble` is
    /// told when the issuer does not answer.
    pub fn wait(
        &self,
        mut ask: impl FnMut() -> Result<Granted, Denied>,
        mut pause: impl FnMut(Duration),
        elapsed: impl Fn() -> Duration,
        mut trouble: impl FnMut(&str),
    ) -> Result<Granted, Failure> {
        // The default of RFC 8628, section 3.2.
        let mut interval = Duration::from_secs(self.interval.unwrap_or(5)).max(SHORTEST_PAUSE);
        let mut extra = Duration::ZERO;
        let mut was_lost: Option<String> = None;
        let again = format!("try again: {APP} login --device");
        loop {
            let left = self.lifetime().saturating_sub(elapsed());
            if left < interval + extra {
                let failure =
                    auth(format!("no sign-in on the other device within {} s", self.lifetime().as_secs()));
                return Err(was_lost.into_iter().fold(failure, Failure::cause).help(again));
            }
            pause(interval + extra);
            let denied = match ask() {
                Ok(granted) => return Ok(granted),
                Err(denied) => denied,
            };
            match &denied {
                Denied::Refused { error, .. } if error == "authorization_pending" => {
                    (extra, was_lost) = (Duration::ZERO, None);
                }
                Denied::Refused { error, .. } if error == "slow_down" => interval += SLOWER,
                Denied::Refused { .. } => {
                    let failure = auth("the sign-in on the other device failed").cause(denied.reason());
                    // The question before may have had the answer.
                    let lost =
                        was_lost.map(|lost| format!("an answer of the issuer was lost before: {lost}"));
                    return Err(lost.into_iter().fold(failure, Failure::cause).help(again));
                }
                Denied::Unreadable(_) => return Err(denied.into()),
                Denied::Busy { .. } | Denied::Lost(_) => {
                    let wanted = match &denied {
                        Denied::Busy { wait: Some(wait), .. } => *wait,
                        _ => (extra + interval).min(LONGEST_EXTRA),
                    };
                    extra = wanted.min(LONGEST_EXTRA);
                    let reason = denied.reason();
                    if was_lost.as_ref() != Some(&reason) {
                        trouble(&reason);
                    }
                    was_lost = Some(reason);
                }
            }
        }
    }
}

/// A number of seconds, also one that is written as text. Anything else counts as not given.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok().and_then(whole),
        _ => None,
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in the range of both")]
fn whole(number: f64) -> Option<u64> {
    (0.0..1e15).contains(&number).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    const TOKENS: &str = r#"{"access_token":"a","refresh_token":"r","token_type":"Bearer","expires_in":60}"#;
    const PENDING: &str = r#"{"error":"authorization_pending"}"#;

    /// Polls with these answers, one after the other; the last one goes on. The outcome, the pauses in seconds, and
    /// what was told.
    fn poll(device: &str, answers: &[(u16, &str)]) -> (Result<Granted, Failure>, Vec<u64>, Vec<String>) {
        let device: Device = serde_json::from_str(device).expect("a device");
        let (clock, asked) = (Cell::new(Duration::ZERO), Cell::new(0));
        let (pauses, told) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let outcome = device.wait(
            || {
                let (status, body) = answers[asked.replace(asked.get() + 1).min(answers.len() - 1)];
                match status {
                    0 => Err(Denied::Lost(Failure::new(code::NETWORK, "cannot reach the issuer"))),
                    _ => read(status, (body == "wait").then_some(Duration::from_secs(7)), body.as_bytes()),
                }
            },
            |pause| {
                clock.set(clock.get() + pause);
                pauses.borrow_mut().push(pause.as_secs());
            },
            || clock.get(),
            |text| told.borrow_mut().push(text.to_owned()),
        );
        (outcome, pauses.into_inner(), told.into_inner())
    }

    fn device(more: &str) -> String {
        format!(
            r#"{{"device_code":"d","user_code":"u","verification_uri":"https://x/","expires_in":600{more}}}"#
        )
    }

    #[test]
    fn a_device_asks_on_while_the_issuer_does_not_answer() {
        for trouble in [(502, "<html>"), (503, ""), (500, "{}"), (429, ""), (0, "")] {
            let answers = [(400, PENDING), trouble, trouble, (400, PENDING), (200, TOKENS)];
            let (outcome, pauses, told) = poll(&device(r#","interval":2"#), &answers);
            assert_eq!(outcome.expect("signed in").access_token, "a", "{trouble:?}");
            assert_eq!(pauses, [2, 2, 4, 6, 2], "{trouble:?}");
            assert_eq!(told.len(), 1, "{trouble:?}: {told:?}");
        }
    }

    #[test]
    fn a_device_keeps_the_pauses_that_it_is_told() {
        for (interval, answers, expected) in [
            // At least a second, also where the issuer says none.
            (r#","interval":0"#, vec![(400, PENDING), (200, TOKENS)], vec![1, 1]),
            (r#","interval":"3""#, vec![(200, TOKENS)], vec![3]),
            ("", vec![(200, TOKENS)], vec![5]),
            (r#","interval":1"#, vec![(400, r#"{"error":"slow_down"}"#), (200, TOKENS)], vec![1, 6]),
            (r#","interval":1"#, vec![(429, "wait"), (400, PENDING), (200, TOKENS)], vec![1, 8, 1]),
        ] {
            let (outcome, pauses, _) = poll(&device(interval), &answers);
            assert!(outcome.is_ok(), "{interval} {answers:?}");
            assert_eq!(pauses, expected, "{interval} {answers:?}");
        }
    }

    #[test]
    fn a_device_ends_with_the_true_cause() {
        for (answers, message, cause) in [
            (vec![(400, PENDING)], "within 600 s", None),
            (vec![(503, "")], "within 600 s", Some("the issuer answered 503")),
            (vec![(0, "")], "within 600 s", Some("cannot reach the issuer")),
            (
                vec![(403, r#"{"error":"access_denied","error_description":"not today"}"#)],
                "failed",
                Some("not today"),
            ),
            (vec![(400, r#"{"error":"expired_token"}"#)], "failed", Some("expired_token")),
            (
                vec![(0, ""), (400, r#"{"error":"invalid_grant"}"#)],
                "failed",
                Some("an answer of the issuer was lost before"),
            ),
            (vec![(200, "<html>")], "cannot be read", Some("it answered 200 without tokens")),
        ] {
            let (outcome, pauses, _) = poll(&device(r#","interval":5"#), &answers);
            let failure = outcome.err().expect("none");
            assert!(failure.message.contains(message), "{answers:?}: {failure:?}");
            let has = |cause| failure.causes.iter().any(|one| one.contains(cause));
            assert!(cause.is_none_or(has), "{answers:?}: {failure:?}");
            assert!(pauses.iter().sum::<u64>() <= 600, "{pauses:?}");
        }
    }

    #[test]
    fn tokens_are_read_from_every_form_that_issuers_send() {
        for (body, expires_in) in [
            (TOKENS, Some(60)),
            (r#"{"access_token":"a","expires_in":"3600","scope":["a","b"]}"#, Some(3600)),
            (r#"{"access_token":"a","expires_in":86400.0,"refresh_expires_in":0}"#, Some(86_400)),
            (r#"{"access_token":"a","expires_in":null,"id_token":"x"}"#, None),
            (r#"{"access_token":"a","expires_in":-1}"#, None),
        ] {
            let granted =
                read(200, None, body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error:?}"));
            assert_eq!((granted.access_token.as_str(), granted.expires_in), ("a", expires_in), "{body}");
        }
        // What a refusal says is shown; what may be a token is not.
        let refused: Failure = read(400, None, br#"{"error":"invalid_grant","error_description":"gone"}"#)
            .map(|_| ())
            .expect_err("refused")
            .into();
        assert!(refused.code == code::AUTH && refused.causes == ["gone"], "{refused:?}");
        let unreadable: Failure =
            read(200, None, br#"{"acces_token":"hunter2"}"#).map(|_| ()).expect_err("unreadable").into();
        assert!(!format!("{unreadable:?}").contains("hunter2"), "{unreadable:?}");
        let busy: Failure = read(503, None, b"").map(|_| ()).expect_err("busy").into();
        assert_eq!(busy.code, code::NETWORK);
    }

    #[test]
    fn what_was_not_granted_is_told_in_every_spelling_of_scopes() {
        let asked = ["openid", "offline_access", "read", "write"].map(str::to_owned);
        for (scope, left_out) in [
            (r#""openid read""#, vec!["write"]),
            (r#"["read"]"#, vec!["write"]),
            (r#""write read""#, vec![]),
            // As asked for.
            ("null", vec![]),
        ] {
            let body = format!(r#"{{"access_token":"a","scope":{scope}}}"#);
            let granted = read(200, None, body.as_bytes()).expect("granted");
            assert_eq!(granted.left_out(&asked), left_out, "{scope}");
        }
        assert!(read(200, None, TOKENS.as_bytes()).expect("granted").left_out(&asked).is_empty());
    }

    #[test]
    fn a_renewal_that_is_called_invalid_request_has_ended_and_another_refusal_has_not() {
        for (error, has_ended) in
            [("invalid_request", true), ("invalid_grant", true), ("invalid_client", false)]
        {
            let body = format!(r#"{{"error":"{error}"}}"#);
            let denied = read(401, None, body.as_bytes()).map(|_| ()).expect_err("refused");
            let failure: Failure = denied.of_renewal().into();
            assert_eq!(failure.message.contains("has ended"), has_ended, "{failure:?}");
        }
    }
}
