//! Write commands for the `astro` command line.
//!
//! A plugin is a shared library. You write a clap struct and an `async fn run`; the host brings profiles,
//! the authenticated API client, output formats, prompts and logging. A whole plugin:
//!
//! ```
//! use astro_plugin_sdk::prelude::*;
//!
//! /// Greet somebody
//! #[derive(Args)]
//! struct Hello {
//!     /// Who to greet
//!     #[arg(long, default_value = "world")]
//!     name: String,
//! }
//!
//! #[derive(Serialize)]
//! struct Greeting {
//!     greeting: String,
//! }
//!
//! impl Command for Hello {
//!     const PATH: &'static str = "hello";
//!     const EFFECT: Effect = Effect::Read;
//!     type Output = Greeting;
//!
//!     fn declare(spec: &mut Spec) {
//!         spec.example("astro hello --name Ada", "Greet Ada");
//!     }
//!
//!     async fn run(self, _: Context) -> Result<Greeting> {
//!         Ok(Greeting { greeting: format!("Hello {}", self.name) })
//!     }
//! }
//!
//! export_plugin!(crate_plugin!().command::<Hello>());
//! # fn main() {}
//! ```
//!
//! `astro plugin new hello` makes such a crate, with tests; then:
//!
//! ```text
//! astro plugin dev hello
//! astro hello --name Ada -o json
//! ```
//!
//! # What you may rely on
//!
//! * `run` is polled on the host's main thread. It may block and may use threads and runtimes of its own;
//!   it only delays itself. A [`Context`] works on every thread.
//! * Panics become an error message that names your plugin; nothing unwinds into the host.
//! * `println!` is not the result: return a value, or use [`Context::emit`] or [`Context::text`].
//! * `tracing` events arrive in the host's log with your plugin's name as target.
//! * Cancelling drops your future; [`Context::cancelled`] tells you first when you wait for it.

#![warn(missing_docs)]

mod bridge;
mod context;
mod error;
mod http;
mod log_forward;
mod manifest;
mod naming;
mod output;
mod period;
mod plugin;
mod process;
mod progress;
mod prompt;
mod sort;
mod spec;
#[cfg(feature = "testing")]
pub mod testing;
mod usage;

/// What travels between a plugin and its host, as far as the signatures of this SDK have it. All of it grows: values are made with
/// constructors, and matches have an arm for what is not known yet.
pub mod protocol {
    pub use astro_plugin_protocol::time;

    /// What the host says of one invocation.
    pub mod invocation {
        pub use astro_plugin_protocol::invocation::{Context, Setting, Source, Terminal};
    }
    /// Failures as they travel, and their codes.
    pub mod message {
        pub use astro_plugin_protocol::message::{Failure, FieldError, HttpFailure, code};
    }
    /// Names of things that have IDs.
    pub mod naming {
        pub use astro_plugin_protocol::naming::Named;
    }
    /// What a plugin asks of the host.
    pub mod service {
        pub use astro_plugin_protocol::service::{
            ContextSelect, ContextSelectAnswer, HttpRequest, OneTimeSecret, ProcessEnd, ProfilePut,
            ProfilePutAnswer, Settle,
        };
    }
    /// What text may hold.
    pub mod text {
        pub use astro_plugin_protocol::text::is_control;
    }
}

pub use clap;
/// Awaits two futures at once and gives both results.
pub use futures_util::future::join;
/// Awaits many futures at once, such as requests, and gives their results in order.
pub use futures_util::future::join_all;
/// Awaits two futures and gives the result of the one that is ready first, with the other one ([`Either`]).
pub use futures_util::future::{Either, select};
pub use serde;
pub use serde_json;
pub use tracing;

pub use astro_plugin_protocol::{
    duration::Scale,
    effect::Effect,
    invocation::Candidate,
    manifest::{ConfigKey, ValueKind},
    service::ProcessEnd,
};
pub use context::Context;
pub use error::{Error, Result, ResultExt};
pub use http::{Http, HttpCall, Paging, Response};
pub use naming::Named;
pub use output::View;
pub use period::Period;
pub use plugin::{Command, Completing, Plugin};
pub use process::Process;
pub use progress::Progress;
pub use prompt::{Confirm, Select};
pub use sort::{Sort, SortKey};
pub use spec::Spec;

/// Used by [`export_plugin!`]; not for authors.
#[doc(hidden)]
pub mod __private {
    pub use crate::bridge::{root_module, start};
    pub use astro_plugin_abi as abi;
}

/// Everything a plugin usually needs.
pub mod prelude {
    pub use crate::{
        Candidate, Command, Completing, ConfigKey, Context, Effect, Error, Paging, Plugin, Result, ResultExt,
        Sort, SortKey, Spec, ValueKind, View, clap, crate_plugin, export_plugin, serde,
    };
    pub use clap::Args;
    pub use serde::{Deserialize, Serialize};
}

/// A [`Plugin`] with the name, version, description, licence and homepage of the crate's `Cargo.toml`.
#[macro_export]
macro_rules! crate_plugin {
    () => {
        $crate::Plugin::of_crate(
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
            env!("CARGO_PKG_DESCRIPTION"),
            env!("CARGO_PKG_LICENSE"),
            env!("CARGO_PKG_HOMEPAGE"),
        )
    };
}

/// Exports a [`Plugin`] from a `cdylib`, and makes `fn plugin() -> Plugin`, which its tests use. Once in a crate, at its
/// root.
#[macro_export]
macro_rules! export_plugin {
    ($plugin:expr) => {
        /// The plugin of this crate.
        fn plugin() -> $crate::Plugin {
            $plugin
        }

        const _: () = {
            use $crate::__private::abi;

            fn module() -> abi::PluginModuleRef {
                $crate::__private::root_module(plugin)
            }

            extern "C" fn construct() -> abi::abi_stable::library::RootModuleResult {
                $crate::__private::start(module)
            }

            // The name is abi_stable's; a test of the SDK holds it to `LOADER_SYMBOL`.
            // SAFETY: the symbol's name is abi_stable's own for exactly this type, and a `cdylib` has one.
            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            static HEADER: abi::abi_stable::library::LibHeader =
                // SAFETY: `construct` returns a module that was made from a `PluginModuleRef`.
                unsafe {
                    abi::abi_stable::library::LibHeader::from_constructor::<abi::PluginModuleRef>(
                        construct,
                        abi::abi_stable::library::CheckTypeLayout::Yes,
                    )
                };
        };
    };
}

/// The fragments of the author's how-to are compiled, too.
#[cfg(doctest)]
#[doc = include_str!("../../docs/src/authors/how-to.md")]
struct HowTo;

/// The answers of the author's "How do I …" are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/src/authors/how-do-i.md")]
struct HowDoI;

#[cfg(test)]
mod tests {
    #[test]
    fn the_exported_symbol_is_the_one_a_host_looks_for() {
        let symbol = astro_plugin_abi::LOADER_SYMBOL.trim_end_matches('\0');
        assert!(include_str!("lib.rs").contains(&format!("export_name = \"{symbol}\"")), "{symbol}");
    }
}
