//! Requests to the API of the profile in use: the host adds address, credential, headers and timeouts, and
//! turns refusals into words.
//!
//! [`retry`] repeats what may be repeated and keeps to the API's rates; [`once`] sends what may be sent once,
//! because its answer carries a one-time secret, and [`settle`] finds out what became of it. [`renew`] takes another
//! credential after a refusal; [`words`] says what went wrong.

mod once;
mod renew;
mod retry;
mod settle;
mod words;

pub use renew::Renewed;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use astro_plugin_protocol::service::{HttpRequest, HttpResponse};
use reqwest::{
    Client, Method, RequestBuilder, Response, Url,
    header::{HeaderMap, HeaderValue},
};
use serde_json::Value;

use super::{Invocation, starter, to_value};
use crate::{
    base::error::{Failure, Result, While, auth, code, failed, innermost, plain_io, usage},
    context::{Context, Effect},
    credential::Secret,
    delivery::Delivery,
    host::port::Reply,
    net::{self, address::Address, client::Purpose, clock, runtime},
};
use words::{ApiError, not_understood, refused, unknown_outcome, unreachable};

/// The longest segment of a path in bytes; no ID of the API comes near.
const LONGEST_ID: usize = 256;
/// The largest answer that is read, in bytes.
const MAX_BODY: usize = 48 * 1024 * 1024;

/// `http.request`
pub(super) fn request(invocation: &Arc<Invocation>, request: HttpRequest, reply: Reply) {
    match runtime::handle() {
        Ok(runtime) => {
            let invocation = Arc::clone(invocation);
            // What may be sent once is waited for, whatever the plugin does meanwhile.
            let under_way = request.one_time_secret.is_some().then(|| UnderWay::new(&invocation));
            runtime.spawn(async move {
                let answer = match request.one_time_secret.as_ref() {
                    Some(secret) => once::perform(&invocation, &request, secret).await,
                    None => retry::perform(&invocation, &request).await,
                };
                let answer = answer.map_err(|failure| advised(failure, &invocation));
                reply.send(answer.and_then(to_value));
                drop(under_way);
            });
        }
        Err(failure) => reply.send(Err(failure)),
    }
}

/// One GET of the host's own, waited for.
pub(crate) fn get(invocation: &Invocation, path: &[&str], query: &[(&str, &str)]) -> Result<Value> {
    let path = path.iter().map(|segment| (*segment).to_owned()).collect();
    let query = query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let request = HttpRequest { method: "GET".to_owned(), path, query, ..HttpRequest::default() };
    let answer = runtime::handle()?.block_on(retry::perform(invocation, &request));
    answer.map(|answer| answer.body).map_err(|failure| advised(failure, invocation))
}

/// With what to type when nothing listens at the address of a plugin's profile.
fn advised(failure: Failure, invocation: &Invocation) -> Failure {
    starter::advised(failure, invocation.dirs.as_ref(), &invocation.context.address.value)
}

/// A request with a one-time secret that is under way; also when its task panics it ends.
struct UnderWay(Arc<Invocation>);

impl UnderWay {
    fn new(invocation: &Arc<Invocation>) -> Self {
        invocation.delivery.iter().for_each(Delivery::departs);
        Self(Arc::clone(invocation))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let is_whole = !std::thread::panicking();
        self.0.delivery.iter().for_each(|delivery| delivery.lands(is_whole));
    }
}

/// A request that may be sent: everything that can be wrong before the network is used was found.
struct Prepared {
    method: Method,
    url: Url,
    token: Secret,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    deadline: Instant,
}

/// Whatever name was looked up on the way here: a token that says whose it is goes with no other organization.
fn one_customer(context: &Context, request: &HttpRequest) -> Result<()> {
    let own = context.claims.as_ref().and_then(|claims| claims.organization.as_deref());
    match (request.path.as_slice(), own) {
        ([first, wanted, ..], Some(own)) if first == "organizations" && wanted != own => Err(auth(format!(
            "the organization `{wanted}` is not the one of the token (`{own}`, token claim `organizationId`); nothing was sent"
        ))
        .help("choose the profile of that organization with --profile; see `astro context`")),
        _ => Ok(()),
    }
}

