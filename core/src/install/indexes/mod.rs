//! The plugin indexes that the user named in the configuration: read, verified, and held against what was seen before.
//!
//! A document is believed when one of the index's keys signed it as this name and version, it has not expired, and it is not
//! older than one that was seen. What its entries say is then believed of files that have their size and hash.
//! * [`download`]: files from web servers. * `remembered`: what was seen.

#![forbid(unsafe_code)]

pub(crate) mod download;
mod remembered;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use astro_plugin_protocol::{
    names,
    plugin_index::{FILE, File, MAX_INDEX, PluginIndex, SIGNATURE_ENDING},
};
use reqwest::Url;

use crate::{
    base::{
        error::{Failure, Result, ResultExt, code, config, failed, usage},
        files, hash,
        time::{timestamp, unix_now},
    },
    config::{Config, Dirs, IndexSource},
    net::tls::Trust,
    program::APP,
    trust::Key,
};
use remembered::{Seen, cache, cached};

/// How indexes are read in one command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach<'a> {
    /// Where things are remembered.
    pub(crate) dirs: &'a Dirs,
    /// `--offline`: nothing is asked of the network.
    pub(crate) offline: bool,
    /// `--timeout`
    pub(crate) timeout: Option<Duration>,
}

/// An index that was verified.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    /// As it is configured.
    pub(crate) source: IndexSource,
    /// The document.
    pub(crate) document: PluginIndex,
    place: Place,
}

/// Where an index is.
#[derive(Debug, Clone)]
enum Place {
    Url(Url),
    /// The directory of `index.json`.
    Directory(PathBuf),
}

/// The configured indexes, in order.
pub(crate) fn configured(dirs: &Dirs) -> Result<Vec<IndexSource>> {
    let sources = Config::load(dirs)?.index;
    for source in &sources {
        check_source(source)?;
        if sources.iter().filter(|other| other.name == source.name).count() > 1 {
            return Err(config(format!("two indexes of the configuration are called `{}`", source.name)));
        }
    }
    Ok(sources)
}

/// The configured index of this name.
pub(crate) fn named(dirs: &Dirs, name: &str) -> Result<IndexSource> {
    let all = configured(dirs)?;
    let names: Vec<String> = all.iter().map(|source| format!("`{}`", source.name)).collect();
    all.into_iter().find(|source| source.name == name).ok_or_else(|| {
        let failure = failed(format!("no index is called `{name}`"));
        if names.is_empty() {
            failure.help(format!("add one: {APP} plugin index add NAME LOCATION --key KEY"))
        } else {
            failure.help(format!("the indexes are {}", names.join(", ")))
        }
    })
}

/// Whether an index can be read as it is configured.
pub(crate) fn check_source(source: &IndexSource) -> Result<()> {
    let name = &source.name;
    if !names::is_name(name) {
        return Err(config(format!("`{name}` cannot be the name of an index"))
            .help("use letters, digits, `-`, `_` and `.`"));
    }
    if source.keys.is_empty() {
        return Err(config(format!("the index `{name}` has no key to verify it with"))
            .help("remove it and add it with --key"));
    }
    for key in &source.keys {
        Key::parse(key)
            .ok_or_else(|| config(format!("the index `{name}` has an invalid minisign key: `{key}`")))?;
    }
    place(source).map(|_| ())
}

fn place(source: &IndexSource) -> Result<Place> {
    if source.location.contains("://") {
        let url = download::url(&source.location)?;
        let text = url.path().trim_end_matches('/');
        let path = if text.ends_with(".json") { text.to_owned() } else { format!("{text}/{FILE}") };
        let mut url = url;
        url.set_path(&path);
        return Ok(Place::Url(url));
    }
    let path = Path::new(&source.location);
    match path.is_absolute() {
        true => Ok(Place::Directory(path.to_owned())),
        false => Err(usage(format!("`{}` is neither a URL nor a whole path", source.location))),
    }
}

