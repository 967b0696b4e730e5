//! Names of what the program's dimensions are about, as commands saw them: an ID in the configuration says little to
//! a person, and `astro context` sends nothing to find out.
//!
//! A cache: one small file for each ID, in a directory for each address of the API, so that an ID of one server never
//! gets the name of another server's. Nothing is decided by a name from here; what is about to be changed is asked for.

#![forbid(unsafe_code)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use astro_plugin_protocol::naming::Named;

use crate::{
    base::{files, hash, time::unix_now},
    config::Dirs,
    context::{Context, Sourced, settings::is_id},
    net::address::Address,
};

/// The longest name that is remembered, in bytes.
const LONGEST: usize = 1024;
/// How many levels a thing is looked up with what it belongs to.
const LEVELS: usize = 4;
/// What was seen this recently is not written again, in seconds.
const FRESH: i64 = 3600;
/// What was not seen for this long is removed.
const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// The names that were seen at one address.
pub(crate) struct Names(Option<PathBuf>);

impl Names {
    /// Those of an address; none when the directories are not known.
    pub(crate) fn at(dirs: Option<&Dirs>, address: &Address) -> Self {
        let dir = dirs.and_then(|dirs| {
            let address = hash::sha256(address.as_str().as_bytes()).ok()?;
            Some(dirs.cache.join("names").join(address))
        });
        Self(dir)
    }

    /// Of an address that is not known.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// A thing that was seen.
    pub(crate) fn known(&self, id: &str) -> Option<Named> {
        let text = files::read(&self.file(id)?).ok()??;
        serde_json::from_str::<Named>(&text).ok().filter(|named| named.id == id && !named.name.is_empty())
    }

    /// Things that were seen, with what they belong to, as far as that was seen.
    pub(crate) fn with_parents(&self, ids: &[String]) -> Vec<Named> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for id in ids {
            let mut next = Some(id.clone());
            for _ in 0..LEVELS {
                let Some(named) = next.take().filter(|id| seen.insert(id.clone())) else { break };
                let Some(named) = self.known(&named) else { break };
                next = named.parent.clone();
                found.push(named);
            }
        }
        found
    }

    /// Remembers a thing that was seen just now. What cannot be written is not remembered.
    pub(crate) fn remember(&self, named: &Named) {
        let Some(path) = self.file(&named.id) else { return };
        let parent = named.parent.clone().filter(|parent| is_id(parent));
        let mut named = named.clone();
        named.parent = parent;
        named.seen_at = unix_now();
        let is_known = self.known(&named.id).is_some_and(|known| {
            let age = named.seen_at - known.seen_at;
            (0..FRESH).contains(&age) && known.name == named.name && known.parent == named.parent
        });
        if is_known || named.name.is_empty() || named.name.len() > LONGEST {
            return;
        }
        if let Ok(bytes) = serde_json::to_vec(&named)
            && files::write_cache(&path, &bytes).is_ok()
        {
            remove_old(path.parent().unwrap_or(&path));
        }
    }

    /// An ID is a file's name and never leaves the directory.
    fn file(&self, id: &str) -> Option<PathBuf> {
        self.0.as_ref().filter(|_| is_id(id)).map(|dir| dir.join(id))
    }

    /// The name of a setting, which holds an ID or a name.
    pub(crate) fn of(&self, setting: Option<&str>) -> Option<String> {
        let value = setting?;
        if is_id(value) { self.known(value).map(|named| named.name) } else { Some(value.to_owned()) }
    }

    /// For each dimension, from the widest to the narrowest, the name of what a context acts on.
    pub(crate) fn of_context(&self, context: &Context) -> Vec<(&'static str, Option<String>)> {
        let name = |setting: Option<&Sourced<String>>| self.of(setting.map(|setting| setting.value.as_str()));
        context.settings.iter().map(|(dimension, setting)| (dimension.name, name(setting))).collect()
    }
}

/// An ID with its name, as people are shown it. What is no ID is a name already.
pub(crate) fn beside(value: &str, name: Option<&str>) -> String {
    match name.filter(|_| is_id(value)) {
        Some(name) => format!("{name} ({value})"),
        None => value.to_owned(),
    }
}

fn remove_old(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let written = entry.metadata().and_then(|facts| facts.modified());
        let age = written.ok().and_then(|written| SystemTime::now().duration_since(written).ok());
        if age.is_some_and(|age| age > KEPT_FOR) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPLOYMENT: &str = "cm00000000test0000000000d";
    const WORKSPACE: &str = "cm00000000test0000000000w";

    fn names(home: &Path, address: &str) -> Names {
        let all = home.to_owned();
        let dirs = Dirs {
            config: all.clone(),
            data: all.clone(),
            state: all.clone(),
            cache: all,
            private_home: true,
        };
        Names::at(Some(&dirs), &Address::parse(address, "a test").expect("an address"))
    }

    fn named(id: &str, name: &str, parent: Option<&str>) -> Named {
        Named::new(id, name).below(parent.map(str::to_owned))
    }

    #[test]
    fn names_come_with_those_of_what_they_belong_to() {
        crate::product::set_neutral();
        let home = tempfile::tempdir().expect("a directory");
        let names = names(home.path(), "https://api.example.com/v1");
        names.remember(&named(WORKSPACE, "Data", None));
        names.remember(&named(DEPLOYMENT, "Ingest", Some(WORKSPACE)));
        let ids = [DEPLOYMENT, WORKSPACE, "cm00000000test0000000000x"].map(str::to_owned);
        let found: Vec<String> = names.with_parents(&ids).into_iter().map(|named| named.name).collect();
        assert_eq!(found, ["Ingest", "Data"]);
        assert!(names.known(DEPLOYMENT).expect("known").seen_at > 1_700_000_000, "the host sets the time");
        names.remember(&named(DEPLOYMENT, "Renamed", Some(WORKSPACE)));
        assert_eq!(names.known(DEPLOYMENT).expect("known").name, "Renamed");
    }

    #[test]
    fn each_address_has_its_own_names() {
        let home = tempfile::tempdir().expect("a directory");
        names(home.path(), "https://api.example.com/v1").remember(&named(DEPLOYMENT, "Ingest", None));
        assert_eq!(names(home.path(), "https://api.example.org/v1").known(DEPLOYMENT), None);
    }

    #[test]
    fn what_is_no_name_of_an_id_is_not_remembered() {
        crate::product::set_neutral();
        let home = tempfile::tempdir().expect("a directory");
        let names = names(home.path(), "https://api.example.com/v1");
        for (id, name) in [("../../../escaped", "x"), ("", "x"), ("Ingest", "x"), (DEPLOYMENT, "")] {
            names.remember(&named(id, name, None));
            assert_eq!(names.known(id), None, "{id}");
        }
        names.remember(&named(DEPLOYMENT, &"x".repeat(LONGEST + 1), None));
        assert_eq!(names.known(DEPLOYMENT), None);
        // Whatever stands in the file is taken for a name of this ID only.
        names.remember(&named(DEPLOYMENT, "Ingest", Some("../x")));
        assert_eq!(names.known(DEPLOYMENT).expect("known").parent, None);
        let file = names.file(DEPLOYMENT).expect("a file");
        for text in ["", "{}", "[]", r#"{"id":"cm00000000test0000000000w","name":"Data"}"#] {
            files::write(&file, text.as_bytes()).expect("written");
            assert_eq!(names.known(DEPLOYMENT), None, "{text}");
        }
    }
}
