//! Records to index. A plugin that cannot be used is left out and named; it never hurts another one.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;

use astro_plugin_protocol::{
    check,
    manifest::{Group, Manifest},
    names,
};

use super::{
    Kind, Store, describe,
    index::{self, Entry, FORMAT, Facts, ROOT_FILE, RootFile, Unusable, WordFile},
    record::{self, Installed, Source},
};
use crate::{
    config::files,
    error::{Failure, Result, While, code, plugin},
};

/// An index in memory: file names and contents.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// By first word, aliases included.
    pub words: BTreeMap<String, WordFile>,
    /// The root page.
    pub root: RootFile,
}

/// A plugin that can be used.
pub struct Usable {
    /// What is known of it.
    pub facts: Facts,
    /// Its manifest.
    pub manifest: Manifest,
}

impl Store {
    /// Makes the index from the records and writes it; in a store that cannot be written it lives for this
    /// run only.
    pub fn rebuild(&self) -> Index {
        let locked = files::Lock::beside(&self.index_dir());
        let index = self.build();
        if locked.is_ok() {
            // An index that cannot be written costs time, never correctness.
            let _ = self.write_index(&index);
        }
        index
    }

    fn build(&self) -> Index {
        let (plugins, unusable) = self.usable();
        assemble(plugins, unusable)
    }

    /// Every plugin of the store that can be used, oldest first, and the others with the reason.
    pub fn usable(&self) -> (Vec<Usable>, Vec<Unusable>) {
        let (records, failures) = self.records();
        let mut unusable: Vec<Unusable> = failures
            .iter()
            .map(|failure| Unusable { name: "?".to_owned(), reason: reason(failure) })
            .collect();
        let mut plugins = Vec::new();
        for mut record in records {
            match self.look_at(&mut record) {
                Ok(plugin) => plugins.push(plugin),
                Err(failure) => unusable.push(Unusable { name: record.name, reason: reason(&failure) }),
            }
        }
        (plugins, unusable)
    }

    fn look_at(&self, record: &mut Installed) -> Result<Usable> {
        let path = self.file_of(&record.path);
        let what = || format!("the file of the plugin `{}` cannot be read: {}", record.name, path.display());
        let metadata = std::fs::metadata(&path).while_doing(code::PLUGIN, what)?;
        if record.source == Source::Link {
            self.describe_again(record, &path)?;
        }
        let described = match &record.manifest {
            Some(manifest) => record::Described { footer: None, manifest: manifest.clone() },
            None => record::read_plugin_file(&path)?,
        };
        let manifest = described.manifest;
        let problems = check::problems(&manifest);
        if let Some(first) = problems.first() {
            return Err(plugin("its manifest is not accepted").cause(first.clone()));
        }
        if manifest.name != record.name {
            return Err(plugin(format!("it says it is `{}`", manifest.name)));
        }
        let footer = described.footer;
        let facts = Facts {
            name: record.name.clone(),
            version: record.version.clone(),
            path: record.path.clone(),
            linked: record.source == Source::Link,
            size: metadata.len(),
            mtime_ns: index::mtime_ns(&metadata),
            inode: metadata.ino(),
            triple: footer.as_ref().map(|footer| footer.triple.clone()).unwrap_or_default(),
            abi: footer.as_ref().map_or(manifest.abi, |footer| footer.abi),
            protocol: manifest.protocol,
            glibc: footer.as_ref().and_then(|footer| footer.glibc),
            hash: record.hash.clone(),
            installed_at: record.installed_at,
        };
        Ok(Usable { facts, manifest })
    }

    /// A linked plugin whose file changed is described again; its record gets the new hash.
    fn describe_again(&self, record: &mut Installed, path: &std::path::Path) -> Result<()> {
        let what = || format!("the linked file `{}` cannot be read", path.display());
        let hash = std::fs::File::open(path).and_then(record::hash).while_doing(code::PLUGIN, what)?;
        if hash == record.hash && record.manifest.is_some() {
            return Ok(());
        }
        let manifest = describe::in_child(path)?;
        record.version = manifest.version.clone();
        record.manifest = Some(manifest);
        record.hash = hash;
        self.write_record(record)
    }

