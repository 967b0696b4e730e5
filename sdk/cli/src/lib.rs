//! The command line of `astro` as a user sees it, without a process around it: no IO, no environment.
//!
//! The host runs on it, and so does the test kit of the SDK: a plugin's tests see the lines that a user types and the
//! bytes that a user gets.
//!
//! What is typed: [`parse`] finds the command and its values; [`scan`] finds the words for it, [`tree`] turns manifests
//! into a parser, [`globals`] and [`secret`] read what is the host's, [`canonical`] prepares what a plugin gets, [`wording`] words what was refused and [`suggest`] finds what
//! was meant.
//!
//! What is shown: [`output`] renders records as table, json or clean, [`failure`] renders errors, with the codes of
//! [`exit_code`]; [`plugin_config`] checks what a plugin is configured with, [`time`] writes times; [`escape`] and [`style`] keep a terminal in order. [`catalogue`] is what programs read of all commands.

#![forbid(unsafe_code)]

pub mod canonical;
pub mod catalogue;
pub mod check;
pub mod error;
pub mod escape;
pub mod exit_code;
pub mod failure;
pub mod globals;
pub mod output;
pub mod parse;
pub mod plugin_config;
pub mod program;
pub mod scan;
pub mod secret;
pub mod style;
pub mod suggest;
pub mod time;
pub mod tree;
pub mod wording;

#[cfg(test)]
mod tests {
    use astro_plugin_protocol::names::{Dimension, Vocabulary, WellKnown};

    /// That of the program in the tests of this crate.
    pub(crate) const VOCABULARY: Vocabulary = Vocabulary {
        dimensions: &[dimension("organization"), dimension("workspace"), dimension("deployment")],
        words: &[WellKnown { path: "deployment", aliases: &["de"], about: "Work with deployments" }],
        reserved: &[],
    };

    const fn dimension(name: &'static str) -> Dimension {
        Dimension { name, claim: None, list: &[], is_id: |_| false }
    }
}
