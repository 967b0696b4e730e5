//! The canary of every test: whatever token a test's sandbox issued, or was put into a variable, is searched in all
//! that the test's commands said and left behind. It may be in its sink, in the stores that are for it, and nowhere
//! else.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use regex::Regex;

use crate::Ran;

/// Commands whose stdout is where a token belongs.
const SINKS: &[&str] = &["token create", "token rotate", "recover show", "sandbox env", "misbehave"];
/// Files below astro's own directory that hold tokens, by the beginning of their path in it.
const STORES: &[&str] = &["credentials.toml", DATABASE, "state/plugins/sandbox/sandbox.json"];
/// Where the sandbox keeps what it issued, also when it runs no more.
const DATABASE: &str = "state/plugins/sandbox/sandbox.db";

/// What the commands of one test said.
#[derive(Default)]
pub(crate) struct Canary {
    said: Mutex<Vec<(String, Ran)>>,
    values: Mutex<BTreeSet<String>>,
}

impl Canary {
    /// Takes down what a command said.
    pub(crate) fn hear(&self, command: &Command, ran: &Ran) {
        let words = command.get_args().map(|word| word.to_string_lossy());
        let line = words.collect::<Vec<_>>().join(" ");
        let variables = command.get_envs().filter(|(name, _)| *name == "ASTRO_API_TOKEN");
        let given = variables.filter_map(|(_, value)| Some(value?.to_string_lossy().into_owned()));
        self.know(given);
        self.said.lock().unwrap_or_else(PoisonError::into_inner).push((line, ran.clone()));
    }

    /// Values to search for. What is shorter than any token would be found by chance.
    pub(crate) fn know(&self, values: impl IntoIterator<Item = String>) {
        let values = values.into_iter().filter(|value| value.len() > 10);
        self.values.lock().unwrap_or_else(PoisonError::into_inner).extend(values);
    }

    /// Searches everywhere. `server` is the process of the sandbox.
    pub(crate) fn search(&self, home: &Path, server: Option<u32>) {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let token = Regex::new(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+").expect("a pattern");
        for (_, ran) in said.iter() {
            self.know(token.find_iter(&ran.stdout).map(|found| found.as_str().to_owned()));
        }
        let issued = files(&home.join(".astro-host/state/plugins/sandbox"));
        for path in issued.iter().filter(|path| path.to_string_lossy().contains("sandbox.db")) {
            let content = String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
            self.know(token.find_iter(&content).map(|found| found.as_str().to_owned()));
        }
        // The last third of a web token is its signature: it is found also where the rest was cut.
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = values.iter().filter_map(|value| value.rsplit('.').next());
        // In the database a value may go on elsewhere: what is left of its end would be found by chance.
        let values: Vec<&[u8]> = ends.filter(|end| end.len() > 10).map(str::as_bytes).collect();
        let holds = |bytes: &[u8]| {
            values.iter().any(|value| bytes.windows(value.len()).any(|window| window == *value))
        };
        for (line, ran) in said.iter() {
            assert!(!holds(ran.stderr.as_bytes()), "stderr of `astro {line}` shows a token: {ran:?}");
            // With another sink stdout gets everything but the token.
            let elsewhere = ["--token-file", "--token-exec"].iter().any(|option| line.contains(option));
            let is_sink = !elsewhere && SINKS.iter().any(|sink| line.contains(sink));
            assert!(
                is_sink || !holds(ran.stdout.as_bytes()),
                "stdout of `astro {line}` shows a token: {ran:?}"
            );
        }
        let own = home.join(".astro-host");
        for path in files(home) {
            let is_temporary =
                path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".token-"));
            assert!(
                !is_temporary || !holds(&fs::read(&path).unwrap_or_default()),
                "{} is left",
                path.display()
            );
        }
        for path in files(&own) {
            let name = path.strip_prefix(&own).unwrap_or(&path).to_string_lossy().into_owned();
            let is_answer = name.starts_with("state/recovery/") && name.ends_with(".answer");
            if !is_answer && !STORES.iter().any(|store| name.starts_with(store)) {
                let content = fs::read(&path).unwrap_or_default();
                assert!(!holds(&content), "{} holds a token", path.display());
            }
        }
        for what in ["cmdline", "environ"] {
            let content = server.map(|pid| fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default());
            assert!(!holds(&content.unwrap_or_default()), "the sandbox's {what} holds a token");
        }
    }
}

/// Every plain file below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stdout: &str, stderr: &str) -> Ran {
        Ran { stdout: stdout.to_owned(), stderr: stderr.to_owned(), code: Some(0) }
    }

    /// The search finds what it is for: each place alone is enough.
    #[test]
    fn every_place_is_searched() {
        const VALUE: &str = "eyJhbGciOiJI.eyJpc3MiOiJo.c2lnbmF0dXJlLW9mLWl0";
        let places: &[(&str, Ran, Option<&str>, bool)] = &[
            ("deployment token create", said(VALUE, ""), None, false),
            ("deployment token list", said(VALUE, ""), None, true),
            ("deployment token create", said(VALUE, VALUE), None, true),
            ("deployment token create", said(VALUE, "…c2lnbmF0dXJlLW9mLWl0"), None, true),
            ("deployment token create", said(VALUE, ""), Some("config.toml"), true),
            ("deployment token create", said(VALUE, ""), Some("state/recovery/1.answer"), false),
            ("deployment token create", said(VALUE, ""), Some("state/recovery/1.json"), true),
            ("deployment token create --token-file x", said(VALUE, ""), None, true),
        ];
        for (line, ran, file, is_found) in places {
            let home = tempfile::tempdir().expect("a directory");
            let canary = Canary::default();
            canary.know([VALUE.to_owned()]);
            canary.hear(Command::new("astro").args(line.split(' ')), ran);
            if let Some(file) = file {
                let path = home.path().join(".astro-host").join(file);
                fs::create_dir_all(path.parent().expect("a directory")).expect("made");
                fs::write(path, VALUE).expect("written");
            }
            let searched = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                canary.search(home.path(), None);
            }));
            assert_eq!(searched.is_err(), *is_found, "{line} {file:?}");
        }
    }
}
