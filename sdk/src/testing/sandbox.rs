//! The built plugin in the installed `astro`, against a local API with a real server and database.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::Ran;

/// A user with an empty home of their own, a sandbox that runs, and the plugin of this crate linked. All of it ends with
/// this value.
///
/// It needs `astro` on the PATH, or where `ASTRO_BIN` says; `astro plugin test` sets that. The plugin is built by cargo
/// if it is not.
pub struct Sandbox {
    home: tempfile::TempDir,
    astro: OsString,
}

/// Runs commands of the plugin in the crate that calls it against the sandbox: `sandbox!().run("astro hello")`.
#[macro_export]
macro_rules! sandbox {
    () => {
        $crate::testing::Sandbox::start(env!("CARGO_MANIFEST_DIR"), env!("CARGO_PKG_NAME"))
    };
}

impl Sandbox {
    /// Starts it, with the plugin of the crate in this directory.
    ///
    /// # Panics
    /// When the plugin cannot be built or linked, or `astro` is not there or cannot start its sandbox; the message
    /// says what was said.
    #[track_caller]
    pub fn start(manifest_dir: &str, package: &str) -> Self {
        let library = std::env::var_os("ASTRO_PLUGIN_LIBRARY")
            .map_or_else(|| build(Path::new(manifest_dir), package), PathBuf::from);
        let home = tempfile::tempdir().expect("a temporary directory");
        let astro = std::env::var_os("ASTRO_BIN").unwrap_or_else(|| "astro".into());
        let sandbox = Self { home, astro };
        let linked = sandbox.output(&["plugin", "link", &library.to_string_lossy()]);
        assert!(linked.status.success(), "the plugin cannot be linked: {}", said(&linked));
        let started = sandbox.output(&["sandbox", "start"]);
        assert!(started.status.success(), "the sandbox does not start: {}", said(&started));
        sandbox
    }

    /// Runs a line as a user types it, `astro` first; quotes are those of a shell.
    ///
    /// # Panics
    /// When the line cannot be split into words.
    #[track_caller]
    pub fn run(&self, line: &str) -> Ran {
        let Some(words) = shlex::split(line) else { panic!("`{line}` cannot be split into words") };
        let args: Vec<&str> = words.iter().map(String::as_str).skip_while(|word| *word == "astro").collect();
        let output = self.output(&args);
        Ran {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            // A death by signal has no code.
            code: output.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(128),
        }
    }

    /// `astro` with nothing of the developer's own: a variable of theirs would decide what a test sees.
    fn astro(&self) -> Command {
        let mut command = Command::new(&self.astro);
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("ASTRO_") {
                command.env_remove(variable);
            }
        }
        command.env("ASTRO_HOME", self.home.path());
        command
    }

    #[track_caller]
    fn output(&self, args: &[&str]) -> Output {
        let mut command = self.astro();
        command.args(args).current_dir(self.home.path());
        match command.stdin(std::process::Stdio::null()).output() {
            Ok(output) => output,
            Err(error) => {
                panic!(
                    "`{}` cannot be run ({error}): put astro on the PATH, or set ASTRO_BIN",
                    self.astro.to_string_lossy()
                )
            }
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.astro().args(["sandbox", "stop"]).output();
    }
}

/// Builds the library of the crate and answers where it is.
#[track_caller]
fn build(dir: &Path, package: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--message-format=json", "--package", package]).current_dir(dir);
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "the plugin does not build: {}", said(&output));
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    let library = messages.lines().filter_map(library_of).next_back();
    library.expect("the crate is a `cdylib`: crate-type = [\"cdylib\"] in [lib]")
}

/// The library that a message of cargo tells of (The Cargo Book, "External tools", artifact messages).
fn library_of(line: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let kinds = message["target"]["crate_types"].as_array()?;
    if message["reason"] != "compiler-artifact" || !kinds.iter().any(|kind| kind == "cdylib") {
        return None;
    }
    let files = message["filenames"].as_array()?.iter().filter_map(serde_json::Value::as_str);
    files.map(PathBuf::from).find(|path| path.extension().is_some_and(|ending| ending == "so"))
}

fn said(output: &Output) -> String {
    let text = [output.stderr.as_slice(), output.stdout.as_slice()].concat();
    String::from_utf8_lossy(&text).into_owned()
}
