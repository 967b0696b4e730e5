//! The credential source `file`: tokens in a file only its owner can read.

use std::{os::unix::fs::MetadataExt, path::Path};

use toml_edit::DocumentMut;

use crate::{
    base::{
        error::{Result, config},
        files,
    },
    config::Dirs,
    credential::{Secret, Session, Stored},
    program::ENV,
};

/// The stored token of a credential.
pub fn stored(dirs: &Dirs, name: &str) -> Result<Option<Stored>> {
    let path = dirs.credentials_file();
    let Some(text) = files::read(&path)? else { return Ok(None) };
    check_mode(&path)?;
    let document = parse(dirs, &text)?;
    let value =
        |key: &str| document.get(name).and_then(|item| item.get(key)).and_then(|item| item.as_value());
    let text = |key: &str| value(key).and_then(|value| value.as_str()).map(str::to_owned);
    let number = |key: &str| value(key).and_then(toml_edit::Value::as_integer);
    Ok(text("address").zip(text("token")).map(|(address, token)| Stored {
        address,
        token: Secret::new(token),
        session: Session::from_fields(&text, &number),
    }))
}

/// Refuses a file that other users may read. A secret that Kubernetes mounts belongs to root and to the group of the pod
/// (`fsGroup`): its group may read it where the whole mount is read-only, since that is the only way this user can.
fn check_mode(path: &Path) -> Result<()> {
    let metadata = std::fs::metadata(path)
        .map_err(|error| config(format!("cannot look at `{}`", path.display())).cause(error.to_string()))?;
    let mode = metadata.mode() & 0o777;
    let is_read_only = || {
        rustix::fs::statvfs(path).is_ok_and(|fs| fs.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
    };
    if mode & 0o077 == 0 || mode & 0o037 == 0 && is_read_only() {
        return Ok(());
    }
    let failure = config(format!("`{}` can be read by other users (mode {mode:04o})", path.display()));
    let this = rustix::process::geteuid();
    Err(match this.is_root() || metadata.uid() == this.as_raw() {
        true => failure.help(format!("type `chmod 600 {}`, then rotate the tokens in it", path.display())),
        false => failure
            .help(format!("pass the token in {ENV}_API_TOKEN instead"))
            .help("in Kubernetes: mount the secret read-only with `defaultMode: 0440` and an `fsGroup`"),
    })
}

/// Stores the token of a credential with the address it belongs to.
pub fn store(dirs: &Dirs, name: &str, stored: &Stored) -> Result<()> {
    change(dirs, |document| {
        let mut table = toml_edit::Table::new();
        table["address"] = toml_edit::value(stored.address.as_str());
        table["token"] = toml_edit::value(stored.token.expose());
        for (key, text) in stored.session.iter().flat_map(Session::texts) {
            table[key] = toml_edit::value(text);
        }
        for (key, number) in stored.session.iter().flat_map(Session::numbers) {
            table[key] = toml_edit::value(number);
        }
        document[name] = toml_edit::Item::Table(table);
    })
}

/// Whether the file can be changed, before the first of several changes that belong together.
pub fn check_writable(dirs: &Dirs) -> Result<()> {
    files::own_dir(&dirs.config)?;
    files::check_writable(&dirs.credentials_file())
}

/// Removes the token of a credential; answers whether there was one.
pub fn forget(dirs: &Dirs, name: &str) -> Result<bool> {
    if files::read(&dirs.credentials_file())?.is_none() {
        return Ok(false);
    }
    let mut removed = false;
    change(dirs, |document| removed = document.remove(name).is_some())?;
    Ok(removed)
}

fn change(dirs: &Dirs, change: impl FnOnce(&mut DocumentMut)) -> Result<()> {
    let path = dirs.credentials_file();
    files::own_dir(&dirs.config)?;
    let _lock = files::Lock::beside(&path)?;
    let before = files::read(&path)?.unwrap_or_default();
    let mut document = parse(dirs, &before)?;
    change(&mut document);
    files::write_secret(&path, document.to_string().as_bytes())
}

fn parse(dirs: &Dirs, text: &str) -> Result<DocumentMut> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        // The parser's message would quote the line, which may hold a token.
        let line =
            error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        config(format!("`{}` cannot be read: line {line}", dirs.credentials_file().display()))
            .help("correct the file; it was not changed")
    })
}
