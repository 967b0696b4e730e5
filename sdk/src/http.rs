//! Requests to the profile's API. The host adds address, credential, headers and timeout.

use std::collections::HashSet;

use astro_plugin_protocol::{
    effect::Effect,
    message::{Failure, code},
    service::{self, HttpRequest, HttpResponse, OneTimeSecret},
};
use futures_util::future::join_all;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Context, Error, Result};

/// The largest page the API gives (parameter `limit` of the list operations).
const PAGE: u64 = 1000;
/// Pages asked for at the same time; the API allows 25 GET requests a second for each token.
const PAGES_AT_ONCE: usize = 8;

/// The client; from [`Context::http`]. The command must declare [`crate::Spec::needs_api`].
///
/// Paths are given by segments, each escaped by the host. A refusal of the API is an error with its status, request id
/// and fields ([`Error::status`], [`Error::http`]); nothing that reached the server is exit code 5.
///
/// ```
/// # use astro_plugin_sdk::prelude::*;
/// # #[derive(Deserialize)] #[serde(crate = "astro_plugin_sdk::serde")] struct Cluster { name: String }
/// # async fn example(ctx: Context) -> Result<()> {
/// let team = &ctx.required_setting("team")?.value;
/// let all: Vec<Cluster> = ctx.http().get(["teams", team, "clusters"]).pages("clusters", "id").await?;
/// let one: Option<Cluster> = ctx.http().get(["teams", team, "clusters", "c1"]).json_if_found().await?;
/// # Ok(()) }
/// ```
pub struct Http<'a> {
    ctx: &'a Context,
}

/// One request being put together.
pub struct HttpCall<'a> {
    ctx: &'a Context,
    request: HttpRequest,
}

impl<'a> Http<'a> {
    pub(crate) fn new(ctx: &'a Context) -> Self {
        Self { ctx }
    }

    /// A GET of a path below the API's base, one item for each segment.
    pub fn get<'s>(&self, path: impl IntoIterator<Item = &'s str>) -> HttpCall<'a> {
        self.request("GET", path)
    }

    /// A HEAD: whether it is there, without its body.
    pub fn head<'s>(&self, path: impl IntoIterator<Item = &'s str>) -> HttpCall<'a> {
        self.request("HEAD", path)
    }

    /// A PUT. The host repeats it when no answer came.
    pub fn put<'s>(&self, path: impl IntoIterator<Item = &'s str>) -> HttpCall<'a> {
        self.request("PUT", path)
    }

    /// A PATCH.
    pub fn patch<'s>(&self, path: impl IntoIterator<Item = &'s str>) -> HttpCall<'a> {
        self.request("PATCH", path)
    }

    /// A POST.
    pub fn post<'s>(&self, path: impl IntoIterator<Item = &'s str>) -> HttpCall<'a> {
        self.request("POST", path)
    }

    /// A DELETE.
    pub fn delete<'s>(&self, path: impl IntoIterator<Item = &'s str>) -> HttpCall<'a> {
        self.request("DELETE", path)
    }

    fn request<'s>(&self, method: &str, path: impl IntoIterator<Item = &'s str>) -> HttpCall<'a> {
        let request = HttpRequest {
            method: method.to_owned(),
            path: path.into_iter().map(str::to_owned).collect(),
            ..HttpRequest::default()
        };
        HttpCall { ctx: self.ctx, request }
    }
}

