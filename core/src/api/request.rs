//! One request: built from what a plugin asked for, sent once, its answer as it came.

use std::time::{Duration, Instant};

use astro_plugin_protocol::{
    effect::Effect,
    service::{HttpRequest, HttpResponse},
};
use reqwest::{
    Client, Method, RequestBuilder, Response, Url,
    header::{HeaderMap, HeaderValue},
};
use serde_json::Value;

use super::{ApiClient, error::not_understood};
use crate::{
    base::error::{Failure, Result, ResultExt, auth, code, failed, innermost, plain_io, usage},
    context::{Context, settings},
    credential::Secret,
    net::{self, address::Address, clock},
    program::APP,
};

/// The longest segment of a path in bytes; no ID of the API comes near.
const LONGEST_ID: usize = 256;
/// The largest answer that is read, in bytes.
const MAX_BODY: usize = 48 * 1024 * 1024;

/// A request that may be sent: everything that can be wrong before the network is used was found.
pub(crate) struct Prepared {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) token: Secret,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) deadline: Instant,
}

/// Whatever name was looked up on the way here: a token that says whose it is goes with no other owner.
fn one_customer(context: &Context, request: &HttpRequest) -> Result<()> {
    let Some(owner) = settings::owner() else { return Ok(()) };
    let own = context.claims.as_ref().and_then(|claims| claims.setting(owner.name));
    let list = owner.list.len();
    let (Some(own), Some(wanted)) = (own, request.path.get(list)) else { return Ok(()) };
    if request.path[..list] != *owner.list || *wanted == own.value {
        return Ok(());
    }
    let word = owner.name;
    Err(auth(format!(
        "the {word} `{wanted}` is not the one of the token (`{}`, token claim `{}`); nothing was sent",
        own.value, own.claim
    ))
    .help(format!("choose the profile of that {word} with --profile; see `{APP} context`")))
}

/// An answer as it came.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) is_json: bool,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
pub(crate) enum SendError {
    /// Nothing can have reached the server.
    NotSent(reqwest::Error),
    /// It may have been done.
    ConnectionLost(reqwest::Error),
    /// No answer came before the deadline; it may still be done.
    TimedOut,
    /// The answer began and broke off, or was too large.
    Truncated(Box<Failure>),
}

impl Prepared {
    pub(crate) fn new(client: &ApiClient, request: &HttpRequest) -> Result<Self> {
        let context = &client.context;
        let token = client.token()?;
        context.allow(Effect::of_method(&request.method))?;
        one_customer(context, request)?;
        let method = match request.method.as_str() {
            "GET" => Method::GET,
            "HEAD" => Method::HEAD,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            other => {
                let known = "GET, HEAD, POST, PUT, PATCH, DELETE";
                return Err(failed(format!("the method `{other}` is not one of {known}")));
            }
        };
        let mut headers = HeaderMap::new();
        headers.insert("authorization", bearer(&token)?);
        headers.insert("accept", HeaderValue::from_static("application/json"));
        let body = match &request.body {
            Some(body) => {
                headers.insert("content-type", HeaderValue::from_static("application/json"));
                let what = || "the body cannot be encoded".to_owned();
                Some(serde_json::to_vec(body).context(code::FAILED, what)?)
            }
            None => None,
        };
        let limit = client.time_limit;
        let limit = request.limit_ms.map_or(limit, |own| limit.min(Duration::from_millis(own)));
        let deadline = Instant::now() + limit;
        Ok(Self { method, url: url(&context.address.value, request)?, token, headers, body, deadline })
    }

    /// Takes another credential, for the same request again.
    pub(crate) fn authorize(&mut self, token: Secret) -> Result<()> {
        self.headers.insert("authorization", bearer(&token)?);
        self.token = token;
        Ok(())
    }

    fn call(&self, client: &Client, timeout: Option<Duration>) -> RequestBuilder {
        let call = client.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        let call = match timeout {
            Some(timeout) => call.timeout(timeout.max(Duration::from_millis(1))),
            None => call,
        };
        match &self.body {
            Some(body) => call.body(body.clone()),
            None => call,
        }
    }

