//! Making a system store: libraries become plugin files with manifest, footer and record. Run by whoever
//! installs the host, through the hidden words `__bundle LIBRARY DIR` and `__index DIR`.

use std::path::{Path, PathBuf};

use astro_plugin_protocol::{
    manifest::Manifest,
    plugin_file::{assemble, glibc_floor},
};

use crate::{
    base::{
        error::{Result, ResultExt, code},
        files, hash,
    },
    product::product,
    run::describe,
    store::{
        Store,
        record::{Installed, Source},
    },
    trust::verify,
};

/// The hidden word that makes a plugin file in a store.
pub(crate) const WORD: &str = "__bundle";
/// The hidden word that makes the index of a store.
pub(crate) const INDEX_WORD: &str = "__index";

/// A plugin file that was put together.
pub(crate) struct PluginFile {
    /// What the library states.
    pub manifest: Manifest,
    /// The lowest glibc it needs, when that is known.
    pub glibc: Option<(u32, u32)>,
    /// The whole file.
    pub bytes: Vec<u8>,
}

/// Makes the plugin file of a library that was built here; it is asked for its manifest in a process of its own.
pub(crate) fn plugin_file(library: &Path) -> Result<PluginFile> {
    let what = || format!("cannot pack `{}`", library.display());
    let payload = std::fs::read(library).context(code::FAILED, what)?;
    let manifest = describe::in_child(library)?;
    let described = serde_json::to_vec(&manifest).context(code::FAILED, what)?;
    let glibc = glibc_floor(&payload);
    let bytes =
        assemble(&payload, &described, verify::TRIPLE, manifest.abi, glibc).context(code::FAILED, what)?;
    Ok(PluginFile { manifest, glibc, bytes })
}

/// Puts a library into a store as `NAME.astro-plugin` with its record. What is there already and the same
/// is left alone.
pub(crate) fn bundle(library: &Path, store: &Store) -> Result<()> {
    let what = || format!("cannot bundle `{}`", library.display());
    let PluginFile { manifest, bytes: file, .. } = plugin_file(library)?;
    let hash = hash::sha256(file.as_slice()).context(code::FAILED, what)?;
    let path = PathBuf::from(format!("{}.{}", manifest.name, product().extension));
    let target = store.dir.join(&path);
    let known = store.records().0.into_iter().find(|record| record.name == manifest.name);
    let described_by = Some(crate::VERSION.to_owned());
    if let Some(known) = known.filter(|record| record.hash == hash && target.is_file()) {
        return match known.described_by == described_by {
            true => Ok(()),
            false => store.write_record(&Installed { described_by, ..known }),
        };
    }
    files::write(&target, &file)?;
    store.write_record(&Installed { described_by, ..Installed::new(manifest, Source::Bundled, path, hash) })
}
