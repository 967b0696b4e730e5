//! Requests. To the profile's API the host adds address, credential, headers and time limit.

mod paging;
mod response;

use std::{path::Path, time::Duration};

use astro_plugin_protocol::{
    message,
    service::{self, AnswerForm, HttpRequest, HttpResponse, OneTimeSecret},
};
use serde::{Serialize, de::DeserializeOwned};

pub use self::{paging::Paging, response::Response};
use crate::{Context, Error, Result};

/// The client; from [`Context::http`]. The command must declare [`crate::Spec::needs_api`], or [`crate::Spec::needs_host`] for
/// another API ([`Http::at`]).
///
/// Paths are given by segments, each escaped by the host. A refusal (status 300 and more) is an error with its status, request id
/// and fields ([`Error::status`], [`Error::http`]); nothing that reached the server is exit code 5. Redirects are not followed.
/// An answer may have 48 MiB; what may be larger goes to a file ([`HttpCall::download`]).
///
/// ```
/// # use astro_plugin_sdk::{Paging, prelude::*};
/// # #[derive(Deserialize)] #[serde(crate = "astro_plugin_sdk::serde")] struct Cluster { name: String }
/// # async fn example(ctx: Context) -> Result<()> {
/// let team = &ctx.required_setting("team")?.value;
/// let clusters = ctx.http().get(["teams", team, "clusters"]);
/// let all: Vec<Cluster> = clusters.pages(Paging::offset("clusters")).await?;
/// let one = ctx.http().get(["teams", team, "clusters", "c1"]).send_if_found().await?;
/// let one: Option<Cluster> = one.map(|found| found.json()).transpose()?;
/// # Ok(()) }
/// ```
pub struct Http<'a> {
    ctx: &'a Context,
    base: Option<String>,
}

/// One request being put together: it is sent by [`HttpCall::send`], [`HttpCall::send_if_found`], [`HttpCall::pages`] or
/// [`HttpCall::download`].
///
/// ```
/// # use std::time::Duration;
/// # use astro_plugin_sdk::{prelude::*, serde_json::json};
/// # async fn example(ctx: Context) -> Result<()> {
/// let call = ctx.http().patch(["clusters", "c1"]).query("notify", true).header("if-match", "v7");
/// call.json(&json!({"name": "etl"})).idempotent().deadline(Duration::from_secs(10)).send().await?;
/// ctx.http().put(["clusters", "c1", "logo"]).body([137, 80, 78, 71], "image/png").send().await?;
/// # Ok(()) }
/// ```
#[must_use = "a request is sent by `send`, `pages` or `download`"]
pub struct HttpCall<'a> {
    ctx: &'a Context,
    request: HttpRequest,
    body: Vec<u8>,
    /// Why it cannot be sent.
    slip: Option<Error>,
}

impl<'a> Http<'a> {
    pub(crate) fn new(ctx: &'a Context) -> Self {
        Self { ctx, base: None }
    }

    /// The client of another API than the profile's, by its base address: `https://status.example.com/api/v2`, or `http` on this
    /// machine. Its host is declared with [`crate::Spec::needs_host`], and people see it before they install the plugin. No
    /// credential of the host is sent there; what it needs is a [`HttpCall::header`] of the author's.
    ///
    /// ```
    /// # use astro_plugin_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let status = ctx.http().at("https://status.example.com/api/v2");
    /// let text = status.get(["summary.json"]).send().await?.text()?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn at(mut self, base: impl Into<String>) -> Self {
        self.base = Some(base.into());
        self
    }

    /// A GET of a path below the API's base, one item for each segment.
    pub fn get<'s>(&self, path: impl IntoIterator<Item = &'s str>) -> HttpCall<'a> {
        self.request("GET", path)
    }

    /// A HEAD: whether it is there, and its headers, without its body.
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

    /// A DELETE. The user agrees first: to what [`Context::confirm`] asked before, else to a question of the host.
    pub fn delete<'s>(&self, path: impl IntoIterator<Item = &'s str>) -> HttpCall<'a> {
        self.request("DELETE", path)
    }

    fn request<'s>(&self, method: &str, path: impl IntoIterator<Item = &'s str>) -> HttpCall<'a> {
        let mut request = HttpRequest::new(method, path.into_iter().map(str::to_owned).collect());
        request.base.clone_from(&self.base);
        request.answer = AnswerForm::Bytes;
        HttpCall { ctx: self.ctx, request, body: Vec::new(), slip: None }
    }
}

