//! Before foreign code is loaded, fd 1 is pointed at stderr: whatever a plugin prints by accident is
//! conversation, never part of the result, which is written to a private copy.

#![forbid(unsafe_code)]

/// Points fd 1 at stderr.
pub fn keep_stdout_private() {
    // Without a stderr there is nothing to point at; printing then fails, which harms nobody.
    let _ = rustix::stdio::dup2_stdout(rustix::stdio::stderr());
}
