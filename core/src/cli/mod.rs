//! The command line: what was typed, what it may be, and how it is explained. Nothing here runs a command.
//!
//! [`help`] talks to people, [`complete`] serves the shells. What needs no process, such as
//! [`crate::parse`], is in the package `astro-plugin-cli`, which the test kit of the SDK shares.

#![forbid(unsafe_code)]

pub mod complete;
pub mod help;
