//! A plugin under development: the library stays where the build puts it, the store holds a record.

use std::path::Path;

use astro_plugin_protocol::{check, names};

use super::{
    Store, Stores,
    build::conflict,
    describe,
    record::{self, Installed, Source},
};
use crate::{
    config::files,
    error::{Failure, Result, While, code, plugin, usage},
    host::verify,
};

/// Links a library. Answers its record.
pub fn link(stores: &Stores, path: &Path) -> Result<Installed> {
    let store = user_store(stores)?;
    let path =
        path.canonicalize().while_doing(code::FAILED, || format!("cannot find `{}`", path.display()))?;
    if path.is_dir() {
        return Err(usage(format!("`{}` is a directory", path.display()))
            .help("name the library, such as target/debug/libNAME.so"));
    }
    verify::check_policy(&path)?;
    let file = std::fs::File::open(&path)
        .while_doing(code::PLUGIN, || format!("cannot read `{}`", path.display()))?;
    let hash =
        record::hash(file).while_doing(code::PLUGIN, || format!("cannot read `{}`", path.display()))?;
    let manifest = describe::in_child(&path)?;
    verify::check_revisions(&manifest.name, &manifest.version, manifest.abi, manifest.protocol)?;
    let _lock = files::Lock::beside(&store.dir.join("store"))?;
    for other in
        stores.all.iter().flat_map(|store| store.usable().0).filter(|other| other.facts.name != manifest.name)
    {
        let owned: Vec<String> = other
            .manifest
            .commands
            .iter()
            .flat_map(|command| check::spellings(&command.path, &command.aliases))
            .collect();
        let owner = |path: &str| {
            let clashes = |own: &String| {
                own == path
                    || check::ancestors(own).any(|above| above == path)
                    || check::ancestors(path).any(|above| above == own.as_str())
            };
            owned.iter().any(clashes).then(|| other.facts.name.clone())
        };
        if let Some((path, owner)) = conflict(&manifest, owner) {
            return Err(plugin(format!(
                "the plugins `{}` and `{owner}` both claim `astro {path}`",
                manifest.name
            ))
            .help(format!("remove one of them: astro plugin remove {owner}")));
        }
    }
    let record = Installed {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        source: Source::Link,
        path,
        hash,
        installed_at: crate::context::unix_now(),
        manifest: Some(manifest),
    };
    store.write_record(&record)?;
    store.rebuild();
    Ok(record)
}

/// Removes a plugin from the user's store.
pub fn remove(stores: &Stores, name: &str) -> Result<()> {
    let store = user_store(stores)?;
    let _lock = files::Lock::beside(&store.dir.join("store"))?;
    if !names::is_name(name) || !store.dir.join("store").join(name).join("current").exists() {
        return Err(not_installed(stores, name));
    }
    store.remove_record(name)?;
    store.rebuild();
    Ok(())
}

fn not_installed(stores: &Stores, name: &str) -> Failure {
    let bundled = stores.all.iter().any(|store| {
        store.kind == super::Kind::System && store.records().0.iter().any(|record| record.name == name)
    });
    if bundled {
        return crate::error::failed(format!(
            "the plugin `{name}` came with astro and is not yours to remove"
        ))
        .help("it is removed with the package that installed astro");
    }
    crate::error::failed(format!("no plugin `{name}` is installed"))
        .help("see the installed plugins with `astro plugin list`")
}

fn user_store(stores: &Stores) -> Result<&Store> {
    stores
        .user()
        .ok_or_else(|| crate::error::config("the home directory is not known").help("set HOME or ASTRO_HOME"))
}
