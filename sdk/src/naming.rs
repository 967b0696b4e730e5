//! Names beside IDs: people know the one, the API the other.

use std::fmt;

use crate::Context;
use astro_plugin_protocol::{
    naming,
    service::{self, Names, NamesKnown},
};

/// How long a name that was seen is taken for the present one, in seconds: where nothing is decided by it.
const GOOD_FOR: i64 = 24 * 3600;

/// A thing with an ID, and its name where that is known. It is shown as `Ingest (cm0…)`.
///
/// ```
/// # use astro_plugin_sdk::{Named, prelude::*};
/// # async fn example(ctx: Context) -> Result<()> {
/// let cluster = Named { id: "c1".to_owned(), name: Some("etl".to_owned()) };
/// assert_eq!(cluster.to_string(), "etl (c1)");
/// ctx.remember(cluster.to_remember(Some("t1"))).await;
/// let known = ctx.known_names(&["c1"]).await;
/// # let _ = known; Ok(()) }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Its ID.
    pub id: String,
    /// Its name; nothing where the API does not tell it.
    pub name: Option<String>,
}

impl fmt::Display for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(formatter, "{name} ({})", self.id),
            None => formatter.write_str(&self.id),
        }
    }
}

impl Named {
    /// As it is remembered, where it has a name. `parent`: the ID of what it belongs to.
    pub fn to_remember(&self, parent: Option<&str>) -> Option<naming::Named> {
        let parent = parent.map(str::to_owned);
        Some(naming::Named::new(&self.id, self.name.clone()?).below(parent))
    }
}

impl Context {
    /// Remembers names that the API told just now, so that later commands can show them beside IDs.
    pub async fn remember(&self, things: impl IntoIterator<Item = naming::Named>) {
        let things: Vec<naming::Named> = things.into_iter().collect();
        if !things.is_empty() {
            // Whoever wants to know later asks again.
            let _ = self.call::<()>(service::NAMES_SEEN, Names { things }).await;
        }
    }

    /// Names that were seen during the last day. A host that remembers none is one where none was seen.
    pub async fn known_names(&self, ids: &[&str]) -> Vec<naming::Named> {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let known: Names = self.call(service::NAMES_KNOWN, NamesKnown { ids }).await.unwrap_or_default();
        let Ok(now) = self.now_ms().await else { return Vec::new() };
        let is_recent = |named: &naming::Named| (0..=GOOD_FOR).contains(&(now / 1000 - named.seen_at));
        known.things.into_iter().filter(is_recent).collect()
    }
}