/// An answer as it came.
struct Answered {
    status: u16,
    is_json: bool,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

/// Why there is no answer.
enum Unanswered {
    /// Nothing can have reached the server.
    NotSent(reqwest::Error),
    /// It may have been done.
    Lost(reqwest::Error),
    /// No answer came before the deadline; it may still be done.
    Late,
    /// The answer began and broke off, or was too large.
    BrokeOff(Box<Failure>),
}

impl Prepared {
    fn new(invocation: &Invocation, request: &HttpRequest) -> Result<Self> {
        if !invocation.command.needs.api {
            return Err(failed("the command does not declare that it needs the API"));
        }
        let context = &invocation.context;
        let token = renew::token(invocation)?;
        context.allow(Effect::of_method(&request.method))?;
        one_customer(context, request)?;
        let method = match request.method.as_str() {
            "GET" => Method::GET,
            "POST" => Method::POST,
            "DELETE" => Method::DELETE,
            other => return Err(failed(format!("the method `{other}` is not one of GET, POST, DELETE"))),
        };
        let mut headers = HeaderMap::new();
        headers.insert("authorization", bearer(&token)?);
        headers.insert("accept", HeaderValue::from_static("application/json"));
        let body = match &request.body {
            Some(body) => {
                headers.insert("content-type", HeaderValue::from_static("application/json"));
                let what = || "the body cannot be encoded".to_owned();
                Some(serde_json::to_vec(body).while_doing(code::FAILED, what)?)
            }
            None => None,
        };
        let limit = invocation.globals.time_limit();
        let limit = request.limit_ms.map_or(limit, |own| limit.min(Duration::from_millis(own)));
        let deadline = Instant::now() + limit;
        Ok(Self { method, url: url(&context.address.value, request)?, token, headers, body, deadline })
    }

    /// Takes another credential, for the same request again.
    fn authorize(&mut self, token: Secret) -> Result<()> {
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
    async fn send(&self, client: &Client, piece: impl FnMut(&[u8])) -> Result<Answered, Unanswered> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        receive(self.call(client, Some(left)), piece).await
    }

    /// The same for what is sent once. An answer that is there is taken, also when the process was stopped until
    /// after the deadline.
    async fn send_whole(&self, client: &Client, piece: impl FnMut(&[u8])) -> Result<Answered, Unanswered> {
        let call = self.call(client, None);
        tokio::select! {
            biased;
            outcome = receive(call, piece) => outcome,
            () = tokio::time::sleep_until(self.deadline.into()) => Err(Unanswered::Late),
        }
    }
}

fn bearer(token: &Secret) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| {
        auth("the token holds characters that cannot be sent")
            .help("store it again with `astro login --with-token < FILE`")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

async fn receive(call: RequestBuilder, mut piece: impl FnMut(&[u8])) -> Result<Answered, Unanswered> {
    let mut response = call.send().await.map_err(|error| match error.is_connect() {
        true => Unanswered::NotSent(error),
        false => Unanswered::Lost(error),
    })?;
    clock::observe(response.headers());
    let status = response.status();
    let (is_json, retry_after) = (is_json(&response), net::client::retry_after(response.headers()));
    let mut body = Vec::new();
    loop {
        let next = response.chunk().await.map_err(|error| {
            let reason = plain_io(&innermost(&error));
            Unanswered::BrokeOff(Box::new(Failure::new(code::NETWORK, "the answer broke off").cause(reason)))
        })?;
        let Some(chunk) = next else { break };
        if status.is_success() {
            piece(&chunk);
        }
        if body.len() + chunk.len() > MAX_BODY {
            let failure = failed(format!("the answer is larger than {MAX_BODY} bytes"));
            return Err(Unanswered::BrokeOff(Box::new(failure)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answered { status: status.as_u16(), is_json, retry_after, body })
}

impl Answered {
    /// A refusal after which surely nothing was done: the 4xx that speak of the request itself.
    fn is_definite(&self) -> bool {
        (400..500).contains(&self.status) && self.status != 408
    }

    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body of a successful answer as JSON; null when there is none.
    fn json(&self, method: &Method, address: &Address) -> Result<HttpResponse> {
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

/// The client for the API of a context.
fn client(context: &Context) -> Result<Client> {
    net::client::client(&base(&context.address.value)?, &context.trust(), Purpose::Credential)
}

fn base(address: &Address) -> Result<Url> {
    Url::parse(address.as_str()).while_doing(code::CONFIG, || format!("`{address}` is not a URL"))
}

fn is_json(response: &Response) -> bool {
    response
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("json"))
}

/// `--debug`: one line on stderr, never a secret.
fn debug(invocation: &Invocation, request: &HttpRequest, answered: &Answered, took: Duration) {
    if invocation.globals.debug {
        let said: ApiError = if answered.status >= 400 {
            serde_json::from_slice(&answered.body).unwrap_or_default()
        } else {
            ApiError::default()
        };
        let id = said.request_id.map(|id| format!(" request {id}")).unwrap_or_default();
        let (method, status) = (&request.method, answered.status);
        let line = format!("{method} /{} {status}{id} {} ms", request.path.join("/"), took.as_millis());
        invocation.console.stderr_line(&crate::console::escaped(&line));
    }
}
