//! A one-time secret in the answer to a request: where it is, whose it is, and how to find out whether the request was done.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a host needs to know of a request whose answer carries a one-time secret.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct OneTimeSecret {
    /// Where the secret is in the answer, a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What becomes of the thing, such as `created` or `rotated`.
    pub action: String,
    /// By what a person knows the thing again: `id`, `name`, and `team_id`, `team_name` for a dimension; never the secret.
    pub labels: BTreeMap<String, String>,
    /// A former value is replaced: a file that holds it may be, too.
    pub replaces: bool,
    /// How to find out whether it was done when no answer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle: Option<Settle>,
}

impl OneTimeSecret {
    /// A secret that is at this JSON pointer of the answer; `action` is what becomes of the thing, such as `created`.
    pub fn at(pointer: impl Into<String>, action: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), action: action.into(), ..Self::default() }
    }

    /// By what a person knows the thing again: `id`, `name`, and `team_id`, `team_name` for a dimension; never the secret.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// A former value is replaced: a file that holds it may be, too.
    #[must_use]
    pub fn replacing(mut self) -> Self {
        self.replaces = true;
        self
    }

    /// How to find out whether it was done when no answer came.
    #[must_use]
    pub fn settled_by(mut self, settle: Settle) -> Self {
        self.settle = Some(settle);
        self
    }
}

/// How the host finds out whether a request was done when its answer was lost: the same GET before the request and
/// after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Settle {
    /// It was done when one of these values of a thing is another one.
    Changed {
        /// Segments of the path to the thing.
        path: Vec<String>,
        /// JSON pointers to the values.
        watch: Vec<String>,
    },
    /// It was done when a list has a row of that kind that it did not have.
    Appeared {
        /// Segments of the path to the list.
        path: Vec<String>,
        /// Query pairs; the newest rows should come first.
        query: Vec<(String, String)>,
        /// JSON pointer to the rows.
        rows: String,
        /// JSON pointer inside a row to the value it has.
        like: BTreeMap<String, Value>,
        /// JSON pointer inside a row to what tells rows apart.
        id: String,
    },
    /// A way of a newer plugin; the outcome stays unknown.
    #[serde(other)]
    Unknown,
}

impl Settle {
    /// It was done when one of the values at these JSON pointers of a thing is another one.
    pub fn when_changed<'p>(
        path: impl IntoIterator<Item = &'p str>,
        watch: impl IntoIterator<Item = &'p str>,
    ) -> Self {
        Self::Changed { path: owned(path), watch: owned(watch) }
    }

    /// It was done when the list at a path has a row that it did not have: `rows` is the JSON pointer to the rows, `id` the one
    /// inside a row to what tells rows apart. The query should put the newest rows first; `like` says what the row is like.
    pub fn when_appeared<'p>(path: impl IntoIterator<Item = &'p str>, rows: &str, id: &str) -> Self {
        Self::Appeared {
            path: owned(path),
            query: Vec::new(),
            rows: rows.to_owned(),
            like: BTreeMap::new(),
            id: id.to_owned(),
        }
    }

    /// With a query pair, for a list.
    #[must_use]
    pub fn with_query(mut self, key: &str, value: impl ToString) -> Self {
        if let Self::Appeared { query, .. } = &mut self {
            query.push((key.to_owned(), value.to_string()));
        }
        self
    }

    /// For a list: the row has this value at a JSON pointer inside it.
    #[must_use]
    pub fn like(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        if let Self::Appeared { like, .. } = &mut self {
            like.insert(pointer.to_owned(), value.into());
        }
        self
    }
}

fn owned<'p>(texts: impl IntoIterator<Item = &'p str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}
