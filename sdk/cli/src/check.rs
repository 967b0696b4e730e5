//! What this program accepts of a manifest.

use astro_plugin_protocol::{check, manifest::Manifest};

pub use astro_plugin_protocol::check::{ancestors, spellings};

use crate::program;

/// Every problem of a manifest, as [`check::problems`] finds them.
pub fn problems(manifest: &Manifest) -> Vec<String> {
    check::problems(manifest, program::vocabulary())
}
