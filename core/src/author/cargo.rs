//! What is asked of cargo: builds and tests. Its own messages go to stderr as they are.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    error::{Failure, Result, While, code, failed, usage},
    secret::sink,
};

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
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(no_cargo)?;
    let mut built = None;
    for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        // What is no text is no message either.
        let Ok(line) = line else { continue };
        built = artifact(&line, dir).or(built);
    }
    let status = child.wait().while_doing(code::FAILED, || "cargo cannot be waited for".to_owned())?;
    if !status.success() {
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
        .env("ASTRO_BIN", crate::config::this_binary()?)
        .env("ASTRO_PLUGIN_LIBRARY", library);
    let status = command.stdin(Stdio::null()).status().map_err(no_cargo)?;
    if status.success() { Ok(()) } else { Err(failed("not every test passed")) }
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
        .help("make a new plugin with `astro plugin new NAME`"))
}

/// The cargo that called us, or the one on the PATH. It gets no credentials: build scripts are other people's programs.
fn cargo() -> Command {
    let mut command = Command::new(program());
    sink::scrub(&mut command);
    command
}

fn program() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn no_cargo(error: std::io::Error) -> Failure {
    let program = program().to_string_lossy().into_owned();
    match error.kind() {
        std::io::ErrorKind::NotFound if program == "cargo" => failed("there is no `cargo` on the PATH")
            .help("install Rust: https://www.rust-lang.org/tools/install"),
        _ => failed(format!("`{program}` cannot be run"))
            .cause(crate::error::plain_io(&error.to_string()))
            .help("see the variable CARGO"),
    }
}
