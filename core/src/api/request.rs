//! One request: built from what a plugin asked for, sent once, its answer as it came.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use astro_plugin_protocol::{
    effect::Effect,
    service::{AnswerForm, HttpRequest, HttpResponse},
};
use reqwest::{
    Client, Method, RequestBuilder, Response, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;

use super::{ApiClient, error::not_understood, peer::Peer};
use crate::{
    base::error::{Failure, Result, ResultExt, auth, code, failed, innermost, plain_io},
    context::{Context, settings},
    credential::Secret,
    net::{self, address::Address, client::Purpose, clock, tls::Trust},
    program::APP,
};

/// The largest answer that is read, in bytes.
const MAX_BODY: usize = 48 * 1024 * 1024;

/// A request that may be sent: everything that can be wrong before the network is used was found.
pub(crate) struct Prepared {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// The credential; another API than the profile's gets none.
    pub(crate) token: Option<Secret>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) deadline: Instant,
    /// The deadline counts for the whole answer.
    pub(crate) is_bounded: bool,
    /// How long nothing may come: for what may be long.
    pub(crate) idle: Option<Duration>,
    /// Whatever comes is fine, not only JSON.
    pub(crate) takes_all: bool,
}

/// What becomes of a piece of a body.
pub(crate) enum Take {
    /// It is part of the answer.
    Keep,
    /// It went elsewhere.
    Pass,
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
    pub(crate) headers: Vec<(String, String)>,
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
    /// `bytes` are the body of a request that says of which kind they are.
    pub(crate) fn new(client: &ApiClient, request: &HttpRequest, bytes: &[u8]) -> Result<Self> {
        let context = &client.context;
        let (base, token) = match &request.base {
            Some(other) => (other.as_str(), None),
            None => {
                let token = client.token()?;
                context.allow(Effect::of_method(&request.method))?;
                one_customer(context, request)?;
                (context.address.value.as_str(), Some(token))
            }
        };
        let method = Method::from_bytes(request.method.as_bytes())
            .context(code::FAILED, || format!("`{}` is not a method", request.method))?;
        let mut headers = HeaderMap::new();
        let accept = if request.to_file.is_some() { "*/*" } else { "application/json" };
        headers.insert("accept", HeaderValue::from_static(accept));
        for (name, value) in &request.headers {
            let cannot = || format!("the header `{name}` cannot be sent");
            let name = HeaderName::from_bytes(name.as_bytes()).context(code::FAILED, cannot)?;
            let value = HeaderValue::from_str(value).context(code::FAILED, cannot)?;
            // What is set twice is sent twice; what the host would have set is replaced.
            match name.as_str() {
                "accept" => drop(headers.insert(name, value)),
                _ => drop(headers.append(name, value)),
            }
        }
        let takes_all = headers.get("accept").is_none_or(|accept| accept != "application/json");
        if let Some(token) = &token {
            headers.insert("authorization", bearer(token)?);
        }
        let body = match (&request.body, &request.content_type) {
            (_, Some(kind)) => {
                let kind = HeaderValue::from_str(kind)
                    .context(code::FAILED, || "the media type cannot be sent".to_owned())?;
                headers.insert("content-type", kind);
                Some(bytes.to_owned())
            }
            (Some(body), None) => {
                headers.insert("content-type", HeaderValue::from_static("application/json"));
                let what = || "the body cannot be encoded".to_owned();
                Some(serde_json::to_vec(body).context(code::FAILED, what)?)
            }
            (None, None) => None,
        };
        let limit = client.time_limit;
        let limit = request.limit_ms.map_or(limit, |own| limit.min(Duration::from_millis(own)));
        let deadline = Instant::now() + limit;
        // A file may take as long as it comes, unless the command says otherwise.
        let idle = request.to_file.is_some().then_some(client.time_limit);
        let is_bounded = idle.is_none() || request.limit_ms.is_some();
        Ok(Self {
            method,
            url: url(base, request)?,
            token,
            headers,
            body,
            deadline,
            is_bounded,
            idle,
            takes_all,
        })
    }

    /// Takes another credential, for the same request again.
    pub(crate) fn authorize(&mut self, token: Secret) -> Result<()> {
        self.headers.insert("authorization", bearer(&token)?);
        self.token = Some(token);
        Ok(())
    }