    /// Sends it once; `piece` gets the body of a 2xx answer as it comes.
    pub(crate) async fn send(
        &self,
        client: &Client,
        piece: impl FnMut(&[u8]),
    ) -> Result<Answered, SendError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        receive(self.call(client, Some(left)), piece).await
    }

    /// The same for what is sent once. An answer that is there is taken, also when the process was stopped until
    /// after the deadline.
    pub(crate) async fn send_whole(
        &self,
        client: &Client,
        piece: impl FnMut(&[u8]),
    ) -> Result<Answered, SendError> {
        let call = self.call(client, None);
        tokio::select! {
            biased;
            outcome = receive(call, piece) => outcome,
            () = tokio::time::sleep_until(self.deadline.into()) => Err(SendError::TimedOut),
        }
    }
}

fn bearer(token: &Secret) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| {
        auth("the token holds characters that cannot be sent")
            .help(format!("store it again with `{APP} login --with-token < FILE`"))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

async fn receive(call: RequestBuilder, mut piece: impl FnMut(&[u8])) -> Result<Answered, SendError> {
    let mut response = call.send().await.map_err(|error| match error.is_connect() {
        true => SendError::NotSent(error),
        false => SendError::ConnectionLost(error),
    })?;
    clock::observe(response.headers());
    let status = response.status();
    let (is_json, retry_after) = (is_json(&response), net::client::retry_after(response.headers()));
    let mut body = Vec::new();
    loop {
        let next = response.chunk().await.map_err(|error| {
            let reason = plain_io(&innermost(&error));
            SendError::Truncated(Box::new(
                Failure::new(code::NETWORK, "the connection closed before the response was complete")
                    .cause(reason),
            ))
        })?;
        let Some(chunk) = next else { break };
        if status.is_success() {
            piece(&chunk);
        }
        if body.len() + chunk.len() > MAX_BODY {
            let failure = failed(format!("the answer is larger than {MAX_BODY} bytes"));
            return Err(SendError::Truncated(Box::new(failure)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answered { status: status.as_u16(), is_json, retry_after, body })
}

impl Answered {
    /// A refusal after which surely nothing was done: the 4xx that speak of the request itself.
    pub(crate) fn is_definite(&self) -> bool {
        (400..500).contains(&self.status) && self.status != 408
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body of a successful answer as JSON; null when there is none.
    pub(crate) fn json(&self, method: &Method, address: &Address) -> Result<HttpResponse> {
        let body = match (self.body.is_empty(), self.is_json) {
            (true, _) => Value::Null,
            (false, true) => serde_json::from_slice(&self.body)
                .map_err(|error| not_understood(method, address).cause(error.to_string()))?,
            (false, false) => return Err(not_understood(method, address)),
        };
        Ok(HttpResponse { status: self.status, body })
    }
}

/// The address with each segment escaped. A segment can never leave its place.
fn url(address: &Address, request: &HttpRequest) -> Result<Url> {
    let mut url = base(address)?;
    if request.path.is_empty() {
        return Err(failed("a request needs a path"));
    }
    for segment in &request.path {
        if segment.is_empty() || segment.len() > LONGEST_ID || matches!(segment.as_str(), "." | "..") {
            let shown: String = segment.chars().take(40).collect();
            return Err(usage(format!("`{shown}` is not an ID")));
        }
    }
    match url.path_segments_mut() {
        Ok(mut path) => path.extend(&request.path),
        Err(()) => return Err(failed(format!("`{address}` cannot have a path"))),
    };
    if !request.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&request.query);
    }
    Ok(url)
}

pub(super) fn base(address: &Address) -> Result<Url> {
    Url::parse(address.as_str()).context(code::CONFIG, || format!("`{address}` is not a URL"))
}

fn is_json(response: &Response) -> bool {
    response
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("json"))
}
