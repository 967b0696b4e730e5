//! A 401: the API refused the credential before it did anything, so that any request may be sent once more with another
//! one. This machine's clock is not asked: it may be wrong, and it was not it that refused.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{Mutex as AsyncMutex, oneshot};

use super::ApiClient;
use crate::{
    base::{
        error::{Failure, Result, failed},
        redact,
    },
    config::Config,
    console::report,
    context::{Claims, Origin},
    credential::{
        Secret, Source, Stored,
        session::{self, Reason},
    },
};

/// A credential that is refused so soon after it was renewed is refused for another reason.
const AT_MOST_EVERY: Duration = Duration::from_secs(60);

/// The credential that took the place of the context's during a command.
#[derive(Default)]
pub(super) struct Renewed {
    token: Mutex<Option<Secret>>,
    /// When it was renewed last, and why that failed, when it did. Of several requests that are refused at the same time one
    /// renews it; all of them fail for the same reason.
    last: AsyncMutex<Option<(Instant, Option<Failure>)>>,
    is_off: bool,
}

impl Renewed {
    /// Nothing is renewed: the process may end at any moment, and the only copy of a refresh token with it.
    pub(super) fn never() -> Self {
        Self { is_off: true, ..Self::default() }
    }

    /// Waits for a renewal that is under way: a plugin may have ended without waiting for its requests.
    pub(super) fn wait(&self) {
        drop(self.last.blocking_lock());
    }
}

impl ApiClient {
    /// What requests are sent with.
    pub(crate) fn token(&self) -> Result<Secret> {
        let own = self.context.authority()?;
        let renewed = self.renewed.token.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(renewed.as_ref().unwrap_or(own).clone())
    }

    /// The credential to send a refused request with once more; `None` when there is no other one.
    pub(crate) async fn token_after_refusal(&self, refused: &Secret) -> Result<Option<Secret>> {
        let mut last = self.renewed.last.lock().await;
        let current = self.token()?;
        if current != *refused {
            return Ok(Some(current));
        }
        if self.renewed.is_off {
            return Ok(None);
        }
        if let Some((_, failure)) = last.as_ref().filter(|(at, _)| at.elapsed() < AT_MOST_EVERY) {
            return failure.clone().map_or(Ok(None), Err);
        }
        *last = Some((Instant::now(), None));
        let renewal = renewed(self, refused).await;
        if let Err(failure) = &renewal {
            *last = Some((Instant::now(), Some(failure.clone())));
        }
        let Some((stored, unstored)) = renewal? else { return Ok(None) };
        if stored.token == *refused || !is_the_same(self, &stored) {
            return Ok(None);
        }
        if let Some(failure) = unstored {
            report::warning(&self.console, &failure);
        }
        redact::hide(stored.token.expose());
        *self.renewed.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(stored.token.clone());
        Ok(Some(stored.token))
    }
}

/// Renews a stored credential, or reads what another process has put in its place. Files, the keyring and the issuer are
/// waited for on a thread of its own.
async fn renewed(client: &ApiClient, refused: &Secret) -> Result<Option<(Stored, Option<Failure>)>> {
    let context = &client.context;
    let (Some(credential), Some(dirs)) = (&context.credential, &client.dirs) else { return Ok(None) };
    let Origin::Credential(name) = &credential.origin else { return Ok(None) };
    if context.source == Source::Command {
        return Ok(None);
    }
    let (dirs, name, trust, refused) = (dirs.clone(), name.clone(), context.trust(), refused.clone());
    let (done, outcome) = oneshot::channel();
    let work = move || {
        let Some(described) = Config::load(&dirs)?.credentials.remove(&name) else { return Ok(None) };
        session::renew(&dirs, &name, &described, &trust, Reason::Refused(&refused)).map(Some)
    };
    let spawned = std::thread::Builder::new().name("renewal".to_owned()).spawn(move || {
        // The command may have ended meanwhile.
        let _ = done.send(work());
    });
    spawned.map_err(|error| failed("the sign-in cannot be renewed").cause(error.to_string()))?;
    let outcome = outcome.await.map_err(|_| failed("the sign-in cannot be renewed"))?;
    outcome.map_err(|failure: Failure| failure.cause("the API does not accept the token any more (401)"))
}

/// What was stored meanwhile is for the same address and the same customer as what was chosen for this command.
fn is_the_same(client: &ApiClient, stored: &Stored) -> bool {
    let context = &client.context;
    let now = Claims::read(stored.token.expose());
    let owner = |claims: &Option<Claims>| claims.as_ref().and_then(Claims::owner).map(str::to_owned);
    stored.address == context.address.value.as_str() && owner(&now) == owner(&context.claims)
}
