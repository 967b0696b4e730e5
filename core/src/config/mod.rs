//! What the user configured: where it is, profiles and credentials. Files are written through [`crate::files`].

#![forbid(unsafe_code)]

mod credentials;
mod dirs;
mod settings;

pub use credentials::{Secret, Stored, forget, store, stored};
pub use dirs::{Dirs, this_binary};
pub use settings::{Config, Credential, Profile, edit, place_and_reason, set, table};
