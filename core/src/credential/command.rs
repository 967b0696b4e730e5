//! The source `command`: a program of the user's configuration that prints the token, such as a password manager's.

use std::{
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use super::{Secret, Stored};
use crate::{
    config::Credential,
    error::{Failure, Result, auth, config},
    secret::sink::scrub,
};

/// How long the program may take: it may have to ask for a password.
const PATIENCE: Duration = Duration::from_secs(60);

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
    program.args(&words[1..]).stdout(Stdio::piped());
    scrub(&mut program);
    let child = program.spawn().map_err(|error| refused(format!("`{}`: {error}", words[0])))?;
    let pid = rustix::process::Pid::from_child(&child);
    let (done, ended) = mpsc::channel();
    thread::spawn(move || done.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(PATIENCE) else {
        // It is over for this run, whether it can be ended or not.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        return Err(refused(format!("`{}` did not end within {} s", words[0], PATIENCE.as_secs())));
    };
    let output = output.map_err(|error| refused(error.to_string()))?;
    if !output.status.success() {
        return Err(refused(format!("`{}` ended with {}", words[0], output.status)));
    }
    let text = String::from_utf8(output.stdout).map_err(|_| refused("it did not print text".to_owned()))?;
    let token = text.trim();
    crate::redact::hide(token);
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refused(format!("`{}` did not print one word of visible characters", words[0])));
    }
    Ok(Stored { address: described.address.clone(), token: Secret::new(token.to_owned()), session: None })
}
