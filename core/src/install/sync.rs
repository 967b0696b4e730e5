//! `astro plugin sync`: the lock file and what is installed, brought together.

use std::path::Path;

use super::{
    Choice, Installer, Outcome,
    candidate::Expected,
    lock_file::{LockFile, Locked},
    resolve::{self, Resolved},
};
use crate::{
    base::error::{Failure, Result, failed, plugin},
    install::indexes,
    program::APP,
    store::{
        record::{Installed, Source},
        user,
    },
    trust::{Key, verify::TRIPLE},
};

/// What became of a lock file.
#[derive(Default)]
pub(crate) struct Synced {
    /// What became of its plugins.
    pub(crate) outcomes: Vec<Outcome>,
    /// What did not become of some of them.
    pub(crate) failures: Vec<Failure>,
    /// The file was written.
    pub(crate) written: bool,
    /// It says something else than before, or would.
    pub(crate) changes: bool,
}

impl Synced {
    fn take(&mut self, outcome: Result<Outcome>) {
        match outcome {
            Ok(outcome) => self.outcomes.push(outcome),
            Err(failure) => self.failures.push(failure),
        }
    }
}

impl Installer<'_> {
    /// Installs exactly what the file says; it is not changed, and what it does not name is left alone.
    pub(crate) fn sync_locked(&self, path: &Path) -> Result<Synced> {
        let file = LockFile::read(path)?.ok_or_else(|| {
            no_file(path).help(format!("write it where the plugins are installed: {APP} plugin sync"))
        })?;
        let mut synced = Synced::default();
        file.plugins.iter().for_each(|locked| synced.take(self.install_locked(locked)));
        Ok(synced)
    }

    /// Installs what the file names and is missing here, and writes the versions that are installed here into it.
    /// Which plugins stand in it: those that do, and `names`; without either, all that came from an index.
    pub(crate) fn sync(&self, path: &Path, names: &[&str]) -> Result<Synced> {
        let known = LockFile::read(path)?;
        let store = user::user_store(&self.env.stores)?;
        let mut file = known.clone().unwrap_or_default();
        let mut synced = Synced::default();
        for locked in file.plugins.clone() {
            match store.installed(&locked.name)?.filter(|record| record.source == Source::Index) {
                Some(record) => file.put(self.locked(&record)?),
                None => synced.take(self.install_locked(&locked)),
            }
        }
        let mut added: Vec<Installed> = Vec::new();
        for name in names {
            added.push(store.installed(name)?.ok_or_else(|| user::not_installed(&self.env.stores, name))?);
        }
        if known.is_none() && names.is_empty() {
            added = store.records().0.into_iter().filter(|record| record.source == Source::Index).collect();
        }
        if known.is_none() && added.is_empty() {
            return Err(no_file(path)
                .cause("no plugin is installed from an index, so there is nothing to write into one")
                .help(format!("install the plugins that belong into it: {APP} plugin install INDEX/NAME")));
        }
        for record in &added {
            file.put(self.locked(record)?);
        }
        synced.changes = known.as_ref() != Some(&file.sorted());
        synced.written = if self.options.dry_run { false } else { file.write(path)? };
        Ok(synced)
    }

    /// The entry of an installed plugin.
    fn locked(&self, record: &Installed) -> Result<Locked> {
        let (name, version) = (&record.name, &record.version);
        let origin =
            record.origin.as_deref().filter(|_| record.source == Source::Index).ok_or_else(|| {
                failed(format!(
                    "`{name}` was not installed from an index, so others cannot get it from there"
                ))
                .help(format!("put its file into an index: {APP} plugin index build"))
            })?;
        let index = self.index(&indexes::named(self.dirs, origin)?)?;
        let plugin = index.document.plugin(name);
        let found = plugin.and_then(|plugin| {
            let found = plugin.versions.iter().find(|known| known.version == *version);
            found.map(|version| (plugin, version))
        });
        let (plugin, found) = found.ok_or_else(|| {
            failed(format!("the index `{origin}` has no `{name}` {version} any more"))
                .help(format!("use a version that it has: {APP} plugin upgrade {name}"))
        })?;
        let locked = Locked::of(&index, plugin, found)?;
        match locked.files.iter().any(|file| file.sha256 == record.hash) {
            true => Ok(locked),
            false => Err(failed(format!(
                "the installed `{name}` {version} is not the file that the index `{origin}` has"
            ))
            .help(format!(
                "to take the file of the index: {APP} plugin remove {name}, and install it again"
            ))),
        }
    }

    fn install_locked(&self, locked: &Locked) -> Result<Outcome> {
        let (name, version) = (&locked.name, &locked.version);
        let file = locked.files.iter().find(|file| file.target == TRIPLE).ok_or_else(|| {
            failed(format!("the lock file has no build of `{name}` {version} for {TRIPLE}")).help(format!(
                "publish a build for {TRIPLE} in the index, then write the lock file again: {APP} plugin sync"
            ))
        })?;
        let store = user::user_store(&self.env.stores)?;
        let installed = store.installed(name)?;
        let configured = indexes::configured(self.dirs)?;
        let source = locked.source(&configured)?;
        // What is there is used offline, unless it was revoked since.
        if let Some(now) = installed.filter(|now| now.hash == file.sha256 && self.is_usable(now)) {
            return self.reactivate(&now, Choice::Named);
        }
        let index = self.index(source)?;
        let missing = || plugin(format!("the index `{}` has no `{name}` {version} any more", source.name));
        let found = index.document.plugin(name).ok_or_else(missing)?;
        let (found, indexed, notices) = resolve::choose(found, Some(version))?;
        let key = locked.publisher_key.as_deref().map(|text| {
            Key::parse(text).ok_or_else(|| failed(format!("the lock file has no usable key for `{name}`")))
        });
        let expected =
            Expected { sha256: Some(file.sha256.clone()), key: key.transpose()?, ..Expected::default() };
        let resolved = Resolved { index, name: name.clone(), version: found, file: indexed, notices };
        self.admit_resolved(&resolved, Choice::Named, &expected, false)
    }
}

fn no_file(path: &Path) -> Failure {
    failed(format!("there is no lock file `{}`", path.display()))
}
