//! Changes to what is installed that need nothing from elsewhere: back to the version before, staying at a version.

use super::{Action, Outcome, resolve::is_newer};
use crate::{
    base::{
        error::{Failure, Result, failed, plugin},
        files,
    },
    env::Env,
    program::APP,
    store::{
        Store,
        record::{Installed, Source},
        user,
    },
    trust::verify::{Comparison, Judge},
};

/// Goes back to the version that was in use before; works without a network. It stays there until it is named: a nightly
/// `upgrade` would bring the trouble back. A second time goes further back, never forward again.
pub(crate) fn rollback(env: &Env, name: &str, dry_run: bool) -> Result<Outcome> {
    let store = user::user_store(&env.stores)?;
    let lock = store.lock()?;
    let now = current(env, store, name)?;
    let none = || {
        let failure = failed(format!("no version of `{name}` before {} is kept", now.version));
        let undo = now.rolled_back_from.is_some();
        let failure = match undo {
            true => failure
                .cause("it was rolled back to this one already")
                .help(format!("to undo that: {APP} plugin rollback {name} --undo")),
            false => failure,
        };
        failure.help(format!("name one: {APP} plugin install {name}@VERSION"))
    };
    let directory = now.previous.clone().ok_or_else(none)?;
    let before = store.version(name, &directory)?.ok_or_else(none)?;
    usable(env, store, &before, "go back to")?;
    let rolled_back_from = Some(now.directory());
    let back = Installed { rolled_back_from, pinned: before.source != Source::Link, ..before };
    if !dry_run {
        use_version(store, &lock, &directory, &back)?;
    }
    Ok(Outcome::of(&back, Some(&now.version), Action::RolledBack))
}

/// Undoes a rollback: the version that was in use before it is in use again, as it was.
pub(crate) fn undo_rollback(env: &Env, name: &str, dry_run: bool) -> Result<Outcome> {
    let store = user::user_store(&env.stores)?;
    let lock = store.lock()?;
    let now = current(env, store, name)?;
    let none = || {
        failed(format!("`{name}` {} was not rolled back to", now.version))
            .help(format!("to use another version: {APP} plugin install {name}@VERSION"))
    };
    let directory = now.rolled_back_from.clone().ok_or_else(none)?;
    let after = store.version(name, &directory)?.ok_or_else(none)?;
    usable(env, store, &after, "use")?;
    let forward = Installed { previous: Some(now.directory()), rolled_back_from: None, ..after };
    if !dry_run {
        use_version(store, &lock, &directory, &forward)?;
    }
    Ok(Outcome::of(&forward, Some(&now.version), Action::RolledForward))
}

fn use_version(store: &Store, lock: &files::Lock, directory: &str, record: &Installed) -> Result<()> {
    store.change(lock, || {
        store.write_version(directory, record)?;
        store.switch(&record.name, directory)
    })?;
    Ok(())
}

/// Whether a version that is kept can be used: what a run would refuse is refused here, while the other one is still
/// in use. `verb` is what would be done with it.
fn usable(env: &Env, store: &Store, record: &Installed, verb: &str) -> Result<()> {
    let (name, version) = (&record.name, &record.version);
    let refused = |reason: &str| plugin(format!("cannot {verb} `{name}` {version}: {reason}"));
    if let Some(reason) = store.revoked()?.get(&record.hash) {
        return Err(refused(&format!("it was revoked: {reason}")));
    }
    let path = store.file_of(&record.path);
    if record.source == Source::Link {
        return match path.is_file() {
            true => user::refuse_clash(&env.stores, &record.manifest),
            false => Err(refused("the library that was linked is gone").cause(path.display().to_string())),
        };
    }
    if let Some(theirs) = env.stores.bundled_version(name).filter(|theirs| !is_newer(version, theirs)) {
        return Err(refused(&format!("{APP} came with {theirs}, which would be used")));
    }
    let facts = store.look_at(record.clone()).facts;
    let judge = Judge::new(env.dirs.as_ref().ok(), Comparison::Afresh);
    judge.file(store, &facts).map_err(|failure| {
        let loading = format!("cannot load plugin `{name}` {version}: ");
        let reason = failure.message.strip_prefix(&loading).unwrap_or(&failure.message);
        Failure { message: refused(reason).message, ..failure }
    })?;
    user::refuse_clash(&env.stores, &record.manifest)
}

/// Keeps a plugin at its version, or lets it go on.
pub(crate) fn pin(env: &Env, name: &str, pinned: bool) -> Result<Outcome> {
    let store = user::user_store(&env.stores)?;
    let lock = store.lock()?;
    let now = current(env, store, name)?;
    if now.source == Source::Link {
        return Err(failed(format!("the plugin `{name}` is linked: it is whatever was built last")));
    }
    let action = match (now.pinned, pinned) {
        (true, true) => Action::StillPinned,
        (false, false) => Action::NotPinned,
        (false, true) => Action::Pinned,
        (true, false) => Action::Unpinned,
    };
    let record = Installed { pinned, ..now };
    if matches!(action, Action::Pinned | Action::Unpinned) {
        store.change(&lock, || store.write_version(&record.directory(), &record))?;
    }
    Ok(Outcome::of(&record, Some(&record.version), action))
}

fn current(env: &Env, store: &Store, name: &str) -> Result<Installed> {
    let not_here = || -> Failure { user::not_installed(&env.stores, name) };
    store.installed(name)?.ok_or_else(not_here)
}
