//! Asking a library for its manifest: the one time plugin code runs before a command, in a child process.

use std::{
    io::Read,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use astro_plugin_protocol::{check, manifest::Manifest};

use crate::error::{Result, While, code, plugin};
use crate::{config::this_binary, secret::sink};

/// The hidden word of the child process.
pub const CHILD_WORD: &str = "__describe";
/// How long a library may take to describe itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// The manifest of a library, checked.
pub fn in_child(path: &Path) -> Result<Manifest> {
    let bytes = ask_child(CHILD_WORD, path)?;
    let what = || format!("`{}` cannot be described", path.display());
    let manifest: Manifest = serde_json::from_slice(&bytes).while_doing(code::PLUGIN, what)?;
    let mut failure = plugin(format!("the manifest of `{}` is not accepted", path.display()));
    for problem in check::problems(&manifest) {
        failure = failure.cause(problem);
    }
    if failure.causes.is_empty() { Ok(manifest) } else { Err(failure) }
}

/// What a child process of this program answers on stdout that loads a library: `word` says what it asks of it.
pub fn ask_child(word: &str, path: &Path) -> Result<Vec<u8>> {
    let what = || format!("`{}` cannot be described", path.display());
    let mut command = Command::new(this_binary()?);
    sink::scrub(&mut command);
    let mut child = command
        .arg(word)
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .while_doing(code::PLUGIN, what)?;
    let said = read_in_background(child.stderr.take(), 64 * 1024);
    let answered = read_in_background(child.stdout.take(), 8 * 1024 * 1024);
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
    // A process that the library left behind may hold the pipes open: what came so far is what there is.
    let rest = Duration::from_secs(1);
    let said = String::from_utf8_lossy(&said.recv_timeout(rest).unwrap_or_default()).into_owned();
    let bytes = answered.recv_timeout(rest).unwrap_or_default();
    if !status.success() {
        let reason =
            said.lines().map(|line| line.trim_start_matches("error: ")).collect::<Vec<_>>().join("; ");
        return Err(plugin(what()).cause(if reason.is_empty() { status.to_string() } else { reason }));
    }
    Ok(bytes)
}

fn read_in_background(stream: Option<impl Read + Send + 'static>, most: u64) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            let _ = stream.take(most).read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}
