//! Codes, devices and sessions in the database. Where refresh tokens rotate, one that comes again ends its session, since
//! two hold it (RFC 9700, section 4.14.2).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, Header, Validation, decode, encode};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Terms;
use crate::{database::Result, signing};

/// The tables.
pub(crate) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS issuer_codes (code TEXT PRIMARY KEY, challenge TEXT NOT NULL, expires INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS issuer_devices (
    device TEXT PRIMARY KEY, user TEXT NOT NULL, approved INTEGER NOT NULL, polled INTEGER NOT NULL,
    expires INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS issuer_sessions (id TEXT PRIMARY KEY, refresh TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS issuer_used (refresh TEXT PRIMARY KEY, session TEXT NOT NULL) STRICT;
";

/// The mail address of the one who signs in.
pub(crate) const EMAIL: &str = "user@sandbox.localhost";
/// Their name.
pub(crate) const NAME: &str = "Sandbox User";
/// Their ID.
pub(crate) const USER: &str = "cm00sandbox0user000000001";
const ISSUER: &str = "https://sandbox.localhost/issuer/";
const AUDIENCE: &str = "astronomer-ee";
const CODE_SECONDS: i64 = 60;
/// How long a device code works.
pub(super) const DEVICE_SECONDS: i64 = 600;
/// How often a device may ask.
pub(super) const INTERVAL_SECONDS: i64 = 1;

/// What a session is known by.
pub(super) struct Tokens {
    pub(super) access: String,
    /// None when the former one goes on.
    pub(super) refresh: Option<String>,
}

/// Why there are none; the names are of RFC 6749 and RFC 8628.
pub(super) enum Refusal {
    Grant,
    GrantType,
    Pending,
    TooFast,
    Expired,
}

impl Refusal {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Grant => "invalid_grant",
            Self::GrantType => "unsupported_grant_type",
            Self::Pending => "authorization_pending",
            Self::TooFast => "slow_down",
            Self::Expired => "expired_token",
        }
    }

    pub(super) fn description(&self) -> &'static str {
        match self {
            Self::Grant => "the code or refresh token is not known, was used before or has expired",
            Self::GrantType => "the grant type is not one of this issuer",
            Self::Pending => "the sign-in on the other device is not finished",
            Self::TooFast => "the device asks more often than it may",
            Self::Expired => "the device code is not known or has expired",
        }
    }
}

/// What a device that asks is told.
pub(super) enum DeviceState {
    Pending,
    TooFast,
    Approved,
    Unknown,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    exp: i64,
    jti: String,
}

/// A person who is signed in.
pub(crate) struct Session {
    /// The person's ID.
    pub(crate) user: String,
}

impl Session {
    /// The session of an access token, while it lasts.
    pub(crate) fn of(connection: &Connection, key: &[u8], value: &str) -> Result<Option<Self>> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.leeway = 0;
        let Ok(data) = decode::<Claims>(value, &signing::decoding_key(key), &validation) else {
            return Ok(None);
        };
        let session = data.claims.jti.split('.').next().unwrap_or_default().to_owned();
        let known = connection
            .query_row("SELECT 1 FROM issuer_sessions WHERE id = ?1", [session], |_| Ok(()))
            .optional()?;
        Ok(known.map(|()| Self { user: data.claims.sub }))
    }
}

/// A code that is exchanged once.
pub(super) fn new_code(connection: &Connection, challenge: &str) -> Result<String> {
    let code = random();
    connection.execute(
        "INSERT INTO issuer_codes VALUES (?1, ?2, ?3)",
        params![code, challenge, now() + CODE_SECONDS],
    )?;
    Ok(code)
}

