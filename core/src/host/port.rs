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

    /// Sends an answer and bytes after it.
    pub fn send_with(self, answer: Result<serde_json::Value, Failure>, bytes: &[u8]) {
        let whole =
            answer.and_then(|value| message::with_bytes(&message::encode_answer(&Answer::Ok(value)), bytes));
        match whole {
            Ok(whole) => drop(self.0.send(whole)),
            Err(failure) => self.send(Err(failure)),
        }
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
        match services {
            Some(services) => services.log(level, target.as_str(), text.as_str()),
            // The command has ended; what a thread of the plugin still has to say is logged all the same.
            None => crate::console::logging::plugin_event("plugin", level, target.as_str(), text.as_str()),
        }
    }));
}

extern "C" fn query(_: u64) -> *const () {
    std::ptr::null()
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use super::*;

    struct Echo;

    impl Services for Echo {
        fn call(&self, request: Vec<u8>, reply: Reply) {
            reply.send(Ok(serde_json::json!(request.len())));
        }

        fn log(&self, _: u32, _: &str, _: &str) {}
    }

    fn ask(port: HostPort) -> Result<serde_json::Value, Failure> {
        let answer = ready(port.call(RVec::from(b"{}".to_vec())));
        message::decode_answer(&answer)
    }

    /// The future is ready when it is returned: the service answers at once.
    fn ready(mut future: FfiFuture<RVec<u8>>) -> RVec<u8> {
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(&mut future).poll(&mut task) {
            std::task::Poll::Ready(answer) => answer,
            std::task::Poll::Pending => panic!("the service answers at once"),
        }
    }

    #[test]
    fn a_port_answers_until_its_invocation_ends_and_its_number_is_not_used_again() {
        let open = OpenPort::new(Arc::new(Echo));
        let port = open.port();
        assert_eq!(ask(port), Ok(serde_json::json!(2)));
        drop(open);
        let next = OpenPort::new(Arc::new(Echo));
        assert_ne!(port.ctx(), next.port().ctx());
        assert_eq!(ask(port).expect_err("ended").code, code::CLOSED);
        assert_eq!(ask(next.port()), Ok(serde_json::json!(2)));
        // A late log is taken, a late query is null.
        port.log(1, "late", "still here");
        assert!(port.query(0).is_null());
    }
}
