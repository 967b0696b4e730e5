//! A plugin under development: the library stays where the build puts it, the store holds a record.

use std::path::Path;

use astro_plugin_protocol::{manifest::Manifest, names};

use crate::{
    base::{
        error::{Failure, Result, While, code, plugin, usage},
        files,
    },
    host::verify,
};
use crate::{
    run::describe,
    store::{
        Store, Stores,
        build::{Claims, Index},
        index::Facts,
        record::{self, Installed, Source, Stamp},
    },
};

/// The largest library that is taken, in bytes: more than any has with everything a debugger wants.
const LARGEST: u64 = 2 * 1024 * 1024 * 1024;

/// Links a library. Answers its record.
pub(crate) fn link(stores: &Stores, path: &Path) -> Result<Installed> {
    let store = user_store(stores)?;
    let path =
        path.canonicalize().while_doing(code::FAILED, || format!("cannot find `{}`", path.display()))?;
    if path.is_dir() {
        return Err(usage(format!("`{}` is a directory", path.display()))
            .help("name the library, such as target/debug/libNAME.so"));
    }
    verify::check_policy(&path)?;
    let record = described(&path)?;
    let lock = store.lock()?;
    refuse_clash(stores, &record.manifest)?;
    store.change(&lock, || store.write_record(&record))?;
    Ok(record)
}

/// Refuses a manifest that claims a command of another plugin; both owners are named. Whoever asks holds the lock.
pub(crate) fn refuse_clash(stores: &Stores, manifest: &Manifest) -> Result<()> {
    let claims = Claims::of(manifest);
    for other in stores.all.iter().flat_map(|store| store.known().0) {
        if other.facts.name == manifest.name {
            continue;
        }
        if let Some(path) = claims.clash(&Claims::of(&other.manifest)) {
            let failure = plugin(format!(
                "the plugins `{}` and `{}` both claim `astro {path}`",
                manifest.name, other.facts.name
            ));
            return Err(if stores.bundled_version(&other.facts.name).is_some() {
                failure.help("that one came with astro: give the command another path")
            } else {
                failure.help(format!("remove one of them: astro plugin remove {}", other.facts.name))
            });
        }
    }
    Ok(())
}

/// The record of a library, which is asked for its manifest in a process of its own.
fn described(path: &Path) -> Result<Installed> {
    let what = || format!("cannot read `{}`", path.display());
    // The stamp first: a build that goes on meanwhile makes another one.
    let stamp = Stamp::of(path).while_doing(code::PLUGIN, what)?;
    if stamp.size > LARGEST {
        return Err(plugin(what()).cause(format!("it has {} bytes, more than {LARGEST}", stamp.size)));
    }
    let hash = files::open(path).and_then(record::hash).while_doing(code::PLUGIN, what)?;
    // What a file says about itself is held against what is in it before any of its code runs.
    let written = record::is_plugin_file(path).then(|| record::read_plugin_file(path)).transpose()?;
    if let Some(written) = &written {
        let (name, version, footer) = (&written.manifest.name, &written.manifest.version, &written.footer);
        verify::check_revisions(name, version, footer.abi, written.manifest.protocol)?;
        verify::check_target(name, version, &footer.triple, footer.glibc)?;
    }
    let manifest = describe::in_child(path)?;
    if written.is_some_and(|written| written.manifest != manifest) {
        return Err(plugin(format!(
            "the manifest in `{}` is not the one its library states",
            path.display()
        ))
        .help("pack it again: astro plugin pack"));
    }
    verify::check_revisions(&manifest.name, &manifest.version, manifest.abi, manifest.protocol)?;
    if let Some(reason) = crate::store::needs_newer_host(&manifest) {
        return Err(plugin(format!("cannot use plugin `{}`: {reason}", manifest.name)).help("upgrade astro"));
    }
    Ok(Installed {
        described_by: Some(crate::VERSION.to_owned()),
        stamp: Some(stamp),
        ..Installed::new(manifest, Source::Link, path.to_owned(), hash)
    })
}

/// A linked library that was built again is described again. Answers the index with the new description; it is
/// also written, unless the store cannot be.
pub(crate) fn describe_again(store: &Store, facts: &Facts) -> Result<Index> {
    let mut record = described(&facts.path)?;
    if record.name != facts.name {
        return Err(plugin(format!("the linked library says that it is now the plugin `{}`", record.name))
            .help(format!("link it again: astro plugin link {}", facts.path.display())));
    }
    let Ok(lock) = store.lock() else { return Ok(store.build_with(record)) };
    let before = store.installed(&record.name)?;
    let Some(before) = before.filter(|now| now.source == Source::Link && now.path == facts.path) else {
        // Removed while it was described, or another version is in use.
        return Ok(store.rebuild());
    };
    record.installed_at = before.installed_at;
    match store.change(&lock, || store.write_record(&record)) {
        Ok(index) => Ok(index),
        Err(_) => Ok(store.build_with(record)),
    }
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
        return crate::base::error::failed(format!(
            "the plugin `{name}` came with astro and is not yours to change"
        ))
        .help("it is upgraded and removed with the package that installed astro");
    }
    crate::base::error::failed(format!("no plugin `{name}` is installed"))
        .help("see the installed plugins with `astro plugin list`")
}

/// The user's store, or why there is none.
pub(crate) fn user_store(stores: &Stores) -> Result<&Store> {
    stores.user().ok_or_else(|| {
        crate::base::error::config("the home directory is not known").help("set HOME or ASTRO_HOME")
    })
}
