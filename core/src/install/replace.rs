//! Whether a candidate may take its place in the store, and putting it there. Everything is decided under the store's lock,
//! against what is installed at that moment.

use std::path::PathBuf;

use super::{Choice, Installer, candidate::Candidate, effects, resolve};
use crate::{
    base::{
        error::{Failure, Result, plugin},
        files, hash,
    },
    program::APP,
    store::{
        Store,
        record::{Installed, Source},
        user,
    },
    trust::{Key, verify},
};

/// What became of one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Its name.
    pub(crate) name: String,
    /// The version that is in use now.
    pub(crate) version: String,
    /// The version that was in use before.
    pub(crate) before: Option<String>,
    /// What was done.
    pub(crate) action: Action,
    /// How it came: as in the record.
    pub(crate) source: Source,
    /// Where it came from.
    pub(crate) origin: Option<String>,
    /// SHA-256 of its file.
    pub(crate) sha256: String,
    /// The id of the key that its signature was verified with.
    pub(crate) key_id: Option<String>,
    /// It stays at its version.
    pub(crate) pinned: bool,
    /// Who vouches for it, in words.
    pub(crate) voucher: String,
    /// It takes the place of one that came with astro.
    pub(crate) replaces_bundled: bool,
    /// It takes the place of this library, which was linked.
    pub(crate) replaces_link: Option<PathBuf>,
}

/// What was done to a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// It is new, or takes the place of a link.
    Installed,
    /// A newer version took its place.
    Upgraded,
    /// An older one did.
    Downgraded,
    /// Another file of the same version did.
    Replaced,
    /// The version before is in use again.
    RolledBack,
    /// And the version that was rolled back.
    RolledForward,
    /// The same file was damaged and is whole again.
    Repaired,
    /// The same file; from now on it is known to come from another place.
    Moved,
    /// The same file; from now on its publisher is known.
    Verified,
    /// It stays at its version from now on.
    Pinned,
    /// Upgrades move it again.
    Unpinned,
    /// It was pinned already.
    StillPinned,
    /// It was not pinned.
    NotPinned,
    /// Nothing had to be done.
    Unchanged,
}

impl Action {
    /// As programs read it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Upgraded => "upgraded",
            Self::Downgraded => "downgraded",
            Self::Replaced => "replaced",
            Self::RolledBack => "rolled back",
            Self::RolledForward => "rolled forward",
            Self::Repaired => "repaired",
            Self::Moved => "moved",
            Self::Verified => "verified",
            Self::Pinned => "pinned",
            Self::Unpinned => "unpinned",
            Self::StillPinned | Self::NotPinned | Self::Unchanged => "unchanged",
        }
    }
}

impl Outcome {
    /// What became of an installed plugin.
    pub(crate) fn of(record: &Installed, before: Option<&str>, action: Action) -> Self {
        let key = record.publisher_key.as_deref().and_then(Key::parse);
        Self {
            name: record.name.clone(),
            version: record.version.clone(),
            before: before.map(str::to_owned),
            action,
            source: record.source,
            origin: record.origin.clone(),
            sha256: record.hash.clone(),
            voucher: key
                .as_ref()
                .map_or_else(|| "not signed".to_owned(), |key| format!("signed with the key {}", key.id())),
            key_id: key.map(|key| key.id()),
            pinned: record.pinned,
            replaces_bundled: false,
            replaces_link: None,
        }
    }
}

