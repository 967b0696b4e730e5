//! The source `keyring`: the Secret Service of a Linux desktop (freedesktop.org, "Secret Service API"), the keychain of
//! other systems. A keyring that is locked, absent or hangs must not hold up a pipeline: each call has three seconds.

use std::{
    ffi::OsStr,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use keyring_core::{Entry, Error, api::CredentialStore};
use serde_json::{Value, json};

use crate::{
    base::error::{Failure, Result, auth, failed},
    config::Dirs,
    credential::{Secret, Session, Stored},
    product::product,
    program::{APP, ENV},
};

/// The name under which a keyring shows what is ours.
fn service() -> &'static str {
    product().folder
}
/// How long a call may take.
const KEYRING_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a keyring cannot be used.
#[derive(Debug)]
enum Trouble {
    /// There is no way to it from here.
    NoBus(String),
    /// It holds several items that are for the same credential.
    Several(Vec<String>),
    /// It says so itself, or says nothing.
    Refused(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Refused(error.to_string())
    }
}

/// What keeps the session bus from being found: without one a keyring is not worth a question.
fn missing_bus() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let variable = |name| std::env::var_os(name);
    let user = rustix::process::geteuid().as_raw();
    let is_own =
        |path: &Path| path.metadata().is_ok_and(|found| found.file_type().is_socket() && found.uid() == user);
    missing(
        variable("DBUS_SESSION_BUS_ADDRESS").as_deref(),
        variable("XDG_RUNTIME_DIR").as_deref(),
        user,
        &is_own,
    )
}

/// In the order in which the bus is looked for (zbus 5): the address, the runtime directory, the place where systemd
/// has it. Programs of cron, of agents and of `env -i` have neither variable.
fn missing(
    address: Option<&OsStr>,
    runtime: Option<&OsStr>,
    user: u32,
    is_own: &dyn Fn(&Path) -> bool,
) -> Option<String> {
    let is_set = |value: Option<&OsStr>| value.is_some_and(|value| !value.is_empty());
    if let Some(value) = address {
        return value.is_empty().then(|| "DBUS_SESSION_BUS_ADDRESS is set and empty".to_owned());
    }
    let dir = match runtime {
        Some(value) if !is_set(Some(value)) => {
            return Some("XDG_RUNTIME_DIR is set and empty, DBUS_SESSION_BUS_ADDRESS is not set".to_owned());
        }
        Some(value) => PathBuf::from(value),
        None => PathBuf::from(format!("/run/user/{user}")),
    };
    let socket = dir.join("bus");
    if is_own(&socket) {
        return None;
    }
    let unset = match runtime {
        Some(_) => "DBUS_SESSION_BUS_ADDRESS is not set",
        None => "DBUS_SESSION_BUS_ADDRESS and XDG_RUNTIME_DIR are not set",
    };
    Some(format!("{unset}, and there is no socket of yours at {}", socket.display()))
}

/// The value of a credential.
pub fn stored(dirs: &Dirs, name: &str) -> Result<Option<Stored>> {
    let found = with_timeout(dirs, name, |entry| match entry.get_password() {
        Ok(text) => Ok(Some(text)),
        Err(Error::NoEntry) => Ok(None),
        Err(Error::Ambiguous(items)) => one_of(Items::of(&items)?).map(Some),
        Err(error) => Err(error.into()),
    });
    let Some(text) = found.map_err(|trouble| unusable(trouble, name))? else { return Ok(None) };
    crate::base::redact::hide(&text);
    // What it holds is never quoted.
    let value: Value = serde_json::from_str(&text).map_err(|_| {
        failed(format!("the keyring's item of the credential `{name}` was not written by {APP}"))
            .help(format!("sign in again: {APP} login --credential {name}"))
    })?;
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
    let kept = with_timeout(dirs, name, move |entry| match entry.set_password(&text) {
        Err(Error::Ambiguous(items)) => match Items::of(&items)?.own.as_slice() {
            [] => Err(Trouble::Several(items.iter().map(described).collect())),
            [(first, _), rest @ ..] => {
                first.set_password(&text)?;
                rest.iter().try_for_each(|(item, _)| Ok(item.delete_credential()?))
            }
        },
        outcome => Ok(outcome?),
    });
    kept.map_err(|trouble| unusable(trouble, name))
}

/// Removes the value; answers whether there was one.
pub fn forget(dirs: &Dirs, name: &str) -> Result<bool> {
    let removed = with_timeout(dirs, name, |entry| match entry.delete_credential() {
        Ok(()) => Ok(true),
        Err(Error::NoEntry) => Ok(false),
        // What astro did not write is somebody else's.
        Err(Error::Ambiguous(items)) => {
            let own = Items::of(&items)?.own;
            own.iter().try_for_each(|(item, _)| item.delete_credential())?;
            Ok(!own.is_empty())
        }
        Err(error) => Err(error.into()),
    });
    removed.map_err(|trouble| unusable(trouble, name))
}

/// The Secret Service. Each call opens it anew: a command makes one or two.
fn secret_service() -> Result<Arc<CredentialStore>, Error> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

/// An item as the keyring's library hands it out.
type Item = Entry;

/// Items with the same service and user: other programs make one beside ours, as Python's keyring does.
struct Items<'i> {
    /// Those that astro wrote, with what is in them.
    own: Vec<(&'i Item, String)>,
    all: &'i [Item],
}