pub(super) fn redeem_code(
    connection: &Connection,
    key: &[u8],
    code: &str,
    verifier: &str,
    terms: Terms,
) -> Result<std::result::Result<Tokens, Refusal>> {
    let found: Option<(String, i64)> = connection
        .query_row("DELETE FROM issuer_codes WHERE code = ?1 RETURNING challenge, expires", [code], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    match found {
        Some((challenge, expires)) if expires > now() && challenge == hash(verifier) => {
            begin(connection, key, terms).map(Ok)
        }
        _ => Ok(Err(Refusal::Grant)),
    }
}

pub(super) fn begin(connection: &Connection, key: &[u8], terms: Terms) -> Result<Tokens> {
    let (id, refresh) = (random(), random());
    connection.execute("INSERT INTO issuer_sessions VALUES (?1, ?2)", params![id, hash(&refresh)])?;
    Ok(Tokens { access: access(key, &id, terms)?, refresh: Some(refresh) })
}

pub(super) fn refresh(
    connection: &Connection,
    key: &[u8],
    refresh: &str,
    terms: Terms,
) -> Result<std::result::Result<Tokens, Refusal>> {
    let (old, new) = (hash(refresh), random());
    if !terms.rotates {
        let sql = "SELECT id FROM issuer_sessions WHERE refresh = ?1";
        let id: Option<String> = connection.query_row(sql, [old], |row| row.get(0)).optional()?;
        return match id {
            Some(id) => Ok(Ok(Tokens { access: access(key, &id, terms)?, refresh: None })),
            None => Ok(Err(Refusal::Grant)),
        };
    }
    let id: Option<String> = connection
        .query_row(
            "UPDATE issuer_sessions SET refresh = ?2 WHERE refresh = ?1 RETURNING id",
            params![old, hash(&new)],
            |row| row.get(0),
        )
        .optional()?;
    let Some(id) = id else {
        // It was used before: another client has it, too.
        connection.execute(
            "DELETE FROM issuer_sessions WHERE id IN (SELECT session FROM issuer_used WHERE refresh = ?1)",
            [old],
        )?;
        return Ok(Err(Refusal::Grant));
    };
    connection.execute("INSERT INTO issuer_used VALUES (?1, ?2)", params![old, id])?;
    Ok(Ok(Tokens { access: access(key, &id, terms)?, refresh: Some(new) }))
}

pub(super) fn revoke(connection: &Connection, refresh: &str) -> Result<()> {
    connection.execute("DELETE FROM issuer_sessions WHERE refresh = ?1", [hash(refresh)]).map(drop)
}

pub(super) fn new_device(connection: &Connection) -> Result<(String, String)> {
    const LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";
    let device = random();
    // Eight letters that are no words (RFC 8628, section 6.1).
    let letters: String =
        device.bytes().take(8).map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()])).collect();
    let user = format!("{}-{}", &letters[..4], &letters[4..]);
    connection.execute(
        "INSERT INTO issuer_devices VALUES (?1, ?2, 0, 0, ?3)",
        params![hash(&device), user, now() + DEVICE_SECONDS],
    )?;
    Ok((device, user))
}

pub(super) fn approve_device(connection: &Connection, user: &str) -> Result<bool> {
    let changed = connection.execute(
        "UPDATE issuer_devices SET approved = 1 WHERE user = ?1 AND approved = 0 AND expires > ?2",
        params![user.trim().to_ascii_uppercase(), now()],
    )?;
    Ok(changed > 0)
}

pub(super) fn poll_device(connection: &Connection, device: &str) -> Result<DeviceState> {
    let device = hash(device);
    let found: Option<(bool, i64)> = connection
        .query_row(
            "SELECT approved, polled FROM issuer_devices WHERE device = ?1 AND expires > ?2",
            params![device, now()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((approved, polled)) = found else { return Ok(DeviceState::Unknown) };
    let time = Timestamp::now().as_millisecond();
    if approved {
        connection.execute("DELETE FROM issuer_devices WHERE device = ?1", [device])?;
        return Ok(DeviceState::Approved);
    }
    connection.execute("UPDATE issuer_devices SET polled = ?2 WHERE device = ?1", params![device, time])?;
    // A little less than the interval: clocks differ.
    let is_early = time - polled < INTERVAL_SECONDS * 900;
    Ok(if is_early { DeviceState::TooFast } else { DeviceState::Pending })
}

fn access(key: &[u8], session: &str, terms: Terms) -> Result<String> {
    let issued = now();
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: USER.to_owned(),
        iat: issued,
        exp: issued + i64::try_from(terms.lifetime.as_secs()).unwrap_or(i64::MAX / 2),
        jti: format!("{session}.{}", random()),
    };
    encode(&Header::new(Algorithm::HS256), &claims, &signing::encoding_key(key))
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// The challenge of a verifier (RFC 7636, section 4.2); also how secrets are kept.
fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

fn random() -> String {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    URL_SAFE_NO_PAD.encode(bytes)
}

fn now() -> i64 {
    Timestamp::now().as_second()
}
