//! Installing plugins: nothing of them is run, and the version that was in use stays in use until everything about the next
//! one was found to be right.
//!
//! * `source`: what was typed. * `resolve`: which file of which index a name means. * `candidate`: a file and what is
//!   known of it. * `admit`: whether it may take its place. * [`lock_file`], `sync`: the same set everywhere.
//! * `change`: back to an earlier version, staying at one.

#![forbid(unsafe_code)]

pub(crate) mod candidate;
pub(crate) mod change;
mod effects;
pub(crate) mod indexes;
pub mod lock_file;
mod replace;
pub(crate) mod resolve;
pub(crate) mod source;
pub(crate) mod sync;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use astro_plugin_protocol::plugin_index::{MAX_FILE, Plugin};
use reqwest::Url;

use candidate::{Candidate, Expected, Origin, entry_beside, nothing_at};
pub(crate) use replace::{Action, Outcome, same_publisher};
use resolve::Resolved;
use source::{Named, PluginSpec, files_in};

use crate::{
    base::{
        error::{Failure, Result, failed, plugin, usage},
        hash,
    },
    config::{Dirs, IndexSource},
    console::report,
    env::Env,
    install::indexes::{Opened, Reach, download},
    net::tls::Trust,
    program::APP,
    store::{
        Store,
        record::{Installed, Source},
        user,
    },
    trust::{
        self, Key, Policy,
        verify::{Comparison, Judge},
    },
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
    /// `--accept-key`: a new publisher's key. The whole key: anybody can make one with any id.
    pub(crate) accept_key: Option<Key>,
    /// `--downgrade`: an older version than the installed one may take its place.
    pub(crate) downgrade: bool,
}

