//! Testing a plugin without an account, a network or an installed `astro` (feature `testing`).
//!
//! [`Host`] runs a command in this process, from the line that a user types to the bytes that a user gets: parsing and
//! rendering are the real host's. What the command asks for is answered by a script.
//!
//! ```
//! use astro_plugin_sdk::{prelude::*, testing::{self, Host}};
//! use serde_json::json;
//!
//! /// List the clusters
//! #[derive(Args)]
//! struct Names {}
//!
//! #[derive(Serialize, Deserialize)]
//! struct Cluster {
//!     id: String,
//!     name: String,
//! }
//!
//! impl Command for Names {
//!     const PATH: &'static str = "names";
//!     const EFFECT: Effect = Effect::Read;
//!     type Output = Vec<Cluster>;
//!
//!     fn declare(spec: &mut Spec) {
//!         spec.needs_api().output(View::list("clusters")).example("astro names", "List them");
//!     }
//!
//!     async fn run(self, ctx: Context) -> Result<Vec<Cluster>> {
//!         ctx.http().get(["clusters"]).pages(Paging::offset("clusters")).await
//!     }
//! }
//!
//! fn plugin() -> Plugin {
//!     Plugin::new("names", "1.0.0").command::<Names>()
//! }
//!
//! let host = Host::new(plugin()).list("clusters", "clusters", json!([{"id": "c1", "name": "etl"}]));
//! assert_eq!(host.run("astro names -o clean").ok(), "c1\tetl\n");
//!
//! // One line each: the rules that a host has for a plugin, and every example of its help.
//! testing::conformance(plugin());
//! testing::examples(&host);
//! ```
//!
//! The program that a plugin is for may have dimensions, words and a name of its own: [`set_program`]. For Astro's API the
//! crate `astro-plugin-api` does that.
//!
//! [`Sandbox`] runs the built plugin in the installed `astro` against a local API, with a real server and database.

mod conformance;
mod host;
mod interrupt;
mod ran;
mod sandbox;
mod script;
mod services;
mod setup;

pub use astro_plugin_cli::program::{Program, set as set_program};
pub use conformance::{conformance, examples};
pub use host::Host;
pub use ran::{Formats, Ran};
pub use sandbox::Sandbox;
pub use script::{Reply, TokenSink, When};

/// A host with this plugin in which nothing is chosen, as [`Host::new`].
pub fn host(plugin: crate::Plugin) -> Host {
    Host::new(plugin)
}
