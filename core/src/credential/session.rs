//! A sign-in that is renewed before it expires. Refresh tokens work once: of two shells that renew at the same moment
//! the second takes what the first one got.

use std::time::Instant;

use super::{Secret, Source, Stored, issuer, read, write};
use crate::{
    base::{
        error::{Failure, Result, auth},
        files::Lock,
        time::unix_now,
    },
    config::{Credential, Dirs},
    net::{clock::elapsed, tls::Trust},
    program::APP,
    sys::signals,
};

/// A token with less left than this is renewed, in seconds.
const EARLY: i64 = 300;
/// How long a token works whose issuer does not say it, in seconds.
const USUAL: i64 = 3600;
/// A token has not longer left than it ever had; more than this beyond it, in seconds, and the clock was set back.
const TOLERANCE: i64 = 60;

/// Why a sign-in is renewed.
#[derive(Debug, Clone, Copy)]
pub enum Reason<'r> {
    /// By this machine's clock it is time.
    Due,
    /// The API refused this token, whatever clocks say.
    Refused(&'r Secret),
}

/// How an access token is renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The refresh token.
    pub refresh: Secret,
    /// Whom the issuer knows as this program.
    pub client_id: String,
    /// Where tokens are given out.
    pub token_url: String,
    /// Where a session is ended, when that is offered.
    pub revoke_url: Option<String>,
    /// The API that its tokens are for, where the issuer wants to know.
    pub resource: Option<String>,
    /// When the access token expires, seconds since 1970 by this machine's clock: it was given out for `lifetime` seconds
    /// at a moment that this clock named.
    pub expires: i64,
    /// How long it worked when it was new, in seconds.
    pub lifetime: i64,
    /// When it was given out, if that was in this run.
    pub renewed_at: Option<Instant>,
}

impl Session {
    /// Reads it from a store's fields.
    pub fn from_fields(
        text: &dyn Fn(&str) -> Option<String>,
        number: &dyn Fn(&str) -> Option<i64>,
    ) -> Option<Self> {
        Some(Self {
            refresh: Secret::new(text("refresh_token")?),
            client_id: text("client_id")?,
            token_url: text("token_url")?,
            revoke_url: text("revoke_url"),
            resource: text("resource"),
            expires: number("expires")?,
            lifetime: number("lifetime").unwrap_or(i64::MAX),
            renewed_at: None,
        })
    }

    /// The same with a token that was given out just now.
    #[must_use]
    pub fn begun(self, expires_in: Option<u64>) -> Self {
        let lifetime = expires_in.map_or(USUAL, |seconds| i64::try_from(seconds).unwrap_or(i64::MAX / 4));
        let lifetime = lifetime.min(i64::MAX / 4);
        Self { expires: unix_now() + lifetime, lifetime, renewed_at: Some(Instant::now()), ..self }
    }

    /// Its fields that are text.
    pub fn texts(&self) -> Vec<(&'static str, &str)> {
        let mut texts = vec![
            ("refresh_token", self.refresh.expose()),
            ("client_id", self.client_id.as_str()),
            ("token_url", self.token_url.as_str()),
        ];
        texts.extend(self.revoke_url.as_deref().map(|url| ("revoke_url", url)));
        texts.extend(self.resource.as_deref().map(|resource| ("resource", resource)));
        texts
    }

    /// Its fields that are numbers.
    pub fn numbers(&self) -> Vec<(&'static str, i64)> {
        vec![("expires", self.expires), ("lifetime", self.lifetime)]
    }

    /// Whether it is time to renew. A token that never works for long is renewed at half of its time. Of a token of this
    /// run the monotonic clock tells the age; of another one this machine's clock, which may have been set since.
    pub fn is_due(&self, now: i64) -> bool {
        let left = match self.renewed_at {
            Some(at) => self.lifetime - elapsed(at),
            None => self.expires.saturating_sub(now),
        };
        left <= EARLY.min(self.lifetime / 2) || left > self.lifetime.saturating_add(TOLERANCE)
    }
}

