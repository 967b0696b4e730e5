//! Shell completion of words, options and values, from manifests: no plugin is loaded for it.
//!
//! A shell's script ([`shell`]) calls `astro` with [`VARIABLE`] set; the answer is always of the plugins that are
//! installed at that moment. `spot` finds what the cursor is at. Values that no manifest lists are found by the
//! room `completing`.

mod line;
pub mod shell;
mod spot;

pub use shell::{Answer, Shell, Typed};
pub use spot::{Asked, Spot, spot};

/// The variable that asks for completions; its value is the shell's name.
pub const VARIABLE: &str = "ASTRO_COMPLETE";

#[cfg(test)]
mod tests;
