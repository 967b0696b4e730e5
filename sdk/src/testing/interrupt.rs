//! An interrupt (Ctrl-C) in a test: whoever waits for it is told, any other command ends where it is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot;

/// Who has to be told.
#[derive(Default)]
pub(super) struct Interrupt(Mutex<Parties>);

#[derive(Default)]
struct Parties {
    /// Calls of [`crate::Context::cancelled`] that are open.
    waiting: Vec<oneshot::Sender<()>>,
    /// There was one: the command ends by itself.
    is_handled: bool,
    /// Ends the command.
    ended: Option<oneshot::Sender<()>>,
}

impl Interrupt {
    fn lock(&self) -> MutexGuard<'_, Parties> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready when it comes.
    pub(super) fn wait(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut parties = self.lock();
        parties.is_handled = true;
        parties.waiting.push(sender);
        receiver
    }

    /// Ready when it ends a command that does not wait for it.
    pub(super) fn end(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.lock().ended = Some(sender);
        receiver
    }

    /// It is there. Whether the command ends with it.
    pub(super) fn happen(&self) -> bool {
        let mut parties = self.lock();
        for waiting in parties.waiting.drain(..) {
            let _ = waiting.send(());
        }
        !parties.is_handled && parties.ended.take().is_none_or(|ended| ended.send(()).is_ok())
    }
}
