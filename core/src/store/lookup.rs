//! Both stores as one: the commands below a word, the words of the root page, the installed plugins.

use std::{cmp::Ordering, collections::BTreeSet, io::Read as _};

use serde::de::DeserializeOwned;

use super::{
    Kind, Store, Stores,
    build::Index,
    index::{self, FORMAT, Facts, ROOT_FILE, RootFile, WordFile},
};
use crate::{
    base::{
        error::{Failure, plugin},
        files,
    },
    program::APP,
    sys::access::Denied,
    tree::CommandSet,
};
use astro_plugin_protocol::manifest::Group;

/// The commands below one first word.
#[derive(Debug, Default)]
pub struct Found {
    /// As the command line sees them.
    pub set: CommandSet,
    /// The owner of each command of `set`, in the same order.
    pub owners: Vec<Owner>,
}

/// The plugin that owns a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Owner {
    /// What is known of it.
    pub facts: Facts,
    /// The store it is in.
    pub store: Store,
}

impl Found {
    /// The owner of the command with this path.
    pub fn owner(&self, path: &str) -> Option<&Owner> {
        let at = self.set.commands.iter().position(|command| command.path == path)?;
        self.owners.get(at)
    }

    /// Names and versions of the plugins below a path.
    pub fn owners_below(&self, path: &str) -> Vec<String> {
        let mut names = Vec::new();
        for (command, owner) in self.set.commands.iter().zip(&self.owners) {
            let name = format!("{} {}", owner.facts.name, owner.facts.version);
            let is_below =
                command.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
            if is_below && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

impl Stores {
    /// The commands below a first word or its alias; `None` when no plugin has it.
    pub fn word(&self, word: &str) -> Option<Found> {
        self.found(word, |store| store.word_file(word))
    }

    /// The same with another index of one store.
    pub(crate) fn word_with(&self, word: &str, changed: &Store, index: Index) -> Option<Found> {
        let mut fresh = { index }.words.remove(word);
        self.found(word, |store| if store == changed { fresh.take() } else { store.word_file(word) })
    }

    fn found(&self, word: &str, mut read: impl FnMut(&Store) -> Option<WordFile>) -> Option<Found> {
        if !astro_plugin_protocol::names::is_word(word) {
            return None;
        }
        let files: Vec<(&Store, WordFile)> =
            self.all.iter().filter_map(|store| Some((store, read(store)?))).collect();
        let mut found = Found::default();
        for (store, file) in &files {
            for group in &file.groups {
                add_group(&mut found.set.groups, group);
            }
            for entry in &file.commands {
                let Some(facts) = file.plugins.get(entry.plugin) else { continue };
                let beaten = files.iter().any(|(other, file)| {
                    other.kind != store.kind
                        && file.plugins.iter().any(|rival| beats(other.kind, rival, store.kind, facts))
                });
                let taken = found.set.commands.iter().any(|command| command.path == entry.command.path);
                if !beaten && !taken {
                    found.set.commands.push(entry.command.clone());
                    found.owners.push(Owner { facts: facts.clone(), store: (*store).clone() });
                }
            }
        }
        (!found.set.commands.is_empty()).then_some(found)
    }

    /// The words of the root page, by name, and a failure for each store that may have more of them.
    pub fn root_page(&self) -> (Vec<Group>, Vec<Failure>) {
        let (mut words, mut denied): (Vec<Group>, Vec<Failure>) = (Vec::new(), Vec::new());
        for store in &self.all {
            let root = store.root_file();
            for word in &root.words {
                add_group(&mut words, word);
            }
            denied.extend(store.denied(&root));
        }
        words.sort_by(|a, b| a.path.cmp(&b.path));
        (words, denied)
    }

    /// The words of the root page, by name.
    pub fn root_words(&self) -> Vec<Group> {
        self.root_page().0
    }

    /// Every plugin that is in use, as it would be judged by a run now, and a failure for each record and store that cannot
    /// be read.
    pub fn plugins(&self) -> (Vec<Owner>, Vec<Failure>) {
        let roots: Vec<(&Store, RootFile)> = self.all.iter().map(|store| (store, store.root_now())).collect();
        let mut owners = Vec::new();
        for (store, root) in &roots {
            for facts in &root.plugins {
                let beaten = roots.iter().any(|(other, root)| {
                    other.kind != store.kind
                        && root.plugins.iter().any(|rival| beats(other.kind, rival, store.kind, facts))
                });
                if !beaten {
                    owners.push(Owner { facts: facts.clone(), store: (*store).clone() });
                }
            }
        }
        owners.sort_by(|a, b| a.facts.name.cmp(&b.facts.name));
        let mut failures = Vec::new();
        for (store, root) in roots {
            match store.denied(&root) {
                Some(denied) => failures.push(denied),
                None => failures.extend(root.unreadable.into_iter().map(plugin)),
            }
        }
        (owners, failures)
    }

    /// A failure for each store that this user may not read, or not in whole.
    pub fn denied(&self) -> Vec<Failure> {
        // An index may be older than what denies it.
        self.all.iter().filter_map(Store::denied_now).collect()
    }
}

/// Whether a plugin takes the place of one of the same name in the other store.
fn beats(kind: Kind, rival: &Facts, other_kind: Kind, other: &Facts) -> bool {
    rival.name == other.name && Rank::of(kind, rival).beats(&Rank::of(other_kind, other))
}

/// What decides between two plugins of one name.
pub(super) struct Rank<'f> {
    pub(super) kind: Kind,
    pub(super) version: &'f str,
    pub(super) is_linked: bool,
}

impl<'f> Rank<'f> {
    fn of(kind: Kind, facts: &'f Facts) -> Self {
        Self { kind, version: &facts.version, is_linked: facts.is_linked() }
    }

    /// The user's wins when it is newer, a linked one also when it is the same version, because linking is asking for it.
    pub(super) fn beats(&self, other: &Self) -> bool {
        let order = compare_versions(self.version, other.version);
        match (self.kind, other.kind) {
            (Kind::User, Kind::System) => {
                order == Ordering::Greater || (order == Ordering::Equal && self.is_linked)
            }
            (Kind::System, Kind::User) => {
                order == Ordering::Greater || (order == Ordering::Equal && !other.is_linked)
            }
            _ => false,
        }
    }
}

/// Versions in the order of semver.org; what is no version is older than every version.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let parse = |version: &str| semver::Version::parse(version).ok();
    // Build metadata does not order versions.
    match (parse(a), parse(b)) {
        (Some(a), Some(b)) => a.cmp_precedence(&b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

fn add_group(groups: &mut Vec<Group>, group: &Group) {
    match groups.iter_mut().find(|known| known.path == group.path) {
        Some(known) if known.about.is_empty() => *known = group.clone(),
        Some(_) => {}
        None => groups.push(group.clone()),
    }
}

impl Store {
    /// Why this user may not read the store, when that is so; `root` is what could be read of it.
    fn denied(&self, root: &RootFile) -> Option<Failure> {
        if root.format == FORMAT && root.unreadable.is_empty() {
            return None;
        }
        self.denied_now()
    }

    pub(super) fn denied_now(&self) -> Option<Failure> {
        let denied = Denied::of(&self.dir).or_else(|| self.denied_record())?;
        Some(denied.failure(format!("cannot read the plugin store `{}`", self.dir.display()), &self.dir))
    }

    /// Why the index that is there is not used as it is: each run then looks at the store again.
    pub fn stale(&self) -> Option<String> {
        if !self.dir.is_dir() {
            return None;
        }
        let root = match self.read_index::<RootFile>(ROOT_FILE) {
            Read::Fine(root) if root.format != FORMAT || root.host != crate::VERSION => {
                return Some(format!("another version of {APP} made it").to_owned());
            }
            Read::Fine(root) => root,
            Read::Absent if self.records().0.is_empty() => return None,
            Read::Absent => return Some("it is missing".to_owned()),
            Read::Unreadable => return Some("it cannot be read".to_owned()),
        };
        let identity = |name: &str, version: &str, hash: &str| format!("{name} {version} {hash}");
        let indexed: BTreeSet<String> =
            root.plugins.iter().map(|facts| identity(&facts.name, &facts.version, &facts.hash)).collect();
        let records = self.records().0;
        let recorded: BTreeSet<String> =
            records.iter().map(|record| identity(&record.name, &record.version, &record.hash)).collect();
        if indexed != recorded {
            return Some("other plugins are installed than it lists".to_owned());
        }
        let is_changed = |facts: &&Facts| !facts.is_linked() && !facts.is_current(self);
        let changed = root.plugins.iter().find(is_changed)?;
        Some(format!("the file of `{}` has another size or time than it says", changed.name))
    }

    /// The root file as a run would see it: made again when a plugin's file changed since.
    fn root_now(&self) -> RootFile {
        let root = self.root_file();
        let is_changed = |facts: &Facts| !facts.made_now && !facts.is_linked() && !facts.is_current(self);
        if root.plugins.iter().any(is_changed) { self.rebuild().root } else { root }
    }

    /// Whether the files of the index may be read: a change of records removes the root file first and writes it last.
    pub(super) fn is_indexed(&self) -> bool {
        self.index_dir().join(ROOT_FILE).is_file()
    }

    fn word_file(&self, word: &str) -> Option<WordFile> {
        if self.dir.is_dir() && !self.is_indexed() {
            return self.rebuild().words.remove(word);
        }
        match self.read_index::<WordFile>(&index::word_file(word)) {
            Read::Fine(file) if file.format == FORMAT && file.host == crate::VERSION => Some(file),
            Read::Absent => None,
            _ => self.rebuilt()?.words.remove(word),
        }
    }

    fn root_file(&self) -> RootFile {
        match self.read_index::<RootFile>(ROOT_FILE) {
            Read::Fine(root) if root.format == FORMAT && root.host == crate::VERSION => root,
            _ => self.rebuilt().map(|index| index.root).unwrap_or_default(),
        }
    }

    /// Makes the index again, when there is a store at all.
    fn rebuilt(&self) -> Option<Index> {
        self.dir.is_dir().then(|| self.rebuild())
    }

    fn read_index<T: DeserializeOwned>(&self, name: &str) -> Read<T> {
        let read = |mut file: std::fs::File| {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map(|_| bytes)
        };
        match files::open(&self.index_dir().join(name)).and_then(read) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_or(Read::Unreadable, Read::Fine),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Read::Absent,
            Err(_) => Read::Unreadable,
        }
    }
}

enum Read<T> {
    Fine(T),
    Absent,
    Unreadable,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::Source;

    #[test]
    fn versions_compare_as_numbers() {
        for (older, newer) in
            [("1.2.3", "1.10.0"), ("1.0.0-rc.9", "1.0.0-rc.10"), ("1.0.0-rc.1", "1.0.0"), ("0.9.9", "1.0.0")]
        {
            assert_eq!(compare_versions(older, newer), Ordering::Less, "{older} {newer}");
        }
        assert_eq!(compare_versions("1.0.0+a-b", "1.0.0"), Ordering::Equal);
    }

    #[test]
    fn the_users_plugin_wins_only_when_it_is_newer_or_linked() {
        let facts = |version: &str, linked| Facts {
            name: "x".into(),
            version: version.into(),
            source: if linked { Source::Link } else { Source::File },
            ..Facts::default()
        };
        let user_wins = |user: &Facts, system: &Facts| {
            let wins = beats(Kind::User, user, Kind::System, system);
            assert_ne!(wins, beats(Kind::System, system, Kind::User, user), "exactly one is in use");
            wins
        };
        assert!(user_wins(&facts("1.1.0", false), &facts("1.0.0", false)));
        assert!(user_wins(&facts("1.0.0", true), &facts("1.0.0", false)));
        assert!(!user_wins(&facts("1.0.0", false), &facts("1.0.0", false)));
        assert!(!user_wins(&facts("0.9.0", true), &facts("1.0.0", false)));
    }
}
