//! Requests to the API of the profile in use: the host adds address, credential, headers and timeouts, and
//! turns refusals into words.
//!
//! [`retry`] repeats what may be repeated and keeps to the API's rates; [`once`] sends what may be sent once,
//! because its answer carries a one-time secret, and [`settle`] finds out what became of it.

mod once;
mod retry;
mod settle;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use astro_plugin_protocol::{
    message::{FieldError, HttpFailure},
    service::{HttpRequest, HttpResponse},
};
use reqwest::{
    Certificate, Client, ClientBuilder, Method, RequestBuilder, Response, Url, header::HeaderMap,
    header::HeaderValue, redirect::Policy,
};
use serde::Deserialize;
use serde_json::Value;

use super::{Invocation, runtime, starter, to_value};
use crate::{
    context::{Address, Context, Effect, renewal, unix_now},
    error::{Failure, Result, While, auth, code, config, failed, innermost, plain_io, usage},
    files,
    host::port::Reply,
    secret::Delivery,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
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
        let token = context.authority(unix_now())?;
        context.allow(Effect::of_method(&request.method))?;
        one_customer(context, request)?;
        let method = match request.method.as_str() {
            "GET" => Method::GET,
            "POST" => Method::POST,
            "DELETE" => Method::DELETE,
            other => return Err(failed(format!("the method `{other}` is not one of GET, POST, DELETE"))),
        };
        let mut headers = HeaderMap::new();
        let mut authorization =
            HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| {
                auth("the token holds characters that cannot be sent")
                    .help("store it again with `astro login --with-token < FILE`")
            })?;
        authorization.set_sensitive(true);
        headers.insert("authorization", authorization);
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
        Ok(Self { method, url: url(&context.address.value, request)?, headers, body, deadline })
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

async fn receive(call: RequestBuilder, mut piece: impl FnMut(&[u8])) -> Result<Answered, Unanswered> {
    let mut response = call.send().await.map_err(|error| match error.is_connect() {
        true => Unanswered::NotSent(error),
        false => Unanswered::Lost(error),
    })?;
    let status = response.status();
    let (is_json, retry_after) = (is_json(&response), retry::after(response.headers()));
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
    let mut url =
        Url::parse(address.as_str()).while_doing(code::CONFIG, || format!("`{address}` is not a URL"))?;
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

/// The client of this process.
fn client(context: &Context) -> Result<Client> {
    /// What differs between the clients of two profiles.
    type Kind = (bool, bool, Option<PathBuf>);
    static CLIENTS: Mutex<Vec<(Kind, Client)>> = Mutex::new(Vec::new());
    let address = &context.address.value;
    let kind = (address.is_plain(), address.is_loopback(), context.ca_file.clone());
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, client)) = clients.iter().find(|(known, _)| *known == kind) {
        return Ok(client.clone());
    }
    let client = build(builder(context)?)?;
    clients.push((kind, client.clone()));
    Ok(client)
}

/// What every client has. For plain http no roots are loaded: that alone would take longer than the rest.
fn builder(context: &Context) -> Result<ClientBuilder> {
    let address = &context.address.value;
    // Another provider may be installed by whoever embeds this library; either will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(concat!("astro-host/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIMEOUT)
        .https_only(!address.is_plain());
    let builder = if address.is_loopback() { builder.no_proxy() } else { builder };
    if address.is_plain() {
        return Ok(builder.tls_certs_only([]));
    }
    match &context.ca_file {
        Some(path) => Ok(builder.tls_certs_merge(certificates(path, "profile")?)),
        None => Ok(builder),
    }
}

/// Certificates that somebody trusts besides the system's: the `ca_file` of a profile or an index.
pub(crate) fn certificates(path: &Path, whose: &str) -> Result<Vec<Certificate>> {
    let what = || format!("the certificates in `{}` (ca_file of the {whose}) cannot be read", path.display());
    let text = files::read(path)?.ok_or_else(|| config(what()).cause("there is no such file"))?;
    let certificates = Certificate::from_pem_bundle(text.as_bytes()).while_doing(code::CONFIG, what)?;
    match certificates.is_empty() {
        true => Err(config(what()).cause("it holds no certificate in PEM form")),
        false => Ok(certificates),
    }
}

