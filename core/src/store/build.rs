//! Records to index. A plugin that cannot be used is marked, and its commands stay known; it never hurts
//! another one. No plugin code runs here.

use std::collections::{BTreeMap, BTreeSet};

use astro_plugin_protocol::manifest::{Group, Manifest};

use super::{
    Kind, Store, catalogue,
    index::{self, Broken, Entry, FORMAT, Facts, ROOT_FILE, RootFile, WordFile},
    record::{self, Described, Installed, Stamp},
    revoke::Revoked,
};
use crate::{
    base::{
        error::{Failure, Result, ResultExt, code, plugin, with_causes},
        failpoint, files, hash,
    },
    check,
    program::{self, APP},
};

/// An index in memory: file names and contents.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// By first word, aliases included.
    pub words: BTreeMap<String, WordFile>,
    /// The root page.
    pub root: RootFile,
    /// The file of all commands.
    pub(super) catalogue: String,
}

/// A plugin of a store.
pub struct Known {
    /// What is known of it.
    pub facts: Facts,
    /// Its manifest.
    pub manifest: Manifest,
}

impl Store {
    /// The lock of everybody who changes the store or writes its index.
    pub fn lock(&self) -> Result<files::Lock> {
        files::own_dir(&self.dir)?;
        files::Lock::beside(&self.dir.join("store"))
    }

    /// Makes the index from the records and writes it; where that is not possible it lives for this run only.
    pub fn rebuild(&self) -> Index {
        let lock = files::Lock::at_once(&self.dir.join("store"));
        let index = self.build();
        if lock.is_some() {
            // An index that cannot be written costs time, never correctness.
            let _ = self.write_index(&index);
        }
        index
    }

    /// Changes records under the lock. While they change there is no index, so whatever happens in between,
    /// the next reader makes one from the records that are there.
    pub fn change(&self, lock: &files::Lock, work: impl FnOnce() -> Result<()>) -> Result<Index> {
        let _ = lock;
        let root = self.index_dir().join(ROOT_FILE);
        match std::fs::remove_file(&root) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error)
                    .context(code::CONFIG, || format!("cannot change the index `{}`", root.display()));
            }
            _ => {}
        }
        let _ = failpoint::reach("store-index-removed");
        let worked = work();
        let index = self.build();
        let _ = self.write_index(&index);
        worked.map(|()| index)
    }

    fn build(&self) -> Index {
        let (known, unreadable) = self.known();
        assemble(known, unreadable)
    }

    /// The index as it would be with this record in place of the one of the same name.
    pub fn build_with(&self, record: Installed) -> Index {
        let (records, failures) = self.records();
        let records = records.into_iter().filter(|known| known.name != record.name).chain([record.clone()]);
        assemble(self.look_at_all(records), failures.iter().map(with_causes).collect())
    }

    /// Every plugin of the store, oldest first, and the reason for each record that cannot be read.
    pub fn known(&self) -> (Vec<Known>, Vec<String>) {
        let (records, failures) = self.records();
        (self.look_at_all(records), failures.iter().map(with_causes).collect())
    }

    /// What is known of one record, its file's own words included. No code of it is run.
    pub fn look_at(&self, record: Installed) -> Known {
        self.look_at_with(record, &self.revoked())
    }

    fn look_at_all(&self, records: impl IntoIterator<Item = Installed>) -> Vec<Known> {
        let revoked = self.revoked();
        records.into_iter().map(|record| self.look_at_with(record, &revoked)).collect()
    }

    fn look_at_with(&self, record: Installed, revoked: &Result<Revoked>) -> Known {
        let mut facts = Facts {
            name: record.name.clone(),
            version: record.version.clone(),
            path: record.path.clone(),
            hash: record.hash.clone(),
            described_by: record.described_by.clone(),
            publisher_key: record.publisher_key.clone(),
            source: record.source,
            pinned: record.pinned,
            made_now: true,
            ..Facts::default()
        };
        let revocation = match revoked.as_ref().map(|all| (all, all.get(&facts.hash))) {
            Ok((_, None)) => None,
            Ok((all, Some(reason))) => {
                let reason = format!("it was revoked: {reason}");
                Some(Broken { reason, help: self.ways_out(&record, all) })
            }
            Err(failure) => Some(failure.clone().into()),
        };
        let mut manifest = record.manifest;
        match record.stamp {
            Some(stamp) if facts.is_linked() => facts.stamp = stamp,
            _ => match self.read_file(&facts) {
                Ok((stamp, described)) => {
                    facts.stamp = stamp;
                    facts.triple = described.footer.triple;
                    facts.glibc = described.footer.glibc;
                    // A file with other commands is not what was installed; those are known all the same. Otherwise the
                    // file's own words count: a record may be of a host that did not know all that is in them.
                    if is_of_record(&described.manifest, &manifest) {
                        manifest = described.manifest;
                    } else {
                        let failure =
                            plugin(hash::MISMATCH).cause("its commands are not those that were installed");
                        facts.broken = Some(failure.help(facts.how_to_install_again()).into());
                    }
                    manifest.abi = described.footer.abi;
                }
                Err(failure) => {
                    let again = facts.how_to_install_again();
                    facts.broken = Some(failure.help(again).into());
                }
            },
        }
        facts.abi = manifest.abi;
        facts.protocol = manifest.protocol;
        facts.config.clone_from(&manifest.config);
        facts.unstable.clone_from(&manifest.unstable);
        facts.broken =
            revocation.or(facts.broken.take()).or_else(|| Some(refusal(&facts, &manifest)?.into()));
        Known { facts, manifest }
    }

    fn read_file(&self, facts: &Facts) -> Result<(Stamp, Described)> {
        let path = self.file_of(&facts.path);
        let stamp = Stamp::of(&path)
            .context(code::PLUGIN, || format!("its file `{}` cannot be read", path.display()))?;
        Ok((stamp, record::read_plugin_file(&path)?))
    }

    fn write_index(&self, index: &Index) -> Result<()> {
        let dir = self.index_dir();
        let encode = |value: serde_json::Result<Vec<u8>>| {
            value.context(code::FAILED, || "the index cannot be written".to_owned())
        };
        let mut kept = BTreeSet::from([ROOT_FILE.to_owned()]);
        for (word, file) in &index.words {
            let name = index::word_file(word);
            write_if_changed(&dir.join(&name), &encode(serde_json::to_vec(file))?)?;
            kept.insert(name);
        }
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| name.starts_with("w-") && !kept.contains(name)) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        write_if_changed(&dir.join(catalogue::CATALOGUE_FILE), index.catalogue.as_bytes())?;
        // The root file last: while it is missing, a reader makes the index itself.
        write_if_changed(&dir.join(ROOT_FILE), &encode(serde_json::to_vec(&index.root))?)?;
        if self.kind == Kind::System {
            readable_by_all(&self.dir)?;
        }
        Ok(())
    }
}

