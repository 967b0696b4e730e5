//! Names of things that have IDs: plugins report what the API answered, the host remembers it.

use serde::{Deserialize, Serialize};

/// A thing and its name, as the API answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Named {
    /// Its ID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// ID of the thing that it belongs to, such as the team of a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// When the API answered so, in seconds since 1970-01-01T00:00:00Z; the host sets it.
    pub seen_at: i64,
}

impl Named {
    /// A thing with an ID and a name.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), ..Self::default() }
    }

    /// With the ID of what it belongs to, where that is known.
    #[must_use]
    pub fn below(mut self, parent: Option<String>) -> Self {
        self.parent = parent;
        self
    }
}

/// Which names a plugin asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamesKnown {
    /// IDs of things.
    pub ids: Vec<String>,
}

/// Names: in [`crate::service::NAMES_SEEN`] what was read from the API just now, in the answer to
/// [`crate::service::NAMES_KNOWN`] what is remembered of the things that were asked for and of what they belong to.
/// Things without a known name are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Names {
    /// The things.
    pub things: Vec<Named>,
}