fn build(builder: ClientBuilder) -> Result<Client> {
    builder.build().while_doing(code::NETWORK, || "the HTTP client cannot be built".to_owned())
}

fn is_json(response: &Response) -> bool {
    response
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("json"))
}

/// No answer. Whether anything reached the server decides what the user may conclude.
fn unreachable(error: &reqwest::Error, address: &Address, method: &Method) -> Failure {
    let host = Url::parse(address.as_str())
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default();
    let reason = Some(plain_io(&innermost(error)));
    let failure = match (error.is_connect(), error.is_timeout(), *method == Method::GET) {
        (true, true, _) => Failure::new(
            code::NETWORK,
            format!("`{host}` did not answer within {} s", CONNECT_TIMEOUT.as_secs()),
        ),
        (true, false, _) => Failure::new(code::NETWORK, format!("cannot reach `{host}`")),
        (false, true, true) => Failure::new(code::NETWORK, format!("`{host}` did not answer in time"))
            .help("allow more with `--timeout 2m`"),
        (false, false, true) => Failure::new(code::NETWORK, format!("`{host}` broke the connection")),
        (false, _, false) => unknown_outcome(method),
    };
    let failure = reason.into_iter().fold(failure, Failure::cause);
    if failure.code == code::NETWORK {
        failure.help(format!("the address is {address}; see `astro context`"))
    } else {
        failure
    }
}

fn unknown_outcome(method: &Method) -> Failure {
    Failure::new(
        code::OUTCOME_UNKNOWN,
        format!("the {method} was sent and no answer came: it may or may not have been done"),
    )
    .help("look whether it was done before you try again")
}

fn not_understood(method: &Method, address: &Address) -> Failure {
    let failure = match *method {
        Method::GET => failed("the answer is not JSON"),
        _ => {
            Failure::new(code::OUTCOME_UNKNOWN, "the server accepted the request and its answer is not JSON")
        }
    };
    failure.help(format!("is {address} the Astro API? see `astro context`"))
}

/// The API's error answer (schema `Error`); every field may be absent, the body may be anything.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ApiError {
    message: String,
    request_id: Option<String>,
    field_errors: Vec<FieldError>,
}

fn refused(method: &Method, answered: &Answered, context: &Context) -> Failure {
    let (status, body) = (answered.status, answered.body.as_slice());
    let said: ApiError = serde_json::from_slice(body).unwrap_or_default();
    let reason = if said.message.is_empty() { "it gives no reason".to_owned() } else { said.message };
    let mut failure = match status {
        401 => auth(format!("the API does not accept the credential: {reason} (401)"))
            .help("the token may be expired, rotated or deleted"),
        403 => failed(format!("the API refused: {reason} (403)"))
            .help("the credential does not have the permission; see `astro context`"),
        300..=399 => failed(format!("the API answered with a redirect ({status}), which is not followed: the credential belongs to one address")).help("is ASTRO_API_URL right? see `astro context`"),
        429 => failed(format!("the API asks to slow down: {reason} (429)")).help("try again in a moment"),
        502..=504 if *method != Method::GET => Failure::new(
            code::OUTCOME_UNKNOWN,
            format!("a gateway answered for the API: {reason} ({status})"),
        ),
        _ => failed(format!("the API answered: {reason} ({status})")),
    };
    if (500..600).contains(&status) {
        failure = failure.help("try again later; the vendor's support asks for the request id");
    }
    if let Some(credential) = context.credential.as_ref().filter(|_| status == 401) {
        failure = failure.help(renewal(&credential.origin));
    }
    failure.http = Some(HttpFailure { status, request_id: said.request_id, fields: said.field_errors });
    failure
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
