//! The process and the system around it: children, signals, crashes, who owns a file.

pub(crate) mod access;
pub mod child;
pub mod crash;
pub(crate) mod descriptors;
pub mod exit_message;
pub(crate) mod libc_version;
pub mod process;
pub mod signals;
pub(crate) mod stdout;