/// Whoever changes what is kept of a credential holds this: a renewal under way must neither bring back what was removed
/// nor take the place of what is new.
pub fn lock(dirs: &Dirs, name: &str) -> Result<Lock> {
    crate::base::files::own_dir(&dirs.state)?;
    Lock::beside(&dirs.state.join("credentials").join(name))
}

/// Renews the token of a credential, unless another process just did or it cannot be renewed. With it comes why it could
/// not be stored, when it could not: it works for this run.
pub fn renew(
    dirs: &Dirs,
    name: &str,
    described: &Credential,
    trust: &Trust,
    reason: Reason<'_>,
) -> Result<(Stored, Option<Failure>)> {
    let source = Source::of(name, described)?;
    let _lock = lock(dirs, name)?;
    let gone = || {
        auth(format!("the credential `{name}` was removed")).help(format!("{APP} login --credential {name}"))
    };
    let stored = read(dirs, name, described)?.ok_or_else(gone)?;
    let is_wanted = |session: &&Session| match reason {
        Reason::Due => session.is_due(unix_now()),
        Reason::Refused(token) => stored.token == *token,
    };
    let Some(session) = stored.session.as_ref().filter(is_wanted) else {
        return Ok((stored, None));
    };
    // What cannot be written must be known before the only refresh token is spent.
    write(dirs, name, source, &stored)?;
    // Between the issuer's answer and the store the only copy of the next refresh token is here.
    let _deferral = signals::defer(false);
    crate::base::redact::hide(session.refresh.expose());
    let (token, session) = issuer::refresh(name, session, trust)?;
    let renewed = Stored { token, session: Some(session), address: stored.address.clone() };
    // It could be written a moment ago.
    let unstored = write(dirs, name, source, &renewed).err().map(|failure| {
        auth(format!("the renewed sign-in `{name}` could not be stored"))
            .cause(failure.message)
            .help(format!("sign in again: {APP} login --credential {name}"))
    });
    Ok((renewed, unstored))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(expires: i64, lifetime: i64) -> Session {
        let (client_id, token_url) = ("c".to_owned(), "https://issuer.example/".to_owned());
        let refresh = Secret::new("r".to_owned());
        Session {
            refresh,
            client_id,
            token_url,
            revoke_url: None,
            resource: None,
            expires,
            lifetime,
            renewed_at: None,
        }
    }

    #[test]
    fn a_token_is_renewed_before_it_expires_and_after_the_clock_was_set_back() {
        const DAY: i64 = 86_400;
        for (left, lifetime, is_due) in [
            (3600, 3600, false),
            (301, 3600, false),
            (300, 3600, true),
            (-DAY, 3600, true),
            // It never works for long.
            (31, 60, false),
            (30, 60, true),
            // It was given out when the clock was a day ahead.
            (3600 + DAY, 3600, true),
            (3600 + 59, 3600, false),
            // Older records do not hold how long it works.
            (DAY, i64::MAX, false),
        ] {
            assert_eq!(session(DAY * 100, lifetime).is_due(DAY * 100 - left), is_due, "{left} {lifetime}");
        }
        assert!(session(i64::MAX, 3600).is_due(0) && session(i64::MIN, 3600).is_due(i64::MAX));
    }

    /// Whatever is done to this machine's clock while a command runs.
    #[test]
    fn a_token_of_this_run_is_judged_by_the_monotonic_clock() {
        for (expires_in, is_due) in
            [(Some(3600), false), (None, false), (Some(0), true), (Some(u64::MAX), false)]
        {
            let begun = session(0, 0).begun(expires_in);
            for now in [i64::MIN, 0, unix_now(), i64::MAX] {
                assert_eq!(begun.is_due(now), is_due, "{expires_in:?} {now}");
            }
        }
    }
}