/// Reads and verifies an index.
pub(crate) fn open(reach: Reach<'_>, source: &IndexSource) -> Result<Opened> {
    check_source(source)?;
    let place = place(source)?;
    let is_cached = reach.offline && matches!(place, Place::Url(_));
    let read = || match &place {
        _ if is_cached => cached(reach.dirs, source)?.ok_or_else(|| {
            failed(format!("the index `{}` was not read before", source.name))
                .help("run it once without --offline")
        }),
        Place::Directory(dir) => document(dir, source),
        Place::Url(url) => downloaded(reach, url, source),
    };
    let mut found = read()?;
    let mut verdict = verified(source, &found.0, &found.1);
    if verdict.is_err() {
        // Two files are never put in place at the same moment; whoever met them in between looks again.
        let again = read()?;
        if again != found {
            verdict = verified(source, &again.0, &again.1);
            found = again;
        }
    }
    let (bytes, signature) = found;
    let document = parsed(source, &bytes, &verdict?)?;
    let is_news = remember(reach.dirs, source, &document, &bytes)?;
    if matches!(place, Place::Url(_))
        && !reach.offline
        && (is_news || !matches!(cached(reach.dirs, source), Ok(Some(_))))
    {
        cache(reach.dirs, source, &bytes, &signature);
    }
    Ok(Opened { source: source.clone(), document, place })
}

fn missing_signature(source: &IndexSource) -> Failure {
    failed(format!("the index `{}` is not signed: there is no {FILE}{SIGNATURE_ENDING}", source.name))
}

fn missing(source: &IndexSource, at: &str) -> Failure {
    failed(format!("the index `{}` is not there", source.name)).cause(format!("there is no `{at}`"))
}

fn document(dir: &Path, source: &IndexSource) -> Result<(Vec<u8>, String)> {
    let read = |path: &Path| {
        files::read(path).map_err(|failure| {
            let failure = Failure { code: code::FAILED.to_owned(), ..failure };
            failure.help(format!("the index `{}` is needed for this", source.name))
        })
    };
    let path = dir.join(FILE);
    let text = read(&path)?.ok_or_else(|| missing(source, &path.display().to_string()))?;
    let signature = read(&dir.join(format!("{FILE}{SIGNATURE_ENDING}")))?;
    Ok((text.into_bytes(), signature.ok_or_else(|| missing_signature(source))?))
}

fn downloaded(reach: Reach<'_>, url: &Url, source: &IndexSource) -> Result<(Vec<u8>, String)> {
    let get = |url: &Url, most: u64| {
        let trust = Trust::of_index(source.ca_file.clone());
        download::get(url, most, reach.timeout, &trust, &mut |_, _| {})
            .map_err(|failure| failure.help(format!("the index `{}` is needed for this", source.name)))
    };
    let bytes = get(url, MAX_INDEX as u64)?.ok_or_else(|| missing(source, url.as_str()))?;
    let mut beside = url.clone();
    beside.set_path(&format!("{}{SIGNATURE_ENDING}", url.path()));
    let signature = get(&beside, 4096)?.ok_or_else(|| missing_signature(source))?;
    let signature = String::from_utf8(signature)
        .map_err(|_| failed(format!("the signature of the index `{}` is not text", source.name)))?;
    Ok((bytes, signature))
}

/// The trusted comment of the document's signature.
fn verified(source: &IndexSource, bytes: &[u8], signature: &str) -> Result<String> {
    let keys: Vec<Key> = source.keys.iter().filter_map(|key| Key::parse(key)).collect();
    keys.iter().find_map(|key| key.verified(bytes, signature)).ok_or_else(|| {
        let objection = Key::objection(&keys, signature);
        failed(format!("the index `{}` is not signed by its key: {objection}", source.name))
            .help("nothing of it was used; ask whoever keeps the index")
    })
}

fn parsed(source: &IndexSource, bytes: &[u8], comment: &str) -> Result<PluginIndex> {
    let what = || format!("the index `{}` cannot be read", source.name);
    let document: PluginIndex = serde_json::from_slice(bytes).context(code::FAILED, what)?;
    if let Some(problem) = document.problems().first() {
        return Err(failed(what()).cause(problem.clone()));
    }
    let wanted = document.trusted_comment();
    if comment != wanted {
        return Err(failed(what())
            .cause(format!("its signature is of something else: `{comment}` instead of `{wanted}`")));
    }
    Ok(document)
}

