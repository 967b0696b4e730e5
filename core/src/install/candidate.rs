//! A plugin file that may become an installed plugin: its bytes, and everything that was found out about them without
//! running any of them.

use std::{collections::BTreeMap, path::Path};

use astro_plugin_protocol::manifest::Manifest;

use crate::{
    base::{
        error::{Failure, Result, ResultExt, code, failed, plugin},
        hash,
    },
    check,
    store::{
        self,
        record::{Described, Source},
    },
    trust::{Key, verify},
};

/// Where a file came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The kind of place.
    pub(crate) source: Source,
    /// The place: a path, a URL, or the name of an index.
    pub(crate) place: String,
    /// Somebody named this very place; a plugin does not move to another index without that.
    pub(crate) is_chosen: bool,
}

/// What a file must be, as far as somebody other than the file said so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    /// Its name.
    pub(crate) name: Option<String>,
    /// Its version.
    pub(crate) version: Option<String>,
    /// Its size in bytes.
    pub(crate) size: Option<u64>,
    /// Its SHA-256.
    pub(crate) sha256: Option<String>,
    /// The key that it must be signed with.
    pub(crate) key: Option<Key>,
}

/// A file that passed everything that can be found out from its bytes.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// The whole file.
    pub(crate) bytes: Vec<u8>,
    /// Its SHA-256.
    pub(crate) hash: String,
    /// Its manifest.
    pub(crate) manifest: Manifest,
    /// Where it came from.
    pub(crate) origin: Origin,
    /// The key that its signature was verified with.
    pub(crate) key: Option<Key>,
    /// The id of the key that its signature names, verified or not.
    pub(crate) stated_key: Option<String>,
}

impl Candidate {
    /// Looks at a file. `known` are further keys by which a signature of the plugin of this name may be verified.
    pub(crate) fn examine(
        bytes: Vec<u8>,
        origin: Origin,
        expected: &Expected,
        known: impl FnOnce(&str) -> Result<Vec<Key>>,
    ) -> Result<Self> {
        let place = origin.place.clone();
        let refused = |reason: String| plugin(format!("the plugin file of `{place}` is refused: {reason}"));
        if let Some(size) = expected.size.filter(|size| *size != bytes.len() as u64) {
            return Err(refused(format!("it has {}, and should have {size} bytes", at_most(&bytes, size))));
        }
        let hash = hash::sha256(bytes.as_slice())
            .context(code::FAILED, || format!("cannot hash the file of `{place}`"))?;
        if let Some(wanted) = expected.sha256.as_ref().filter(|wanted| **wanted != hash) {
            return Err(hash::mismatch(&format!("cannot use the plugin file of `{place}`"), &hash, wanted));
        }
        // What comes from an index has no name of its own, and was packed.
        let file_name = match origin.source {
            Source::Index => Path::new("x.astro-plugin"),
            _ => Path::new(&place),
        };
        let Described { footer, manifest } = Described::of(&bytes, file_name)
            .map_err(|failure| Failure { message: refused(failure.message.clone()).message, ..failure })?;
        if let Some(problem) = check::problems_of_new(&manifest).first() {
            return Err(refused(format!("its manifest is not accepted: {problem}")));
        }
        let (name, version) = (&manifest.name, &manifest.version);
        if let Some(wanted) = expected.name.as_ref().filter(|wanted| *wanted != name) {
            return Err(refused(format!("it is the plugin `{name}`, not `{wanted}`")));
        }
        if let Some(wanted) = expected.version.as_ref().filter(|wanted| *wanted != version) {
            return Err(refused(format!("it is version {version}, not {wanted}")));
        }
        if footer.abi != manifest.abi {
            return Err(refused(format!(
                "its footer says ABI {}, its manifest {}",
                footer.abi, manifest.abi
            )));
        }
        verify::check_revisions(name, version, footer.abi, manifest.protocol)?;
        verify::check_target(name, version, &footer.triple, footer.glibc)?;
        let unsuited = store::unsuited(manifest.product.as_deref(), manifest.min_host.as_deref());
        if let Some((reason, help)) = unsuited {
            return Err(refused(reason).help(help));
        }
        let stated_key = footer.signature.as_ref().map(|signature| signature.key_id());
        let key = match (&expected.key, &stated_key) {
            (Some(key), _) => Some(key.clone()),
            (None, Some(id)) => known(name)?.into_iter().find(|key| key.id() == *id),
            (None, None) => None,
        };
        if let Some(key) = &key {
            key.check(&bytes, name, version).map_err(&refused)?;
        }
        Ok(Self { hash, manifest, origin, key, stated_key, bytes })
    }

    /// Who vouches for it, in words.
    pub(crate) fn voucher(&self) -> String {
        match (&self.key, &self.stated_key) {
            (Some(key), _) => format!("signed with the key {}", key.id()),
            (None, Some(id)) => {
                format!("signed with the key {id}, which is not trusted here: signature not verified")
            }
            (None, None) => "not signed".to_owned(),
        }
    }
}

fn at_most(bytes: &[u8], wanted: u64) -> String {
    match bytes.len() as u64 > wanted {
        true => format!("more than {wanted}"),
        false => bytes.len().to_string(),
    }
}

/// What the entry of a packed file, `NAME.json` beside it, says of it.
pub(crate) fn entry_beside(path: &Path) -> Result<Expected> {
    let Some(text) = crate::base::files::read(&path.with_extension("json"))? else {
        return Ok(Expected::default());
    };
    let entry: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text)
        .context(code::FAILED, || format!("the entry beside `{}` cannot be read", path.display()))?;
    let text = |key: &str| entry.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    Ok(Expected {
        name: text("name"),
        version: text("version"),
        sha256: text("sha256"),
        ..Expected::default()
    })
}

/// That a place has no plugin file.
pub(crate) fn nothing_at(place: &str) -> Failure {
    failed(format!("there is no plugin file at `{place}`"))
}
