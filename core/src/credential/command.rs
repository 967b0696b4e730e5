//! The source `command`: a program of the user's configuration that prints the token, such as a password manager's.

use std::{
    io::Read,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use super::{Secret, Stored};
use crate::{
    config::Credential,
    error::{Failure, Result, auth, config},
    secret::sink::scrub,
};

/// How long the program may take: it may have to ask for a password.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long its output is waited for after its end.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// More than any token, in bytes.
const LARGEST: u64 = 64 * 1024;

/// Runs the program; its stdout is the token.
pub fn stored(name: &str, described: &Credential) -> Result<Stored> {
    let refused = |reason: String| -> Failure {
        auth(format!("the command of the credential `{name}` gave no token"))
            .cause(reason)
            .help("run it by hand; it is in `astro config list`")
    };
    let line = described.command.as_deref().unwrap_or_default();
    let words = shlex::split(line).filter(|words| !words.is_empty()).ok_or_else(|| {
        config(format!("the credential `{name}` has the source `command` and no command that can be run"))
            .help(format!("astro login --credential {name} --command 'pass show astro'"))
    })?;
    let mut program = Command::new(&words[0]);
    // What the shell reads next is not for it.
    program.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::piped());
    scrub(&mut program);
    let mut child = program.spawn().map_err(|error| refused(format!("`{}`: {error}", words[0])))?;
    let pipe = child.stdout.take();
    let (done, read) = mpsc::channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        let outcome = pipe.map_or(Ok(0), |pipe| pipe.take(LARGEST).read_to_end(&mut text));
        done.send(outcome.map(|_| text))
    });
    let started = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|error| refused(error.to_string()))? {
            Some(status) => break status,
            None if started.elapsed() > PATIENCE => {
                // It is over for this run, whether it can be ended or not.
                let _ = child.kill();
                let _ = child.wait();
                return Err(refused(format!("`{}` did not end within {} s", words[0], PATIENCE.as_secs())));
            }
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    // What it started may keep the pipe open for as long as it likes.
    let output = match read.recv_timeout(LAST_WORDS) {
        Ok(output) => output.map_err(|error| refused(error.to_string()))?,
        Err(_) => return Err(refused(format!("`{}` ended and left its output open", words[0]))),
    };
    if !status.success() {
        return Err(refused(format!("`{}` ended with {status}", words[0])));
    }
    let text = String::from_utf8(output).map_err(|_| refused("it did not print text".to_owned()))?;
    let token = text.trim();
    crate::redact::hide(token);
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refused(format!("`{}` did not print one word of visible characters", words[0])));
    }
    Ok(Stored { address: described.address.clone(), token: Secret::new(token.to_owned()), session: None })
}
