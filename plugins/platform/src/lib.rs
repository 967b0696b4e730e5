//! Finding one's way: the deployments of an organization.

#![deny(unsafe_code)]

mod deployment_list;

use astro_plugin_sdk::{Plugin, export_plugin};

export_plugin!(
    Plugin::new("platform", env!("CARGO_PKG_VERSION"))
        .about("Deployments of Astro")
        .publisher("astro-host")
        .license("Apache-2.0")
        .command::<deployment_list::List>()
);
