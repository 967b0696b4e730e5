//! Messages to a loaded plugin: sent, polled to the end, and a panic on the way told as the plugin's. Nothing else in the host
//! does that.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::Poll,
};

use crate::{
    base::error::{Result, plugin},
    host::{ResponseFuture, Services, Transport, executor, library::Loaded},
};

/// A message, and what the plugin may use while it works on it.
pub(crate) type Request = (Vec<u8>, Arc<dyn Services>);

/// Asks a plugin several things at once. Answers what it said to each, in their order; `None` when a signal came first.
pub(crate) fn ask(loaded: &Loaded, requests: Vec<Request>, identity: &str) -> Result<Option<Vec<Vec<u8>>>> {
    let answering: Vec<ResponseFuture> =
        requests.into_iter().map(|(request, services)| loaded.invoke(services, request)).collect();
    let ended = catch_unwind(AssertUnwindSafe(|| executor::run(Box::pin(all(answering)))))
        .map_err(|_| plugin(format!("plugin {identity} panicked")))??;
    Ok(match ended {
        executor::RunEnd::Done(answers) => Some(answers),
        executor::RunEnd::Interrupted => None,
    })
}

/// Polls all of them until each is done.
async fn all(mut answering: Vec<ResponseFuture>) -> Vec<Vec<u8>> {
    let mut answers: Vec<Option<Vec<u8>>> = answering.iter().map(|_| None).collect();
    poll_fn(|task| {
        for (one, answer) in answering.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let Poll::Ready(done) = one.as_mut().poll(task)
            {
                *answer = Some(done);
            }
        }
        if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().map(Option::unwrap_or_default).collect()
}
