//! Requests that may be sent again: those whose method is idempotent (RFC 9110, section 9.2.2), and what a plugin marked as
//! such. Repeated with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"), honouring Retry-After, within the
//! deadline.

use std::{
    collections::VecDeque,
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use astro_plugin_protocol::service::{HttpRequest, HttpResponse};
use reqwest::Method;

use super::{
    ApiClient,
    error::unknown_outcome,
    peer::Peer,
    request::{Answered, Prepared, SendError, Take},
};
use crate::{
    base::error::{Failure, Result, code},
    net::client::Unreached,
    product::product,
};

/// How often a request is sent at the most.
const ATTEMPTS: u32 = 3;
/// The longest first pause; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Sends a request, again where that may help and does no harm. `bytes` are its body where it has one that is not JSON; the other
/// bytes are the body of the answer where it was asked for as such.
pub(crate) async fn perform(
    client: &ApiClient,
    request: &HttpRequest,
    bytes: &[u8],
) -> Result<(HttpResponse, Option<Vec<u8>>)> {
    let (answered, prepared) = attempts(client, request, bytes, None).await?;
    answered.into_response(request.answer, &prepared, peer(client, request))
}

/// Takes the body of an answer, piece by piece.
pub(crate) type Sink<'s> = dyn FnMut(&[u8]) -> Result<Take> + Send + 's;

/// The same where the body of the answer goes elsewhere, piece by piece. Nothing is sent again once a piece came.
pub(crate) async fn send(
    client: &ApiClient,
    request: &HttpRequest,
    piece: &mut Sink<'_>,
) -> Result<Answered> {
    Ok(attempts(client, request, &[], Some(piece)).await?.0)
}

/// Who answers.
fn peer<'c>(client: &'c ApiClient, request: &'c HttpRequest) -> Peer<'c> {
    match &request.base {
        Some(base) => Peer::Other(base),
        None => Peer::Profile(&client.context),
    }
}

async fn attempts(
    client: &ApiClient,
    request: &HttpRequest,
    bytes: &[u8],
    mut elsewhere: Option<&mut Sink<'_>>,
) -> Result<(Answered, Prepared)> {
    let mut prepared = Prepared::new(client, request, bytes)?;
    let peer = peer(client, request);
    let shared = prepared.client(&peer.trust())?;
    let may_repeat = prepared.method.is_idempotent() || request.idempotent;
    let mut attempt = 1;
    let mut has_renewed = false;
    // An attempt may have been done, whatever came back.
    let mut was_lost = false;
    loop {
        if prepared.token.is_some() {
            pace(&prepared.method).await;
        }
        let started = Instant::now();
        let mut has_begun = false;
        let outcome = prepared
            .send(&shared, |piece| match &mut elsewhere {
                Some(elsewhere) => {
                    has_begun = true;
                    elsewhere(piece)
                }
                None => Ok(Take::Keep),
            })
            .await;
        if let Ok(answered) = &outcome {
            client.debug(request, answered, started.elapsed());
        }
        let (failure, wait) = match outcome {
            Ok(answered) if answered.is_success() => return Ok((answered, prepared)),
            // Deleted by the attempt whose answer was lost.
            Ok(answered)
                if was_lost
                    && prepared.method == Method::DELETE
                    && (answered.status == 404 || answered.status == 401 && is_own(client, request)) =>
            {
                return Ok((Answered { status: 204, body: Vec::new(), ..answered }, prepared));
            }
            // It was not done, whatever it was.
            Ok(answered) if answered.status == 401 && !has_renewed => {
                has_renewed = true;
                let started = Instant::now();
                let other = match &prepared.token {
                    Some(token) => client.token_after_refusal(token).await?,
                    None => None,
                };
                match other {
                    Some(token) => prepared.authorize(token)?,
                    None => return Err(peer.refused(&prepared.method, &answered)),
                }
                prepared.deadline += started.elapsed();
                continue;
            }
            Ok(answered) => {
                let failure = peer.refused(&prepared.method, &answered);
                was_lost |= matches!(answered.status, 502..=504);
                match answered.status {
                    429 | 502..=504 => (failure, answered.retry_after),
                    _ => return Err(failure),
                }
            }
            Err(unanswered) => {
                let is_final =
                    matches!(&unanswered, SendError::NotSent(error) if Unreached::of(error).is_final);
                was_lost |= !matches!(&unanswered, SendError::NotSent(_));
                let failure = into_failure(unanswered, peer, &prepared.method);
                if is_final || has_begun {
                    return Err(failure);
                }
                (failure, None)
            }
        };
        let pause = wait.unwrap_or_else(|| jittered(attempt));
        let is_late = pause >= prepared.deadline.saturating_duration_since(Instant::now());
        if !may_repeat || attempt == ATTEMPTS || is_late {
            return Err(failure);
        }
        tracing::debug!(
            attempt,
            pause_ms = u64::try_from(pause.as_millis()).unwrap_or(0),
            "{}",
            failure.message
        );
        tokio::time::sleep(pause).await;
        attempt += 1;
    }
}

/// Whether the request is about the token that astro uses itself: deleted, it is not accepted any more.
fn is_own(client: &ApiClient, request: &HttpRequest) -> bool {
    let own = client.context.token_id();
    own.is_some() && own == request.path.last().map(String::as_str)
}

fn into_failure(unanswered: SendError, peer: Peer<'_>, method: &Method) -> Failure {
    match unanswered {
        SendError::NotSent(error) | SendError::ConnectionLost(error) => peer.unreachable(&error, method),
        SendError::TimedOut if method.is_safe() => {
            Failure::new(code::NETWORK, "nothing more of the answer came in time")
                .help("allow more with `--timeout 2m`")
        }
        SendError::TimedOut => unknown_outcome(method),
        SendError::Truncated(failure) if method.is_safe() => *failure,
        SendError::Truncated(failure) => unknown_outcome(method).cause(failure.message),
    }
}

/// A random pause up to a bound that doubles with each attempt.
fn jittered(attempt: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << attempt.min(6)).mul_f64(fastrand::f64())
}

