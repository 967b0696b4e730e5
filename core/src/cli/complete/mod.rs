//! Shell completion of words, options and values, from manifests: no plugin is loaded for it.
//!
//! A shell's script ([`shell`]) calls `astro` with [`variable`] set; the answer is always of the plugins that are
//! installed at that moment. `spot` finds what the cursor is at. Values that no manifest lists are found by
//! `completion`.

use crate::program;

mod line;
pub mod shell;
mod spot;

pub use shell::{Answer, Shell, Typed};
pub use spot::{Asked, Spot, spot};

/// The variable that asks for completions; its value is the shell's name.
pub fn variable() -> String {
    program::variable("COMPLETE")
}

#[cfg(test)]
mod tests;
