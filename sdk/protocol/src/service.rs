//! What a plugin asks of the host: one constant and one pair of types for each service.
//!
//! | service | input | answer |
//! |---|---|---|
//! | [`HTTP_REQUEST`] | [`HttpRequest`] | [`HttpResponse`] |
//! | [`OUTPUT_EMIT`] | [`Emit`] | nothing |
//! | [`OUTPUT_TEXT`] | [`Text`] | nothing |
//! | [`OUTPUT_SECRET`] | [`Secret`] | nothing |
//! | [`PROMPT_CONFIRM`] | [`Confirm`] | `bool` |
//! | [`PROMPT_TEXT`] | [`AskText`] | `String` |
//! | [`PROMPT_SELECT`] | [`Select`] | index, `usize` |
//! | [`NOTICE`] | [`Text`] | nothing |
//! | [`PROGRESS_START`] | [`ProgressStart`] | [`Progress`] |
//! | [`PROGRESS_SET`] | [`ProgressSet`] | nothing |
//! | [`PROGRESS_END`] | [`Progress`] | nothing |
//! | [`PROCESS_RUN`] | [`Process`] | [`ProcessEnd`] |
//! | [`CANCEL_WAIT`] | nothing | nothing, when the user interrupts |
//! | [`CLOCK`] | nothing | [`Clock`] |
//! | [`PROFILE_PUT`] | [`ProfilePut`] | [`ProfilePutAnswer`] |
//! | [`CONFIG_GET`] | nothing | the plugin's own table `[plugins.NAME]` of the configuration |
//! | [`CONTEXT_SELECT`] | [`ContextSelect`] | [`ContextSelectAnswer`] |
//! | [`NAMES_KNOWN`] | [`NamesKnown`] | [`Names`] |
//! | [`NAMES_SEEN`] | [`Names`] | nothing |
//!
//! A service this host does not know answers the code `unimplemented`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::{Failure, read};
pub use crate::{
    http::{AnswerForm, HttpRequest, HttpResponse, OneTimeSecret, Settle},
    naming::{Named, Names, NamesKnown},
    selection::{ContextSelect, ContextSelectAnswer, ProfilePut, ProfilePutAnswer},
};

/// A request to the API of the profile in use, with its credential, or to another one that the command declares, without.
pub const HTTP_REQUEST: &str = "http.request";
/// Records for the result.
pub const OUTPUT_EMIT: &str = "output.emit";
/// Streamed text for the result; the command must declare it.
pub const OUTPUT_TEXT: &str = "output.text";
/// Delivers a one-time secret as the result.
pub const OUTPUT_SECRET: &str = "output.secret";
/// Asks yes or no.
pub const PROMPT_CONFIRM: &str = "prompt.confirm";
/// Asks for a line of text.
pub const PROMPT_TEXT: &str = "prompt.text";
/// Asks to pick one of a list.
pub const PROMPT_SELECT: &str = "prompt.select";
/// A status line on stderr.
pub const NOTICE: &str = "notice";
/// Shows that something takes a while, on stderr of a terminal; silent anywhere else.
pub const PROGRESS_START: &str = "progress.start";
/// Says how far it is.
pub const PROGRESS_SET: &str = "progress.set";
/// Takes it away.
pub const PROGRESS_END: &str = "progress.end";
/// Runs a program with the terminal attached; the command must declare it.
pub const PROCESS_RUN: &str = "process.run";
/// Waits until the user interrupts.
pub const CANCEL_WAIT: &str = "cancel.wait";
/// The current time.
pub const CLOCK: &str = "clock";
/// Creates or changes a profile that belongs to this plugin.
pub const PROFILE_PUT: &str = "profile.put";
/// The plugin's own table of the configuration.
pub const CONFIG_GET: &str = "config.get";
/// Changes what later commands act on: the directory file where one selected it, else the profile.
pub const CONTEXT_SELECT: &str = "context.select";
/// The names that earlier commands saw at this address for IDs.
pub const NAMES_KNOWN: &str = "names.known";
/// Remembers names that the API answered just now.
pub const NAMES_SEEN: &str = "names.seen";

fn is_false(value: &bool) -> bool {
    !value
}

/// Records for the result, in pieces: `begin`, any number of `rows`, `end`. Each is awaited before the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Emit {
    /// Starts the result.
    Begin {
        /// How to show it.
        view: View,
    },
    /// Rows, each a JSON object with snake_case keys.
    Rows {
        /// The rows.
        rows: Vec<Value>,
    },
    /// Everything was sent.
    End,
    /// A step of a newer protocol; answered with `unimplemented`.
    #[serde(other)]
    Unknown,
}

