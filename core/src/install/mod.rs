//! Installing plugins: nothing of them is run, and the version that was in use stays in use until everything about the next
//! one was found to be right.
//!
//! * `source`: what was typed. * `resolve`: which file of which index a name means. * `candidate`: a file and what is
//!   known of it. * `admit`: whether it may take its place. * [`lock_file`], `sync`: the same set everywhere.
//! * `change`: back to an earlier version, staying at one.

#![forbid(unsafe_code)]

mod admit;
pub(crate) mod candidate;
pub(crate) mod change;
pub mod lock_file;
pub(crate) mod resolve;
pub(crate) mod source;
pub(crate) mod sync;

use std::{cell::RefCell, collections::BTreeMap, path::Path};

use astro_plugin_protocol::plugin_index::{MAX_FILE, Plugin};
use reqwest::Url;

pub(crate) use admit::Outcome;
use candidate::{Candidate, Expected, Origin, entry_beside, nothing_at};
use resolve::Resolved;
use source::{Named, Wanted, files_in};

use crate::{
    app::App,
    cli::report,
    config::{Dirs, IndexSource},
    error::{Result, failed, plugin, usage},
    indexes::{self, Opened, Reach, download},
    store::{
        Store,
        record::{Installed, Source},
        revoke,
    },
    trust::{Key, Policy},
};

/// What was asked for besides the plugins themselves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// `--offline`
    pub(crate) offline: bool,
    /// `--dry-run`
    pub(crate) dry_run: bool,
    /// `--sha256`: what the file must be.
    pub(crate) sha256: Option<String>,
    /// `--public-key`: who must have signed it.
    pub(crate) public_key: Option<Key>,
    /// `--accept-key`: the id of a new publisher's key.
    pub(crate) accept_key: Option<String>,
    /// `--downgrade`: an older version than the installed one may take its place.
    pub(crate) downgrade: bool,
}

/// One command that installs.
pub(crate) struct Installer<'a> {
    app: &'a App,
    dirs: &'a Dirs,
    options: Options,
    policy: Policy,
    timeout: Option<std::time::Duration>,
    /// What came of each index that was read: one that cannot be is not asked once for every plugin.
    opened: RefCell<BTreeMap<String, Result<Opened>>>,
}

/// How a version was chosen, which decides about being pinned and about going back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Somebody named this very version: it is pinned, and may be older than what is installed.
    Named,
    /// The newest that there is.
    Newest,
    /// The file is what it is.
    File,
}

impl<'a> Installer<'a> {
    /// Begins; the trust policy must be readable.
    pub(crate) fn new(app: &'a App, options: Options, timeout: Option<std::time::Duration>) -> Result<Self> {
        let dirs = app.dirs.as_ref().map_err(Clone::clone)?;
        let policy = Policy::load(dirs)?;
        policy.keys()?;
        Ok(Self { app, dirs, options, policy, timeout, opened: RefCell::default() })
    }

