//! The process around foreign code. Before it is loaded, fd 1 is pointed at stderr: whatever a plugin prints by accident is
//! conversation, never part of the result, which is written to a private copy.

#![forbid(unsafe_code)]

use std::{
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use crate::{
    base::error::{Result, config},
    program::APP,
};

/// Points fd 1 at stderr.
pub fn redirect_stdout_to_stderr() {
    // Without a stderr there is nothing to point at; printing then fails, which harms nobody.
    let _ = rustix::stdio::dup2_stdout(rustix::stdio::stderr());
}

/// Points fd 2 at nothing: a shell that completes a line shows what is written there in the middle of it.
pub fn keep_stderr_silent() {
    if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stderr(null);
    }
}

/// From now on no crash writes this process's memory to a file and no other process of the user reads it: it is
/// about to hold a one-time secret (prctl(2) `PR_SET_DUMPABLE`, getrlimit(2) `RLIMIT_CORE`).
pub fn keep_memory_private() {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    // Both are a second line: where they are refused the secret is as safe as before.
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// The path of the running `astro`. Where /proc is not mounted it is the path that was executed, which the kernel
/// hands over at the start (`AT_EXECFN`, getauxval(3)).
pub fn this_binary() -> Result<PathBuf> {
    std::env::current_exe()
        .or_else(|_| {
            let executed = rustix::param::linux_execfn().to_bytes();
            Path::new(std::ffi::OsStr::from_bytes(executed)).canonicalize()
        })
        .map_err(|error| {
            config(format!("the path of {APP} itself is not known"))
                .cause(error.to_string())
                .help("mount /proc")
        })
}