impl HttpCall<'_> {
    /// Adds a query pair; a key may be repeated.
    #[must_use]
    pub fn query(mut self, key: &str, value: impl ToString) -> Self {
        self.request.query.push((key.to_owned(), value.to_string()));
        self
    }

    /// Sets the JSON body.
    pub fn body(mut self, body: &impl Serialize) -> Result<Self> {
        self.request.body = Some(serde_json::to_value(body)?);
        Ok(self)
    }

    /// Doing it twice is the same as doing it once: the host may repeat it when no answer came.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.request.idempotent = true;
        self
    }

    /// Gives up after this time, repetitions included: for what the command can do without.
    #[must_use]
    pub fn within(mut self, limit: std::time::Duration) -> Self {
        self.request.limit_ms = u64::try_from(limit.as_millis()).ok();
        self
    }

    /// The answer carries a secret that is shown once. The request is sent once, and the host keeps the answer
    /// until [`Context::emit_secret`] delivered it.
    #[must_use]
    pub fn one_time_secret(mut self, secret: OneTimeSecret) -> Self {
        self.request.one_time_secret = Some(secret);
        self
    }

    /// Sends it and reads the body into a type. A body of another shape is an error; after a write it is one whose
    /// outcome is not known (exit code 6), since what was answered with 2xx was done.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T> {
        let subject = format!("{} /{}", self.request.method, self.request.path.join("/"));
        let is_read = Effect::of_method(&self.request.method) == Effect::Read;
        let response = self.send().await?;
        serde_json::from_value(response.body).map_err(|error| {
            // What a write answered 2xx to was done, whatever the answer looks like.
            let code = if is_read { code::FAILED } else { code::OUTCOME_UNKNOWN };
            let message = format!("the answer to `{subject}` does not have the expected shape");
            Error::from_failure(Failure::new(code, message)).cause(error.to_string())
        })
    }

    /// The same, where a 404 is no error but nothing.
    pub async fn json_if_found<T: DeserializeOwned>(self) -> Result<Option<T>> {
        match self.json().await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends it and answers the status (200 to 299) and the body as it came, null when there is none.
    pub async fn send(self) -> Result<HttpResponse> {
        self.ctx.call(service::HTTP_REQUEST, self.request).await
    }

    /// Fetches every page of a list: the first with the largest page, the rest concurrently. `key` is the
    /// array's key in the envelope (`tokens`), `id` the key that tells rows apart.
    ///
    /// An error on any page is an error, and so are fewer rows than the API says there are: never a partial list.
    /// Rows that moved between pages while reading come once; pages that bring nothing new end the reading.
    pub async fn pages<T: DeserializeOwned>(self, key: &str, id: &str) -> Result<Vec<T>> {
        let first = self.page(0).await?;
        let (page, mut total) = rows_of(first, key)?;
        let step = page.len() as u64;
        let mut rows = Rows::new(id);
        rows.add(page);
        let mut offset = step;
        while step > 0 && offset < total {
            let offsets: Vec<u64> = (0..PAGES_AT_ONCE as u64)
                .map(|index| offset + index * step)
                .filter(|at| *at < total)
                .collect();
            let pages = join_all(offsets.iter().map(|at| self.page(*at))).await;
            let before = rows.found.len();
            for page in pages {
                let (page, said) = rows_of(page?, key)?;
                total = said;
                rows.add(page);
            }
            if rows.found.len() == before {
                break;
            }
            offset += step * PAGES_AT_ONCE as u64;
        }
        if (rows.found.len() as u64) < total {
            return Err(Error::new(format!(
                "the API says there are {total} {key} and sends {}",
                rows.found.len()
            ))
            .help("the list may have changed while it was read: run the command again"));
        }
        rows.found.into_iter().map(|row| read_row(row, key, id)).collect()
    }

    async fn page(&self, offset: u64) -> Result<HttpResponse> {
        let mut request = self.request.clone();
        request.query.push(("limit".to_owned(), PAGE.to_string()));
        request.query.push(("offset".to_owned(), offset.to_string()));
        self.ctx.call(service::HTTP_REQUEST, request).await
    }
}

/// Rows without repetition, in order.
struct Rows<'a> {
    id: &'a str,
    seen: HashSet<String>,
    found: Vec<Value>,
}

impl<'a> Rows<'a> {
    fn new(id: &'a str) -> Self {
        Self { id, seen: HashSet::new(), found: Vec::new() }
    }

    /// Adds a page. A row that moved to another page while the list was read comes once.
    fn add(&mut self, page: Vec<Value>) {
        for row in page {
            let id = row.get(self.id).and_then(Value::as_str);
            if id.is_none_or(|id| self.seen.insert(id.to_owned())) {
                self.found.push(row);
            }
        }
    }
}

fn read_row<T: DeserializeOwned>(row: Value, key: &str, id: &str) -> Result<T> {
    let name = row.get(id).and_then(Value::as_str).unwrap_or("without an id").to_owned();
    serde_json::from_value(row).map_err(|error| {
        Error::new(format!("one of the {key} ({name}) does not have the expected shape"))
            .cause(error.to_string())
    })
}

fn rows_of(response: HttpResponse, key: &str) -> Result<(Vec<Value>, u64)> {
    let Value::Object(mut envelope) = response.body else {
        return Err(Error::new(format!("the answer holds no list of {key}")));
    };
    let total = envelope.get("totalCount").and_then(Value::as_u64);
    match (envelope.remove(key), total) {
        (Some(Value::Array(rows)), Some(total)) => Ok((rows, total)),
        (Some(Value::Array(_)), None) => {
            Err(Error::new(format!("the answer does not say how many {key} there are")))
        }
        _ => Err(Error::new(format!("the answer holds no list of {key}"))),
    }
}
