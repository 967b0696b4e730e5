//! What a plugin calls: plain functions that find the invocation by its number, never unwind, never block.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use astro_plugin_abi::{FfiFuture, HostPort, RStr, RVec};
use astro_plugin_protocol::message::{self, Answer, Failure, code};
use tokio::sync::oneshot;

use super::Services;

static NEXT: AtomicU64 = AtomicU64::new(1);
static OPEN: Mutex<BTreeMap<u64, Arc<dyn Services>>> = Mutex::new(BTreeMap::new());

/// Where an answer goes. A plugin that dropped its future is no error.
pub struct Reply(oneshot::Sender<Vec<u8>>);

impl Reply {
    /// Sends the answer.
    pub fn send(self, answer: Result<serde_json::Value, Failure>) {
        let answer = match answer {
            Ok(value) => Answer::Ok(value),
            Err(failure) => Answer::Error(failure),
        };
        let _ = self.0.send(message::encode_answer(&answer));
    }
}

/// One invocation's place among the open ones; closed when dropped, its number is never used again.
pub struct OpenPort {
    ctx: u64,
}

impl OpenPort {
    /// Opens a port to these services.
    pub fn new(services: Arc<dyn Services>) -> Self {
        let ctx = NEXT.fetch_add(1, Ordering::Relaxed);
        open().insert(ctx, services);
        Self { ctx }
    }

    /// What the plugin gets.
    pub fn port(&self) -> HostPort {
        HostPort::new(self.ctx, call, log, query)
    }
}

impl Drop for OpenPort {
    fn drop(&mut self) {
        open().remove(&self.ctx);
    }
}

fn open() -> std::sync::MutexGuard<'static, BTreeMap<u64, Arc<dyn Services>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

extern "C" fn call(ctx: u64, request: RVec<u8>) -> FfiFuture<RVec<u8>> {
    let (sender, receiver) = oneshot::channel();
    let handled = catch_unwind(AssertUnwindSafe(|| {
        let services = open().get(&ctx).cloned();
        match services {
            Some(services) => services.call(request.into_vec(), Reply(sender)),
            None => Reply(sender).send(Err(Failure::new(code::CLOSED, "the command has ended"))),
        }
    }));
    if handled.is_err() {
        tracing::error!("a service panicked");
    }
    // Nothing but a receiver: it can be polled, moved and dropped anywhere.
    FfiFuture::new(async move {
        let answer = receiver.await.unwrap_or_else(|_| {
            message::encode_answer(&Answer::Error(Failure::new(code::CLOSED, "the request was not answered")))
        });
        RVec::from(answer)
    })
}

extern "C" fn log(ctx: u64, level: u32, target: RStr<'_>, text: RStr<'_>) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let services = open().get(&ctx).cloned();
        if let Some(services) = services {
            services.log(level, target.as_str(), text.as_str());
        }
    }));
}

extern "C" fn query(_: u64) -> *const () {
    std::ptr::null()
}
