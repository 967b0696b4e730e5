//! A sign-in that is renewed before it expires. Refresh tokens work once: of two shells that renew at the same moment
//! the second takes what the first one got.

use super::{Secret, Source, Stored, issuer, read, write};
use crate::{
    config::{Credential, Dirs},
    context::unix_now,
    error::{Failure, Result, auth},
    files::Lock,
    host::signals,
};

/// A token with less left than this is renewed, in seconds.
const EARLY: i64 = 300;

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
    /// When the access token expires, seconds since 1970.
    pub expires: i64,
    /// How long it worked when it was new, in seconds.
    pub lifetime: i64,
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
            expires: number("expires")?,
            lifetime: number("lifetime").unwrap_or(i64::MAX),
        })
    }

    /// Its fields that are text.
    pub fn texts(&self) -> Vec<(&'static str, &str)> {
        let mut texts = vec![
            ("refresh_token", self.refresh.expose()),
            ("client_id", self.client_id.as_str()),
            ("token_url", self.token_url.as_str()),
        ];
        texts.extend(self.revoke_url.as_deref().map(|url| ("revoke_url", url)));
        texts
    }

    /// Its fields that are numbers.
    pub fn numbers(&self) -> Vec<(&'static str, i64)> {
        vec![("expires", self.expires), ("lifetime", self.lifetime)]
    }

    /// Whether it is time to renew. A token that never works for long is renewed at half of its time.
    pub fn is_due(&self, now: i64) -> bool {
        self.expires - now <= EARLY.min(self.lifetime / 2)
    }
}

/// Whoever changes what is kept of a credential holds this: a renewal under way must neither bring back what was removed
/// nor take the place of what is new.
pub fn lock(dirs: &Dirs, name: &str) -> Result<Lock> {
    Lock::beside(&dirs.state.join("credentials").join(name))
}

/// Renews the token of a credential, unless another process just did. With it comes why it could not be stored, when it
/// could not: it works for this run.
pub fn renew(dirs: &Dirs, name: &str, described: &Credential) -> Result<(Stored, Option<Failure>)> {
    let source = Source::of(name, described)?;
    let _lock = lock(dirs, name)?;
    let gone = || {
        auth(format!("the credential `{name}` was removed")).help(format!("astro login --credential {name}"))
    };
    let stored = read(dirs, name, described)?.ok_or_else(gone)?;
    let Some(session) = stored.session.as_ref().filter(|session| session.is_due(unix_now())) else {
        return Ok((stored, None));
    };
    // What cannot be written must be known before the only refresh token is spent.
    write(dirs, name, source, &stored)?;
    // Between the issuer's answer and the store the only copy of the next refresh token is here.
    let _deferral = signals::defer(false);
    crate::redact::hide(session.refresh.expose());
    let (token, session) = issuer::refresh(name, session)?;
    let renewed = Stored { token, session: Some(session), address: stored.address.clone() };
    // It could be written a moment ago.
    let unstored = write(dirs, name, source, &renewed).err().map(|failure| {
        auth(format!("the renewed sign-in `{name}` could not be stored"))
            .cause(failure.message)
            .help(format!("sign in again: astro login --credential {name}"))
    });
    Ok((renewed, unstored))
}
