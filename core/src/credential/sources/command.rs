//! The source `command`: a program of the user's configuration that prints the token, such as a password manager's.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    base::error::{Failure, Result, auth, config},
    config::Credential,
    credential::{Secret, Stored},
    program::APP,
    sys::child::{self, Limits},
};

/// How long the program may take: it may have to ask for a password.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
/// More than any token, in bytes.
const LARGEST: usize = 64 * 1024;

/// Runs the program; its stdout is the token.
pub fn stored(name: &str, described: &Credential) -> Result<Stored> {
    let refused = |reason: String| -> Failure {
        auth(format!("the command of the credential `{name}` gave no token"))
            .cause(reason)
            .help(format!("run it by hand; it is in `{APP} config list`"))
    };
    let line = described.command.as_deref().unwrap_or_default();
    let words = shlex::split(line).filter(|words| !words.is_empty()).ok_or_else(|| {
        config(format!("the credential `{name}` has the source `command` and no command that can be run"))
            .help(format!("{APP} login --credential {name} --command 'pass show token'"))
    })?;
    let mut program = Command::new(&words[0]);
    // What the shell reads next is not for it.
    program.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::piped());
    child::scrub(&mut program);
    let ended = child::run(&mut program, Limits { time: Some(COMMAND_TIMEOUT), output: LARGEST })
        .map_err(|error| refused(format!("`{}`: {error}", words[0])))?;
    if !ended.status.success() {
        return Err(refused(format!("`{}` ended with {}", words[0], ended.status)));
    }
    if ended.left_open {
        return Err(refused(format!("`{}` ended and left its output open", words[0])));
    }
    let text = String::from_utf8(ended.stdout).map_err(|_| refused("it did not print text".to_owned()))?;
    let token = text.trim();
    crate::base::redact::hide(token);
    if crate::credential::token::flaw(token).is_some() {
        return Err(refused(format!("`{}` did not print one word of visible characters", words[0])));
    }
    Ok(Stored { address: described.address.clone(), token: Secret::new(token.to_owned()), session: None })
}
