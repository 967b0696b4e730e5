//! Where credentials are stored: a file, the keyring, or a program that prints the token.

pub mod command;
pub mod file;
pub mod keyring;
