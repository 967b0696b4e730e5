//! Making a plugin index: a directory with `index.json`, its signature, and the plugin files, ready for any web server,
//! folder or object store.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use astro_plugin_protocol::{
    names,
    plugin_index::{FILE, FORMAT, File, MAX_FILE, Plugin, PluginIndex, Publisher, SIGNATURE_ENDING, Version},
};

use super::sign;
use crate::{
    base::{
        error::{Failure, Result, ResultExt, code, failed, usage, with_causes},
        files, hash,
        time::{timestamp, unix_now},
    },
    check,
    install::indexes::{download, read_file},
    product::product,
    program::APP,
    store::{
        self,
        lookup::compare_versions,
        record::{Described, is_plugin_file},
    },
    trust::Key,
};

/// What is to be made.
pub(crate) struct BuildOptions<'a> {
    /// The directory of the index.
    pub(crate) dir: &'a Path,
    /// Its name; the one it has, or the directory's, without it.
    pub(crate) name: Option<&'a str>,
    /// Plugin files that are copied into it.
    pub(crate) add: Vec<PathBuf>,
    /// Keys that plugin files are signed with.
    pub(crate) publishers: Vec<Key>,
    /// Marks: `NAME@VERSION` and the reason.
    pub(crate) yank: Vec<Mark>,
    /// The same for what nobody may use any more.
    pub(crate) revoke: Vec<Mark>,
    /// Seconds until it expires.
    pub(crate) lifetime: i64,
    /// Where the files are served, when that is not where the index is.
    pub(crate) base_url: Option<&'a str>,
}

/// A version and why it is marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    name: String,
    version: String,
    reason: String,
}

impl Mark {
    /// Reads `NAME@VERSION=REASON`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let parts =
            text.split_once('=').and_then(|(what, reason)| Some((what.split_once('@')?, reason.trim())));
        match parts {
            Some(((name, version), reason))
                if !name.is_empty()
                    && names::is_version(version)
                    && !reason.is_empty()
                    && !reason.chars().any(char::is_control) =>
            {
                Ok(Self { name: name.into(), version: version.into(), reason: reason.into() })
            }
            _ => Err(usage(format!("`{text}` does not name a version and a reason"))
                .help("write NAME@VERSION=REASON")),
        }
    }
}