/// Whether a file's manifest is that of its record, as far as every host can tell: name, version and spellings of commands.
fn is_of_record(file: &Manifest, record: &Manifest) -> bool {
    let spellings = |manifest: &Manifest| -> Vec<Vec<String>> {
        manifest.commands.iter().map(|command| check::spellings(&command.path, &command.aliases)).collect()
    };
    file.name == record.name && file.version == record.version && spellings(file) == spellings(record)
}

/// Why this host does not use a plugin, as far as its manifest tells.
fn refusal(facts: &Facts, manifest: &Manifest) -> Option<Failure> {
    let name = &facts.name;
    if let Some(first) = check::problems(manifest).first() {
        let failure = plugin(format!("its manifest is not accepted: {first}"));
        return Some(failure.help(format!("use another version, or remove it: {APP} plugin remove {name}")));
    }
    if manifest.name != *name {
        let failure = plugin(format!("it says it is `{}`", manifest.name));
        return Some(failure.help(facts.how_to_install_again()));
    }
    let (reason, help) = super::unsuited(manifest.product.as_deref(), manifest.min_host.as_deref())?;
    Some(plugin(reason).help(help))
}

/// Writes only what differs: a thousand synced files would make every install slow.
fn write_if_changed(path: &std::path::Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    files::write_cache(path, bytes)
        .context(code::CONFIG, || format!("cannot write the index `{}`", path.display()))
}

/// What is installed for everybody can be read by everybody.
fn readable_by_all(dir: &std::path::Path) -> Result<()> {
    use std::{fs, os::unix::fs::PermissionsExt};
    let what = || format!("cannot set the modes below `{}`", dir.display());
    for entry in fs::read_dir(dir)
        .context(code::FAILED, what)?
        .chain(fs::read_dir(dir.join("index")).context(code::FAILED, what)?)
    {
        let entry = entry.context(code::FAILED, what)?;
        let mode = if entry.path().is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode)).context(code::FAILED, what)?;
    }
    Ok(())
}

