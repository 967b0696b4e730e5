//! What every other module may use: errors, files, redaction. Nothing here knows another module of the host.

#![forbid(unsafe_code)]

pub mod error;
pub mod failpoint;
pub mod files;
pub mod hash;
pub mod redact;
pub mod stderr;
pub mod threads;
pub mod time;
