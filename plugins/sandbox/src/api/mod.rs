//! The API under `/v1`: one file for each resource, and what they share: who calls, what a page is, how a
//! refusal looks. Field names, limits and statuses are those of `openapi.yaml`. Beside it `/sandbox`, by which
//! tests make the server misbehave and look at what it did.

mod body;
mod caller;
mod control;
mod deployments;
mod faults;
mod organizations;
mod page;
mod people;
mod refusal;
mod roles;
#[cfg(test)]
pub(crate) mod tests;
mod tokens;
mod workspaces;

use std::{
    future::{Ready, ready},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, Method, Uri},
    middleware,
    response::Response,
    routing::{get, post},
};
use rusqlite::Connection;

use crate::{database, issuer::Terms};
use body::Body;
use caller::{Caller, Reach};
pub(crate) use faults::{Limits, Wire, Wires};
use page::Query;
use refusal::{Answer, Refusal, json_body, no_content};

/// What handlers share.
pub(crate) struct Server {
    connection: Mutex<Connection>,
    key: Mutex<Vec<u8>>,
    started: Instant,
    /// Milliseconds after `started` of the newest request.
    last_request: AtomicU64,
    faults: faults::Faults,
    terms: Terms,
}

impl Server {
    pub(crate) fn new(connection: Connection, limits: Limits, terms: Terms) -> rusqlite::Result<Self> {
        let key = database::key(&connection)?;
        Ok(Self {
            connection: Mutex::new(connection),
            key: Mutex::new(key),
            started: Instant::now(),
            last_request: AtomicU64::new(0),
            faults: faults::Faults::new(limits),
            terms,
        })
    }

    /// What the issuer's sessions are like.
    pub(crate) fn terms(&self) -> Terms {
        self.terms
    }

    /// The database for one piece of work.
    pub(crate) fn with_database<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.touch();
        work(&self.database())
    }

    /// The same with the signing key.
    pub(crate) fn with_key<T>(
        &self,
        work: impl FnOnce(&Connection, &[u8]) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.with_database(|connection| work(connection, &self.key(connection)?))
    }

    fn database(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The signing key, read again when a reset by another process changed it.
    fn key(&self, connection: &Connection) -> rusqlite::Result<Vec<u8>> {
        let mut key = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        *key = database::key(connection)?;
        Ok(key.clone())
    }

    fn touch(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_request.store(now, Ordering::Relaxed);
    }

    /// Ends when no request came for this long, or when the data is gone from the disk: nobody could find this
    /// server again.
    pub(crate) async fn useful_for(&self, limit: Duration, database: &std::path::Path) {
        loop {
            let last = Duration::from_millis(self.last_request.load(Ordering::Relaxed));
            match (last + limit).checked_sub(self.started.elapsed()) {
                Some(rest) if !rest.is_zero() && database.exists() => {
                    tokio::time::sleep(rest.min(Duration::from_secs(5))).await;
                }
                _ => return,
            }
        }
    }
}

/// One request, as handlers see it: the database is theirs until they answered.
struct Call<'a> {
    server: &'a Server,
    connection: &'a mut Connection,
    caller: Caller,
    query: Query,
    body: Bytes,
}

