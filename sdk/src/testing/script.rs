//! What a fake host answers.

use std::collections::{BTreeMap, VecDeque};

use astro_plugin_protocol::{
    message::{Failure, FieldError, HttpFailure, code},
    naming::{Named, Names},
    service::{HttpRequest, HttpResponse, ProcessEnd},
};
use serde_json::{Value, json};

/// 2026-01-31T12:00:00Z
const NOON: i64 = 1_769_860_800_000;

/// The answers of one host.
pub(super) struct Script {
    answers: BTreeMap<(String, String), Answer>,
    pub(super) requests: Vec<HttpRequest>,
    pub(super) unix_ms: i64,
    pub(super) config: Value,
    pub(super) typed: VecDeque<String>,
    pub(super) programs: BTreeMap<String, ProcessEnd>,
    pub(super) offline: bool,
    names: BTreeMap<String, Named>,
}

enum Answer {
    Fixed(u16, Value),
    Pages(String, Vec<Value>),
}

impl Default for Script {
    fn default() -> Self {
        Self {
            answers: BTreeMap::new(),
            requests: Vec::new(),
            unix_ms: NOON,
            config: json!({}),
            typed: VecDeque::new(),
            programs: BTreeMap::new(),
            offline: false,
            names: BTreeMap::new(),
        }
    }
}

impl Script {
    pub(super) fn answer(&mut self, method: &str, path: &str, status: u16, body: Value) {
        let key = (method.to_uppercase(), path.trim_matches('/').to_owned());
        self.answers.insert(key, Answer::Fixed(status, body));
    }

    pub(super) fn list(&mut self, path: &str, key: &str, rows: Value) {
        let rows = match rows {
            Value::Array(rows) => rows,
            other => vec![other],
        };
        let place = ("GET".to_owned(), path.trim_matches('/').to_owned());
        self.answers.insert(place, Answer::Pages(key.to_owned(), rows));
    }

    /// Remembers names.
    pub(super) fn remember(&mut self, names: Names) {
        let seen_at = self.unix_ms / 1000;
        for named in names.things {
            self.names.insert(named.id.clone(), Named { seen_at, ..named });
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

    /// The answer to a request.
    pub(super) fn http(&mut self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        let path = request.path.join("/");
        let line = format!("{} {path}", request.method);
        let query: BTreeMap<String, String> = request.query.iter().cloned().collect();
        self.requests.push(request.clone());
        if self.offline {
            return Err(Failure::new(code::NETWORK, format!("nothing reached the server: {line}")));
        }
        match self.answers.get(&(request.method, path)) {
            Some(Answer::Fixed(status, body)) if *status < 400 => {
                Ok(HttpResponse { status: *status, body: body.clone() })
            }
            Some(Answer::Fixed(status, body)) => Err(refused(*status, body)),
            Some(Answer::Pages(key, rows)) => {
                let number = |name: &str, otherwise: usize| {
                    query.get(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
                };
                let page: Vec<&Value> =
                    rows.iter().skip(number("offset", 0)).take(number("limit", 20)).collect();
                Ok(HttpResponse { status: 200, body: json!({ key: page, "totalCount": rows.len() }) })
            }
            None => Err(Failure::new(code::FAILED, format!("the test's script has no answer to `{line}`"))
                .help("give one with Host::get, Host::list or Host::answer")),
        }
    }
}

/// The failure that the host makes of a refusal of the API (schema `Error`).
fn refused(status: u16, body: &Value) -> Failure {
    let reason = body["message"].as_str().unwrap_or("it gives no reason");
    let (kind, text) = match status {
        401 => (code::AUTH, format!("the API does not accept the credential: {reason} (401)")),
        403 => (code::FAILED, format!("the API refused: {reason} (403)")),
        _ => (code::FAILED, format!("the API answered: {reason} ({status})")),
    };
    let fields: Vec<FieldError> = serde_json::from_value(body["fieldErrors"].clone()).unwrap_or_default();
    let request_id = body["requestId"].as_str().map(str::to_owned);
    Failure { http: Some(HttpFailure { status, request_id, fields }), ..Failure::new(kind, text) }
}
