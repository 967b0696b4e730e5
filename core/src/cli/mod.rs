//! The command line: what was typed, what it may be, and how it is explained. Nothing here runs a command.
//!
//! [`scan`] finds the words, [`tree`] turns manifests into a parser, [`parse`] uses it, [`canonical`]
//! prepares what a plugin gets, [`help`] and [`wording`] talk to people, [`report`] prints errors.

#![forbid(unsafe_code)]

pub mod canonical;
pub mod complete;
pub mod globals;
pub mod help;
pub mod parse;
pub mod report;
pub mod scan;
pub mod suggest;
pub mod tree;
pub mod wording;
