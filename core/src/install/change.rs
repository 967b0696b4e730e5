//! Changes to what is installed that need nothing from elsewhere: back to the version before, staying at a version.

use astro_plugin_protocol::plugin_index::MAX_FILE;

use super::Outcome;
use crate::{
    app::App,
    error::{Failure, Result, While, code, failed, plugin},
    host::verify,
    indexes,
    store::{
        Store, link,
        record::{self, Installed, Source},
    },
    trust::Policy,
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
    if let Some(reason) = &record.revoked {
        return Err(refused(&format!("it was revoked: {reason}")));
    }
    let path = store.file_of(&record.path);
    if record.source == Source::Link {
        return match path.is_file() {
            true => link::refuse_clash(&app.stores, &record.manifest),
            false => Err(refused("the library that was linked is gone").cause(path.display().to_string())),
        };
    }
    let policy = Policy::load(app.dirs.as_ref().map_err(Clone::clone)?)?;
    if let Some(refusal) = policy.refusal(record.publisher_key.as_deref()) {
        return Err(refused(&refusal.message));
    }
    verify::check_revisions(name, version, record.manifest.abi, record.manifest.protocol)?;
    let bytes = indexes::read_file(&path, MAX_FILE)?.ok_or_else(|| refused("its file is gone"))?;
    let hash = record::hash(bytes.as_slice())
        .while_doing(code::FAILED, || format!("cannot read `{}`", path.display()))?;
    if hash != record.hash {
        return Err(refused("its file is not the one that was installed")
            .cause(format!("SHA-256 {hash}, installed {}", record.hash)));
    }
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
