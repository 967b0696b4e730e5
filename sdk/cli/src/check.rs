//! What this program accepts of a manifest.

use astro_plugin_protocol::{check, manifest::Manifest};

pub use astro_plugin_protocol::check::{ancestors, spellings};

use crate::program;

/// Every problem of a manifest, as [`check::problems`] finds them.
///
/// An installed plugin may be older than a rule of [`problems_of_new`].
pub fn problems(manifest: &Manifest) -> Vec<String> {
    check::problems(manifest, program::vocabulary())
}

/// Every problem of the manifest of a plugin that is linked, checked, packed, published or installed: its commands must say what
/// they change, too.
pub fn problems_of_new(manifest: &Manifest) -> Vec<String> {
    problems(manifest).into_iter().chain(check::undeclared(manifest)).collect()
}
