//! Files of the user: where they are, how they are read, and the one way they are written.

#![forbid(unsafe_code)]

mod credentials;
mod dirs;
mod file;
pub mod files;

pub use credentials::{Secret, Stored, forget, store, stored};
pub use dirs::{Dirs, this_binary};
pub use file::{Config, Credential, Profile, edit, set, table};