/// Waits until one more request is within the API's documented rates, when it has any.
pub(crate) async fn pace(method: &Method) {
    static RATES: OnceLock<[Mutex<Rate>; 3]> = OnceLock::new();
    let Some(rates) = &product().api.rates else { return };
    let known =
        RATES.get_or_init(|| [rates.get, rates.post, rates.delete].map(|most| Mutex::new(Rate::new(most))));
    let rate = &known[match *method {
        Method::GET | Method::HEAD => 0,
        Method::DELETE => 2,
        _ => 1,
    }];
    loop {
        let wait = rate.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now());
        match wait {
            None => return,
            Some(wait) => tokio::time::sleep(wait).await,
        }
    }
}

/// The requests of one kind within the last second.
struct Rate {
    most: usize,
    recent: VecDeque<Instant>,
}

impl Rate {
    fn new(most: usize) -> Self {
        Self { most, recent: VecDeque::new() }
    }

    /// Counts one more request, or says how long it has to wait before it asks again.
    fn admit(&mut self, now: Instant) -> Option<Duration> {
        const SECOND: Duration = Duration::from_secs(1);
        while self.recent.front().is_some_and(|time| now - *time >= SECOND) {
            self.recent.pop_front();
        }
        match self.recent.front() {
            Some(oldest) if self.recent.len() >= self.most => Some(SECOND - (now - *oldest)),
            _ => {
                self.recent.push_back(now);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_jittered_within_their_bounds() {
        for attempt in 1..ATTEMPTS {
            let bound = FIRST_PAUSE * (1 << attempt);
            let pauses: Vec<Duration> = (0..200).map(|_| jittered(attempt)).collect();
            assert!(pauses.iter().all(|pause| *pause <= bound), "{attempt}");
            assert!(
                pauses.iter().any(|pause| *pause > bound / 2)
                    && pauses.iter().any(|pause| *pause < bound / 2)
            );
        }
    }

    #[test]
    fn no_second_holds_more_requests_than_its_rate() {
        for most in [5, 10, 25] {
            let (mut rate, mut now, mut sent) = (Rate::new(most), Instant::now(), Vec::new());
            for gap in 0..200_u64 {
                // They come in bunches: at once, or up to 60 ms apart.
                now += Duration::from_millis(if gap % 7 == 0 { gap % 60 } else { 0 });
                while let Some(wait) = rate.admit(now) {
                    assert!(!wait.is_zero() && wait <= Duration::from_secs(1), "{most}: {wait:?}");
                    now += wait;
                }
                sent.push(now);
            }
            for window in sent.windows(most + 1) {
                assert!(window[most] - window[0] >= Duration::from_secs(1), "{most}: {window:?}");
            }
            // And no slower than that: all of a second are admitted at once.
            assert!(sent[most - 1] - sent[0] < Duration::from_millis(200), "{most}");
        }
    }
}