/// One command that installs.
pub(crate) struct Installer<'a> {
    env: &'a Env,
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
    pub(crate) fn new(env: &'a Env, options: Options, timeout: Option<std::time::Duration>) -> Result<Self> {
        let dirs = env.dirs.as_ref().map_err(Clone::clone)?;
        let policy = Policy::load(dirs)?;
        policy.keys()?;
        if !options.dry_run {
            trust::register_policy_source(dirs)?;
        }
        Ok(Self { env, dirs, options, policy, timeout, opened: RefCell::default() })
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
        let console = &self.env.console;
        let line = console.begin(&format!("Reading the index {}", source.name), None);
        let opened = indexes::open(self.reach(), source);
        console.end(line);
        // What it revoked is marked before anything is done with it.
        let opened = opened.and_then(|opened| {
            if let Some(store) = self.env.stores.user() {
                for (record, reason) in store.revoke(&opened.document)? {
                    report::warning(console, &not_used_any_more(store, &record, &reason));
                }
            }
            Ok(opened)
        });
        self.opened.borrow_mut().insert(source.name.clone(), opened.clone());
        opened
    }

    /// The plugins that are installed and revoked, each with its failure: whoever upgrades at night is told, in every
    /// format.
    pub(crate) fn revoked_in_use(&self) -> Result<Vec<(String, Failure)>> {
        let store = user::user_store(&self.env.stores)?;
        let told = |(record, reason): &(Installed, String)| {
            (format!("`{}` {} ", record.name, record.version), not_used_any_more(store, record, reason))
        };
        Ok(store.revoked_in_use()?.iter().map(told).collect())
    }

    /// Installs what was typed; a directory may bring several. What was done is in `done`, whatever became of the others.
    pub(crate) fn install(&self, wanted: &PluginSpec, done: &mut Vec<Outcome>) -> Vec<Failure> {
        let files = match wanted {
            PluginSpec::Directory(dir) => self.files_of(dir),
            _ => Ok(Vec::new()),
        };
        let installed: Vec<Result<Outcome>> = match (wanted, files) {
            (_, Err(failure)) => vec![Err(failure)],
            (PluginSpec::Directory(_), Ok(files)) => {
                files.iter().map(|path| self.install_file(path)).collect()
            }
            (PluginSpec::File(path), _) => vec![self.install_file(path)],
            (PluginSpec::Url(url), _) => vec![self.install_url(url)],
            (PluginSpec::Named(named), _) => {
                let choice = if named.version.is_some() { Choice::Named } else { Choice::Newest };
                vec![self.install_named(named, choice)]
            }
        };
        let mut failures = Vec::new();
        for outcome in installed {
            match outcome {
                Ok(outcome) => done.push(outcome),
                Err(failure) => failures.push(failure),
            }
        }
        failures
    }

    fn files_of(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        let files = files_in(dir)?;
        let is_for_one = self.options.sha256.is_some() || self.options.accept_key.is_some();
        match files.len() {
            count @ 2.. if is_for_one => Err(usage(format!(
                "`--sha256` and `--accept-key` are for one file, `{}` has {count}",
                dir.display()
            ))),
            _ => Ok(files),
        }
    }

    /// Installs a plugin of an index.
    pub(crate) fn install_named(&self, named: &Named, choice: Choice) -> Result<Outcome> {
        let resolved = resolve::resolve(self.reach(), named, |source| self.index(source))?;
        for notice in &resolved.notices {
            self.env.console.notice(notice);
        }
        let installed =
            self.env.stores.user().map(|store| store.installed(&named.name)).transpose()?.flatten();
        // Nothing is fetched again that is there, whole, and all that was asked for.
        let is_asked_more = self.options.sha256.is_some() || self.options.public_key.is_some();
        if choice == Choice::Newest
            && !is_asked_more
            && let Some(old) = installed.filter(|old| {
                old.hash == resolved.file.sha256 && self.is_usable(old) && is_of(old, &resolved)
            })
        {
            return self.reactivate(&old, choice);
        }
        self.admit_resolved(&resolved, choice, &Expected::default(), named.index.is_some())
    }

    /// Gets the file that a name stands for and installs it; `also` is what others than the index say it must be, and
    /// `is_chosen` that somebody named the index.
    fn admit_resolved(
        &self,
        resolved: &Resolved,
        choice: Choice,
        also: &Expected,
        is_chosen: bool,
    ) -> Result<Outcome> {
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
            let what = format!("cannot install `{name}` {}", version.version);
            return Err(hash::mismatch(&what, &file.sha256, wanted));
        }
        let bytes = match self.kept(name, &file.sha256) {
            Some(bytes) => bytes,
            None => self.watched(&format!("Getting {name} {}", version.version), |watch| {
                index.fetch(self.reach(), file, watch)
            })?,
        };
        let origin = Origin { source: Source::Index, place: index.source.name.clone(), is_chosen };
        self.put_in_use(self.examined(bytes, origin, &expected)?, choice)
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
        let origin = Origin { source: Source::File, place, is_chosen: true };
        self.put_in_use(self.examined(bytes, origin, &expected)?, Choice::File)
    }

    fn install_url(&self, url: &Url) -> Result<Outcome> {
        if self.options.offline {
            return Err(failed(format!("`{url}` is not on this machine")).help("run it without --offline"));
        }
        let found = self.watched(&format!("Getting {url}"), |watch| {
            download::get(url, MAX_FILE, self.timeout, &Trust::system(), watch)
        })?;
        let bytes = found.ok_or_else(|| nothing_at(url.as_str()))?;
        let expected = Expected {
            sha256: self.options.sha256.clone(),
            key: self.options.public_key.clone(),
            ..Expected::default()
        };
        let origin = Origin { source: Source::Url, place: url.to_string(), is_chosen: true };
        let candidate = self.examined(bytes, origin, &expected)?;
        if candidate.key.is_none() && expected.sha256.is_none() {
            return Err(plugin(format!("nothing says what the file at `{url}` should be"))
                .cause(format!("it is {}", candidate.voucher()))
                .help("pass --sha256 HASH or --public-key KEY, as its publisher tells them elsewhere")
                .help(format!(
                    "or get the file, look at it with `{APP} plugin info ./FILE`, and install it as ./FILE"
                )));
        }
        self.put_in_use(candidate, Choice::File)
    }

    /// Looks at a file with the keys that are known of its plugin.
    fn examined(&self, bytes: Vec<u8>, origin: Origin, expected: &Expected) -> Result<Candidate> {
        Candidate::examine(bytes, origin, expected, |name| known_keys(self.env, &self.policy, name))
    }

    /// The file of a version that is kept in the store already, if it still is what it was.
    fn kept(&self, name: &str, sha256: &str) -> Option<Vec<u8>> {
        let store = self.env.stores.user()?;
        let kept = store.versions(name).into_iter().find(|record| record.hash == sha256)?;
        let bytes = indexes::read_file(&store.file_of(&kept.path), MAX_FILE).ok()??;
        (hash::sha256(bytes.as_slice()).ok()? == sha256).then_some(bytes)
    }

    /// Whether an installed file is still what it was and may be used: what was changed is installed again, and what is
    /// refused is refused where all is looked at.
    fn is_usable(&self, record: &Installed) -> bool {
        let judge = Judge::new(Some(self.dirs), Comparison::Afresh);
        let is_admitted = |store: &Store| judge.file(store, &store.look_at(record.clone()).facts).is_ok();
        record.source != Source::Link && self.env.stores.user().is_some_and(is_admitted)
    }

    /// Shows how far a download is.
    fn watched<T>(&self, label: &str, work: impl FnOnce(download::Watch<'_>) -> Result<T>) -> Result<T> {
        let console = &self.env.console;
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
pub(crate) fn suggest_install(dirs: &Dirs, word: &str) -> Option<String> {
    let brings = |plugin: &&Plugin| {
        let commands = plugin.versions.iter().filter(|version| version.revoked.is_none()).take(1);
        commands.flat_map(|version| &version.commands).any(|path| path.split(' ').next() == Some(word))
    };
    indexes::at_hand(dirs).iter().find_map(|index| {
        let plugin = index.document.plugins.iter().find(brings)?;
        let place = &index.source.name;
        Some(format!("`{word}` comes with a plugin: {APP} plugin install {place}/{}", plugin.name))
    })
}

/// Every key that somebody vouched for as one of this plugin's: the policy, and what is installed of it. That somebody
/// publishes another plugin is no reason to take this one from them.
pub(crate) fn known_keys(env: &Env, policy: &Policy, name: &str) -> Result<Vec<Key>> {
    let mut keys = policy.keys()?;
    if let Some(store) = env.stores.user().filter(|_| astro_plugin_protocol::names::is_name(name)) {
        let own = store.versions(name).into_iter().filter_map(|record| record.publisher_key);
        keys.extend(store.publisher(name)?.into_iter().chain(own).filter_map(|key| Key::parse(&key)));
    }
    Ok(keys)
}

/// That a plugin which is installed was revoked, and what to do about it.
fn not_used_any_more(store: &Store, record: &Installed, reason: &str) -> Failure {
    let (name, version) = (&record.name, &record.version);
    let failure = plugin(format!("`{name}` {version} was revoked and is not used any more: {reason}"));
    Failure { help: store.ways_out(record, &store.revoked().unwrap_or_default()), ..failure }
}

/// Whether an installed plugin came from this very entry, signed as it says.
fn is_of(record: &Installed, resolved: &Resolved) -> bool {
    let signed_by = record.publisher_key.as_deref().and_then(Key::parse).map(|key| key.id());
    record.source == Source::Index
        && record.origin.as_ref() == Some(&resolved.index.source.name)
        && signed_by == resolved.file.key_id
}