/// The routes.
pub(crate) fn router(server: Arc<Server>) -> Router {
    const ORGANIZATION: &str = "/v1/organizations/{organization}";
    let below = |path: &str| format!("{ORGANIZATION}{path}");
    let api = Router::new()
        .route("/v1/organizations", get(endpoint(|call, _| organizations::list(call))))
        .route(ORGANIZATION, get(in_organization(organizations::get)))
        .route(&below("/workspaces"), get(in_organization(workspaces::list)))
        .route(&below("/workspaces/{workspace}"), get(on_one(workspaces::get)))
        .route(&below("/deployments"), get(in_organization(deployments::list)))
        .route(&below("/deployments/{deployment}"), get(on_one(deployments::get)))
        .route(&below("/roles"), get(in_organization(roles::list)))
        .route(&below("/users"), get(in_organization(people::list)))
        .route("/v1/users/self", get(endpoint(|call, _| people::own(call))))
        .route(&below("/tokens"), get(in_organization(tokens::list)).post(in_organization(tokens::create)))
        .route(
            &below("/tokens/{token}"),
            get(on_one(tokens::get)).post(on_one(tokens::update)).delete(on_one(tokens::delete)),
        )
        .route(&below("/tokens/{token}/roles"), post(on_one(tokens::update_roles)))
        .route(&below("/tokens/{token}/rotate"), post(on_one(tokens::rotate)))
        .layer(middleware::from_fn_with_state(Arc::clone(&server), faults::misbehave));
    Router::new()
        .route("/sandbox/faults", post(endpoint(|call, _| control::add_fault(call))))
        .route("/sandbox/requests", get(endpoint(|call, _| control::requests(call))))
        .route("/sandbox/issued", get(endpoint(|call, _| control::issued(call))))
        .merge(api)
        .merge(crate::issuer::router())
        .fallback(async |method: Method, uri: Uri| {
            Refusal::not_found(&format!("no operation {method} {}", uri.path())).into_response()
        })
        .method_not_allowed_fallback(async |method: Method| Refusal::method(&method).into_response())
        .with_state(server)
}

/// An operation on an organization, whose id is the first of the path.
fn in_organization(handle: fn(&mut Call<'_>, &str) -> Answer) -> impl Endpoint {
    endpoint(move |call, ids| handle(call, &ids[0]))
}

/// An operation on one thing of an organization.
fn on_one(handle: fn(&mut Call<'_>, &str, &str) -> Answer) -> impl Endpoint {
    endpoint(move |call, ids| handle(call, &ids[0], &ids[1]))
}

type Shared = State<Arc<Server>>;
type Ids = Option<Path<Vec<(String, String)>>>;

/// A handler in axum's form.
trait Endpoint:
    Fn(Shared, HeaderMap, RawQuery, Ids, Bytes) -> Ready<Response> + Clone + Send + Sync + 'static
{
}

impl<F> Endpoint for F where
    F: Fn(Shared, HeaderMap, RawQuery, Ids, Bytes) -> Ready<Response> + Clone + Send + Sync + 'static
{
}

/// The handler that gives `handle` the ids of the path in order.
fn endpoint(
    handle: impl Fn(&mut Call<'_>, &[String]) -> Answer + Clone + Send + Sync + 'static,
) -> impl Endpoint {
    move |State(server): Shared, headers: HeaderMap, RawQuery(query): RawQuery, ids: Ids, body: Bytes| {
        let ids: Vec<String> = ids.into_iter().flat_map(|Path(ids)| ids).map(|(_, id)| id).collect();
        ready(answer(&server, &headers, query, body, &ids, |call| handle(call, &ids)))
    }
}

/// Identifies the caller, checks the organization of the path, and answers.
fn answer(
    server: &Server,
    headers: &HeaderMap,
    query: Option<String>,
    body: Bytes,
    ids: &[String],
    handle: impl FnOnce(&mut Call<'_>) -> Answer,
) -> Response {
    server.touch();
    let mut connection = server.database();
    let answered = (|| {
        let key = server.key(&connection)?;
        let mut caller = Caller::identify(&connection, &key, headers)?;
        if let Some(organization) = ids.first() {
            if !caller.organizations.contains(organization) {
                organizations::exists(&connection, organization)?;
                return Err(Refusal::forbidden("the token does not belong to this organization"));
            }
            caller.organization.clone_from(organization);
        }
        let query = Query::parse(query.as_deref().unwrap_or_default());
        handle(&mut Call { server, connection: &mut connection, caller, query, body })
    })();
    answered.unwrap_or_else(Refusal::into_response)
}
