//! What a fake host answers.

use std::collections::{BTreeMap, VecDeque};

use astro_plugin_protocol::{
    effect::Effect,
    message::{Failure, FieldError, HttpFailure, code},
    naming::{Named, Names},
    service::{
        AnswerForm, ContextSelect, HttpRequest, HttpResponse, ProcessEnd, ProfilePut, Progress, ProgressSet,
        ProgressStart,
    },
};
use serde_json::{Value, json};

/// 2026-01-31T12:00:00Z
const NOON: i64 = 1_769_860_800_000;

/// Which requests a stub answers: those of a method and a path, and of what else is said. From [`When::get`] and the others; for
/// [`super::Host::on`].
///
/// ```
/// # use astro_plugin_sdk::{serde_json::json, testing::When};
/// let first_page = When::get("runs").query("page", 1).times(1);
/// let created = When::post("runs").header("if-match", "v7").json(json!({"dag": "etl"}));
/// let elsewhere = When::method("HEAD", "logo.png").at("https://files.example.com");
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct When {
    method: String,
    path: String,
    base: Option<String>,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Option<Value>,
    times: Option<usize>,
}

impl When {
    /// A GET of a path below the API's base: `teams/ID/clusters`.
    pub fn get(path: &str) -> Self {
        Self::method("GET", path)
    }

    /// A POST.
    pub fn post(path: &str) -> Self {
        Self::method("POST", path)
    }

    /// A PUT.
    pub fn put(path: &str) -> Self {
        Self::method("PUT", path)
    }

    /// A PATCH.
    pub fn patch(path: &str) -> Self {
        Self::method("PATCH", path)
    }

    /// A DELETE.
    pub fn delete(path: &str) -> Self {
        Self::method("DELETE", path)
    }

    /// A request of any method.
    pub fn method(method: &str, path: &str) -> Self {
        Self { method: method.to_uppercase(), path: path.trim_matches('/').to_owned(), ..Self::default() }
    }

    /// To another API than the profile's, by the base address that the command gives ([`crate::Http::at`]).
    #[must_use]
    pub fn at(mut self, base: &str) -> Self {
        self.base = Some(base.trim_end_matches('/').to_owned());
        self
    }

    /// With this pair in its query, among others.
    #[must_use]
    pub fn query(mut self, key: &str, value: impl ToString) -> Self {
        self.query.push((key.to_owned(), value.to_string()));
        self
    }

    /// With this header, among others.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With exactly this JSON body.
    #[must_use]
    pub fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// This often; after that the stub before it answers, or none.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }

    fn fits(&self, request: &HttpRequest, used: usize) -> bool {
        let has = |pairs: &[(String, String)], (key, value): &(String, String)| {
            pairs.iter().any(|(known, own)| known.eq_ignore_ascii_case(key) && own == value)
        };
        self.method == request.method
            && self.path == request.path.join("/")
            && self.base.as_deref() == request.base.as_deref().map(|base| base.trim_end_matches('/'))
            && self.query.iter().all(|pair| request.query.contains(pair))
            && self.headers.iter().all(|pair| has(&request.headers, pair))
            && self.body.as_ref().is_none_or(|body| request.body.as_ref() == Some(body))
            && self.times.is_none_or(|times| used < times)
    }

    fn shown(&self) -> String {
        let base = self.base.as_deref().map(|base| format!("{base}/")).unwrap_or_default();
        let query: Vec<String> = self.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        format!("{} {base}{}{query}", self.method, self.path)
    }
}

/// What a stub answers, for [`super::Host::on`].
///
/// ```
/// # use astro_plugin_sdk::{serde_json::json, testing::Reply};
/// let created = Reply::json(json!({"id": "r1"})).with_status(201);
/// let page = Reply::json(json!([])).header("link", "<https://x/runs?page=2>; rel=\"next\"");
/// let file = Reply::bytes("a,b\n", "text/csv");
/// let gone = Reply::status(204);
/// ```
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    Bytes(Vec<u8>),
    Json(Value),
    Pages(String, Vec<Value>),
}

impl Reply {
    /// A JSON body with the status 200.
    pub fn json(body: Value) -> Self {
        Self { status: 200, headers: Vec::new(), body: Body::Json(body) }
    }

    /// Bytes of a media type, such as `text/csv`, with the status 200.
    pub fn bytes(bytes: impl Into<Vec<u8>>, media_type: &str) -> Self {
        let headers = vec![("content-type".to_owned(), media_type.to_owned())];
        Self { status: 200, headers, body: Body::Bytes(bytes.into()) }
    }

    /// A status alone: 204, 404.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Bytes(Vec::new()) }
    }

    /// Another status. 400 and more is the failure that the real host makes of it; `message` in the body is what the API says.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// A header, such as `link`.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_lowercase(), value.to_owned()));
        self
    }

    pub(super) fn pages(key: &str, rows: Value) -> Self {
        let rows = match rows {
            Value::Array(rows) => rows,
            other => vec![other],
        };
        Self { status: 200, headers: Vec::new(), body: Body::Pages(key.to_owned(), rows) }
    }
}