    fn write_index(&self, index: &Index) -> Result<()> {
        let dir = self.index_dir();
        let encode = |value: serde_json::Result<Vec<u8>>| {
            value.while_doing(code::FAILED, || "the index cannot be written".to_owned())
        };
        let mut kept = BTreeSet::from([ROOT_FILE.to_owned()]);
        for (word, file) in &index.words {
            let name = index::word_file(word);
            write_if_changed(&dir.join(&name), &encode(serde_json::to_vec(file))?)?;
            kept.insert(name);
        }
        // The root file last: while it is missing or old, a reader makes the index itself.
        write_if_changed(&dir.join(ROOT_FILE), &encode(serde_json::to_vec(&index.root))?)?;
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| name.starts_with("w-") && !kept.contains(name)) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        if self.kind == Kind::System {
            readable_by_all(&self.dir)?;
        }
        Ok(())
    }
}

/// Writes only what differs: a thousand synced files would make every install slow.
fn write_if_changed(path: &std::path::Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) { Ok(()) } else { files::write(path, bytes) }
}

/// What is installed for everybody can be read by everybody.
fn readable_by_all(dir: &std::path::Path) -> Result<()> {
    use std::{fs, os::unix::fs::PermissionsExt};
    let what = || format!("cannot set the modes below `{}`", dir.display());
    for entry in fs::read_dir(dir)
        .while_doing(code::FAILED, what)?
        .chain(fs::read_dir(dir.join("index")).while_doing(code::FAILED, what)?)
    {
        let entry = entry.while_doing(code::FAILED, what)?;
        let mode = if entry.path().is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode))
            .while_doing(code::FAILED, what)?;
    }
    Ok(())
}

fn assemble(plugins: Vec<Usable>, mut unusable: Vec<Unusable>) -> Index {
    let mut words: BTreeMap<String, WordFile> = BTreeMap::new();
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    let mut all = Vec::new();
    for Usable { facts, manifest } in plugins {
        // Installing refuses two owners of one path; an index of files that were put here otherwise does too.
        if let Some((path, owner)) = conflict(&manifest, |path| owners.get(path).cloned()) {
            unusable.push(Unusable {
                name: facts.name,
                reason: format!("`astro {path}` belongs to the plugin `{owner}`"),
            });
            continue;
        }
        for command in &manifest.commands {
            for spelling in check::spellings(&command.path, &command.aliases) {
                owners.insert(spelling, facts.name.clone());
            }
            let first = command.words().next().unwrap_or_default();
            let file = words.entry(first.to_owned()).or_insert_with(|| WordFile {
                format: FORMAT,
                word: first.to_owned(),
                ..WordFile::default()
            });
            let plugin =
                file.plugins.iter().position(|known| known.name == facts.name).unwrap_or_else(|| {
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
    let root =
        RootFile { format: FORMAT, words: words.values().map(root_word).collect(), plugins: all, unusable };
    let aliases: Vec<(String, WordFile)> = words
        .values()
        .flat_map(|file| root_word(file).aliases.into_iter().map(|alias| (alias, file.clone())))
        .collect();
    for (alias, file) in aliases {
        words.entry(alias).or_insert(file);
    }
    Index { words, root }
}

/// The first path of a manifest that somebody else owns.
pub fn conflict(manifest: &Manifest, owner: impl Fn(&str) -> Option<String>) -> Option<(String, String)> {
    manifest
        .commands
        .iter()
        .flat_map(|command| check::spellings(&command.path, &command.aliases))
        .find_map(|path| owner(&path).map(|owner| (path, owner)))
}

/// The text of a shared word is the table's, else the first plugin's that has one.
fn add_group(groups: &mut Vec<Group>, path: &str, manifest: &Manifest) {
    let own = manifest.groups.iter().find(|group| group.path == path);
    let known = names::well_known(path);
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

fn reason(failure: &Failure) -> String {
    std::iter::once(failure.message.as_str())
        .chain(failure.causes.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(": ")
}
