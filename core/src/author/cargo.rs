//! What is asked of cargo: builds and tests. Its own messages go to stderr as they are.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    base::error::{Failure, Result, failed, usage},
    program::APP,
    sys::child::{self, Limits},
};

/// The most that is taken of cargo's messages, in bytes.
const MOST: usize = 256 * 1024 * 1024;

/// How a crate is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// Fast to build.
    Debug,
    /// What is shipped.
    Release,
}

/// Builds the plugin's crate in a directory. Answers its library.
pub(crate) fn build(dir: &Path, build: Build) -> Result<PathBuf> {
    look(dir)?;
    let mut command = cargo();
    command.args(["build", "--message-format=json-render-diagnostics"]).current_dir(dir);
    if build == Build::Release {
        command.arg("--release");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let ended = child::run(&mut command, Limits { time: None, output: MOST }).map_err(no_cargo)?;
    let messages = String::from_utf8_lossy(&ended.stdout);
    let built = messages.lines().filter_map(|line| artifact(line, dir)).next_back();
    if !ended.status.success() {
        return Err(
            failed(format!("`{}` does not build", dir.display())).help("correct what cargo says above")
        );
    }
    built.ok_or_else(|| {
        failed(format!("the crate in `{}` makes no shared library", dir.display()))
            .help("write `crate-type = [\"cdylib\"]` below `[lib]` in its Cargo.toml")
    })
}

/// Runs the tests of a crate, those that need an installed astro among them. Their output is the result.
pub(crate) fn test(dir: &Path, library: &Path, more: &[&str]) -> Result<()> {
    let mut command = cargo();
    command
        .args(["test", "--"])
        .arg("--include-ignored")
        .args(more)
        .current_dir(dir)
        .env("ASTRO_BIN", crate::sys::process::this_binary()?)
        .env("ASTRO_PLUGIN_LIBRARY", library);
    command.stdin(Stdio::null());
    let ended = child::run(&mut command, Limits { time: None, output: 0 }).map_err(no_cargo)?;
    if ended.status.success() { Ok(()) } else { Err(failed("not every test passed")) }
}

/// The library of an artifact message of cargo (The Cargo Book, "External tools") that is of this directory.
fn artifact(line: &str, dir: &Path) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is = |key: &str, wanted: &str| {
        message["target"][key].as_array().is_some_and(|all| all.iter().any(|one| one == wanted))
    };
    let manifest = Path::new(message["manifest_path"].as_str()?);
    let is_own = manifest.parent()?.canonicalize().ok()? == dir.canonicalize().ok()?;
    if message["reason"] != "compiler-artifact" || !is("crate_types", "cdylib") || !is_own {
        return None;
    }
    let files = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
    files.map(PathBuf::from).find(|path| path.extension().is_some_and(|ending| ending == "so"))
}

fn look(dir: &Path) -> Result<()> {
    if dir.join("Cargo.toml").is_file() {
        return Ok(());
    }
    Err(usage(format!("there is no Cargo.toml in `{}`", dir.display()))
        .help("go to the plugin's directory, or name it")
        .help(format!("make a new plugin with `{APP} plugin new NAME`")))
}

/// The cargo that called us, or the one on the PATH. It gets no credentials: build scripts are other people's programs.
fn cargo() -> Command {
    let mut command = Command::new(program());
    child::scrub(&mut command);
    command
}

fn program() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn no_cargo(error: child::Error) -> Failure {
    let program = program().to_string_lossy().into_owned();
    match error {
        child::Error::NotStarted(error)
            if error.kind() == std::io::ErrorKind::NotFound && program == "cargo" =>
        {
            failed("there is no `cargo` on the PATH")
                .help("install Rust: https://www.rust-lang.org/tools/install")
        }
        other => failed(format!("`{program}` cannot be run"))
            .cause(other.to_string())
            .help("see the variable CARGO"),
    }
}
