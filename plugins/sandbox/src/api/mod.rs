//! The API under `/v1`: one file for each resource, and what they share: who calls, what a page is, how a
//! refusal looks. Field names, limits and statuses are those of `openapi.yaml`.

mod caller;
mod deployments;
mod organizations;
mod page;
mod refusal;
mod roles;
#[cfg(test)]
mod tests;
mod tokens;
mod workspaces;

use std::{
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
    response::Response,
    routing::{get, post},
};
use rusqlite::Connection;

use crate::database;
use caller::{Caller, Reach};
use page::Query;
use refusal::{Answer, Refusal, json_body, no_content};

/// What handlers share.
pub(crate) struct Server {
    connection: Mutex<Connection>,
    key: Mutex<Vec<u8>>,
    started: Instant,
    /// Milliseconds after `started` of the newest request.
    last_request: AtomicU64,
}

impl Server {
    pub(crate) fn new(connection: Connection) -> rusqlite::Result<Self> {
        let key = database::key(&connection)?;
        Ok(Self {
            connection: Mutex::new(connection),
            key: Mutex::new(key),
            started: Instant::now(),
            last_request: AtomicU64::new(0),
        })
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

    /// Ends when no request came for this long.
    pub(crate) async fn idle_for(&self, limit: Duration) {
        loop {
            let last = Duration::from_millis(self.last_request.load(Ordering::Relaxed));
            match (last + limit).checked_sub(self.started.elapsed()) {
                Some(rest) if !rest.is_zero() => tokio::time::sleep(rest).await,
                _ => return,
            }
        }
    }
}

/// One request, as handlers see it: the database is theirs until they answered.
struct Call<'a> {
    connection: &'a mut Connection,
    caller: Caller,
    query: Query,
    body: Bytes,
}

type Shared = State<Arc<Server>>;

/// The routes.
pub(crate) fn router(server: Arc<Server>) -> Router {
    const ORGANIZATION: &str = "/v1/organizations/{organization}";
    let below = |path: &str| format!("{ORGANIZATION}{path}");
    Router::new()
        .route(
            "/v1/organizations",
            get(async |state: Shared, headers: HeaderMap, RawQuery(query): RawQuery| {
                answer(&state, &headers, query, Bytes::new(), None, organizations::list)
            }),
        )
        .route(
            ORGANIZATION,
            get(
                async |state: Shared,
                       headers: HeaderMap,
                       RawQuery(query): RawQuery,
                       Path(id): Path<String>| {
                    answer(&state, &headers, query, Bytes::new(), Some(&id), |call| {
                        organizations::get(call, &id)
                    })
                },
            ),
        )
        .route(
            &below("/workspaces"),
            get(
                async |state: Shared,
                       headers: HeaderMap,
                       RawQuery(query): RawQuery,
                       Path(id): Path<String>| {
                    answer(&state, &headers, query, Bytes::new(), Some(&id), |call| {
                        workspaces::list(call, &id)
                    })
                },
            ),
        )
        .route(
            &below("/deployments"),
            get(
                async |state: Shared,
                       headers: HeaderMap,
                       RawQuery(query): RawQuery,
                       Path(id): Path<String>| {
                    answer(&state, &headers, query, Bytes::new(), Some(&id), |call| {
                        deployments::list(call, &id)
                    })
                },
            ),
        )
        .route(
            &below("/deployments/{deployment}"),
            get(
                async |state: Shared,
                       headers: HeaderMap,
                       RawQuery(query): RawQuery,
                       Path((id, deployment)): Path<(String, String)>| {
                    answer(&state, &headers, query, Bytes::new(), Some(&id), |call| {
                        deployments::get(call, &id, &deployment)
                    })
                },
            ),
        )
        .route(
            &below("/roles"),
            get(
                async |state: Shared,
                       headers: HeaderMap,
                       RawQuery(query): RawQuery,
                       Path(id): Path<String>| {
                    answer(&state, &headers, query, Bytes::new(), Some(&id), |call| roles::list(call, &id))
                },
            ),
        )
        .route(
            &below("/tokens"),
            get(
                async |state: Shared,
                       headers: HeaderMap,
                       RawQuery(query): RawQuery,
                       Path(id): Path<String>| {
                    answer(&state, &headers, query, Bytes::new(), Some(&id), |call| tokens::list(call, &id))
                },
            )
            .post(
                async |state: Shared,
                       headers: HeaderMap,
                       RawQuery(query): RawQuery,
                       Path(id): Path<String>,
                       body: Bytes| {
                    answer(&state, &headers, query, body, Some(&id), |call| tokens::create(call, &id))
                },
            ),
        )
        .route(
            &below("/tokens/{token}"),
            get(
                async |state: Shared,
                       headers: HeaderMap,
                       RawQuery(query): RawQuery,
                       Path((id, token)): Path<(String, String)>| {
                    answer(&state, &headers, query, Bytes::new(), Some(&id), |call| {
                        tokens::get(call, &id, &token)
                    })
                },
            )
            .post(
                async |state: Shared,
                       headers: HeaderMap,
                       RawQuery(query): RawQuery,
                       Path((id, token)): Path<(String, String)>,
                       body: Bytes| {
                    answer(&state, &headers, query, body, Some(&id), |call| tokens::update(call, &id, &token))
                },
            )
            .delete(
                async |state: Shared,
                       headers: HeaderMap,
                       RawQuery(query): RawQuery,
                       Path((id, token)): Path<(String, String)>| {
                    answer(&state, &headers, query, Bytes::new(), Some(&id), |call| {
                        tokens::delete(call, &id, &token)
                    })
                },
            ),
        )
        .route(
            &below("/tokens/{token}/roles"),
            post(
                async |state: Shared,
                       headers: HeaderMap,
                       RawQuery(query): RawQuery,
                       Path((id, token)): Path<(String, String)>,
                       body: Bytes| {
                    answer(&state, &headers, query, body, Some(&id), |call| {
                        tokens::update_roles(call, &id, &token)
                    })
                },
            ),
        )
        .route(
            &below("/tokens/{token}/rotate"),
            post(
                async |state: Shared,
                       headers: HeaderMap,
                       RawQuery(query): RawQuery,
                       Path((id, token)): Path<(String, String)>| {
                    answer(&state, &headers, query, Bytes::new(), Some(&id), |call| {
                        tokens::rotate(call, &id, &token)
                    })
                },
            ),
        )
        .fallback(async |method: Method, uri: Uri| {
            Refusal::not_found(&format!("no operation {method} {}", uri.path())).into_response()
        })
        .method_not_allowed_fallback(async |method: Method| Refusal::method(&method).into_response())
        .with_state(server)
}

/// Identifies the caller, checks the organization of the path, and answers.
fn answer(
    server: &Server,
    headers: &HeaderMap,
    query: Option<String>,
    body: Bytes,
    organization: Option<&str>,
    handle: impl FnOnce(&mut Call<'_>) -> Answer,
) -> Response {
    server.touch();
    let mut connection = server.database();
    let answered = (|| {
        let key = server.key(&connection)?;
        let caller = Caller::identify(&connection, &key, headers)?;
        if let Some(organization) = organization
            && organization != caller.organization
        {
            organizations::exists(&connection, organization)?;
            return Err(Refusal::forbidden("the token does not belong to this organization"));
        }
        let query = Query::parse(query.as_deref().unwrap_or_default());
        handle(&mut Call { connection: &mut connection, caller, query, body })
    })();
    answered.unwrap_or_else(Refusal::into_response)
}