fn assemble(known: Vec<Known>, unreadable: Vec<String>) -> Index {
    let host = crate::VERSION.to_owned();
    let mut words: BTreeMap<String, WordFile> = BTreeMap::new();
    let mut owners: Vec<(String, Claims)> = Vec::new();
    let mut all = Vec::new();
    for Known { mut facts, manifest } in known {
        let claims = Claims::of(&manifest);
        let clash = owners.iter().find_map(|(owner, other)| Some((claims.clash(other)?, owner)));
        if let Some((path, owner)) = clash {
            // Installing refuses two owners of one path; an index of files that were put here otherwise does too.
            let failure = plugin(format!("`{APP} {path}` belongs to the plugin `{owner}`"));
            let name = &facts.name;
            let help = format!("remove one of them: {APP} plugin remove {owner}, or {name}");
            facts.broken = Some(failure.help(help).into());
            all.push(facts);
            continue;
        }
        owners.push((facts.name.clone(), claims));
        // A manifest that is not accepted has nothing that may be shown or typed.
        let accepted = check::problems(&manifest).is_empty();
        for command in manifest.commands.iter().filter(|_| accepted) {
            let first = command.words().next().unwrap_or_default();
            let file = words.entry(first.to_owned()).or_insert_with(|| WordFile {
                format: FORMAT,
                host: host.clone(),
                word: first.to_owned(),
                ..WordFile::default()
            });
            let plugin = file.plugins.iter().position(|known| known.name == facts.name);
            let plugin = plugin.unwrap_or_else(|| {
                file.plugins.push(facts.clone());
                file.plugins.len() - 1
            });
            for above in check::ancestors(&command.path) {
                add_group(&mut file.groups, above, &manifest);
            }
            file.commands.push(Entry { plugin, command: command.clone() });
        }
        all.push(facts);
    }
    let root = RootFile {
        format: FORMAT,
        host,
        words: words.values().map(root_word).collect(),
        plugins: all,
        unreadable,
    };
    let commands = words.values().flat_map(|file| {
        file.commands.iter().filter_map(|entry| Some((file.plugins.get(entry.plugin)?, &entry.command)))
    });
    let catalogue = catalogue::encode(commands, root.unreadable.is_empty());
    let aliases: Vec<(String, WordFile)> = words
        .values()
        .flat_map(|file| root_word(file).aliases.into_iter().map(|alias| (alias, file.clone())))
        .collect();
    for (alias, file) in aliases {
        words.entry(alias).or_insert(file);
    }
    Index { words, root, catalogue }
}

/// Every spelling a manifest takes: of its commands, and of the words above them.
pub struct Claims {
    commands: BTreeSet<String>,
    words: BTreeSet<String>,
    aliases: BTreeMap<String, String>,
}

impl Claims {
    /// The claims of a manifest.
    pub fn of(manifest: &Manifest) -> Self {
        let mut claims = Self { commands: BTreeSet::new(), words: BTreeSet::new(), aliases: BTreeMap::new() };
        for command in &manifest.commands {
            claims.commands.extend(check::spellings(&command.path, &command.aliases));
            for above in check::ancestors(&command.path) {
                claims.words.insert(above.to_owned());
                let own = manifest.groups.iter().find(|group| group.path == above);
                let own = own.map(|group| group.aliases.clone()).unwrap_or_default();
                let known =
                    program::vocabulary().well_known(above).map(|known| known.aliases).unwrap_or_default();
                let aliases: Vec<String> =
                    own.into_iter().chain(known.iter().map(|alias| (*alias).to_owned())).collect();
                for spelling in check::spellings(above, &aliases).into_iter().skip(1) {
                    claims.aliases.insert(spelling, above.to_owned());
                }
            }
        }
        claims
    }

    /// The first spelling that both take. Words above commands may be shared, and so may their aliases.
    pub fn clash(&self, other: &Self) -> Option<String> {
        let takes = |claims: &Self, path: &String| {
            claims.commands.contains(path) || claims.words.contains(path) || claims.aliases.contains_key(path)
        };
        let of_commands = |a: &Self, b: &Self| a.commands.iter().find(|path| takes(b, path)).cloned();
        let of_aliases = |a: &Self, b: &Self| {
            let clashes = |alias: &str, word: &String| {
                b.words.contains(alias) || b.aliases.get(alias).is_some_and(|other| other != word)
            };
            a.aliases.iter().find(|(alias, word)| clashes(alias, word)).map(|(alias, _)| alias.clone())
        };
        of_commands(self, other)
            .or_else(|| of_commands(other, self))
            .or_else(|| of_aliases(self, other))
            .or_else(|| of_aliases(other, self))
    }
}

/// The text of a shared word is the table's, else the first plugin's that has one.
fn add_group(groups: &mut Vec<Group>, path: &str, manifest: &Manifest) {
    let own = manifest.groups.iter().find(|group| group.path == path);
    let known = program::vocabulary().well_known(path);
    let position = groups.iter().position(|group| group.path == path);
    match position {
        Some(at) if known.is_none() && groups[at].about.is_empty() => {
            if let Some(own) = own {
                groups[at] = own.clone();
            }
        }
        Some(_) => {}
        None => groups.push(match (known, own) {
            (Some(known), _) => Group {
                path: path.to_owned(),
                about: known.about.to_owned(),
                aliases: known.aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            },
            (None, Some(own)) => own.clone(),
            (None, None) => Group { path: path.to_owned(), ..Group::default() },
        }),
    }
}

fn root_word(file: &WordFile) -> Group {
    let group = file.groups.iter().find(|group| group.path == file.word);
    let command = file.commands.iter().map(|entry| &entry.command).find(|command| command.path == file.word);
    let (about, aliases) = match (group, command) {
        (Some(group), _) => (group.about.clone(), group.aliases.clone()),
        (None, Some(command)) => (command.about.clone(), command.aliases.clone()),
        (None, None) => (String::new(), Vec::new()),
    };
    Group { path: file.word.clone(), about, aliases }
}
