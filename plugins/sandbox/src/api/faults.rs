//! Misbehaviour on order: latency, rate limits, refusals, connections that break before or after the work was
//! done, answers that break off or never come.

use std::{
    collections::{HashMap, VecDeque},
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State, connect_info::Connected},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::Response,
    serve::{IncomingStream, Listener},
};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

use super::{Refusal, Server};

/// What holds for every request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// Time before a request is looked at.
    pub(crate) latency: Duration,
    /// 25 GET, 10 POST and 5 DELETE a second for each token, as the API documents; more get 429.
    pub(crate) rate_limits: bool,
}

/// What happens to the next requests that fit.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) struct Fault {
    /// `GET`, `POST` or `DELETE`.
    method: String,
    /// How the path ends, such as `/rotate`.
    path_end: String,
    kind: Kind,
    /// How many requests that fit pass before it; none when it is not given.
    #[serde(default)]
    after: u32,
    /// For how many requests; one when it is not given.
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// A refusal with this status; nothing is done.
    Status(u16),
    /// It is done, and the answer is a refusal with this status, as of a gateway.
    StatusAfter(u16),
    /// The connection ends; nothing is done.
    ResetBefore,
    /// It is done, and the connection ends without an answer.
    ResetAfter,
    /// The connection ends without an answer, and it is done a moment later.
    ResetLate,
    /// A refusal with this status, as of a gateway, and it is done a moment later.
    StatusLate(u16),
    /// It is done, and the answer breaks off in its middle.
    Truncate,
    /// It is done, and the last byte of the answer does not come.
    TruncateEnd,
    /// Nothing is done, and no answer comes.
    NeverBefore,
    /// It is done, and no answer comes.
    NeverAfter,
}

/// Limits, orders and what was asked.
pub(super) struct Faults {
    limits: Limits,
    ordered: Mutex<Vec<Fault>>,
    requests: Mutex<Vec<String>>,
    recent: Mutex<HashMap<(String, Method), VecDeque<Instant>>>,
}

impl Faults {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, ordered: Mutex::default(), requests: Mutex::default(), recent: Mutex::default() }
    }

    pub(super) fn order(&self, fault: Fault) {
        lock(&self.ordered).push(fault);
    }

    pub(super) fn requests(&self) -> Vec<String> {
        lock(&self.requests).clone()
    }

    /// The fault for a request, which is then used up once.
    fn take(&self, method: &Method, path: &str) -> Option<Kind> {
        let mut ordered = lock(&self.ordered);
        let at = ordered
            .iter()
            .position(|fault| fault.method == method.as_str() && path.ends_with(&fault.path_end))?;
        if ordered[at].after > 0 {
            ordered[at].after -= 1;
            return None;
        }
        let kind = ordered[at].kind;
        ordered[at].times = ordered[at].times.saturating_sub(1);
        if ordered[at].times == 0 {
            ordered.remove(at);
        }
        Some(kind)
    }

    /// Whether one more request of this token is within the limit.
    fn admit(&self, token: &str, method: &Method) -> bool {
        let most = match *method {
            Method::GET => 25,
            Method::POST => 10,
            _ => 5,
        };
        let mut recent = lock(&self.recent);
        let times = recent.entry((token.to_owned(), method.clone())).or_default();
        let now = Instant::now();
        while times.front().is_some_and(|time| now - *time >= Duration::from_secs(1)) {
            times.pop_front();
        }
        let admitted = times.len() < most;
        if admitted {
            times.push_back(now);
        }
        admitted
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stands before every operation.
pub(super) async fn misbehave(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let faults = &server.faults;
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    lock(&faults.requests).push(format!("{method} {path}"));
    if !faults.limits.latency.is_zero() {
        tokio::time::sleep(faults.limits.latency).await;
    }
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if faults.limits.rate_limits && !faults.admit(token.unwrap_or_default(), &method) {
        let mut refusal = Refusal::status(StatusCode::TOO_MANY_REQUESTS, "Too many requests").into_response();
        refusal.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return refusal;
    }
    let wire = request.extensions().get::<ConnectInfo<Wire>>().map(|ConnectInfo(wire)| wire.clone());
    let refusal = |status: u16| {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        Refusal::status(status, "a fault was ordered").into_response()
    };
    match faults.take(&method, &path) {
        None => next.run(request).await,
        Some(Kind::Status(status)) => refusal(status),
        Some(Kind::StatusAfter(status)) => {
            next.run(request).await;
            refusal(status)
        }
        Some(Kind::ResetBefore) => cut(wire, Response::default()),
        Some(Kind::ResetAfter) => {
            let response = next.run(request).await;
            cut(wire, response)
        }
        Some(Kind::ResetLate) => {
            late(request, next);
            cut(wire, Response::default())
        }
        Some(Kind::StatusLate(status)) => {
            late(request, next);
            refusal(status)
        }
        Some(Kind::Truncate) => broken_off(next.run(request).await, |length| length / 2).await,
        Some(Kind::TruncateEnd) => broken_off(next.run(request).await, |length| length - 1).await,
        Some(Kind::NeverBefore) => std::future::pending().await,
        Some(Kind::NeverAfter) => {
            next.run(request).await;
            std::future::pending().await
        }
    }
}

/// Does the work when nobody waits for it any more.
fn late(request: Request, next: Next) {
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(700)).await;
        next.run(request).await
    });
}

fn cut(wire: Option<Wire>, response: Response) -> Response {
    if let Some(wire) = wire {
        wire.0.store(true, Ordering::Relaxed);
    }
    response
}

/// The beginning of an answer under the length of the whole; a moment later the connection ends.
async fn broken_off(response: Response, end: impl Fn(usize) -> usize) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let beginning = stream::iter([Ok(bytes.slice(..end(bytes.len())))]);
    let break_off = stream::once(async {
        // What is in the same piece as the end of a connection is not sent.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    Response::from_parts(parts, Body::from_stream(beginning.chain(break_off)))
}

/// A connection that can be cut from inside: every write after that fails.
#[derive(Clone)]
pub(crate) struct Wire(Arc<AtomicBool>);

/// Accepts connections that can be cut.
pub(crate) struct Wires(pub(crate) TcpListener);

/// One connection.
pub(crate) struct CutStream {
    stream: TcpStream,
    wire: Wire,
}

impl Listener for Wires {
    type Io = CutStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (CutStream, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        (CutStream { stream, wire: Wire(Arc::default()) }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Wires>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Wires>) -> Self {
        stream.io().wire.clone()
    }
}

impl AsyncRead for CutStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(task, buffer)
    }
}

impl AsyncWrite for CutStream {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.wire.0.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}
