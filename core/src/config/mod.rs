//! What the user configured: where it is, profiles and credentials. Files are written through [`crate::base::files`].

#![forbid(unsafe_code)]

mod dirs;
pub mod environment;
mod settings;

pub use dirs::Dirs;
pub use settings::{
    Config, Credential, IndexSource, Profile, Require, TrustSettings, Verify, check_writable, edit,
    place_and_reason, set, table,
};
