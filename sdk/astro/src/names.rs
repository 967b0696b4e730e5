//! The names that Astro adds to those of every host, for the host and for plugins alike.

use astro_plugin_protocol::names::{Dimension, Vocabulary, WellKnown};

/// The dimension of organizations: a credential belongs to one.
pub const ORGANIZATION: &str = "organization";
/// The dimension of workspaces, each of an organization.
pub const WORKSPACE: &str = "workspace";
/// The dimension of deployments, each of a workspace.
pub const DEPLOYMENT: &str = "deployment";

/// What commands act on, the words that plugins share, and the words that none may take.
pub const VOCABULARY: Vocabulary = Vocabulary {
    dimensions: &[
        Dimension { name: ORGANIZATION, claim: None, list: &["organizations"], is_id },
        Dimension {
            name: WORKSPACE,
            claim: None,
            list: &["organizations", "{organization}", "workspaces"],
            is_id,
        },
        Dimension {
            name: DEPLOYMENT,
            claim: None,
            list: &["organizations", "{organization}", "deployments"],
            is_id,
        },
    ],
    words: &[
        WellKnown {
            path: "organization",
            aliases: &["organizations", "org"],
            about: "Work with organizations",
        },
        WellKnown { path: "workspace", aliases: &["workspaces", "wo"], about: "Work with workspaces" },
        WellKnown { path: "deployment", aliases: &["deployments", "de"], about: "Work with deployments" },
        WellKnown {
            path: "deployment token",
            aliases: &["to"],
            about: "Manage the API tokens of a deployment",
        },
    ],
    reserved: &[],
};

/// Whether a text looks like an ID of the Astro API and not like a name: `c` and 24 lower-case letters or digits. An ID is
/// never looked up before it is used.
pub fn is_id(text: &str) -> bool {
    text.len() == 25
        && text.starts_with('c')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_names() {
        assert!(is_id("cm00000000test0000000000d"));
        for name in ["", "Ingest", "cm0", "dm00000000test0000000000d", "cm00000000TEST0000000000d"] {
            assert!(!is_id(name), "{name}");
        }
    }
}