/// Refuses what is too old in one way or the other or another index, and remembers what was seen. Answers whether it is
/// news.
fn remember(dirs: &Dirs, source: &IndexSource, document: &PluginIndex, bytes: &[u8]) -> Result<bool> {
    let name = &source.name;
    let refused = |reason: String| {
        failed(format!("the index `{name}` is refused: {reason}"))
            .help("the mirror may be stale or tampered with; contact the maintainer of the index")
    };
    // `expires` is of the form that orders by text.
    if document.expires <= timestamp(unix_now()) {
        return Err(refused(format!("it expired at {}", document.expires)));
    }
    let sha256 = hash::sha256(bytes).context(code::FAILED, || "the index cannot be hashed".to_owned())?;
    let check = |seen: &Seen| {
        let known = source.document.as_ref().or((!seen.document.is_empty()).then_some(&seen.document));
        if let Some(known) = known.filter(|known| **known != document.name) {
            return Err(refused(format!("it is the index `{}`, not `{known}`", document.name)));
        }
        let newest = seen.version.max(source.min_version);
        if document.version < newest {
            return Err(refused(format!("it went back from version {newest} to {}", document.version)));
        }
        if document.version == seen.version && sha256 != seen.sha256 {
            return Err(refused(format!("it changed and still says it is version {}", document.version)));
        }
        Ok(())
    };
    let now = Seen {
        document: document.name.clone(),
        version: document.version,
        sha256: sha256.clone(),
        keys: source.keys.clone(),
    };
    let seen = Seen::of(dirs, source)?;
    check(&seen)?;
    if now == seen {
        return Ok(false);
    }
    // Of two at once the newer one is remembered.
    let _lock = Seen::lock(dirs, source)?;
    check(&Seen::of(dirs, source)?)?;
    now.keep(dirs, source).map(|()| true)
}

impl Opened {
    /// The bytes of a file of the index, not yet compared with what the index says of them.
    pub(crate) fn fetch(&self, reach: Reach<'_>, file: &File, watch: download::Watch<'_>) -> Result<Vec<u8>> {
        let gone = |at: &str| failed(format!("the index names the file `{at}`, which is not there"));
        let is_absolute = file.location.contains("://");
        if let (Place::Directory(dir), false) = (&self.place, is_absolute) {
            let path = dir.join(&file.location);
            return read_file(&path, file.size)?.ok_or_else(|| gone(&path.display().to_string()));
        }
        let url = match &self.place {
            Place::Url(base) if !is_absolute => base
                .join(&file.location)
                .map_err(|error| failed(format!("`{}` is not a place: {error}", file.location)))?,
            _ => download::url(&file.location).map_err(|failure| {
                failed(format!("the index `{}` names a place that is not used", self.source.name))
                    .cause(failure.message)
            })?,
        };
        // An index from elsewhere has no business with the servers on this machine.
        let is_local = matches!(&self.place, Place::Url(base) if base.scheme() == "http");
        if url.scheme() != "https" && !is_local {
            return Err(failed(format!("the index `{}` names a place that is not used", self.source.name))
                .cause(format!("`{url}` is not https")));
        }
        if reach.offline {
            return Err(failed(format!("`{url}` is not on this machine"))
                .help("run it without --offline, or use an index in a directory"));
        }
        let trust = Trust::of_index(self.source.ca_file.clone());
        download::get(&url, file.size, reach.timeout, &trust, watch)?.ok_or_else(|| gone(url.as_str()))
    }

    /// The key that a file must be signed with, when it must.
    pub(crate) fn key_of(&self, file: &File) -> Result<Option<Key>> {
        let Some(id) = &file.key_id else { return Ok(None) };
        let key = self.document.publishers.get(id).and_then(|publisher| Key::parse(&publisher.public_key));
        match key.filter(|key| key.id() == *id) {
            Some(key) => Ok(Some(key)),
            None => Err(failed(format!("the index `{}` has no usable key {id}", self.source.name))),
        }
    }
}

/// A file of at most `most` bytes and one more, so that a longer one is seen to be.
pub(crate) fn read_file(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    use std::io::Read;
    let what = || format!("cannot read `{}`", path.display());
    let file = match files::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context(code::FAILED, what),
    };
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).context(code::FAILED, what)?;
    Ok(Some(bytes))
}

/// The documents that are at hand, of an index or a directory, for a hint and nothing else: nothing is asked of the
/// network, and what cannot be read is left out.
pub(crate) fn at_hand(dirs: &Dirs) -> Vec<Opened> {
    let reach = Reach { dirs, offline: true, timeout: None };
    let sources = configured(dirs).unwrap_or_default();
    sources.iter().filter_map(|source| open(reach, source).ok()).collect()
}
