//! The command line: what was typed, what it may be, and how it is explained. Nothing here runs a command.
//!
//! [`parse`] finds the command and its values, [`help`] talks to people, [`report`] prints errors, [`complete`] serves
//! the shells. What needs no process is in the package `astro-plugin-cli`, which the test kit of the SDK shares.

#![forbid(unsafe_code)]

pub use astro_plugin_cli::{canonical, globals, scan, suggest, tree, wording};

pub mod complete;
pub mod help;
pub mod parse;
pub mod report;
