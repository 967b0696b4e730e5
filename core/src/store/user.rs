//! The plugins of the user's store: which there are, whose commands they are, taking one away.

use astro_plugin_protocol::{manifest::Manifest, names};

use super::{Store, Stores, build::Claims, record::Source};
use crate::{
    base::error::{Failure, Result, config, failed, plugin},
    program::{APP, ENV},
};

/// Refuses a manifest that claims a command of another plugin; both owners are named. Whoever asks holds the lock.
pub(crate) fn refuse_clash(stores: &Stores, manifest: &Manifest) -> Result<()> {
    let claims = Claims::of(manifest);
    for other in stores.all.iter().flat_map(|store| store.known().0) {
        if other.facts.name == manifest.name {
            continue;
        }
        if let Some(path) = claims.clash(&Claims::of(&other.manifest)) {
            let failure = plugin(format!(
                "the plugins `{}` and `{}` both claim `{APP} {path}`",
                manifest.name, other.facts.name
            ));
            return Err(if stores.bundled_version(&other.facts.name).is_some() {
                failure.help(format!("that one came with {APP}: give the command another path"))
            } else {
                failure.help(format!("remove one of them: {APP} plugin remove {}", other.facts.name))
            });
        }
    }
    Ok(())
}

/// Removes a plugin from the user's store. A link that took the place of an installed version gives it back: answers which
/// one is in use again.
pub(crate) fn remove(stores: &Stores, name: &str) -> Result<Option<String>> {
    let store = user_store(stores)?;
    let lock = store.lock()?;
    // A directory without `current` is what a killed remove left.
    if !names::is_name(name) || !store.dir.join("store").join(name).is_dir() {
        return Err(not_installed(stores, name));
    }
    // What cannot be read is removed whole.
    let linked = store.installed(name).ok().flatten().filter(|record| record.source == Source::Link);
    let before = linked.and_then(|record| record.previous);
    if let Some(directory) = before
        && let Some(installed) = store.version(name, &directory).ok().flatten()
    {
        store.change(&lock, || store.switch(name, &directory))?;
        return Ok(Some(installed.version));
    }
    store.change(&lock, || store.remove_record(name)).map(|_| None)
}

/// That nothing of this name is the user's to change.
pub(crate) fn not_installed(stores: &Stores, name: &str) -> Failure {
    if stores.bundled_version(name).is_some() {
        return failed(format!("the plugin `{name}` came with {APP} and is not yours to change"))
            .help(format!("it is upgraded and removed with the package that installed {APP}"));
    }
    failed(format!("no plugin `{name}` is installed"))
        .help(format!("see the installed plugins with `{APP} plugin list`"))
}

/// The user's store, or why there is none.
pub(crate) fn user_store(stores: &Stores) -> Result<&Store> {
    stores
        .user()
        .ok_or_else(|| config("the home directory is not known").help(format!("set HOME or {ENV}_HOME")))
}