/// Makes or renews the document. Nothing that was published disappears: what should not be used is marked.
pub(crate) fn build(wanted: &BuildOptions<'_>) -> Result<PluginIndex> {
    // Of two who publish at once the second one goes on from what the first one made.
    let _lock = files::Lock::beside(&wanted.dir.join(FILE))?;
    let before = read(wanted.dir)?;
    let dir_name =
        wanted.dir.canonicalize().ok().and_then(|dir| Some(dir.file_name()?.to_string_lossy().into_owned()));
    let name = match (wanted.name, &before) {
        (Some(name), Some(before)) if name != before.name => {
            return Err(usage(format!("the index is called `{}`, not `{name}`", before.name))
                .help("readers would take another name for another index"));
        }
        (Some(name), _) => name.to_owned(),
        (None, Some(before)) => before.name.clone(),
        (None, None) => dir_name.ok_or_else(|| usage("the index has no name").help("pass --name NAME"))?,
    };
    let mut publishers = before.as_ref().map(|before| before.publishers.clone()).unwrap_or_default();
    for key in &wanted.publishers {
        publishers
            .entry(key.id())
            .or_insert_with(|| Publisher { public_key: key.text().to_owned(), ..Publisher::default() });
    }
    let mut plugins: BTreeMap<String, Plugin> = BTreeMap::new();
    let known = before.as_ref().map(|before| before.plugins.clone()).unwrap_or_default();
    for plugin in known {
        plugins.insert(plugin.name.clone(), plugin);
    }
    for path in plugin_files(wanted.dir)? {
        let below = path.strip_prefix(wanted.dir).unwrap_or(&path).to_owned();
        take(wanted, &path, &below, &mut plugins, &mut publishers)?;
    }
    // Nothing is copied before everything was found to be right: a file that is refused must not stay.
    let mut copies = Vec::new();
    for path in &wanted.add {
        copies.extend(add(wanted, path, &mut plugins, &mut publishers)?);
    }
    if plugins.is_empty() {
        return Err(failed(format!("`{}` has no plugin files", wanted.dir.display()))
            .help(format!("name some to add, or put files that end with .{} there", product().extension)));
    }
    for (marks, revokes) in [(&wanted.yank, false), (&wanted.revoke, true)] {
        marks.iter().try_for_each(|mark| set(mark, revokes, &mut plugins))?;
    }
    for plugin in plugins.values_mut() {
        plugin.versions.sort_by(|a, b| compare_versions(&b.version, &a.version));
    }
    let document = PluginIndex {
        format: FORMAT,
        name,
        version: before
            .map_or(0, |before| before.version)
            .checked_add(1)
            .ok_or_else(|| failed("the index has the last version that there is"))?,
        expires: timestamp(unix_now().saturating_add(wanted.lifetime)),
        publishers,
        plugins: plugins.into_values().collect(),
    };
    if let Some(problem) = document.problems().first() {
        return Err(failed("the index would not be accepted").cause(problem.clone()));
    }
    for (path, bytes) in &copies {
        files::write_shared(path, bytes)?;
    }
    present(wanted.dir, &document)?;
    let mut text = serde_json::to_vec_pretty(&document)
        .context(code::FAILED, || "the index cannot be written".to_owned())?;
    text.push(b'\n');
    // The signature is that of the document before; whoever reads in between sees that it does not fit.
    files::write_shared(&wanted.dir.join(FILE), &text)?;
    Ok(document)
}

/// Reads the document of a directory; `None` when there is none.
fn read(dir: &Path) -> Result<Option<PluginIndex>> {
    Ok(read_with_text(dir)?.map(|(document, _)| document))
}

fn read_with_text(dir: &Path) -> Result<Option<(PluginIndex, String)>> {
    let path = dir.join(FILE);
    let Some(text) = files::read(&path)? else { return Ok(None) };
    let what = || format!("`{}` cannot be read", path.display());
    let document: PluginIndex = serde_json::from_str(&text).context(code::FAILED, what)?;
    match document.problems().first() {
        None => Ok(Some((document, text))),
        Some(problem) => Err(failed(what()).cause(problem.clone())),
    }
}

/// Signs the document of a directory. Answers where the signature is.
pub(crate) fn sign(dir: &Path, key: &sign::Key) -> Result<(PathBuf, PluginIndex)> {
    let (document, text) = read_with_text(dir)?.ok_or_else(|| {
        failed(format!("there is no `{}`", dir.join(FILE).display()))
            .help(format!("make one: {APP} plugin index build DIR"))
    })?;
    let signature = key.sign_detached(text.as_bytes(), &document.trusted_comment())?;
    let path = dir.join(format!("{FILE}{SIGNATURE_ENDING}"));
    files::write_shared(&path, signature.as_bytes())?;
    Ok((path, document))
}

/// Takes a plugin file into the document. Answers the copy that is to be made of it; none when the directory has it already.
fn add(
    wanted: &BuildOptions<'_>,
    path: &Path,
    plugins: &mut BTreeMap<String, Plugin>,
    publishers: &mut BTreeMap<String, Publisher>,
) -> Result<Option<(PathBuf, Vec<u8>)>> {
    let (bytes, Described { footer, manifest }) = described(path)?;
    let version = plugins
        .get(&manifest.name)
        .and_then(|plugin| plugin.versions.iter().find(|version| version.version == manifest.version));
    let known = version.and_then(|version| version.files.iter().find(|file| file.target == footer.triple));
    let hash = hash::sha256(bytes.as_slice())
        .context(code::FAILED, || format!("cannot hash `{}`", path.display()))?;
    if known.is_some_and(|file| file.sha256 == hash) {
        return Ok(None);
    }
    let below = Path::new(&manifest.name).join(&manifest.version).join(&footer.triple).join(format!(
        "{}.{}",
        manifest.name,
        product().extension
    ));
    take(wanted, path, &below, plugins, publishers)?;
    Ok(Some((wanted.dir.join(below), bytes)))
}

