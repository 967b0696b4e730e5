//! What plugins need to know of the Astro API: which organization, workspace and deployment a command acts on, and their
//! names.
//!
//! ```
//! use astro_plugin_api::prelude::*;
//! use astro_plugin_sdk::prelude::*;
//!
//! async fn where_am_i(ctx: Context) -> Result<String> {
//!     let organization = ctx.organization_id().await?;
//!     let deployment = ctx.deployment_id(&organization).await?;
//!     let place = ctx.place_now(&organization, &deployment).await;
//!     Ok(format!("{} in {}", place.deployment, place.organization))
//! }
//! # fn main() {}
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod names;
#[cfg(feature = "sdk")]
mod place;
#[cfg(feature = "sdk")]
mod target;
#[cfg(feature = "testing")]
pub mod testing;

pub use names::{DEPLOYMENT, ORGANIZATION, VOCABULARY, WORKSPACE, is_id};
#[cfg(feature = "sdk")]
pub use {
    place::{Place, Places},
    target::Targets,
};

/// The methods that a command's context has for the Astro API.
#[cfg(feature = "sdk")]
pub mod prelude {
    pub use crate::{Places as _, Targets as _};
}