impl Installer<'_> {
    /// Installs a candidate, if nothing speaks against it.
    pub(super) fn put_in_use(&self, candidate: Candidate, choice: Choice) -> Result<Outcome> {
        let stores = &self.env.stores;
        let store = user::user_store(stores)?;
        let name = candidate.manifest.name.clone();
        let version = candidate.manifest.version.clone();
        let what = || format!("the plugin `{name}` {version}");
        if let Some(refusal) = self.policy.refusal(candidate.key.as_ref().map(Key::text)) {
            let mut failure = plugin(format!("{} is refused: {}", what(), refusal.message));
            failure.help = refusal.help;
            return Err(failure.cause(format!("it is {}", candidate.voucher())));
        }
        let lock = store.lock()?;
        if let Some(reason) = store.revoked()?.get(&candidate.hash) {
            return Err(resolve::revoked(&name, &version, reason));
        }
        let old = store.installed(&name)?;
        same_publisher(store, &candidate, self.options.accept_key.as_ref())?;
        let theirs = stores.bundled_version(&name);
        if let Some(theirs) = theirs.as_ref().filter(|theirs| !resolve::is_newer(&version, theirs)) {
            return Err(plugin(format!("{} would not be used: {APP} came with `{name}` {theirs}", what()))
                .help(format!(
                    "a plugin of your own takes the place of one that came with {APP} when it is newer"
                )));
        }
        if let Some(old) = &old {
            check_replacement(&candidate, old, choice, self.options.downgrade)?;
        }
        user::refuse_clash(stores, &candidate.manifest)?;

        let linked = old.as_ref().filter(|old| old.source == Source::Link);
        let same = old.as_ref().filter(|old| old.hash == candidate.hash && linked.is_none());
        if let Some(same) = same {
            return self.admit_same(store, &lock, &candidate, same, choice);
        }
        let mut record = Installed::new(
            candidate.manifest.clone(),
            candidate.origin.source,
            PathBuf::new(),
            candidate.hash.clone(),
        );
        record.origin = Some(candidate.origin.place.clone());
        record.publisher_key = candidate.key.as_ref().map(|key| key.text().to_owned());
        record.pinned = choice == Choice::Named;
        let before = old.as_ref().map(|old| old.version.as_str());
        let mut outcome = Outcome::of(&record, before, action(&version, old.as_ref()));
        outcome.voucher = candidate.voucher();
        outcome.replaces_bundled = theirs.is_some();
        outcome.replaces_link = linked.map(|linked| linked.path.clone());
        // Before it takes its place.
        match old.as_ref().filter(|old| old.source != Source::Link) {
            None => self.env.console.notice(&effects::of_plugin(&candidate.manifest)),
            Some(old) => effects::added(&old.manifest, &candidate.manifest)
                .into_iter()
                .for_each(|more| self.env.console.notice(&more)),
        }
        if self.options.dry_run {
            return Ok(outcome);
        }
        record.path = store.put_file(&record, &candidate.bytes)?;
        self.use_record(store, &lock, &record)?;
        Ok(outcome)
    }

    /// Installs the very file that is installed: where it came from and whether it is pinned stay, unless another index was
    /// named, and a file that was changed in the store is put back.
    fn admit_same(
        &self,
        store: &Store,
        lock: &files::Lock,
        candidate: &Candidate,
        old: &Installed,
        choice: Choice,
    ) -> Result<Outcome> {
        let mut record = old.clone();
        // An index has news of it, a file has none: a plugin does not leave its index for a copy.
        if old.source != Source::Index || candidate.origin.source == Source::Index {
            record.source = candidate.origin.source;
            record.origin = Some(candidate.origin.place.clone());
        }
        if let Some(key) = &candidate.key {
            record.publisher_key = Some(key.text().to_owned());
        }
        record.pinned = match choice {
            Choice::Named => true,
            Choice::Newest => false,
            Choice::File => old.pinned,
        };
        let is_whole = self.kept(&old.name, &old.hash).is_some();
        let action = match () {
            () if !is_whole => Action::Repaired,
            () if (record.source, &record.origin) != (old.source, &old.origin) => Action::Moved,
            () if record.publisher_key != old.publisher_key => Action::Verified,
            () if record.pinned && !old.pinned => Action::Pinned,
            () if old.pinned && !record.pinned => Action::Unpinned,
            () => Action::Unchanged,
        };
        let outcome = Outcome::of(&record, Some(&old.version), action);
        if self.options.dry_run {
            return Ok(outcome);
        }
        if !is_whole {
            record.path = store.put_file(&record, &candidate.bytes)?;
        }
        match action {
            // It may lie where nothing is loaded from, all the same.
            Action::Unchanged => verify::check_policy(&store.file_of(&record.path))?,
            _ => self.use_record(store, lock, &record)?,
        }
        Ok(outcome)
    }

    /// Writes a record whose file is there, and uses it.
    fn use_record(&self, store: &Store, lock: &files::Lock, record: &Installed) -> Result<()> {
        // Where others may write nothing would be loaded from.
        verify::check_policy(&store.file_of(&record.path))?;
        store.change(lock, || {
            store.write_record(record)?;
            record.publisher_key.as_ref().map_or(Ok(()), |key| store.set_publisher(&record.name, key))
        })?;
        Ok(())
    }

    /// The newest version is installed already; being asked for by name it is not pinned any more.
    pub(super) fn reactivate(&self, old: &Installed, choice: Choice) -> Result<Outcome> {
        let pinned = choice == Choice::Named;
        if old.pinned != pinned && !self.options.dry_run {
            let store = user::user_store(&self.env.stores)?;
            let lock = store.lock()?;
            // As it is now: somebody may have changed it since it was looked at.
            if let Some(now) = store.installed(&old.name)?.filter(|now| now.hash == old.hash) {
                let record = Installed { pinned, ..now };
                store.change(&lock, || store.write_version(&record.directory(), &record))?;
            }
        }
        let action = match (old.pinned == pinned, pinned) {
            (true, _) => Action::Unchanged,
            (false, true) => Action::Pinned,
            (false, false) => Action::Unpinned,
        };
        let record = Installed { pinned, ..old.clone() };
        Ok(Outcome::of(&record, Some(&old.version), action))
    }
}

