//! Polls a plugin's future on the calling thread: a bare executor that sleeps in `poll(2)` on an eventfd
//! and on the signals' pipe. The host's tokio is never entered here, so a plugin may block, may have its own
//! runtime and may ask the host from inside it.

use std::{
    future::Future,
    os::fd::OwnedFd,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};

use crate::base::error::{Result, ResultExt, code};
use crate::sys::signals;

/// How the polling ended.
pub enum RunEnd<T> {
    /// The future is done.
    Done(T),
    /// The user interrupted and nobody in the plugin waits for that; the future is dropped.
    Interrupted,
}

struct Bell(OwnedFd);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A full counter is awake already.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }
}

/// Polls until the future is done or the user interrupts.
pub fn run<F: Future + Unpin>(mut future: F) -> Result<RunEnd<F::Output>> {
    let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
        .context(code::PLUGIN, || "cannot wait for a plugin".to_owned())?;
    let bell = Arc::new(Bell(fd));
    let waker = Waker::from(Arc::clone(&bell));
    let mut task = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(done) = std::pin::Pin::new(&mut future).poll(&mut task) {
            return Ok(RunEnd::Done(done));
        }
        if signals::pending().is_some() && !signals::is_deferred() && !signals::has_waiters() {
            return Ok(RunEnd::Interrupted);
        }
        sleep(&bell.0);
    }
}

/// Sleeps until the bell rings or a signal arrives.
fn sleep(bell: &OwnedFd) {
    // A signal that waits is told by the pipe when it no longer has to.
    let signal_pipe = signals::pipe().filter(|_| signals::pending().is_none() || signals::is_deferred());
    let mut fds = vec![PollFd::new(bell, PollFlags::IN)];
    fds.extend(signal_pipe.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
    // EINTR is a reason to look again, like any other.
    let _ = poll(&mut fds, None);
    let _ = rustix::io::read(bell, &mut [0; 8]);
}