    /// The client of the HTTP library, shared by the requests of the process.
    pub(crate) fn client(&self, trust: &Trust) -> Result<Client> {
        net::client::client(&self.url, trust, Purpose::Credential)
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
        piece: impl FnMut(&[u8]) -> Result<Take>,
    ) -> Result<Answered, SendError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        receive(self.call(client, self.is_bounded.then_some(left)), piece, self.idle).await
    }

    /// The same for what is sent once. An answer that is there is taken, also when the process was stopped until
    /// after the deadline.
    pub(crate) async fn send_whole(
        &self,
        client: &Client,
        mut piece: impl FnMut(&[u8]),
    ) -> Result<Answered, SendError> {
        let call = self.call(client, None);
        let piece = |bytes: &[u8]| {
            piece(bytes);
            Ok(Take::Keep)
        };
        tokio::select! {
            biased;
            outcome = receive(call, piece, None) => outcome,
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

/// Sends it and takes what comes. `idle` is how long nothing may come.
async fn receive(
    call: RequestBuilder,
    mut piece: impl FnMut(&[u8]) -> Result<Take>,
    idle: Option<Duration>,
) -> Result<Answered, SendError> {
    let mut response = within(idle, call.send()).await?.map_err(|error| match error.is_connect() {
        true => SendError::NotSent(error),
        false => SendError::ConnectionLost(error),
    })?;
    clock::observe(response.headers());
    let status = response.status();
    let (is_json, retry_after) = (is_json(&response), net::client::retry_after(response.headers()));
    let headers = headers_of(&response);
    let mut body = Vec::new();
    loop {
        let next = within(idle, response.chunk()).await?.map_err(|error| {
            let reason = plain_io(&innermost(&error));
            SendError::Truncated(Box::new(
                Failure::new(code::NETWORK, "the connection closed before the response was complete")
                    .cause(reason),
            ))
        })?;
        let Some(chunk) = next else { break };
        let truncated = |failure| SendError::Truncated(Box::new(failure));
        if status.is_success() && matches!(piece(&chunk).map_err(truncated)?, Take::Pass) {
            continue;
        }
        if body.len() + chunk.len() > MAX_BODY {
            let failure = failed(format!("the answer is larger than {MAX_BODY} bytes"));
            return Err(SendError::Truncated(Box::new(failure)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answered { status: status.as_u16(), is_json, headers, retry_after, body })
}

/// Waits for something, no longer than `idle`.
async fn within<T>(idle: Option<Duration>, work: impl Future<Output = T>) -> Result<T, SendError> {
    match idle {
        None => Ok(work.await),
        Some(idle) => tokio::time::timeout(idle, work).await.map_err(|_| SendError::TimedOut),
    }
}

/// What a plugin may know of an answer: nothing that sets a cookie, and nothing that is no text.
fn headers_of(response: &Response) -> Vec<(String, String)> {
    let all = response.headers().iter().filter(|(name, _)| !name.as_str().starts_with("set-cookie"));
    all.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect()
}

impl Answered {
    /// A refusal after which surely nothing was done: the 4xx that speak of the request itself.
    pub(crate) fn is_definite(&self) -> bool {
        (400..500).contains(&self.status) && self.status != 408
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A successful answer in the form that was asked for: what travels as a message, and the bytes after it. They are not read
    /// on the way; that they call themselves JSON where nothing else was asked for is what tells an API from a portal.
    pub(crate) fn into_response(
        self,
        form: AnswerForm,
        prepared: &Prepared,
        peer: Peer<'_>,
    ) -> Result<(HttpResponse, Option<Vec<u8>>)> {
        let Self { status, is_json, headers, body, .. } = self;
        if !body.is_empty() && !is_json && !prepared.takes_all {
            return Err(not_understood(&prepared.method, peer));
        }
        let (value, bytes) = match form {
            AnswerForm::Bytes => (Value::Null, Some(body)),
            _ if body.is_empty() => (Value::Null, None),
            _ => {
                let value = serde_json::from_slice(&body)
                    .map_err(|error| not_understood(&prepared.method, peer).cause(error.to_string()))?;
                (value, None)
            }
        };
        Ok((HttpResponse { status, headers, body: value, written: None }, bytes))
    }
}

/// The address with each segment escaped. A segment can never leave its place: which ones are taken
/// [`HttpRequest::refusal`] says.
fn url(base: &str, request: &HttpRequest) -> Result<Url> {
    let mut url = Url::parse(base).context(code::CONFIG, || format!("`{base}` is not a URL"))?;
    let count = |url: &Url| url.path_segments().map_or(0, |all| all.filter(|one| !one.is_empty()).count());
    let before = count(&url);
    match url.path_segments_mut() {
        Ok(mut path) => path.pop_if_empty().extend(&request.path),
        Err(()) => return Err(failed(format!("`{base}` cannot have a path"))),
    };
    // Whatever the reader of addresses made of it: each segment is one, below the base.
    if count(&url) != before + request.path.len() {
        return Err(failed(format!("`{}` is not a path below `{base}`", request.path.join("/"))));
    }
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