/// What installing a version is, by what is installed.
fn action(version: &str, old: Option<&Installed>) -> Action {
    match old {
        None => Action::Installed,
        // A build of the user's own is no version that this one follows.
        Some(old) if old.source == Source::Link => Action::Installed,
        Some(old) if resolve::is_newer(version, &old.version) => Action::Upgraded,
        Some(old) if resolve::is_newer(&old.version, version) => Action::Downgraded,
        Some(_) => Action::Replaced,
    }
}

/// Whether this version may come after that one. `downgrade`: an older one is wanted.
fn check_replacement(candidate: &Candidate, old: &Installed, choice: Choice, downgrade: bool) -> Result<()> {
    let (name, version) = (&old.name, &candidate.manifest.version);
    let place = &candidate.origin.place;
    let is_elsewhere = old.source == Source::Index
        && candidate.origin.source == Source::Index
        && old.origin.as_ref() != Some(place);
    if is_elsewhere && !candidate.origin.is_chosen {
        let from = old.origin.as_deref().unwrap_or_default();
        return Err(plugin(format!("`{name}` is installed from the index `{from}`, not from `{place}`"))
            .help(format!("to take it from there from now on: {APP} plugin install {place}/{name}")));
    }
    let is_named = choice == Choice::Named || downgrade || old.source == Source::Link;
    if resolve::is_newer(&old.version, version) && !is_named {
        return Err(older(name, version, &old.version, choice));
    }
    let is_rewritten = old.version == *version
        && old.hash != candidate.hash
        && candidate.origin.source == Source::Index
        && old.source == Source::Index
        && old.origin.as_ref() == Some(&candidate.origin.place);
    if is_rewritten {
        return Err(plugin(format!(
            "the index `{}` has another file for `{name}` {version} than the one that is installed",
            candidate.origin.place
        ))
        .cause(hash::difference(&candidate.hash, &old.hash))
        .help("a version never changes; ask whoever keeps the index")
        .help(format!("to take the other file: {APP} plugin remove {name}, and install it again")));
    }
    Ok(())
}

/// The publisher's key is remembered when a plugin is first installed signed: another key, or none, needs a word.
pub(crate) fn same_publisher(store: &Store, candidate: &Candidate, accepted: Option<&Key>) -> Result<()> {
    let name = &candidate.manifest.name;
    let Some(pinned) = store.publisher(name)? else { return Ok(()) };
    let pinned_id = Key::parse(&pinned).map_or_else(|| pinned.clone(), |key| key.id());
    match &candidate.key {
        Some(key) if key.text() == pinned || accepted == Some(key) => Ok(()),
        Some(key) => Err(plugin(format!(
            "the publisher key of `{name}` has changed: it was {pinned_id}, now it is {}",
            key.id()
        ))
        .cause("another publisher may be using that name")
        .help("ask the publisher for the new key, by another way than the one this file came by")
        .help("then repeat the command with --accept-key KEY, the key that the publisher told you")),
        None => Err(plugin(format!(
            "`{name}` was signed with the key {pinned_id}, and {} is {}",
            candidate.manifest.version,
            candidate.voucher()
        ))
        .cause("a plugin that was signed stays signed")
        .help(format!("to start over: {APP} plugin remove {name}"))),
    }
}

fn older(name: &str, version: &str, installed: &str, choice: Choice) -> Failure {
    let failure = plugin(format!("`{name}` {version} is older than the installed {installed}, which stays"));
    match choice {
        Choice::Newest => failure
            .cause("the index does not offer the installed version any more")
            .help(format!("to go back to it: {APP} plugin install {name}@{version}")),
        _ => failure.help("to go back to it repeat the command with --downgrade"),
    }
}

#[cfg(test)]
mod tests;
