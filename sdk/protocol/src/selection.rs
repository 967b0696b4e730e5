//! What later commands act on: a profile that a plugin keeps, and a change of what is in use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Creates or changes a profile that belongs to this plugin, with its credential.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ProfilePut {
    /// Name of the profile and of its credential.
    pub name: String,
    /// Base of the API, a loopback address ending in `/v1`.
    pub address: String,
    /// The token; it goes to the credential store.
    pub token: String,
    /// For each dimension of the program, by its name, the ID.
    pub settings: BTreeMap<String, String>,
    /// The setting `organization`, as plugins of revision 1 send it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The setting `workspace`, as plugins of revision 1 send it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The setting `deployment`, as plugins of revision 1 send it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// The path of the command that starts what listens at the address, such as `sandbox start`. It is named in errors
    /// when nothing listens there.
    pub start: Option<String>,
}

impl ProfilePut {
    /// A profile of this name for an API on this machine, with a token.
    pub fn new(name: impl Into<String>, address: impl Into<String>, token: impl Into<String>) -> Self {
        Self { name: name.into(), address: address.into(), token: token.into(), ..Self::default() }
    }

    /// With an ID for a dimension of the program.
    #[must_use]
    pub fn setting_of(mut self, dimension: impl Into<String>, id: impl Into<String>) -> Self {
        self.settings.insert(dimension.into(), id.into());
        self
    }

    /// With the path of the command that starts what listens at the address.
    #[must_use]
    pub fn started_by(mut self, path: impl Into<String>) -> Self {
        self.start = Some(path.into());
        self
    }

    /// What is to be chosen for a dimension.
    pub fn setting(&self, dimension: &str) -> Option<&str> {
        let of_revision_1 = match dimension {
            "organization" => self.organization.as_ref(),
            "workspace" => self.workspace.as_ref(),
            "deployment" => self.deployment.as_ref(),
            _ => None,
        };
        self.settings.get(dimension).or(of_revision_1).map(String::as_str)
    }
}

/// The token is not part of what a log or a panic may show.
impl std::fmt::Debug for ProfilePut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ProfilePut")
            .field("name", &self.name)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What became of a [`ProfilePut`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ProfilePutAnswer {
    /// It is now the default profile: only in a private `ASTRO_HOME` that had none.
    pub active: bool,
}

impl ProfilePutAnswer {
    /// Whether it is now the default profile.
    pub fn new(active: bool) -> Self {
        Self { active }
    }
}

/// Changes what later commands act on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ContextSelect {
    /// For each dimension of the program, by its name, the ID, or null to take the value out. What is not named stays.
    /// What is switched is the widest dimension where it is named, else the narrowest that has an ID.
    pub values: BTreeMap<String, Option<String>>,
}

impl ContextSelect {
    /// A change of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses an ID for a dimension.
    #[must_use]
    pub fn choose(mut self, dimension: impl Into<String>, id: impl Into<String>) -> Self {
        self.values.insert(dimension.into(), Some(id.into()));
        self
    }

    /// Takes the value of a dimension out.
    #[must_use]
    pub fn take_out(mut self, dimension: impl Into<String>) -> Self {
        self.values.insert(dimension.into(), None);
        self
    }
}

/// What became of a [`ContextSelect`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ContextSelectAnswer {
    /// Where it was written, in words: ``profile `prod` `` or the path of a directory file.
    pub place: String,
    /// Something else was there before.
    pub changed: bool,
}

impl ContextSelectAnswer {
    /// Where it was written, in words, and whether something else was there before.
    pub fn new(place: impl Into<String>, changed: bool) -> Self {
        Self { place: place.into(), changed }
    }
}
