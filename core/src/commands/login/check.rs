//! Whether the API accepts a token that is about to be stored: asked once, and where it cannot be asked the token is stored
//! unchecked.

use std::time::Duration;

use reqwest::{Method, Url, header};
use serde_json::Value;

use crate::{
    base::error::{Failure, Result, auth, with_causes},
    context::settings,
    credential::Secret,
    net::{
        address::Address,
        client::{self, Purpose, Unreached},
        clock, runtime,
        tls::Trust,
    },
    product::product,
};

/// How long the answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(5);
/// As much of the answer as may hold a reason, in bytes.
const LARGEST_REASON: usize = 64 * 1024;

/// What is known of a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// The API knows it; what it named first of the widest dimension, as its ID and name.
    Accepted(Option<(String, String)>),
    /// The API could not be asked, for this reason.
    Not(String),
}

/// Asks the API. A token that it does not accept is an error.
pub(super) fn check(address: &Address, trust: &Trust, token: &Secret) -> Result<Checked> {
    match ask(address, trust, token) {
        Ok((status, body)) => verdict(status, &body),
        Err(failure) => Ok(Checked::Not(with_causes(&failure))),
    }
}

/// Every token may ask for what it belongs to in the widest dimension: the answer may be empty, or that the token may not.
fn ask(address: &Address, trust: &Trust, token: &Secret) -> Result<(u16, Vec<u8>)> {
    let list = settings::owner().map(|widest| format!("/{}?limit=1", widest.list.join("/")));
    let text = format!("{address}{}", list.unwrap_or_default());
    let url = Url::parse(&text).map_err(|error| auth(format!("`{text}`: {error}")))?;
    let client = client::client(&url, trust, Purpose::Credential)?;
    let request = client
        .request(Method::GET, url)
        .bearer_auth(token.expose())
        .header(header::ACCEPT, "application/json")
        .timeout(TIMEOUT);
    let lost = |error: reqwest::Error| {
        let unreached = Unreached::of(&error);
        Failure::new("", format!("{address} cannot be reached{}", unreached.through)).cause(unreached.reason)
    };
    runtime::handle()?.block_on(async {
        let mut response = request.send().await.map_err(lost)?;
        clock::observe(response.headers());
        let (status, mut body) = (response.status().as_u16(), Vec::new());
        while let Some(piece) = response.chunk().await.map_err(lost)? {
            body.extend_from_slice(&piece);
            if body.len() > LARGEST_REASON {
                break;
            }
        }
        Ok((status, body))
    })
}

fn verdict(status: u16, body: &[u8]) -> Result<Checked> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    match (status, &answer) {
        (401, _) => {
            let failure = auth("the API does not accept the token (401)");
            let reason = answer["message"].as_str().filter(|text| !text.is_empty());
            let failure = reason.into_iter().fold(failure, |failure, reason| failure.cause(reason));
            let failure = clock::skew_in_words().into_iter().fold(failure, Failure::cause);
            Err(failure
                .help("nothing was stored; the token may be cut short, expired, rotated or of another API"))
        }
        // It knows who asks, and says what that one may not.
        (200..300 | 403, Value::Object(_)) => {
            let first = settings::owner().map_or(&Value::Null, |widest| &answer[widest.plural()][0]);
            let text = |key: &str| first[key].as_str().map(str::to_owned);
            Ok(Checked::Accepted(text("id").zip(text("name"))))
        }
        _ => Ok(Checked::Not(format!("the answer was not one of {} ({status})", product().api.title))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::code;

    #[test]
    fn only_a_refusal_of_the_api_itself_keeps_a_token_from_being_stored() {
        crate::product::set_neutral();
        for (status, body, is_checked) in [
            (200, r#"{"organizations":[]}"#, true),
            (403, r#"{"message":"Forbidden","requestId":"r","statusCode":403}"#, true),
            (200, "<html>sign in at the hotel</html>", false),
            (302, "", false),
            (404, "<html>", false),
            (429, r#"{"message":"slow down"}"#, false),
            (503, "", false),
        ] {
            let found = verdict(status, body.as_bytes()).expect("stored");
            assert_eq!(matches!(found, Checked::Accepted(_)), is_checked, "{status} {body}: {found:?}");
        }
        let named = verdict(200, br#"{"organizations":[{"id":"o","name":"Acme"}]}"#).expect("stored");
        assert_eq!(named, Checked::Accepted(Some(("o".to_owned(), "Acme".to_owned()))));
        let refused = verdict(401, br#"{"message":"Invalid token"}"#).expect_err("refused");
        assert_eq!(
            (refused.code.as_str(), refused.causes.as_slice()),
            (code::AUTH, &["Invalid token".to_owned()][..])
        );
        assert_eq!(verdict(401, b"<html>").expect_err("refused").causes, [""; 0]);
    }
}