/// Where a one-time secret goes in a test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenSink {
    /// To the result, as without an option.
    #[default]
    Result,
    /// To a file or a program: the result has everything but the secret.
    Elsewhere,
    /// It cannot be delivered, for this reason: exit code 7.
    Broken(String),
}

struct Stub {
    when: When,
    reply: Reply,
    used: usize,
    may_be_unused: bool,
}

/// The answers of one host.
pub(super) struct Script {
    stubs: Vec<Stub>,
    pub(super) requests: Vec<HttpRequest>,
    pub(super) bodies: Vec<Vec<u8>>,
    pub(super) unix_ms: i64,
    pub(super) config: Value,
    pub(super) typed: VecDeque<String>,
    pub(super) programs: BTreeMap<String, ProcessEnd>,
    pub(super) offline: bool,
    pub(super) interrupt_after: Option<usize>,
    pub(super) sink: TokenSink,
    pub(super) delivered: Vec<String>,
    pub(super) profiles: Vec<ProfilePut>,
    pub(super) selected: Vec<ContextSelect>,
    pub(super) progress: Vec<String>,
    /// What is shown to take a while: its label and how many steps it has, by its number.
    pub(super) shown: Vec<(String, Option<u64>)>,
    names: BTreeMap<String, Named>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            stubs: Vec::new(),
            requests: Vec::new(),
            bodies: Vec::new(),
            unix_ms: NOON,
            config: json!({}),
            typed: VecDeque::new(),
            programs: BTreeMap::new(),
            offline: false,
            interrupt_after: None,
            sink: TokenSink::Result,
            delivered: Vec::new(),
            profiles: Vec::new(),
            selected: Vec::new(),
            progress: Vec::new(),
            shown: Vec::new(),
            names: BTreeMap::new(),
        }
    }
}

impl Script {
    pub(super) fn on(&mut self, when: When, reply: Reply) {
        self.stubs.push(Stub { when, reply, used: 0, may_be_unused: false });
    }

    pub(super) fn allow_unused(&mut self) {
        self.stubs.iter_mut().for_each(|stub| stub.may_be_unused = true);
    }

    /// What no request came for, of the stubs that no later one took the place of.
    pub(super) fn unused(&self) -> Vec<String> {
        let place = |stub: &Stub| When { times: None, ..stub.when.clone() };
        let unused = self.stubs.iter().enumerate().filter(|(at, stub)| {
            stub.used == 0
                && !stub.may_be_unused
                && !self.stubs.iter().skip(at + 1).any(|later| place(later) == place(stub))
        });
        unused.map(|(_, stub)| stub.when.shown()).collect()
    }

    /// Something takes a while.
    pub(super) fn begin(&mut self, start: &ProgressStart) -> Progress {
        self.shown.push((start.label.clone(), start.total));
        let id = self.shown.len() as u64;
        self.step(&ProgressSet { id, ..ProgressSet::default() });
        Progress { id }
    }

    /// It is this far.
    pub(super) fn step(&mut self, set: &ProgressSet) {
        let at = usize::try_from(set.id).ok().and_then(|id| id.checked_sub(1));
        let Some((label, total)) = at.and_then(|at| self.shown.get_mut(at)) else { return };
        if let Some(new) = &set.label {
            label.clone_from(new);
        }
        self.progress.push(match total {
            Some(total) => format!("{label} {}/{total}", set.done),
            None => label.clone(),
        });
    }

    /// It is over.
    pub(super) fn end(&mut self, ended: &Progress) {
        let at = usize::try_from(ended.id).ok().and_then(|id| id.checked_sub(1));
        if let Some((label, _)) = at.and_then(|at| self.shown.get(at)) {
            self.progress.push(format!("{label} ended"));
        }
    }

    /// Remembers names.
    pub(super) fn remember(&mut self, names: Names) {
        let seen_at = self.unix_ms / 1000;
        for mut named in names.things {
            named.seen_at = seen_at;
            self.names.insert(named.id.clone(), named);
        }
    }

    /// What is remembered of things and of what they belong to.
    pub(super) fn known(&self, ids: &[String]) -> Names {
        let mut things = Vec::new();
        for id in ids {
            let mut next = self.names.get(id);
            while let Some(named) = next.filter(|named| !things.contains(*named)) {
                things.push(named.clone());
                next = named.parent.as_ref().and_then(|parent| self.names.get(parent));
            }
        }
        Names { things }
    }