    /// How indexes are reached.
    pub(crate) fn reach(&self) -> Reach<'a> {
        Reach { dirs: self.dirs, offline: self.options.offline, timeout: self.timeout }
    }

    /// An index, opened once. What it revoked is marked at once, whatever else comes of the command.
    pub(crate) fn index(&self, source: &IndexSource) -> Result<Opened> {
        if let Some(opened) = self.opened.borrow().get(&source.name) {
            return opened.clone();
        }
        let console = &self.app.console;
        let line = console.begin(&format!("Reading the index {}", source.name), None);
        let opened = indexes::open(self.reach(), source);
        console.end(line);
        self.opened.borrow_mut().insert(source.name.clone(), opened.clone());
        let opened = opened?;
        if let Some(store) = self.app.stores.user() {
            for (what, reason) in store.revoke(&opened.document)? {
                let failure = plugin(format!("{what} was revoked and is not used any more: {reason}"))
                    .help("install another version, or remove it");
                report::warning(console, &failure);
            }
        }
        Ok(opened)
    }

    /// Why a file is revoked, as far as the indexes that are at hand and what they said before tell.
    fn revoked(&self, name: &str, sha256: &str) -> Option<String> {
        let store = self.app.stores.user();
        let mut kept = store.map(|store| store.versions(name)).unwrap_or_default().into_iter();
        let marked = kept.find(|record| record.hash == sha256).and_then(|record| record.revoked);
        let says =
            |index: &Opened| revoke::revoked(&index.document).get(sha256).map(|reason| (*reason).to_owned());
        marked
            .or_else(|| self.opened.borrow().values().flatten().find_map(says))
            .or_else(|| indexes::at_hand(self.dirs).iter().find_map(says))
    }

    /// Installs what was typed. A directory may bring several.
    pub(crate) fn install(&self, wanted: &Wanted) -> Result<Vec<Outcome>> {
        match wanted {
            Wanted::Named(named) => {
                let choice = if named.version.is_some() { Choice::Named } else { Choice::Newest };
                self.install_named(named, choice).map(|outcome| vec![outcome])
            }
            Wanted::File(path) => self.install_file(path).map(|outcome| vec![outcome]),
            Wanted::Directory(dir) => {
                let files = files_in(dir)?;
                if files.len() > 1 && (self.options.sha256.is_some() || self.options.accept_key.is_some()) {
                    return Err(usage(format!(
                        "`--sha256` and `--accept-key` are for one file, `{}` has {}",
                        dir.display(),
                        files.len()
                    )));
                }
                files.iter().map(|path| self.install_file(path)).collect()
            }
            Wanted::Url(url) => self.install_url(url).map(|outcome| vec![outcome]),
        }
    }

    /// Installs a plugin of an index.
    pub(crate) fn install_named(&self, named: &Named, choice: Choice) -> Result<Outcome> {
        let resolved = resolve::resolve(self.reach(), named, |source| self.index(source))?;
        for notice in &resolved.notices {
            self.app.console.notice(notice);
        }
        let installed =
            self.app.stores.user().map(|store| store.installed(&named.name)).transpose()?.flatten();
        if choice == Choice::Newest
            && let Some(old) = installed.filter(|old| old.hash == resolved.file.sha256 && self.is_whole(old))
        {
            return self.admit_again(&old, choice);
        }
        self.admit_resolved(&resolved, choice, &Expected::default())
    }

    /// Gets the file that a name stands for and installs it; `also` is what others than the index say it must be.
    fn admit_resolved(&self, resolved: &Resolved, choice: Choice, also: &Expected) -> Result<Outcome> {
        let Resolved { index, name, version, file, .. } = resolved;
        let key = index.key_of(file)?;
        if let (Some(wanted), Some(key)) = (also.key.as_ref().or(self.options.public_key.as_ref()), &key)
            && wanted != key
        {
            return Err(plugin(format!(
                "`{name}` {} is signed with the key {}, not with {}",
                version.version,
                key.id(),
                wanted.id()
            )));
        }
        let expected = Expected {
            name: Some(name.clone()),
            version: Some(version.version.clone()),
            size: Some(file.size),
            sha256: Some(file.sha256.clone()),
            key: key.or_else(|| also.key.clone()).or_else(|| self.options.public_key.clone()),
        };
        if let Some(wanted) = self.options.sha256.as_ref().or(also.sha256.as_ref())
            && *wanted != file.sha256
        {
            return Err(plugin(format!("`{name}` {} is not the file it should be", version.version))
                .cause(format!("the index says SHA-256 {}, expected {wanted}", file.sha256)));
        }
        let bytes = match self.kept(name, &file.sha256) {
            Some(bytes) => bytes,
            None => self.watched(&format!("Getting {name} {}", version.version), |watch| {
                index.fetch(self.reach(), file, watch)
            })?,
        };
        let origin = Origin { source: Source::Index, place: index.source.name.clone() };
        self.admit(Candidate::examine(bytes, origin, &expected, &self.known_keys()?)?, choice)
    }

    fn install_file(&self, path: &Path) -> Result<Outcome> {
        let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let place = whole.display().to_string();
        let bytes = indexes::read_file(path, MAX_FILE)?.ok_or_else(|| nothing_at(&place))?;
        let mut expected = entry_beside(path)?;
        if let Some(sha256) = &self.options.sha256 {
            expected.sha256 = Some(sha256.clone());
        }
        expected.key.clone_from(&self.options.public_key);
        let origin = Origin { source: Source::File, place };
        self.admit(Candidate::examine(bytes, origin, &expected, &self.known_keys()?)?, Choice::File)
    }

    fn install_url(&self, url: &Url) -> Result<Outcome> {
        if self.options.offline {
            return Err(failed(format!("`{url}` is not on this machine")).help("run it without --offline"));
        }
        let found = self.watched(&format!("Getting {url}"), |watch| {
            download::get(url, MAX_FILE, self.timeout, None, watch)
        })?;
        let bytes = found.ok_or_else(|| nothing_at(url.as_str()))?;
        let expected = Expected {
            sha256: self.options.sha256.clone(),
            key: self.options.public_key.clone(),
            ..Expected::default()
        };
        let origin = Origin { source: Source::Url, place: url.to_string() };
        let candidate = Candidate::examine(bytes, origin, &expected, &self.known_keys()?)?;
        if candidate.key.is_none() && expected.sha256.is_none() {
            return Err(plugin(format!("nothing says what the file at `{url}` should be"))
                .cause(format!("it is {}", candidate.voucher()))
                .help("pass --sha256 HASH or --public-key KEY, as its publisher tells them elsewhere")
                .help(
                    "or get the file, look at it with `astro plugin info ./FILE`, and install it as ./FILE",
                ));
        }
        self.admit(candidate, Choice::File)
    }

    /// The file of a version that is kept in the store already, if it still is what it was.
    fn kept(&self, name: &str, sha256: &str) -> Option<Vec<u8>> {
        let store = self.app.stores.user()?;
        let kept = store.versions(name).into_iter().find(|record| record.hash == sha256)?;
        let bytes = indexes::read_file(&store.file_of(&kept.path), MAX_FILE).ok()??;
        (crate::store::record::hash(bytes.as_slice()).ok()? == sha256).then_some(bytes)
    }

    /// Whether an installed file is still what it was: what somebody changed is installed again.
    fn is_whole(&self, record: &Installed) -> bool {
        record.source != Source::Link && self.kept(&record.name, &record.hash).is_some()
    }

    /// Every key that somebody vouched for: of the policy, and of what is installed.
    fn known_keys(&self) -> Result<Vec<Key>> {
        let mut keys = self.policy.keys()?;
        keys.extend(self.app.stores.user().map(Store::publisher_keys).unwrap_or_default());
        Ok(keys)
    }

    /// Shows how far a download is.
    fn watched<T>(&self, label: &str, work: impl FnOnce(download::Watch<'_>) -> Result<T>) -> Result<T> {
        let console = &self.app.console;
        let line = console.begin(label, None);
        let done = work(&mut |here, total| {
            let share = total.filter(|total| *total > 0).map(|total| here.saturating_mul(100) / total);
            let text = match share {
                Some(share) => format!("{label} ({share} %)"),
                None => format!("{label} ({} kB)", here / 1000),
            };
            console.progress(line, 0, Some(&text));
        });
        console.end(line);
        done
    }
}

/// Which plugin of an index would bring a first word, as far as the indexes that are at hand tell.
pub(crate) fn brought_by(dirs: &Dirs, word: &str) -> Option<String> {
    let brings = |plugin: &&Plugin| {
        let commands = plugin.versions.iter().filter(|version| version.revoked.is_none()).take(1);
        commands.flat_map(|version| &version.commands).any(|path| path.split(' ').next() == Some(word))
    };
    indexes::at_hand(dirs).iter().find_map(|index| {
        let plugin = index.document.plugins.iter().find(brings)?;
        let place = &index.source.name;
        Some(format!("`{word}` comes with a plugin: astro plugin install {place}/{}", plugin.name))
    })
}
