//! Testing a plugin without an account: a host of the SDK's test kit that is Astro's.
//!
//! ```
//! use astro_plugin_api::{prelude::*, testing};
//! use astro_plugin_sdk::prelude::*;
//! use serde_json::json;
//!
//! /// List the deployments
//! #[derive(Args)]
//! struct Names {}
//!
//! #[derive(Serialize, Deserialize)]
//! struct Deployment {
//!     id: String,
//!     name: String,
//! }
//!
//! impl Command for Names {
//!     const PATH: &'static str = "names";
//!     const EFFECT: Effect = Effect::Read;
//!     type Output = Vec<Deployment>;
//!
//!     fn declare(spec: &mut Spec) {
//!         spec.needs_api().output(View::list("deployments")).example("astro names", "List them");
//!     }
//!
//!     async fn run(self, ctx: Context) -> Result<Vec<Deployment>> {
//!         let organization = ctx.organization_id().await?;
//!         ctx.http().get(["organizations", &organization, "deployments"]).pages(Paging::offset("deployments")).await
//!     }
//! }
//!
//! fn plugin() -> Plugin {
//!     Plugin::new("names", "1.0.0").command::<Names>()
//! }
//!
//! let path = format!("organizations/{}/deployments", testing::ORGANIZATION);
//! let host = testing::host(plugin()).list(&path, "deployments", json!([{"id": "c1", "name": "etl"}]));
//! assert_eq!(host.run("astro names -o clean").ok(), "c1\tetl\n");
//!
//! // One line each: the rules that a host has for a plugin, and every example of its help.
//! testing::conformance(plugin());
//! astro_plugin_sdk::testing::examples(&host);
//! ```

use astro_plugin_sdk::{
    Plugin,
    testing::{Host, Program},
};

use crate::names;

/// Astro, for the test kit.
pub static PROGRAM: Program = Program { name: "astro", prefix: "ASTRO", vocabulary: names::VOCABULARY };

/// The organization of a [`host`].
pub const ORGANIZATION: &str = "cm00000000test0000000000o";
/// The workspace of a [`host`].
pub const WORKSPACE: &str = "cm00000000test0000000000w";
/// The deployment of a [`host`].
pub const DEPLOYMENT: &str = "cm00000000test0000000000d";

/// A host with this plugin and an organization, a workspace and a deployment in use.
pub fn host(plugin: Plugin) -> Host {
    astro_plugin_sdk::testing::set_program(&PROGRAM);
    Host::new(plugin)
        .setting(names::ORGANIZATION, ORGANIZATION)
        .setting(names::WORKSPACE, WORKSPACE)
        .setting(names::DEPLOYMENT, DEPLOYMENT)
}

/// The rules that Astro has for a plugin, as [`astro_plugin_sdk::testing::conformance`] tests them.
pub fn conformance(plugin: Plugin) {
    astro_plugin_sdk::testing::set_program(&PROGRAM);
    astro_plugin_sdk::testing::conformance(plugin);
}
