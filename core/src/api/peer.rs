//! Who answers a request: the API of the profile in use, or another one that a command declared.

use astro_plugin_protocol::message::HttpFailure;
use reqwest::{Method, Url};

use super::{
    error::{refused, unknown_outcome, unreachable},
    request::Answered,
};
use crate::{
    base::error::{Failure, code, failed},
    context::Context,
    net::{client::Unreached, tls::Trust},
};

/// The two kinds of API, which errors describe in different words.
#[derive(Clone, Copy)]
pub(crate) enum Peer<'c> {
    /// The API of the profile in use.
    Profile(&'c Context),
    /// Another one, by its base address. It gets no credential.
    Other(&'c str),
}

impl Peer<'_> {
    /// Whose certificates are trusted besides the system's.
    pub(super) fn trust(self) -> Trust {
        match self {
            Self::Profile(context) => context.trust(),
            Self::Other(_) => Trust::system(),
        }
    }

    /// The failure of a request without an answer.
    pub(super) fn unreachable(self, error: &reqwest::Error, method: &Method) -> Failure {
        let base = match self {
            Self::Profile(context) => return unreachable(error, context, method),
            Self::Other(base) => base,
        };
        if !error.is_connect() && !method.is_safe() {
            return unknown_outcome(method);
        }
        let unreached = Unreached::of(error);
        let through = &unreached.through;
        let failure = match error.is_timeout() {
            true => format!("`{}` did not answer{through} in time", host(base)),
            false => format!("cannot reach `{}`{through}", host(base)),
        };
        unreached.explain(Failure::new(code::NETWORK, failure), &self.trust())
    }

    /// The failure of a request that was refused.
    pub(super) fn refused(self, method: &Method, answered: &Answered) -> Failure {
        let base = match self {
            Self::Profile(context) => return refused(method, answered, context),
            Self::Other(base) => base,
        };
        let status = answered.status;
        let reason = reason(&answered.body).unwrap_or_else(|| "it gives no reason".to_owned());
        let host = host(base);
        let mut failure = match status {
            300..=399 => {
                failed(format!("`{host}` answered with a redirect ({status}), which is not followed"))
            }
            429 => {
                failed(format!("`{host}` asks to slow down: {reason} (429)")).help("try again in a moment")
            }
            502..=504 if !method.is_safe() => Failure::new(
                code::OUTCOME_UNKNOWN,
                format!("a gateway of `{host}` returned an error: {reason} ({status})"),
            ),
            _ => failed(format!("`{host}` answered: {reason} ({status})")),
        };
        failure.http = Some(HttpFailure::new(status, None, Vec::new()));
        failure
    }
}

/// The host of a base address, for messages.
fn host(base: &str) -> String {
    let url = Url::parse(base).ok();
    url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| base.to_owned())
}

/// Where APIs say why: `message`, `error` as a text or an object with a message, `detail` or `title` (RFC 9457).
fn reason(body: &[u8]) -> Option<String> {
    let said: serde_json::Value = serde_json::from_slice(body).ok()?;
    let places = ["/message", "/error/message", "/error", "/detail", "/title"];
    let texts = places.iter().filter_map(|place| said.pointer(place)?.as_str());
    texts.map(str::trim).find(|text| !text.is_empty()).map(|text| text.chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_found_where_apis_write_it() {
        for (body, expected) in [
            (r#"{"message":"no page"}"#, Some("no page")),
            (r#"{"error":"no page"}"#, Some("no page")),
            (r#"{"error":{"message":"no page"}}"#, Some("no page")),
            (r#"{"title":"Not Found","detail":"no page"}"#, Some("no page")),
            (r#"{"title":"Not Found"}"#, Some("Not Found")),
            (r#"{"message":" "}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(reason(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }
}
