//! What may still change or go: features that a plugin asks for by name. A host that does not know one refuses the plugin and says so, instead
//! of running it half.
//!
//! A feature is a word such as `http.stream`: a service, or a field of one. It is in [`FEATURES`] of the hosts that have it, and a row of
//! the gate names it, so that nothing uses it by accident. When it is released, its row no longer names it, and the word stays in the list:
//! plugins that asked for it go on working.

use crate::manifest::Manifest;

/// The features that this version knows. None is under way today.
pub const FEATURES: &[&str] = &[];

/// The features of a manifest that this version does not know.
pub fn unknown(manifest: &Manifest) -> impl Iterator<Item = &str> {
    manifest.unstable.iter().map(String::as_str).filter(|feature| !FEATURES.contains(feature))
}
