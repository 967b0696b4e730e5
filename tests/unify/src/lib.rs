//! Nothing: see `Cargo.toml`, which is what counts.

#![forbid(unsafe_code)]
