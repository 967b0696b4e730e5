//! The index file of all commands: a line for each, written when the index is made, so that the catalogue of a thousand plugins
//! is one file that is copied and not parsed.

use astro_plugin_protocol::manifest::Command;

use super::{
    Kind, Store, Stores,
    index::{FORMAT, Facts},
    lookup::Rank,
};
use crate::{base::error::Failure, product::product};

/// Its name in the index.
pub(super) const CATALOGUE_FILE: &str = "commands";

/// A command of a plugin as the catalogue has it. It is a piece of the file: a thousand of them are neither copied nor parsed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line<'f> {
    /// The command's path.
    pub(crate) path: &'f str,
    /// Its record as JSON text, as the format `json` writes it.
    pub(crate) json: &'f str,
    plugin: &'f str,
    version: &'f str,
    is_linked: bool,
}

/// The files of all stores.
pub(crate) struct Catalogue {
    files: Vec<(Kind, File)>,
    /// A failure for each store that this user may not read in whole.
    pub(crate) denied: Vec<Failure>,
}

/// The file of one store.
#[derive(Debug, Default, PartialEq)]
struct File {
    text: String,
    /// It has all commands that there are: some record may not be readable.
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
    let lines = lines.concat();
    format!("{}\n{lines}", head(is_whole, lines.len()))
}

fn head(is_whole: bool, length: usize) -> String {
    format!("{FORMAT}\t{}\t{}\t{length}", crate::VERSION, if is_whole { "whole" } else { "in part" })
}

fn line(facts: &Facts, command: &Command) -> Option<String> {
    let json =
        astro_plugin_cli::catalogue::line(command, Some((&facts.name, &facts.version)), product().extension)
            .ok()?;
    let linked = if facts.is_linked() { "linked" } else { "" };
    // Names, versions and words have no tabs, and JSON has no line breaks.
    Some(format!("{}\t{}\t{}\t{linked}\t{json}\n", command.path, facts.name, facts.version))
}

impl File {
    /// A file of this host and this format, as long as it says; none when it is another one's.
    fn of(text: String) -> Option<Self> {
        let (first, rest) = text.split_once('\n')?;
        let is_whole = first == head(true, rest.len());
        (is_whole || first == head(false, rest.len())).then_some(Self { text, is_whole })
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> + Clone {
        let lines = self.text.split('\n').skip(1);
        lines.filter_map(|line| {
            let mut fields = line.splitn(5, '\t');
            let mut next = || fields.next();
            let (path, plugin, version, linked, json) = (next()?, next()?, next()?, next()?, next()?);
            Some(Line { path, json, plugin, version, is_linked: linked == "linked" })
        })
    }
}

impl Line<'_> {
    fn rank(&self, kind: Kind) -> Rank<'_> {
        Rank { kind, version: self.version, is_linked: self.is_linked }
    }
}

impl Catalogue {
    /// The commands of plugins that are in use, by path.
    pub(crate) fn lines(&self) -> Vec<Line<'_>> {
        let mut lines: Vec<Line<'_>> = Vec::new();
        for (kind, file) in &self.files {
            let others = self.files.iter().filter(|(other, _)| other != kind);
            let is_beaten = |line: &Line<'_>| {
                let mut rivals =
                    others.clone().flat_map(|(other, file)| file.lines().map(|one| (*other, one)));
                rivals.any(|(other, rival)| {
                    rival.plugin == line.plugin && rival.rank(other).beats(&line.rank(*kind))
                })
            };
            lines.extend(file.lines().filter(|line| !is_beaten(line)));
        }
        lines.sort_by(|a, b| a.path.cmp(b.path));
        lines.dedup_by(|later, first| later.path == first.path);
        lines
    }
}

impl Stores {
    /// The commands of plugins. No library is loaded, and where the index could read everything no record is looked at.
    pub(crate) fn catalogue(&self) -> Catalogue {
        let files: Vec<(&Store, File)> = self.all.iter().map(|store| (store, store.catalogue())).collect();
        let denied = files.iter().filter(|(_, file)| !file.is_whole);
        let denied = denied.filter_map(|(store, _)| store.denied_now()).collect();
        let files = files.into_iter().map(|(store, file)| (store.kind, file));
        Catalogue { files: files.filter(|(_, file)| !file.text.is_empty()).collect(), denied }
    }
}

impl Store {
    fn catalogue(&self) -> File {
        if !self.dir.is_dir() {
            // It may be there and not for this user.
            return File::default();
        }
        let read = || File::of(std::fs::read_to_string(self.index_dir().join(CATALOGUE_FILE)).ok()?);
        let known = if self.is_indexed() { read() } else { None };
        known.or_else(|| File::of(self.rebuild().catalogue)).unwrap_or_default()
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
        let file = File::of(text).expect("a catalogue");
        assert!(file.is_whole);
        let lines: Vec<Line<'_>> = file.lines().collect();
        let paths: Vec<&str> = lines.iter().map(|line| line.path).collect();
        assert_eq!(paths, ["a", "z one", "z two"]);
        let record: serde_json::Value = serde_json::from_str(lines[0].json).expect("json");
        assert_eq!(record["plugin"]["name"], "a");
    }

    #[test]
    fn a_file_says_when_something_could_not_be_read() {
        let text = encode([], false);
        assert!(!File::of(text).expect("a catalogue").is_whole);
    }

    #[test]
    fn a_file_of_another_host_is_not_believed() {
        let text = encoded(&[command("a", false)]);
        assert_eq!(File::of(text.replacen(crate::VERSION, "0.0.0", 1)), None);
        assert_eq!(File::of(text[..text.len() - 3].to_owned()), None, "it was cut off");
        assert_eq!(File::of(String::new()), None);
        let damaged = File::of(format!("{}\nno tabs\n", head(true, 8))).expect("a catalogue");
        assert_eq!(damaged.lines().count(), 0);
    }
}
