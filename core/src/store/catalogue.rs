//! The index file of all commands: a line for each, written when the index is made, so that the catalogue of a thousand plugins
//! is one file that is copied and not parsed.

use astro_plugin_protocol::manifest::Command;

use super::{
    Kind, Store, Stores,
    index::{FORMAT, Facts},
    lookup::Rank,
};
use crate::base::error::Failure;

/// Its name in the index.
pub(super) const CATALOGUE_FILE: &str = "commands";

/// A command of a plugin as the catalogue has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    /// The command's path.
    pub(crate) path: String,
    /// Its record as JSON text, as the format `json` writes it.
    pub(crate) json: String,
    plugin: String,
    version: String,
    is_linked: bool,
}

/// The commands of a store, and whether they are all that there are: some record may not be readable.
#[derive(Debug, Default, PartialEq)]
struct Catalogue {
    lines: Vec<Line>,
    is_whole: bool,
}

/// The file: the first line says who made it and whether it could read everything, the others are fields with tabs between them.
pub(super) fn encode<'c>(
    commands: impl IntoIterator<Item = (&'c Facts, &'c Command)>,
    is_whole: bool,
) -> String {
    let visible = commands.into_iter().filter(|(_, command)| !command.hidden);
    let mut lines: Vec<String> = visible.filter_map(|(plugin, command)| line(plugin, command)).collect();
    lines.sort();
    format!("{}\n{}", head(is_whole), lines.concat())
}

fn head(is_whole: bool) -> String {
    format!("{FORMAT}\t{}\t{}", crate::VERSION, if is_whole { "whole" } else { "in part" })
}

fn line(facts: &Facts, command: &Command) -> Option<String> {
    let json = astro_plugin_cli::catalogue::line(command, Some((&facts.name, &facts.version))).ok()?;
    let linked = if facts.is_linked() { "linked" } else { "" };
    // Names, versions and words have no tabs, and JSON has no line breaks.
    Some(format!("{}\t{}\t{}\t{linked}\t{json}\n", command.path, facts.name, facts.version))
}

fn decode(text: &str) -> Option<Catalogue> {
    let (first, rest) = text.split_once('\n')?;
    let is_whole = first == head(true);
    if !is_whole && first != head(false) {
        return None;
    }
    let lines: Option<Vec<Line>> = rest
        .lines()
        .map(|line| {
            let mut fields = line.splitn(5, '\t');
            let mut next = || fields.next().map(str::to_owned);
            let (path, plugin, version, linked, json) = (next()?, next()?, next()?, next()?, next()?);
            Some(Line { path, json, plugin, version, is_linked: linked == "linked" })
        })
        .collect();
    Some(Catalogue { lines: lines?, is_whole })
}

impl Line {
    fn rank(&self, kind: Kind) -> Rank<'_> {
        Rank { kind, version: &self.version, is_linked: self.is_linked }
    }
}

impl Stores {
    /// The commands of plugins that are in use, by path, and a failure for each store that this user may not read in whole. No
    /// library is loaded, and where the index could read everything no record is looked at.
    pub(crate) fn catalogue(&self) -> (Vec<Line>, Vec<Failure>) {
        let all: Vec<(&Store, Catalogue)> = self.all.iter().map(|store| (store, store.catalogue())).collect();
        let denied = all.iter().filter(|(_, found)| !found.is_whole);
        let denied: Vec<Failure> = denied.filter_map(|(store, _)| store.denied_now()).collect();
        let all: Vec<(&Store, Vec<Line>)> =
            all.into_iter().map(|(store, found)| (store, found.lines)).collect();
        let mut lines: Vec<Line> = Vec::new();
        for (store, own) in &all {
            let others = all.iter().filter(|(other, _)| other.kind != store.kind);
            let is_beaten = |line: &Line| {
                let mut rivals =
                    others.clone().flat_map(|(other, rivals)| rivals.iter().map(|one| (*other, one)));
                rivals.any(|(other, rival)| {
                    rival.plugin == line.plugin && rival.rank(other.kind).beats(&line.rank(store.kind))
                })
            };
            lines.extend(own.iter().filter(|line| !is_beaten(line)).cloned());
        }
        lines.sort_by(|a, b| a.path.cmp(&b.path));
        lines.dedup_by(|later, first| later.path == first.path);
        (lines, denied)
    }
}

impl Store {
    fn catalogue(&self) -> Catalogue {
        if !self.dir.is_dir() {
            // It may be there and not for this user.
            return Catalogue::default();
        }
        let read = || decode(&std::fs::read_to_string(self.index_dir().join(CATALOGUE_FILE)).ok()?);
        let known = if self.is_indexed() { read() } else { None };
        known.unwrap_or_else(|| decode(&self.rebuild().catalogue).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(path: &str, hidden: bool) -> (Facts, Command) {
        let name = path.split(' ').next().expect("a word").to_owned();
        let facts = Facts { name, version: "1.0.0".into(), ..Facts::default() };
        (facts, Command { path: path.into(), hidden, ..Command::default() })
    }

    fn encoded(commands: &[(Facts, Command)]) -> String {
        encode(commands.iter().map(|(facts, command)| (facts, command)), true)
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let commands = [("z two", false), ("z one", false), ("b", true), ("a", false)];
        let text = encoded(&commands.map(|(path, hidden)| command(path, hidden)));
        let Catalogue { lines, is_whole } = decode(&text).expect("a catalogue");
        assert!(is_whole);
        let paths: Vec<&str> = lines.iter().map(|line| line.path.as_str()).collect();
        assert_eq!(paths, ["a", "z one", "z two"]);
        let record: serde_json::Value = serde_json::from_str(&lines[0].json).expect("json");
        assert_eq!(record["plugin"]["name"], "a");
    }

    #[test]
    fn a_file_says_when_something_could_not_be_read() {
        let text = encode([], false);
        assert_eq!(decode(&text), Some(Catalogue { lines: Vec::new(), is_whole: false }));
    }

    #[test]
    fn a_file_of_another_host_is_not_believed() {
        let text = encoded(&[command("a", false)]);
        assert_eq!(decode(&text.replacen(crate::VERSION, "0.0.0", 1)), None);
        assert_eq!(decode(""), None);
        assert_eq!(decode(&format!("{}\nno tabs\n", head(true))), None);
    }
}
