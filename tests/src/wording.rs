//! What commands say, word for word, in one file per area: `tests/e2e/wording/AREA.txt`. A test asserts how a
//! command ended and which object it names; the sentence around them is compared here, so that a better
//! sentence changes one file and no test.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt::Write,
    path::PathBuf,
    sync::{LazyLock, Mutex, PoisonError},
};

use regex::Regex;

use crate::varying;

/// What begins a message in the file: `== TEST NUMBER`.
const HEAD: &str = "== ";

/// The messages of an area: of a test (its path below the area), and which of its messages.
type Messages = BTreeMap<(String, u32), String>;

thread_local! {
    /// How many messages the test of this thread compared. Each test has a thread of its own.
    static COMPARED: Cell<u32> = const { Cell::new(0) };
}

/// One test at a time changes a file.
static FILES: Mutex<()> = Mutex::new(());

/// Compares what a command said with the stored words. `SNAPSHOTS=overwrite` stores these.
///
/// # Panics
///
/// When they differ, and on a thread that has no test's name.
#[track_caller]
pub(crate) fn assert(said: &str) {
    let thread = std::thread::current();
    let name = thread.name().expect("what is said is compared on the thread of the test");
    let (area, test) = name.split_once("::").expect("a test of an area");
    let number = COMPARED.replace(COMPARED.get() + 1) + 1;
    let said = without_what_differs(said);

    let path = path(area);
    let _file = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut messages = parse(&std::fs::read_to_string(&path).unwrap_or_default());
    let key = (test.to_owned(), number);
    let stored = messages.get(&key).cloned().unwrap_or_default();
    if stored == said {
        return;
    }
    if std::env::var_os("SNAPSHOTS").is_some_and(|action| action == "overwrite") {
        messages.insert(key, said);
        std::fs::write(&path, print(&messages)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    let place = format!("{}, {test} {number}", path.display());
    snapbox::assert_data_eq!(
        format!("{place}\n{said}"),
        snapbox::Data::text(format!("{place}\n{stored}")).raw()
    );
}

/// The file of an area.
fn path(area: &str) -> PathBuf {
    crate::workspace().join("tests/e2e/wording").join(format!("{area}.txt"))
}

/// Reads a file of messages.
fn parse(text: &str) -> Messages {
    let mut messages = Messages::new();
    let mut message: Option<&mut String> = None;
    for line in text.lines() {
        if let Some(head) = line.strip_prefix(HEAD) {
            let (test, number) = head.rsplit_once(' ').expect("a test and a number");
            let number = number.parse().expect("a number");
            message = Some(messages.entry((test.to_owned(), number)).or_default());
        } else if let Some(message) = &mut message {
            message.push_str(line);
            message.push('\n');
        }
    }
    for message in messages.values_mut() {
        // The empty line before the next head.
        message.truncate(message.trim_end().len());
    }
    messages
}

/// Writes what [`parse`] reads.
fn print(messages: &Messages) -> String {
    let mut text = String::new();
    for ((test, number), message) in messages {
        let space = if message.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{HEAD}{test} {number}\n{message}{space}\n");
    }
    text
}

/// What libraries log and the runtime prints of a panic is theirs.
const LINES: &[(&str, &str)] = &[
    (r"(?m)^(TRACE|DEBUG|INFO|WARN) .*\n", ""),
    (
        r"(?m)^(\n?(caused by: )?thread '.*' \(\d+\) panicked at .*|stack backtrace:|note: .*| +\d+: .*| +at .*)\n",
        "",
    ),
];

/// What differs in messages, and is no value of a transcript.
const OWN: &[(&str, &str)] = &[
    (r"(/tmp|/var/tmp|/dev/shm)/\.?tmp\w{6}", "[HOME]"),
    (r"(\[::1\]|localhost):\d+", "[HOST]"),
    (r"\b(state|code_challenge)=[\w-]+", "$1=[RANDOM]"),
    (r"127\.0\.0\.1%3A\d+", "[HOST]"),
    (r"\b[A-Z]{4}-[A-Z]{4}\b", "[CODE]"),
    (r"\b[0-9a-f]{16}\b", "[HASH]"),
    (r"\b(PID|pid|process) \d+", "$1 [PID]"),
    (r"\b\d+(\.\d+)? (ms|s|min)\b", "[TIME]"),
    (r"\b\d+ (bytes|kB|MB|GB)\b", "[SIZE]"),
    (r"\b\d+ days\b", "[DAYS]"),
    (r"\b\d{5,}\b", "[NUMBER]"),
    (r"(x86_64|aarch64)-unknown-linux-(gnu|musl)", "[TARGET]"),
];

/// The message without what another run, user or machine has otherwise.
fn without_what_differs(said: &str) -> String {
    static PATTERNS: LazyLock<Vec<(Regex, String)>> = LazyLock::new(|| {
        let values = varying::VALUES.map(|(pattern, name)| (pattern, format!("[{name}]")));
        let parts = varying::PARTS.map(|(pattern, name)| (pattern, name.to_owned()));
        let [lines, own] =
            [LINES, OWN].map(|list| list.iter().map(|(pattern, name)| (*pattern, (*name).to_owned())));
        let all = lines.chain(values).chain(parts).chain(own);
        all.map(|(pattern, name)| (Regex::new(pattern).expect("a pattern"), name)).collect()
    });
    let mut text = said
        .replace(&crate::root().display().to_string(), "[ROOT]")
        .replace(&crate::workspace().display().to_string(), "[WORKSPACE]");
    for (pattern, name) in PATTERNS.iter() {
        text = pattern.replace_all(&text, name.as_str()).into_owned();
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let messages: Messages = [
            (("a_test".to_owned(), 2), "error: cannot do it: a reason\n\nhelp: type it".to_owned()),
            (("a_test".to_owned(), 10), String::new()),
            (("module::another".to_owned(), 1), "x".to_owned()),
        ]
        .into();
        assert_eq!(parse(&print(&messages)), messages);
    }

    #[test]
    fn what_differs_between_runs_has_a_name() {
        let said = "/tmp/.tmpAb12Cd/x of process 4711 took 12 ms at 127.0.0.1:39999\n";
        assert_eq!(without_what_differs(said), "[HOME]/x of process [PID] took [TIME] at [HOST]");
    }
}