impl Emit {
    /// Reads the body of a request. Rows are taken as they are: reading them as a tagged value would build each anew, twice.
    ///
    /// # Errors
    /// A body of another shape.
    pub fn of_body(mut body: Value) -> Result<Self, Failure> {
        match (body["op"] == "rows", body.get_mut("rows").map(Value::take)) {
            (true, Some(Value::Array(rows))) => Ok(Self::Rows { rows }),
            _ => read(body),
        }
    }
}

/// How the host shows records in each format.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    /// Key of the array in json (`tokens`); absent for a single record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// Columns of a table, lines of a single record.
    pub columns: Vec<Column>,
    /// Keys of the clean format, in order. Only ever appended to.
    pub clean: Vec<String>,
    /// Shown instead of columns in a table for a single record: one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
    /// Shown on stderr, in a table, when a list has no rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty: Option<String>,
}

/// One column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Column {
    /// Key of the row.
    pub key: String,
    /// Heading, such as `CREATED BY`.
    pub title: String,
    /// What the value is.
    pub kind: ColumnKind,
    /// Shown only where every other column fits.
    pub optional: bool,
    /// Never shortened, whatever its kind.
    #[serde(skip_serializing_if = "is_false")]
    pub whole: bool,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Text that may be shortened where the terminal is narrow.
    #[default]
    Text,
    /// Text that is never shortened.
    Id,
    /// An RFC 3339 time.
    Time,
    /// An RFC 3339 time after which the row is expired; absent means never.
    Expiry,
    /// A number, to the right.
    Number,
    /// true or false, shown as yes or no.
    Bool,
    /// A number of bytes, shown as `1.2 MiB`, to the right.
    Size,
    /// A number of seconds, shown as `2h 5m`, to the right.
    Duration,
    /// A kind of a newer plugin; shown as text.
    #[serde(other)]
    Unknown,
}

/// A line or piece of text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Text {
    /// The text.
    pub text: String,
}

/// A one-time secret and the record it belongs to.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Secret {
    /// How to show the record; `clean` is ignored: the clean format is the secret alone.
    pub view: View,
    /// The record without the secret.
    pub record: Value,
    /// Key of the secret in json.
    pub key: String,
    /// The secret.
    pub value: String,
}

/// The secret is not part of what a log or a panic may show.
impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Secret")
            .field("record", &self.record)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Shows that something takes a while.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProgressStart {
    /// What is being done, such as `Reading files`.
    pub label: String,
    /// How many steps it has; without a number it only moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

/// Something that is shown to take a while.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Its number in this invocation.
    pub id: u64,
}

/// How far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProgressSet {
    /// Its number.
    pub id: u64,
    /// How many steps are done.
    pub done: u64,
    /// What is being done now; what was said before when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl ProcessEnd {
    /// An end with this exit code.
    pub fn with_code(code: i32) -> Self {
        Self { code: Some(code), ..Self::default() }
    }

    /// After it wrote this to stdout.
    #[must_use]
    pub fn after_writing(mut self, stdout: impl Into<String>) -> Self {
        self.stdout = stdout.into();
        self
    }
}

/// A program to run. It gets the terminal and the environment without the host's credentials, and is waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Its name, looked up on the PATH, or its path.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The directory it runs in; that of `astro` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Variables that are set for it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// What it writes to stdout is the answer's `stdout` and not shown, at most 16 MiB. Otherwise it is the command's
    /// result as it comes; under json it goes to stderr, since it is no JSON.
    #[serde(skip_serializing_if = "is_false")]
    pub capture: bool,
}

/// How a program ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ProcessEnd {
    /// Its exit code; absent when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it wrote to stdout, when that was captured; bytes that are not UTF-8 are replaced by U+FFFD.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stdout: String,
}

/// Asks yes or no. Answered `true` at once with `--yes`; a no is the failure `declined`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Confirm {
    /// What is about to happen, one line each, shown before the question.
    pub details: Vec<String>,
    /// The question.
    pub question: String,
}

/// Asks for a line of text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AskText {
    /// The question.
    pub question: String,
    /// The flag that answers it without asking, such as `--name <NAME>`.
    pub flag: String,
    /// Help for the case that nobody can be asked.
    pub help: Vec<String>,
}

/// Asks to pick one of a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Select {
    /// The question.
    pub question: String,
    /// The choices as shown.
    pub items: Vec<String>,
    /// The flag that answers it without asking.
    pub flag: String,
    /// Help for the case that nobody can be asked.
    pub help: Vec<String>,
}

/// The current time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Clock {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub unix_ms: i64,
}
