//! What the host asks of a plugin: the body of a request of each kind and the value of its answer.
//!
//! | kind | input | answer |
//! |---|---|---|
//! | [`kind::RUN`] | [`Run`] | [`Outcome`] |
//! | [`kind::COMPLETE`] | [`Complete`] | [`Candidates`] |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The kinds of invocation. A plugin answers an unknown one with the code `unimplemented`.
pub mod kind {
    /// Run a command.
    pub const RUN: &str = "run";
    /// Say which values an argument may have, while a shell completes it.
    pub const COMPLETE: &str = "complete";
}

/// Runs one command.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// The command's path as in the manifest, words separated by one space; never an alias.
    pub path: String,
    /// The canonical arguments: long names, one value as `--long=value`, global options removed,
    /// positionals after `--`.
    pub args: Vec<String>,
    /// Who and where.
    pub context: Context,
    /// Facts about the terminal.
    pub terminal: Terminal,
    /// The most detailed level the host logs: 0 nothing, 1 error … 5 trace.
    pub log_level: u32,
}

/// Asks for the values that an argument may have. It comes while somebody waits at a shell: the host gives up after
/// 300 ms, shows nothing of what goes wrong, and answers requests that read, no others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Complete {
    /// The command's path as in the manifest.
    pub path: String,
    /// The id of the argument.
    pub arg: String,
    /// What was typed of the value so far; the host drops candidates that do not begin with it.
    pub typed: String,
    /// The canonical arguments of the rest of the line, as far as it can be read.
    pub args: Vec<String>,
    /// Who and where.
    pub context: Context,
    /// The most detailed level the host logs: 0 nothing, 1 error … 5 trace.
    pub log_level: u32,
}

/// The answer to [`Complete`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Candidates {
    /// The values, in the order to show them in.
    pub candidates: Vec<Candidate>,
}

/// One value that an argument may have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Candidate {
    /// As it is typed.
    pub value: String,
    /// One line about it, for shells that show one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub help: String,
}

impl Candidate {
    /// A value with one line about it, which may be empty.
    pub fn new(value: impl Into<String>, help: impl Into<String>) -> Self {
        Self { value: value.into(), help: help.into() }
    }
}

/// The context of one invocation, resolved once by the host. It never holds a credential.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Context {
    /// The profile in use.
    pub profile: Option<Setting>,
    /// For each dimension of the program, by its name, what is chosen: an ID or a name. What is not chosen is not there.
    pub settings: BTreeMap<String, Setting>,
    /// The setting `organization`, for plugins of revision 1.
    pub organization: Option<Setting>,
    /// The setting `workspace`, for plugins of revision 1.
    pub workspace: Option<Setting>,
    /// The setting `deployment`, for plugins of revision 1.
    pub deployment: Option<Setting>,
    /// `table`, `json` or `clean`.
    pub output: String,
    /// The API token the credential is (claim `apiTokenId`), when it is one and says so.
    pub token_id: Option<String>,
    /// A directory of this plugin's own, absolute, below the state directory; it may not exist yet.
    pub state_dir: String,
    /// A directory of this plugin's own for what can be found out again, absolute, below the cache directory; it may not exist yet.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cache_dir: String,
    /// The program's name, as its user types it; `astro` where a host does not say it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub program: String,
    /// What the program's variables begin with, before the first `_`; `ASTRO` where a host does not say it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variables: String,
    /// Whether the state directory is private to this `ASTRO_HOME`.
    pub private_home: bool,
}

impl Context {
    /// What is chosen for a dimension. A host of revision 1 says it in one of three fields.
    pub fn setting(&self, dimension: &str) -> Option<&Setting> {
        let of_revision_1 = match dimension {
            "organization" => self.organization.as_ref(),
            "workspace" => self.workspace.as_ref(),
            "deployment" => self.deployment.as_ref(),
            _ => None,
        };
        self.settings.get(dimension).or(of_revision_1)
    }

    /// Sets what is chosen for a dimension, for plugins of every revision.
    pub fn set(&mut self, dimension: &str, setting: Setting) {
        match dimension {
            "organization" => self.organization = Some(setting.clone()),
            "workspace" => self.workspace = Some(setting.clone()),
            "deployment" => self.deployment = Some(setting.clone()),
            _ => {}
        }
        self.settings.insert(dimension.to_owned(), setting);
    }
}

/// A value of the context and where it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Setting {
    /// The value.
    pub value: String,
    /// In words, such as `--team`, `ASTRO_TEAM_ID` or ``profile `prod` ``; for people.
    pub origin: String,
    /// Which layer it came from; for programs.
    pub source: Source,
}

impl Setting {
    /// A value, where it came from in words, and the layer that gave it.
    pub fn new(value: impl Into<String>, origin: impl Into<String>, source: Source) -> Self {
        Self { value: value.into(), origin: origin.into(), source }
    }
}

/// The layer that gave a value, strongest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// A command line option.
    Flag,
    /// An environment variable.
    Variable,
    /// A directory file.
    Directory,
    /// A profile or the configuration.
    Profile,
    /// A claim of the token.
    Claim,
    /// Built in.
    #[default]
    Default,
    /// A layer of a newer host.
    #[serde(other)]
    Unknown,
}

/// Facts about the terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Terminal {
    /// Somebody can be asked: stdin and stderr are terminals, and neither the format nor a flag forbids it.
    pub interactive: bool,
    /// stdout is a terminal.
    pub stdout: bool,
    /// Columns of the terminal, when stdout is one.
    pub width: Option<u16>,
}

impl Terminal {
    /// Whether somebody can be asked, whether stdout is a terminal, and how wide it is.
    pub fn new(interactive: bool, stdout: bool, width: Option<u16>) -> Self {
        Self { interactive, stdout, width }
    }
}

/// How a command ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// 0, 1, 2 or a code from 10 to 99 that the manifest declares.
    pub exit_code: u8,
}
