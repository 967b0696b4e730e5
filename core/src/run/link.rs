//! A plugin under development: the library stays where the build puts it, the store holds a record.

use std::path::Path;

use crate::{
    base::{
        error::{Result, ResultExt, code, plugin, usage},
        files, hash,
    },
    program::APP,
    run::describe,
    store::{
        Store, Stores,
        build::Index,
        index::Facts,
        lookup::{Found, Owner},
        record::{self, Installed, Source, Stamp},
        user,
    },
    trust::verify,
};

/// The largest library that is taken, in bytes: more than any has with everything a debugger wants.
const LARGEST: u64 = 2 * 1024 * 1024 * 1024;

/// Links a library. Answers its record.
pub(crate) fn link(stores: &Stores, path: &Path) -> Result<Installed> {
    let store = user::user_store(stores)?;
    let path = path.canonicalize().context(code::FAILED, || format!("cannot find `{}`", path.display()))?;
    if path.is_dir() {
        return Err(usage(format!("`{}` is a directory", path.display()))
            .help("name the library, such as target/debug/libNAME.so"));
    }
    verify::check_policy(&path)?;
    let record = described(&path)?;
    let lock = store.lock()?;
    user::refuse_clash(stores, &record.manifest)?;
    store.change(&lock, || store.write_record(&record))?;
    Ok(record)
}

/// The record of a library, which is asked for its manifest in a process of its own.
fn described(path: &Path) -> Result<Installed> {
    let what = || format!("cannot read `{}`", path.display());
    // The stamp first: a build that goes on meanwhile makes another one.
    let stamp = Stamp::of(path).context(code::PLUGIN, what)?;
    if stamp.size > LARGEST {
        return Err(plugin(what()).cause(format!("it has {} bytes, more than {LARGEST}", stamp.size)));
    }
    let hash = files::open(path).and_then(hash::sha256).context(code::PLUGIN, what)?;
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
        .help(format!("pack it again: {APP} plugin pack")));
    }
    verify::check_revisions(&manifest.name, &manifest.version, manifest.abi, manifest.protocol)?;
    let unsuited = crate::store::unsuited(manifest.product.as_deref(), manifest.min_host.as_deref());
    if let Some((reason, help)) = unsuited {
        return Err(plugin(format!("cannot use plugin `{}`: {reason}", manifest.name)).help(help));
    }
    Ok(Installed {
        described_by: Some(crate::VERSION.to_owned()),
        stamp: Some(stamp),
        ..Installed::new(manifest, Source::Link, path.to_owned(), hash)
    })
}

/// The commands below a first word after its owner's file was looked at again, because it changed: a linked library is asked
/// for its manifest, in a process of its own.
pub(crate) fn word_again(stores: &Stores, word: &str, owner: &Owner) -> Result<Option<Found>> {
    let index = match owner.facts.is_linked() {
        true => describe_again(&owner.store, &owner.facts)?,
        false => owner.store.rebuild(),
    };
    Ok(stores.word_with(word, &owner.store, index))
}

/// A linked library that was built again is described again. Answers the index with the new description; it is
/// also written, unless the store cannot be.
fn describe_again(store: &Store, facts: &Facts) -> Result<Index> {
    let mut record = described(&facts.path)?;
    if record.name != facts.name {
        return Err(plugin(format!("the linked library says that it is now the plugin `{}`", record.name))
            .help(format!("link it again: {APP} plugin link {}", facts.path.display())));
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
