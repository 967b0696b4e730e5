//! What the host asks of a plugin: the body of a request of kind `run` and the value of its answer.

use serde::{Deserialize, Serialize};

/// The kinds of invocation. A plugin answers an unknown one with the code `unimplemented`.
pub mod kind {
    /// Run a command.
    pub const RUN: &str = "run";
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

/// The context of one invocation, resolved once by the host. It never holds a credential.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Context {
    /// The profile in use.
    pub profile: Option<Setting>,
    /// ID or name of the organization.
    pub organization: Option<Setting>,
    /// ID or name of the workspace.
    pub workspace: Option<Setting>,
    /// ID or name of the deployment.
    pub deployment: Option<Setting>,
    /// `table`, `json` or `clean`.
    pub output: String,
    /// The API token the credential is (claim `apiTokenId`), when it is one and says so.
    pub token_id: Option<String>,
    /// A directory of this plugin's own, absolute, below the state directory; it may not exist yet.
    pub state_dir: String,
    /// Whether the state directory is private to this `ASTRO_HOME`.
    pub private_home: bool,
}

/// A value of the context and where it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Setting {
    /// The value.
    pub value: String,
    /// In words, such as `--deployment`, `ASTRO_DEPLOYMENT_ID` or ``profile `prod` ``; for people.
    pub origin: String,
    /// Which layer it came from; for programs.
    pub source: Source,
}

/// The layer that gave a value, strongest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
pub struct Terminal {
    /// Somebody can be asked: stdin and stderr are terminals, and neither the format nor a flag forbids it.
    pub interactive: bool,
    /// stdout is a terminal.
    pub stdout: bool,
    /// Columns of the terminal, when stdout is one.
    pub width: Option<u16>,
}

/// How a command ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// 0, 1, 2 or a code from 10 to 99 that the manifest declares.
    pub exit_code: u8,
}
