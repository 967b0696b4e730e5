//! The API of the profile in use: address, credential, whom it belongs to, and how requests to it are sent, repeated and explained.
//! Plugins use it through `services`, the host for names and completion.
//!
//! [`retry`] repeats what may be repeated and keeps to the API's rates; [`renew`] takes another credential after a refusal;
//! [`download`] writes a file; [`error`] says what went wrong, and [`peer`] of whom: a command may declare other APIs.

#![forbid(unsafe_code)]

pub(crate) mod download;
pub(crate) mod error;
pub(crate) mod names;
mod peer;
mod renew;
pub(crate) mod request;
pub(crate) mod retry;
pub(crate) mod starter;

use std::{sync::Arc, time::Duration};

use astro_plugin_protocol::service::HttpRequest;
use reqwest::Client;
use serde_json::Value;

use self::{renew::Renewed, request::Answered};
use crate::{
    base::error::{Failure, Result},
    config::Dirs,
    console::Console,
    context::Context,
    globals::Globals,
    net::{self, runtime},
    product::{ApiError, product},
};

/// The API as one command uses it.
pub(crate) struct ApiClient {
    /// Who and where.
    pub(crate) context: Context,
    /// The user's directories, when the home is known: a renewed sign-in is stored there.
    pub(crate) dirs: Option<Dirs>,
    /// Where `--debug` and warnings go.
    pub(crate) console: Arc<Console>,
    /// `--timeout`
    pub(crate) time_limit: Duration,
    /// `--debug`
    shows_requests: bool,
    /// What its lines begin with where several clients are in use.
    label: String,
    /// The credential that took the place of the context's.
    renewed: Renewed,
}

impl ApiClient {
    /// A client that renews a sign-in which the API refuses.
    pub(crate) fn new(
        context: Context,
        globals: &Globals,
        console: &Arc<Console>,
        dirs: Option<&Dirs>,
    ) -> Self {
        Self {
            context,
            dirs: dirs.cloned(),
            console: Arc::clone(console),
            time_limit: globals.time_limit(),
            shows_requests: globals.debug,
            label: String::new(),
            renewed: Renewed::default(),
        }
    }

    /// Renews nothing: the process may end at any moment, and the only copy of a refresh token with it.
    pub(crate) fn without_renewal(self) -> Self {
        Self { renewed: Renewed::never(), ..self }
    }

    /// Names the profile in the lines of `--debug`.
    pub(crate) fn labelled(self, profile: &str) -> Self {
        Self { label: format!("profile `{profile}`: "), ..self }
    }

    /// One GET, waited for.
    pub(crate) fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value> {
        let path = path.iter().map(|segment| (*segment).to_owned()).collect();
        let query = query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let request = HttpRequest::new("GET", path).with_query(query);
        let answer = runtime::handle()?.block_on(retry::perform(self, &request, &[]));
        answer.map(|(answer, _)| answer.body).map_err(|failure| self.advised(failure))
    }

    /// With what to type when nothing listens at the address of a plugin's profile.
    pub(crate) fn advised(&self, failure: Failure) -> Failure {
        starter::advised(failure, self.dirs.as_ref(), &self.context.address.value)
    }

    /// Waits for a renewal that is under way: a plugin may have ended without waiting for its requests.
    pub(crate) fn wait_for_renewal(&self) {
        self.renewed.wait();
    }

    /// One with a connection of its own: a pooled connection may be dead, and a client then sends again by itself.
    pub(crate) fn unshared(&self) -> Result<Client> {
        net::client::unshared(&request::base(&self.context.address.value)?, &self.context.trust())
    }

    /// `--debug`: one line on stderr, never a secret.
    pub(crate) fn debug(&self, request: &HttpRequest, answered: &Answered, took: Duration) {
        if self.shows_requests {
            let said = match answered.status {
                400.. => product().api_errors.read(&answered.body),
                _ => ApiError::default(),
            };
            let id = said.request_id.map(|id| format!(" request {id}")).unwrap_or_default();
            let (method, status) = (&request.method, answered.status);
            let line = format!(
                "{}{method} {}/{} {status}{id} {} ms",
                self.label,
                request.base.as_deref().unwrap_or_default(),
                request.path.join("/"),
                took.as_millis()
            );
            self.console.stderr_line(&crate::console::escaped(&line));
        }
    }

    /// One GET whose outcome says how things are; the error is the status of a refusal.
    pub(crate) async fn look(
        &self,
        request: &HttpRequest,
        deadline: std::time::Instant,
    ) -> Result<Value, Option<u16>> {
        let mut prepared = request::Prepared::new(self, request, &[]).map_err(|_| None)?;
        prepared.deadline = deadline;
        let client = prepared.client(&self.context.trust()).map_err(|_| None)?;
        match prepared.send(&client, |_| Ok(request::Take::Keep)).await {
            Ok(answered) if answered.status == 200 => {
                serde_json::from_slice(&answered.body).map_err(|_| None)
            }
            Ok(answered) => Err(Some(answered.status)),
            Err(_) => Err(None),
        }
    }
}
