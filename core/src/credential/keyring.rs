//! The source `keyring`: the Secret Service of a Linux desktop (freedesktop.org, "Secret Service API"), the keychain of
//! other systems. A keyring that is locked, absent or hangs must not hold up a pipeline: each call has three seconds.

use std::{sync::mpsc, thread, time::Duration};

use keyring::v1::{Entry, Error};
use serde_json::{Value, json};

use super::{Secret, Session, Stored};
use crate::{
    config::Dirs,
    error::{Failure, Result, auth, failed},
};

/// The name under which a keyring shows what is ours.
const SERVICE: &str = "astro-host";
/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether there can be a keyring at all: without a session bus it is not worth a question.
pub fn is_possible() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let is_set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    is_set("DBUS_SESSION_BUS_ADDRESS").is_some()
        || is_set("XDG_RUNTIME_DIR").is_some_and(|dir| std::path::Path::new(&dir).join("bus").exists())
}

/// The value of a credential.
pub fn stored(dirs: &Dirs, name: &str) -> Result<Option<Stored>> {
    let found = within_patience(dirs, name, |entry| match entry.get_password() {
        Ok(text) => Ok(Some(text)),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(error),
    });
    let Some(text) = found.map_err(|failure| unusable(failure, name))? else { return Ok(None) };
    crate::redact::hide(&text);
    // What it holds is never quoted.
    let value: Value = serde_json::from_str(&text)
        .map_err(|_| failed(format!("the keyring's entry of the credential `{name}` is not astro's")))?;
    let field = |key: &str| value[key].as_str().map(str::to_owned);
    Ok(field("address").zip(field("token")).map(|(address, token)| Stored {
        address,
        token: Secret::new(token),
        session: Session::from_fields(&field, &|key| value[key].as_i64()),
    }))
}

/// Keeps the value of a credential.
pub fn store(dirs: &Dirs, name: &str, stored: &Stored) -> Result<()> {
    let mut value = json!({ "address": stored.address, "token": stored.token.expose() });
    for (key, text) in stored.session.iter().flat_map(Session::texts) {
        value[key] = text.into();
    }
    for (key, number) in stored.session.iter().flat_map(Session::numbers) {
        value[key] = number.into();
    }
    let text = value.to_string();
    within_patience(dirs, name, move |entry| entry.set_password(&text))
        .map_err(|failure| unusable(failure, name))
}

/// Removes the value; answers whether there was one.
pub fn forget(dirs: &Dirs, name: &str) -> Result<bool> {
    let removed = within_patience(dirs, name, |entry| match entry.delete_credential() {
        Ok(()) => Ok(true),
        Err(Error::NoEntry) => Ok(false),
        Err(error) => Err(error),
    });
    removed.map_err(|failure| unusable(failure, name))
}

/// Runs one call on a thread of its own, which is left behind when it takes too long.
fn within_patience<T: Send + 'static>(
    dirs: &Dirs,
    name: &str,
    call: impl FnOnce(&Entry) -> std::result::Result<T, Error> + Send + 'static,
) -> std::result::Result<T, String> {
    if !is_possible() {
        return Err("there is no session bus".to_owned());
    }
    // Each configuration has its own entries.
    let user = format!("{name} ({})", dirs.config.display());
    let (answer, answered) = mpsc::channel();
    let spawned = thread::Builder::new().name("keyring".to_owned()).spawn(move || {
        let outcome = Entry::new(SERVICE, &user)
            .map_err(|error| match Entry::store_status() {
                Err(reason) => reason.to_string(),
                Ok(()) => error.to_string(),
            })
            .and_then(|entry| call(&entry).map_err(|error| error.to_string()));
        // Nobody waits any more after three seconds.
        let _ = answer.send(outcome);
    });
    spawned.map_err(|error| error.to_string())?;
    answered.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        Err(format!("it did not answer within {} s; it may be locked", PATIENCE.as_secs()))
    })
}

fn unusable(reason: String, name: &str) -> Failure {
    auth(format!("the keyring with the credential `{name}` cannot be used"))
        .cause(reason)
        .help("unlock the keyring, or set ASTRO_API_TOKEN for this shell")
        .help(format!("to keep the credential in a file: astro login --credential {name} --insecure-storage"))
}
