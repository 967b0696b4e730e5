//! What came back.

use astro_plugin_protocol::{
    effect::Effect,
    message::{Failure, code},
    service::HttpResponse,
};
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// A successful answer: status 200 to 299.
///
/// ```
/// # use astro_plugin_sdk::{prelude::*, serde_json::Value};
/// # async fn example(ctx: Context) -> Result<()> {
/// let found = ctx.http().get(["clusters"]).send().await?;
/// assert_eq!(found.status(), 200);
/// let version = found.header("etag").map(str::to_owned);
/// let clusters: Vec<Value> = found.json()?;
/// let bytes = found.into_bytes();
/// # let _ = (version, clusters, bytes); Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Response {
    subject: String,
    is_read: bool,
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    pub(super) fn new(
        subject: String,
        method: &str,
        response: HttpResponse,
        bytes: Option<Vec<u8>>,
    ) -> Result<Self> {
        let HttpResponse { status, headers, body, .. } = response;
        // A host that knows no bytes, and an answer with a one-time secret.
        let body = match bytes {
            Some(bytes) => bytes,
            None if body.is_null() => Vec::new(),
            None => serde_json::to_vec(&body)?,
        };
        Ok(Self { subject, is_read: Effect::of_method(method) == Effect::Read, status, headers, body })
    }

    /// The status, 200 to 299.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first header of this name, whose case does not matter. Cookies are not handed on.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    /// All headers of this name, in order.
    pub(super) fn headers<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n str> {
        let all = self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        all.map(|(_, value)| value.as_str())
    }

    /// The body as it came; empty when there is none.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The same, taken.
    pub fn into_bytes(self) -> Vec<u8> {
        self.body
    }

    /// The body as text.
    ///
    /// # Errors
    /// Bytes that are not UTF-8.
    pub fn text(self) -> Result<String> {
        let Self { subject, is_read, body, .. } = self;
        String::from_utf8(body).map_err(|error| unreadable(&subject, is_read, "is not UTF-8", &error))
    }

    /// Reads the body, which is JSON, into a type; an empty one is null.
    ///
    /// # Errors
    /// A body of another shape. After a write the outcome is then not known (exit code 6), since what was answered with 2xx was
    /// done.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let body = if self.body.is_empty() { b"null" } else { self.body.as_slice() };
        serde_json::from_slice(body).map_err(|error| self.misshapen(&error))
    }

    /// The error of a body that cannot be read.
    pub(super) fn misshapen(&self, error: &dyn std::fmt::Display) -> Error {
        unreadable(&self.subject, self.is_read, "does not have the expected shape", error)
    }

    /// What it answers: `GET /teams/t1`.
    pub(super) fn subject(&self) -> &str {
        &self.subject
    }
}

fn unreadable(subject: &str, is_read: bool, what: &str, error: &dyn std::fmt::Display) -> Error {
    // What a write answered 2xx to was done, whatever the answer looks like.
    let code = if is_read { code::FAILED } else { code::OUTCOME_UNKNOWN };
    Error::from_failure(Failure::new(code, format!("the answer to `{subject}` {what}")))
        .cause(error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn response(method: &str, body: &[u8]) -> Response {
        let http = HttpResponse {
            status: 200,
            headers: vec![("link".into(), "<x>".into())],
            ..HttpResponse::default()
        };
        Response::new(format!("{method} /x"), method, http, Some(body.to_vec())).expect("a response")
    }

    #[test]
    fn a_body_that_cannot_be_read_leaves_the_outcome_of_a_write_open() {
        for (method, expected) in
            [("GET", code::FAILED), ("POST", code::OUTCOME_UNKNOWN), ("HEAD", code::FAILED)]
        {
            let error = response(method, b"<html>").json::<Value>().expect_err("not JSON");
            assert_eq!(error.code(), expected, "{method}");
            let error = response(method, b"\xff").text().expect_err("not UTF-8");
            assert_eq!(error.code(), expected, "{method}");
        }
    }

    #[test]
    fn an_answer_is_read_as_it_came() {
        let found = response("GET", br#"{"a":1}"#);
        assert_eq!((found.status(), found.header("Link"), found.header("x")), (200, Some("<x>"), None));
        assert_eq!(found.json::<Value>().expect("json"), json!({"a": 1}));
        assert_eq!(found.text().expect("text"), r#"{"a":1}"#);
        assert_eq!(response("DELETE", b"").json::<Option<u8>>().expect("null"), None);
    }

    #[test]
    fn a_host_that_knows_no_bytes_is_understood() {
        let old = HttpResponse { status: 200, body: json!({"a": 1}), ..HttpResponse::default() };
        let found = Response::new("GET /x".into(), "GET", old, None).expect("a response");
        assert_eq!(found.json::<Value>().expect("json"), json!({"a": 1}));
        assert_eq!(found.header("link"), None);
    }
}
