//! Changes to what is installed that need nothing from elsewhere: back to the version before, staying at a version.

use super::{Outcome, resolve::is_newer};
use crate::{
    app::App,
    error::{Failure, Result, failed, plugin},
    host::verify,
    store::{
        Store, link,
        record::{Installed, Source},
    },
};

/// Goes back to the version that was in use before; works without a network. It stays there until it is named: a nightly
/// `upgrade` would bring the trouble back.
pub(crate) fn rollback(app: &App, name: &str, dry_run: bool) -> Result<Outcome> {
    let store = link::user_store(&app.stores)?;
    let lock = store.lock()?;
    let now = current(app, store, name)?;
    let none = || {
        failed(format!("no version of `{name}` before {} is kept", now.version))
            .help(format!("name one: astro plugin install {name}@VERSION"))
    };
    let directory = now.previous.clone().ok_or_else(none)?;
    let before = store.version(name, &directory)?.ok_or_else(none)?;
    usable(app, store, &before)?;
    let back = Installed { previous: Some(now.directory()), pinned: true, ..before };
    if !dry_run {
        store.change(&lock, || {
            store.write_version(&directory, &back)?;
            store.switch(name, &directory)
        })?;
    }
    Ok(Outcome::of(&back, Some(&now.version), "rolled back"))
}

/// Whether a version that is kept can be used: what a run would refuse is refused here, while the other one is still
/// in use.
fn usable(app: &App, store: &Store, record: &Installed) -> Result<()> {
    let (name, version) = (&record.name, &record.version);
    let refused = |reason: &str| plugin(format!("cannot go back to `{name}` {version}: {reason}"));
    if let Some(reason) = store.revoked()?.get(&record.hash) {
        return Err(refused(&format!("it was revoked: {reason}")));
    }
    let path = store.file_of(&record.path);
    if record.source == Source::Link {
        return match path.is_file() {
            true => link::refuse_clash(&app.stores, &record.manifest),
            false => Err(refused("the library that was linked is gone").cause(path.display().to_string())),
        };
    }
    if let Some(theirs) = app.stores.bundled_version(name).filter(|theirs| !is_newer(version, theirs)) {
        return Err(refused(&format!("astro came with {theirs}, which would be used")));
    }
    let facts = store.look_at(record.clone()).facts;
    if let Some(reason) = &facts.broken {
        return Err(refused(reason));
    }
    verify::reverify(store, &facts, app.dirs.as_ref().ok()).map_err(|failure| {
        let mut refused = refused(&failure.message);
        refused.causes.extend(failure.causes);
        refused.help.extend(failure.help);
        refused
    })?;
    link::refuse_clash(&app.stores, &record.manifest)
}

/// Keeps a plugin at its version, or lets it go on.
pub(crate) fn pin(app: &App, name: &str, pinned: bool) -> Result<Outcome> {
    let store = link::user_store(&app.stores)?;
    let lock = store.lock()?;
    let now = current(app, store, name)?;
    if now.source == Source::Link {
        return Err(failed(format!("the plugin `{name}` is linked: it is whatever was built last")));
    }
    let action = match (now.pinned == pinned, pinned) {
        (true, _) => "unchanged",
        (false, true) => "pinned",
        (false, false) => "unpinned",
    };
    let record = Installed { pinned, ..now };
    if action != "unchanged" {
        store.change(&lock, || store.write_version(&record.directory(), &record))?;
    }
    Ok(Outcome::of(&record, Some(&record.version), action))
}

fn current(app: &App, store: &Store, name: &str) -> Result<Installed> {
    let not_here = || -> Failure { link::not_installed(&app.stores, name) };
    store.installed(name)?.ok_or_else(not_here)
}