fn described(path: &Path) -> Result<(Vec<u8>, Described)> {
    let what = || format!("the plugin file `{}` is refused", path.display());
    let bytes = read_file(path, MAX_FILE)?.ok_or_else(|| failed(what()).cause("there is no such file"))?;
    let described = Described::of(&bytes, path).map_err(|failure| {
        let causes = std::iter::once(failure.message).chain(failure.causes).collect();
        Failure { help: failure.help, causes, ..failed(what()) }
    })?;
    // A newer version of this program may be needed for it, never another program.
    let unsuited = store::unsuited(described.manifest.product.as_deref(), None).map(|(reason, _)| reason);
    match unsuited.or_else(|| check::problems_of_new(&described.manifest).into_iter().next()) {
        None => Ok((bytes, described)),
        Some(problem) => Err(failed(what()).cause(problem)),
    }
}

/// The plugin files of a directory, at most six levels down; links are not followed.
fn plugin_files(dir: &Path) -> Result<Vec<PathBuf>> {
    fn walk(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() && depth > 0 {
                walk(&entry.path(), depth - 1, found)?;
            } else if kind.is_file() && is_plugin_file(&entry.path()) {
                found.push(entry.path());
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    walk(dir, 6, &mut found).context(code::FAILED, || format!("cannot read `{}`", dir.display()))?;
    found.sort();
    Ok(found)
}

/// Takes a file into the document, which is or will be at `below` in the directory.
fn take(
    wanted: &BuildOptions<'_>,
    path: &Path,
    below: &Path,
    plugins: &mut BTreeMap<String, Plugin>,
    publishers: &mut BTreeMap<String, Publisher>,
) -> Result<()> {
    let (bytes, Described { footer, manifest }) = described(path)?;
    let refused =
        |reason: String| failed(format!("the plugin file `{}` is refused", path.display())).cause(reason);
    let key_id = footer.signature.as_ref().map(|signature| signature.key_id());
    if let Some(id) = &key_id {
        let publisher = publishers.get_mut(id).ok_or_else(|| {
            refused(format!("it is signed with the key {id}, which was not named"))
                .help("name the publisher's public key: --publisher KEY")
        })?;
        let key =
            Key::parse(&publisher.public_key).ok_or_else(|| refused(format!("the key {id} is not one")))?;
        key.check(&bytes, &manifest.name, &manifest.version).map_err(&refused)?;
        publisher.name = manifest.publisher.clone().unwrap_or_default();
    }
    let below = below.to_string_lossy().into_owned();
    let location = match wanted.base_url {
        Some(base) => format!("{}/{below}", base.trim_end_matches('/')),
        None => below,
    };
    let file = File {
        target: footer.triple,
        glibc: footer.glibc.map(|(major, minor)| format!("{major}.{minor}")),
        size: bytes.len() as u64,
        sha256: hash::sha256(bytes.as_slice())
            .context(code::FAILED, || format!("cannot hash `{}`", path.display()))?,
        location,
        key_id,
    };
    let plugin = plugins
        .entry(manifest.name.clone())
        .or_insert_with(|| Plugin { name: manifest.name.clone(), ..Plugin::default() });
    let is_newest =
        plugin.versions.iter().all(|known| compare_versions(&known.version, &manifest.version).is_le());
    if is_newest {
        plugin.about.clone_from(&manifest.about);
        plugin.publisher.clone_from(&manifest.publisher);
        plugin.license.clone_from(&manifest.license);
        plugin.homepage.clone_from(&manifest.homepage);
    }
    let at = plugin.versions.iter().position(|known| known.version == manifest.version);
    let at = at.unwrap_or_else(|| {
        plugin.versions.push(Version::of(&manifest));
        plugin.versions.len() - 1
    });
    let version = &mut plugin.versions[at];
    let (stated, marks) = (Version::of(&manifest), version.clone());
    if (Version { files: marks.files, yanked: marks.yanked, revoked: marks.revoked, ..stated }) != *version {
        return Err(refused(format!(
            "its manifest is not that of the other files of `{}` {}",
            manifest.name, manifest.version
        )));
    }
    match version.files.iter_mut().find(|known| known.target == file.target) {
        Some(known) if known.sha256 != file.sha256 => Err(refused(format!(
            "`{}` {} for {} was published with other bytes",
            manifest.name, manifest.version, file.target
        ))
        .help("a version never changes: give it the next number")),
        Some(known) => {
            *known = file;
            Ok(())
        }
        None => {
            version.files.push(file);
            Ok(())
        }
    }
}

fn set(mark: &Mark, revokes: bool, plugins: &mut BTreeMap<String, Plugin>) -> Result<()> {
    let plugin = plugins.get_mut(&mark.name);
    let version =
        plugin.and_then(|plugin| plugin.versions.iter_mut().find(|known| known.version == mark.version));
    let version =
        version.ok_or_else(|| failed(format!("the index has no `{}` {}", mark.name, mark.version)))?;
    let place = if revokes { &mut version.revoked } else { &mut version.yanked };
    *place = Some(mark.reason.clone());
    Ok(())
}

/// Every file that the document names below its directory is there; what was revoked may be gone.
fn present(dir: &Path, document: &PluginIndex) -> Result<()> {
    for plugin in &document.plugins {
        for version in plugin.versions.iter().filter(|version| version.revoked.is_none()) {
            for file in version.files.iter().filter(|file| !file.location.contains("://")) {
                if !dir.join(&file.location).is_file() {
                    return Err(failed(format!(
                        "the file of `{}` {} for {} is gone: {}",
                        plugin.name, version.version, file.target, file.location
                    ))
                    .help("put it back; what nobody should use is marked with --yank or --revoke"));
                }
            }
        }
    }
    Ok(())
}

/// One file of a document and whether it is what the document says.
pub(crate) fn check_file(
    dir: Option<&Path>,
    fetch: &dyn Fn(&File, download::Watch<'_>) -> Result<Vec<u8>>,
    document: &PluginIndex,
    name: &str,
    version: &Version,
    file: &File,
) -> std::result::Result<(), String> {
    if version.revoked.is_some() && dir.is_some_and(|dir| !dir.join(&file.location).exists()) {
        return Ok(());
    }
    let bytes = fetch(file, &mut |_, _| {}).map_err(|failure| failure.message)?;
    let hash = hash::sha256(bytes.as_slice()).map_err(|error| error.to_string())?;
    if bytes.len() as u64 != file.size || hash != file.sha256 {
        return Err(format!("it is another file: {} bytes, SHA-256 {hash}", bytes.len()));
    }
    let Described { footer, manifest } =
        Described::of(&bytes, Path::new(&file.location)).map_err(|failure| with_causes(&failure))?;
    if (manifest.name.as_str(), &manifest.version, &footer.triple) != (name, &version.version, &file.target) {
        return Err(format!("it says it is `{}` {} for {}", manifest.name, manifest.version, footer.triple));
    }
    if let Some(problem) = check::problems_of_new(&manifest).first() {
        return Err(format!("its manifest is not accepted: {problem}"));
    }
    let stated = footer.signature.as_ref().map(|signature| signature.key_id());
    if stated != file.key_id {
        return Err("the index and the file name different keys".to_owned());
    }
    match file.key_id.as_ref().and_then(|id| document.publishers.get(id)) {
        Some(publisher) => match Key::parse(&publisher.public_key) {
            Some(key) => key.check(&bytes, name, &version.version),
            None => Err("its publisher's key is not one of minisign".to_owned()),
        },
        None => Ok(()),
    }
}
