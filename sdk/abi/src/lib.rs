//! The frozen binary surface between the `astro` host and its plugins.
//!
//! # What is here, and why so little
//!
//! A plugin is a shared library. What host and plugin must agree on, byte for byte, is this crate and
//! nothing else: a root module of four fields ([`PluginModule`]) and a port of four fields
//! ([`HostPort`]). Everything that will grow (services, requests, results) travels as JSON messages
//! through those fields and is described by the package `astro-plugin-protocol`.
//!
//! # The promise
//!
//! * No field is ever added, removed, reordered or retyped, in either structure. abi_stable refuses an
//!   *older* plugin as soon as the *host's* structure has one field more, and users upgrade the host
//!   first: adding a field would break every plugin that exists.
//! * `query` is the one door for what messages cannot carry. It answers null for every id in revision 1.
//! * The major version of this package stays 1. abi_stable compares the defining package's name and
//!   version of every type here, so the package boundary *is* the ABI version.
//! * `tests/layout.rs` pins size, alignment and offset of every field, and the major and minor version of
//!   abi_stable and async-ffi. A change there is a new ABI revision, served beside this one.
//!
//! # Rules of the surface
//!
//! * Exported functions are plain `extern "C"` and never unwind; the SDK catches panics inside them
//!   (abi_stable's own guard would end the process with exit code 1, which looks like an ordinary error).
//! * Bytes are freed by whoever made them: [`RVec`] carries the functions that free it.
//! * `invoke` may be called many times and concurrently. `describe` is pure.

mod host_port;
mod module;

pub use abi_stable;
pub use abi_stable::library::RootModule;
pub use abi_stable::std_types::{RStr, RVec};
pub use async_ffi::{FfiFuture, FutureExt};

pub use host_port::HostPort;
pub use module::{PluginModule, PluginModuleRef};

/// The revision of this surface. It is written in the footer of a plugin file and in the root module's
/// `abi_revision`; a host loads a plugin only if it serves that revision.
pub const ABI_REVISION: u32 = 1;

/// The name of the data symbol that abi_stable exports from a plugin; it ends with a NUL byte.
pub const LOADER_SYMBOL: &str = abi_stable::library::ROOT_MODULE_LOADER_NAME_WITH_NUL;
