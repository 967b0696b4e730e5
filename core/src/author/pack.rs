//! A plugin file from a build, and its entry for an index beside it.

use std::path::{Path, PathBuf};

use astro_plugin_protocol::manifest::Manifest;
use serde_json::{Value, json};

use super::{
    cargo::{self, Build},
    sign::Key,
};
use crate::{
    base::{
        error::{Result, ResultExt, code},
        files, hash,
    },
    product::product,
    run::bundle::{self, PluginFile},
    trust::verify::TRIPLE,
};

/// What was packed.
pub(crate) struct Packed {
    /// The plugin file.
    pub(crate) file: PathBuf,
    /// Its entry for an index.
    pub(crate) entry: PathBuf,
    /// What the entry says.
    pub(crate) facts: Value,
}

/// Builds the crate in a directory for release and packs it below `out`, in a directory for the target.
pub(crate) fn pack(dir: &Path, out: &Path, key: Option<&Key>) -> Result<Packed> {
    let library = cargo::build(dir, Build::Release)?;
    let PluginFile { manifest, glibc, bytes: mut file } = bundle::plugin_file(&library)?;
    let signature =
        key.map(|key| key.sign(&mut file, &manifest.name, &manifest.version, TRIPLE)).transpose()?;
    let facts = entry(&manifest, &file, glibc, signature.map(|signature| signature.key_id()))?;
    let dir = out.join(TRIPLE);
    let path = dir.join(format!("{}.{}", manifest.name, product().extension));
    files::write_shared(&path, &file)?;
    let entry = dir.join(format!("{}.json", manifest.name));
    let text = serde_json::to_string_pretty(&facts)
        .context(code::FAILED, || format!("cannot write `{}`", entry.display()))?;
    files::write_shared(&entry, format!("{text}\n").as_bytes())?;
    Ok(Packed { file: path, entry, facts })
}

fn entry(manifest: &Manifest, file: &[u8], floor: Option<(u32, u32)>, key: Option<String>) -> Result<Value> {
    let what = || format!("cannot hash the plugin `{}`", manifest.name);
    Ok(json!({
        "name": manifest.name,
        "version": manifest.version,
        "about": manifest.about,
        "publisher": manifest.publisher,
        "license": manifest.license,
        "homepage": manifest.homepage,
        "abi": manifest.abi,
        "protocol": manifest.protocol,
        "min_host": manifest.min_host,
        "product": manifest.product,
        "commands": manifest.commands.iter().map(|command| &command.path).collect::<Vec<_>>(),
        "target": TRIPLE,
        "glibc": floor.map(|(major, minor)| format!("{major}.{minor}")),
        "file": format!("{}.{}", manifest.name, product().extension),
        "size": file.len(),
        "sha256": hash::sha256(file).context(code::FAILED, what)?,
        "key_id": key,
    }))
}
