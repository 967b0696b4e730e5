//! The host of the `astro` command line.
//!
//! One invocation goes through the rooms in this order; `docs/src/internals/architecture.md` is the map.
//!
//! ```text
//! argv -> cli (words, options) -> store (index, no code runs) -> help and completion end here
//!      -> context (who, where) -> host (verify, load, invoke) <-> services (http, output, prompts)
//!      -> console (stdout = result, stderr = conversation) -> exit code
//! ```

mod api;
mod app;
mod author;
pub mod base;
pub mod cli;
mod commands;
mod completion;
pub mod config;
pub mod console;
pub mod context;
pub mod credential;
pub mod delivery;
mod env;
mod fallback;
pub mod host;
pub mod install;
pub mod net;
pub mod product;
mod run;
pub mod services;
pub mod store;
pub mod sys;
pub mod trust;

pub use astro_plugin_cli::{
    canonical, check, exit_code, globals, output, parse, program, scan, suggest, tree, wording,
};

/// The version of the host.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub use base::error::{Failure, Result};

/// The failure of a document that is not what it should be.
pub fn unreadable(url: &str, reason: &str) -> Failure {
    base::error::failed(format!("the answer of `{url}` cannot be read")).cause(reason)
}

/// Runs the command line of this process as that of a product, and ends it. A product that cannot be run
/// ([`product::Product::problems`]) ends with 126 and says why.
pub fn main(product: &'static product::Product) -> ! {
    let problems = product.problems();
    if problems.is_empty() {
        product::set(product);
        app::main()
    }
    app::refuse(&problems)
}