impl<'i> Items<'i> {
    fn of(all: &'i [Item]) -> Result<Self, Trouble> {
        let mut own = Vec::new();
        for item in all {
            match item.get_password() {
                Ok(text) if is_own(&text) => own.push((item, text)),
                Ok(_) | Err(Error::BadEncoding(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self { own, all })
    }
}

fn is_own(text: &str) -> bool {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    value["address"].is_string() && value["token"].is_string()
}

/// What the items of astro hold, when it is one thing.
fn one_of(items: Items<'_>) -> Result<String, Trouble> {
    let mut texts: Vec<String> = items.own.into_iter().map(|(_, text)| text).collect();
    texts.sort();
    texts.dedup();
    match <[String; 1]>::try_from(texts) {
        Ok([text]) => Ok(text),
        Err(_) => {
            let mut described: Vec<String> = items.all.iter().map(described).collect();
            // A keyring lists its items in no order.
            described.sort();
            Err(Trouble::Several(described))
        }
    }
}

/// The attributes of an item, by which a keyring's program finds it.
fn described(item: &Item) -> String {
    let mut attributes: Vec<String> = item
        .get_attributes()
        .unwrap_or_default()
        .into_iter()
        // Which some keyrings add by themselves, and which tells no item from another.
        .filter(|(key, _)| key != "xdg:schema")
        .map(|(key, value)| format!("{key} `{value}`"))
        .collect();
    attributes.sort();
    format!("an item with {}", attributes.join(", "))
}

/// Runs one call on a thread of its own, which is left behind when it takes too long.
fn with_timeout<T: Send + 'static>(
    dirs: &Dirs,
    name: &str,
    call: impl FnOnce(&Entry) -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    if let Some(what) = missing_bus() {
        return Err(Trouble::NoBus(format!("there is no session bus: {what}")));
    }
    // Each configuration has its own entries.
    let user = format!("{name} ({})", dirs.config.display());
    let (answer, answered) = mpsc::channel();
    let spawned = thread::Builder::new().name("keyring".to_owned()).spawn(move || {
        let opened = secret_service().and_then(|store| Entry::new_in_store(&store, service(), &user));
        let outcome = opened.map_err(Trouble::from).and_then(|entry| call(&entry));
        // The receiver is gone after the timeout.
        let _ = answer.send(outcome);
    });
    spawned.map_err(|error| Trouble::Refused(error.to_string()))?;
    answered.recv_timeout(KEYRING_TIMEOUT).unwrap_or_else(|_| {
        Err(Trouble::Refused(format!(
            "it did not answer within {} s; it may be locked",
            KEYRING_TIMEOUT.as_secs()
        )))
    })
}

fn unusable(trouble: Trouble, name: &str) -> Failure {
    let failure = auth(format!("the keyring with the credential `{name}` cannot be used"));
    let failure = match trouble {
        Trouble::NoBus(what) => failure.cause(what).help(format!(
            "pass the variables of your session on to the program that starts {APP}, or set {ENV}_API_TOKEN"
        )),
        Trouble::Several(items) => {
            let failure =
                failure.cause(format!("{} items are for it, and which one counts is not known", items.len()));
            return items.into_iter().fold(failure, Failure::cause).help(format!(
                "remove the wrong one with the keyring's program, or all that {APP} wrote: {APP} logout --credential {name}"
            ));
        }
        Trouble::Refused(reason) => {
            failure.cause(reason).help(format!("unlock the keyring, or set {ENV}_API_TOKEN for this shell"))
        }
    };
    failure
        .help(format!("to keep the credential in a file: {APP} login --credential {name} --insecure-storage"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bus_is_looked_for_where_it_is_and_what_is_missing_is_named() {
        let there = ["/run/user/7/bus", "/x/bus"];
        let is_own = |path: &Path| there.iter().any(|known| Path::new(known) == path);
        let neither = "DBUS_SESSION_BUS_ADDRESS and XDG_RUNTIME_DIR are not set";
        for (address, runtime, user, expected) in [
            (Some("unix:path=/anywhere"), None, 8, None),
            (None, Some("/x"), 8, None),
            (None, None, 7, None),
            (None, None, 8, Some(vec![neither, "/run/user/8/bus"])),
            (None, Some("/y"), 7, Some(vec!["DBUS_SESSION_BUS_ADDRESS is not set", "/y/bus"])),
            (Some(""), None, 7, Some(vec!["DBUS_SESSION_BUS_ADDRESS is set and empty"])),
            (None, Some(""), 7, Some(vec!["XDG_RUNTIME_DIR is set and empty"])),
        ] {
            let found = missing(address.map(OsStr::new), runtime.map(OsStr::new), user, &is_own);
            match expected {
                None => assert_eq!(found, None, "{address:?} {runtime:?}"),
                Some(parts) => {
                    let text = found.unwrap_or_else(|| panic!("{address:?} {runtime:?}"));
                    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
                }
            }
        }
    }

    #[test]
    fn an_item_is_known_by_what_is_in_it() {
        for (text, expected) in [
            (r#"{"address":"https://a/v1","token":"t"}"#, true),
            (r#"{"address":"https://a/v1"}"#, false),
            ("hunter2", false),
            ("", false),
        ] {
            assert_eq!(is_own(text), expected, "{text}");
        }
    }
}
