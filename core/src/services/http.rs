//! Requests to the API of the profile in use: the host adds address, credential, headers and timeouts, and
//! turns refusals into words.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use astro_plugin_protocol::{
    message::{FieldError, HttpFailure},
    service::{HttpRequest, HttpResponse},
};
use reqwest::{Client, Method, Response, Url, header::HeaderValue, redirect::Policy};
use serde::Deserialize;
use serde_json::Value;

use super::{Invocation, runtime, to_value};
use crate::{
    context::{Address, renewal, unix_now},
    error::{Failure, Result, While, auth, code, failed, plain_io, usage},
    host::port::Reply,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest segment of a path in bytes; no ID of the API comes near.
const LONGEST_ID: usize = 256;
/// The largest answer that is read, in bytes.
const MAX_BODY: usize = 48 * 1024 * 1024;

/// `http.request`
pub(super) fn request(invocation: &Arc<Invocation>, request: HttpRequest, reply: Reply) {
    match runtime::handle() {
        Ok(runtime) => {
            let invocation = Arc::clone(invocation);
            runtime.spawn(async move {
                let answer = perform(&invocation, &request).await;
                reply.send(answer.and_then(to_value));
            });
        }
        Err(failure) => reply.send(Err(failure)),
    }
}

async fn perform(invocation: &Invocation, request: &HttpRequest) -> Result<HttpResponse> {
    if !invocation.command.needs.api {
        return Err(failed("the command does not declare that it needs the API"));
    }
    let context = &invocation.context;
    let token = context.authority(unix_now())?;
    let address = &context.address.value;
    let url = url(address, request)?;
    let method = match request.method.as_str() {
        "GET" => Method::GET,
        "POST" => Method::POST,
        "DELETE" => Method::DELETE,
        other => return Err(failed(format!("the method `{other}` is not one of GET, POST, DELETE"))),
    };
    let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| {
        auth("the token holds characters that cannot be sent")
            .help("store it again with `astro login --with-token < FILE`")
    })?;
    authorization.set_sensitive(true);
    let mut call = client(address)?
        .request(method.clone(), url)
        .header("authorization", authorization)
        .header("accept", "application/json")
        .timeout(invocation.globals.timeout.unwrap_or(TIMEOUT));
    if let Some(body) = &request.body {
        let bytes =
            serde_json::to_vec(body).while_doing(code::FAILED, || "the body cannot be encoded".to_owned())?;
        call = call.header("content-type", "application/json").body(bytes);
    }
    let started = Instant::now();
    let sent = async {
        let response = call.send().await?;
        let status = response.status().as_u16();
        let is_json = is_json(&response);
        Ok::<_, reqwest::Error>((status, is_json, body(response).await))
    };
    let outcome = sent.await;
    let (status, is_json, body) = outcome.map_err(|error| unreachable(&error, address, &method))?;
    let body = body.map_err(|failure| {
        if method == Method::GET { failure } else { unknown_outcome(&method).cause(failure.message) }
    })?;
    debug(invocation, &method, &request.path, status, &body, started.elapsed());
    if !(200..300).contains(&status) {
        return Err(refused(&method, status, &body, context));
    }
    let body = match (body.is_empty(), is_json) {
        (true, _) => Value::Null,
        (false, true) => serde_json::from_slice(&body)
            .map_err(|error| not_understood(&method, address).cause(error.to_string()))?,
        (false, false) => return Err(not_understood(&method, address)),
    };
    Ok(HttpResponse { status, body })
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

/// The client. For plain http no roots are loaded: that alone would take longer than the rest.
fn client(address: &Address) -> Result<&'static Client> {
    static CLIENT: OnceLock<Result<Client>> = OnceLock::new();
    let built = CLIENT.get_or_init(|| {
        // Another provider may be installed by whoever embeds this library; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder()
            .user_agent(concat!("astro-host/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .https_only(!address.is_plain());
        let builder = if address.is_loopback() { builder.no_proxy() } else { builder };
        let builder = if address.is_plain() { builder.tls_certs_only([]) } else { builder };
        builder.build().while_doing(code::NETWORK, || "the HTTP client cannot be built".to_owned())
    });
    built.as_ref().map_err(Clone::clone)
}

async fn body(mut response: Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let broken = || "the answer broke off".to_owned();
    while let Some(piece) = response.chunk().await.map_err(without_url).while_doing(code::NETWORK, broken)? {
        if body.len() + piece.len() > MAX_BODY {
            return Err(failed(format!("the answer is larger than {MAX_BODY} bytes")));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
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
    // The layers between (`client error (Connect)`) say nothing to a person; the innermost one does.
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let reason = causes.last().map(|cause| plain_io(&cause.to_string()));
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

fn without_url(error: reqwest::Error) -> reqwest::Error {
    error.without_url()
}

/// The API's error answer (schema `Error`); every field may be absent, the body may be anything.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ApiError {
    message: String,
    request_id: Option<String>,
    field_errors: Vec<FieldError>,
}

fn refused(method: &Method, status: u16, body: &[u8], context: &crate::context::Context) -> Failure {
    let said: ApiError = serde_json::from_slice(body).unwrap_or_default();
    let reason = if said.message.is_empty() { "it gives no reason".to_owned() } else { said.message };
    let mut failure = match status {
        401 => auth(format!("the API does not accept the credential: {reason} (401)"))
            .help("the token may be expired, rotated or deleted"),
        403 => failed(format!("the API refused: {reason} (403)"))
            .help("the credential does not have the permission; see `astro context`"),
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
fn debug(
    invocation: &Invocation,
    method: &Method,
    path: &[String],
    status: u16,
    body: &[u8],
    took: Duration,
) {
    if invocation.globals.debug {
        let said: ApiError = if status >= 400 {
            serde_json::from_slice(body).unwrap_or_default()
        } else {
            ApiError::default()
        };
        let id = said.request_id.map(|id| format!(" request {id}")).unwrap_or_default();
        let line = format!("{method} /{} {status}{id} {} ms", path.join("/"), took.as_millis());
        invocation.console.stderr_line(&crate::console::escaped(&line));
    }
}
