//! Asking a library for its manifest: the one time plugin code runs before a command, in a child process.

use std::{
    io::Read,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use astro_plugin_protocol::{check, manifest::Manifest};

use crate::config::this_binary;
use crate::error::{Result, While, code, plugin};

/// The hidden word of the child process.
pub const CHILD_WORD: &str = "__describe";
/// How long a library may take to describe itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// The manifest of a library, checked.
pub fn in_child(path: &Path) -> Result<Manifest> {
    let what = || format!("`{}` cannot be described", path.display());
    let mut child = Command::new(this_binary()?)
        .arg(CHILD_WORD)
        .arg(path)
        .env_remove("ASTRO_API_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .while_doing(code::PLUGIN, what)?;
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = err.as_mut().map(|err| err.take(64 * 1024).read_to_string(&mut text));
        text
    });
    let answering = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = out.as_mut().map(|out| out.take(8 * 1024 * 1024).read_to_end(&mut bytes));
        bytes
    });
    let started = Instant::now();
    let status = loop {
        match child.try_wait().while_doing(code::PLUGIN, what)? {
            Some(status) => break status,
            None if started.elapsed() > PATIENCE => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(
                    plugin(what()).cause(format!("it did not answer within {} s", PATIENCE.as_secs()))
                );
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let said = reading.join().unwrap_or_default();
    let bytes = answering.join().unwrap_or_default();
    if !status.success() {
        let reason =
            said.lines().map(|line| line.trim_start_matches("error: ")).collect::<Vec<_>>().join("; ");
        return Err(plugin(what()).cause(if reason.is_empty() { status.to_string() } else { reason }));
    }
    let manifest: Manifest = serde_json::from_slice(&bytes).while_doing(code::PLUGIN, what)?;
    let mut failure = plugin(format!("the manifest of `{}` is not accepted", path.display()));
    for problem in check::problems(&manifest) {
        failure = failure.cause(problem);
    }
    if failure.causes.is_empty() { Ok(manifest) } else { Err(failure) }
}
