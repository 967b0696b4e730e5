//! Two invocations that are polled in turn on one thread, as a host does for several profiles.

use std::task::Waker;

use astro_plugin_abi::RStr;

use super::*;
use crate::protocol::invocation::Context as Resolved;

/// What was logged: the number of the invocation and the text.
static LOGGED: Mutex<Vec<(u64, String)>> = Mutex::new(Vec::new());

extern "C" fn call(_: u64, _: RVec<u8>) -> FfiFuture<RVec<u8>> {
    FfiFuture::new(std::future::pending())
}

extern "C" fn log(ctx: u64, _: u32, _: RStr<'_>, text: RStr<'_>) {
    LOGGED.lock().expect("nobody panicked").push((ctx, text.as_str().to_owned()));
}

extern "C" fn no_query(_: u64) -> *const () {
    std::ptr::null()
}

fn port(ctx: u64) -> HostPort {
    HostPort::new(ctx, call, log, no_query)
}

/// Gives the others a turn.
async fn turn() {
    let mut is_first = true;
    std::future::poll_fn(|_| match std::mem::take(&mut is_first) {
        true => Poll::Pending,
        false => Poll::Ready(()),
    })
    .await;
}

struct LogsWhenDropped(&'static str);

impl Drop for LogsWhenDropped {
    fn drop(&mut self) {
        tracing::info!("{} is dropped", self.0);
    }
}

async fn speaks(who: &'static str, port: HostPort) -> Answer {
    let _end = LogsWhenDropped(who);
    tracing::info!("{who} begins");
    turn().await;
    tracing::info!("{who} goes on");
    // A panic that is caught here is not the one that ends it.
    let _ = catch_unwind(|| panic!("{who} stumbles"));
    let ctx = Context::new(port, String::new(), Resolved::default(), Terminal::default());
    let mut apart = Box::pin(ctx.blocking(move || {
        tracing::info!("{who} works on a thread");
        match who {
            "the third" => panic!("{who} fails on its thread"),
            _ => Ok(()),
        }
    }));
    let done = std::future::poll_fn(|task| match apart.as_mut().poll(task) {
        // The test polls without a waker.
        Poll::Pending => {
            std::thread::yield_now();
            task.waker().wake_by_ref();
            Poll::Pending
        }
        done => done,
    });
    done.await.expect("it works");
    panic!("{who} fails");
}

/// The text of each answer, all of them polled in turn to their end.
fn polled(mut running: Vec<Guarded>) -> Vec<String> {
    let mut answers: Vec<Option<RVec<u8>>> = running.iter().map(|_| None).collect();
    let mut task = Task::from_waker(Waker::noop());
    while answers.iter().any(Option::is_none) {
        for (one, answer) in running.iter_mut().zip(&mut answers).filter(|(_, answer)| answer.is_none()) {
            if let Poll::Ready(done) = Pin::new(one).poll(&mut task) {
                *answer = Some(done);
            }
        }
    }
    let text = |answer: Option<RVec<u8>>| {
        message::decode_answer(&answer.unwrap_or_default()).expect_err("it panicked").message
    };
    answers.into_iter().map(text).collect()
}

#[test]
fn logs_and_panics_belong_to_their_invocation() {
    log_forward::install(5);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(panic_hook));
    let names = [(1, "the first"), (2, "the second"), (3, "the third")];
    let running: Vec<Guarded> =
        names.iter().map(|(ctx, who)| Guarded::new(port(*ctx), speaks(who, port(*ctx)))).collect();
    // A thread of the author's own, of which nothing is known.
    std::thread::scope(|scope| {
        scope.spawn(|| tracing::info!("a stray thread"));
    });
    let answers = polled(running);
    std::panic::set_hook(before);
    for (answer, (_, who)) in answers.iter().zip(names) {
        let where_it_failed = if who == "the third" { " on its thread" } else { "" };
        let expected = format!("it panicked: {who} fails{where_it_failed} at ");
        assert!(answer.starts_with(&expected), "{answer}");
    }
    let logged = LOGGED.lock().expect("nobody panicked").clone();
    for (ctx, text) in &logged {
        let owner = names.iter().find(|(_, who)| text.contains(who)).map_or(0, |(ctx, _)| *ctx);
        assert_eq!(*ctx, owner, "{text}: {logged:?}");
    }
    for (ctx, who) in names {
        let own: Vec<&str> =
            logged.iter().filter(|(of, _)| *of == ctx).map(|(_, text)| text.as_str()).collect();
        for part in ["begins", "goes on", "stumbles", "works on a thread", "is dropped"] {
            assert!(own.iter().any(|text| text.contains(&format!("{who} {part}"))), "{part}: {own:?}");
        }
    }
    assert!(logged.iter().any(|(ctx, text)| *ctx == 0 && text == "a stray thread"), "{logged:?}");
    assert!(open().ports.is_empty(), "all of them ended");
}