impl HttpCall<'_> {
    /// Adds a query pair, escaped (`application/x-www-form-urlencoded`: a space is `+`); a key may be repeated.
    pub fn query(mut self, key: &str, value: impl ToString) -> Self {
        self.request.query.push((key.to_owned(), value.to_string()));
        self
    }

    /// Adds a header. `accept` is `application/json` where nothing else is set, and an answer that is not JSON is then an error.
    /// What the host or the connection sets (`host`, `user-agent`, for the profile's API `authorization`) is refused when it is
    /// sent.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.request.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body as JSON. What cannot be encoded is an error of [`HttpCall::send`], and so is a request of more than 64 MiB.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_value(body) {
            Ok(body) => self.request.body = Some(body),
            Err(error) => self.slip = Some(Error::from(error).context("cannot encode the body of a request")),
        }
        self
    }

    /// Sets the body as bytes of a media type, such as `text/csv`. A request of more than 64 MiB is an error of [`HttpCall::send`].
    pub fn body(mut self, bytes: impl Into<Vec<u8>>, media_type: &str) -> Self {
        self.body = bytes.into();
        self.request.content_type = Some(media_type.to_owned());
        self
    }

    /// Doing it twice is the same as doing it once: the host may repeat it when no answer came. GET, HEAD, PUT and DELETE always
    /// are (RFC 9110, section 9.2.2).
    pub fn idempotent(mut self) -> Self {
        self.request.idempotent = true;
        self
    }

    /// Gives up after this time, repetitions included: for what the command can do without. `--timeout` may be shorter. Of
    /// [`HttpCall::pages`] it is the limit for each page; [`Context::timeout`] is one for all of them.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.request.limit_ms = u64::try_from(limit.as_millis()).ok();
        self
    }

    /// The answer carries a secret that is shown once. The request is sent once, and the host keeps the answer
    /// until [`Context::emit_secret`] delivered it.
    pub fn one_time_secret(mut self, secret: OneTimeSecret) -> Self {
        self.request.one_time_secret = Some(secret);
        self.request.answer = AnswerForm::Json;
        self
    }

    /// Sends it and answers status (200 to 299), headers and body.
    ///
    /// # Errors
    /// What the API refused ([`Error::status`]), what did not reach it (exit code 5), and a write whose outcome is not known
    /// (exit code 6).
    pub async fn send(self) -> Result<Response> {
        let subject = self.subject();
        let method = self.request.method.clone();
        let (response, bytes) = self.answered().await?;
        Response::new(subject, &method, response, bytes)
    }

    /// The same, where a 404 is no error but nothing.
    ///
    /// # Errors
    /// As [`HttpCall::send`], without the 404.
    pub async fn send_if_found(self) -> Result<Option<Response>> {
        match self.send().await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Fetches every page of a list.
    ///
    /// # Errors
    /// An error on any page is an error, and so are fewer rows than the API says there are: never a partial list.
    pub async fn pages<T: DeserializeOwned>(self, paging: Paging) -> Result<Vec<T>> {
        paging.fetch(self).await
    }

    /// Writes the body of a GET's answer to a file as it comes, with progress on a terminal, and answers how many bytes it has.
    /// The file is replaced once everything is there; after an error it is as it was. There is no limit to its size, and the time
    /// limit is one for each piece.
    ///
    /// # Errors
    /// As [`HttpCall::send`]; the file cannot be written; nothing comes for the time limit (exit code 5).
    ///
    /// ```
    /// # use astro_plugin_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let bytes = ctx.http().get(["exports", "e1", "log.gz"]).download("log.gz").await?;
    /// # Ok(()) }
    /// ```
    pub async fn download(mut self, path: impl AsRef<Path>) -> Result<u64> {
        let path = path.as_ref();
        let cannot = || Error::new(format!("cannot write `{}`", path.display()));
        let absolute = std::path::absolute(path).map_err(|error| cannot().cause(error.to_string()))?;
        let text = absolute.to_str().ok_or_else(|| cannot().cause("its path is not UTF-8"))?;
        self.request.to_file = Some(text.to_owned());
        self.request.answer = AnswerForm::Json;
        let (response, _) = self.answered().await?;
        response.written.ok_or_else(|| {
            Error::from_failure(message::Failure::new(
                message::code::UNIMPLEMENTED,
                format!("cannot write `{}`: this version of the program downloads no files", path.display()),
            ))
        })
    }

    async fn answered(self) -> Result<(HttpResponse, Option<Vec<u8>>)> {
        if let Some(slip) = self.slip {
            return Err(slip);
        }
        let bytes = self.request.content_type.is_some().then_some(self.body.as_slice());
        self.ctx.call_with(service::HTTP_REQUEST, &self.request, bytes).await
    }

    /// What it is, for messages: `GET /teams/t1`.
    fn subject(&self) -> String {
        let HttpRequest { method, base, path, .. } = &self.request;
        format!("{method} {}/{}", base.as_deref().unwrap_or_default(), path.join("/"))
    }

    /// The same request again.
    fn again(&self) -> Self {
        Self { ctx: self.ctx, request: self.request.clone(), body: self.body.clone(), slip: None }
    }
}