    /// The answer to a request, and the bytes after it.
    pub(super) fn http(
        &mut self,
        request: HttpRequest,
        body: Vec<u8>,
    ) -> Result<(HttpResponse, Option<Vec<u8>>), Failure> {
        self.bodies.push(body);
        let line = format!("{} {}", request.method, request.path.join("/"));
        self.requests.push(request.clone());
        if self.offline {
            return Err(Failure::new(code::NETWORK, format!("nothing reached the server: {line}")));
        }
        // The newest first: a test says what differs from what all tests have.
        let found = self.stubs.iter_mut().rev().find(|stub| stub.when.fits(&request, stub.used));
        let Some(stub) = found else {
            return Err(Failure::new(code::FAILED, format!("the test's script has no answer to `{line}`"))
                .help("give one with Host::get, Host::list, Host::answer or Host::on"));
        };
        stub.used += 1;
        stub.reply.clone().answer(&request)
    }
}

impl Reply {
    fn answer(self, request: &HttpRequest) -> Result<(HttpResponse, Option<Vec<u8>>), Failure> {
        let Self { status, headers, body } = self;
        let (is_json, bytes) = match body {
            Body::Bytes(bytes) => {
                let is_json =
                    headers.iter().any(|(name, kind)| name == "content-type" && kind.contains("json"));
                (is_json, bytes)
            }
            Body::Json(value) => (true, value.to_string().into_bytes()),
            Body::Pages(key, rows) => (true, page(&key, &rows, request).to_string().into_bytes()),
        };
        if !(200..300).contains(&status) {
            return Err(refused(status, &serde_json::from_slice(&bytes).unwrap_or_default(), request));
        }
        let mut response = HttpResponse { status, headers, ..HttpResponse::default() };
        if let Some(path) = &request.to_file {
            let cannot = |error: std::io::Error| {
                Failure::new(code::FAILED, format!("cannot write `{path}`")).cause(error.to_string())
            };
            std::fs::write(path, &bytes).map_err(cannot)?;
            response.written = Some(bytes.len() as u64);
            return Ok((response, None));
        }
        let accepts_all = request
            .headers
            .iter()
            .any(|(name, kind)| name.eq_ignore_ascii_case("accept") && kind != "application/json");
        if !bytes.is_empty() && !is_json && !accepts_all {
            return Err(not_understood(request));
        }
        match request.answer {
            AnswerForm::Bytes => Ok((response, Some(bytes))),
            _ => {
                if !bytes.is_empty() {
                    response.body = serde_json::from_slice(&bytes).map_err(|_| not_understood(request))?;
                }
                Ok((response, None))
            }
        }
    }
}

fn page(key: &str, rows: &[Value], request: &HttpRequest) -> Value {
    let number = |name: &str, otherwise: usize| {
        let given = request.query.iter().find(|(known, _)| known == name);
        given.and_then(|(_, text)| text.parse().ok()).unwrap_or(otherwise)
    };
    let page: Vec<&Value> = rows.iter().skip(number("offset", 0)).take(number("limit", 20)).collect();
    json!({ key: page, "totalCount": rows.len() })
}

fn is_read(request: &HttpRequest) -> bool {
    Effect::of_method(&request.method) == Effect::Read
}

/// What was answered with 2xx was done, whatever the answer looks like.
fn not_understood(request: &HttpRequest) -> Failure {
    match is_read(request) {
        true => Failure::new(code::FAILED, "the answer is not JSON"),
        false => {
            Failure::new(code::OUTCOME_UNKNOWN, "the server accepted the request and its answer is not JSON")
        }
    }
}

/// The failure that the host makes of a refusal: of the profile's API (schema `Error`), or of another one.
fn refused(status: u16, body: &Value, request: &HttpRequest) -> Failure {
    let said = ["/message", "/error/message", "/error", "/detail", "/title"];
    let places = if request.base.is_some() { &said[..] } else { &said[..1] };
    let reason = places.iter().find_map(|place| body.pointer(place)?.as_str());
    let reason = reason.unwrap_or("it gives no reason");
    let who = match &request.base {
        None => "the API".to_owned(),
        Some(base) => {
            let host = base.split("://").last().and_then(|rest| rest.split(['/', ':']).next());
            format!("`{}`", host.unwrap_or_default())
        }
    };
    let (kind, text) = match (status, &request.base) {
        (401, None) => (code::AUTH, format!("the API does not accept the credential: {reason} (401)")),
        (403, None) => (code::FAILED, format!("the API refused: {reason} (403)")),
        (502..=504, _) if !is_read(request) => {
            (code::OUTCOME_UNKNOWN, format!("a gateway of {who} returned an error: {reason} ({status})"))
        }
        _ => (code::FAILED, format!("{who} answered: {reason} ({status})")),
    };
    let fields: Vec<FieldError> = serde_json::from_value(body["fieldErrors"].clone()).unwrap_or_default();
    let request_id = body["requestId"].as_str().map(str::to_owned);
    Failure { http: Some(HttpFailure::new(status, request_id, fields)), ..Failure::new(kind, text) }
}
