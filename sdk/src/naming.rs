//! Names beside IDs: people know the one, the API the other.

use std::{fmt, time::Duration};

use astro_plugin_protocol::{
    naming,
    service::{self, Names, NamesKnown},
};
use futures_util::future::join;
use serde::{Deserialize, Serialize};

use crate::Context;

/// How long a name that was seen is taken for the present one, in seconds: where nothing is decided by it.
const GOOD_FOR: i64 = 24 * 3600;
/// How long a name is waited for. A command can do without.
const PATIENCE: Duration = Duration::from_secs(2);

/// A thing with an ID, and its name where that is known. It is shown as `Ingest (cm0…)`.
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

/// A deployment and what it is in. As a part of a record (`#[serde(flatten)]`) it is `deployment_id`, `deployment_name`,
/// `workspace_id`, `workspace_name`, `organization_id` and `organization_name`; what is not known is null.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Fields")]
pub struct Place {
    /// The deployment.
    pub deployment: Named,
    /// Its workspace.
    pub workspace: Option<Named>,
    /// Its organization.
    pub organization: Named,
}

/// A place as part of a record.
#[derive(Serialize)]
struct Fields {
    deployment_id: String,
    deployment_name: Option<String>,
    workspace_id: Option<String>,
    workspace_name: Option<String>,
    organization_id: String,
    organization_name: Option<String>,
}

impl From<Place> for Fields {
    fn from(place: Place) -> Self {
        let Named { id: deployment_id, name: deployment_name } = place.deployment;
        let Named { id: organization_id, name: organization_name } = place.organization;
        let (workspace_id, workspace_name) =
            place.workspace.map_or((None, None), |workspace| (Some(workspace.id), workspace.name));
        Self {
            deployment_id,
            deployment_name,
            workspace_id,
            workspace_name,
            organization_id,
            organization_name,
        }
    }
}

impl Place {
    /// A deployment of which nothing but the IDs is known.
    pub fn unnamed(organization: &str, deployment: &str) -> Self {
        let named = |id: &str| Named { id: id.to_owned(), name: None };
        Self { deployment: named(deployment), workspace: None, organization: named(organization) }
    }

    /// Each level with its name in words, the widest first: `organization`, `workspace`, `deployment`.
    pub fn levels(&self) -> impl Iterator<Item = (&'static str, &Named)> {
        let workspace = self.workspace.as_ref().map(|workspace| ("workspace", workspace));
        [("organization", &self.organization)]
            .into_iter()
            .chain(workspace)
            .chain([("deployment", &self.deployment)])
    }
}

/// What is read of a deployment (schema `Deployment`).
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Deployment {
    name: Option<String>,
    workspace_id: Option<String>,
    workspace_name: Option<String>,
}

/// What is read of an organization (schema `Organization`).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Organization {
    name: Option<String>,
}

impl Context {
    /// The names of a deployment and of what it is in, as the API has them now: for a question, and for whatever is about
    /// to change something. Both requests go out at once, next to others with [`join`](fn@crate::join); a name that is
    /// not told within two seconds is left out, for whatever reason.
    pub async fn place_now(&self, organization: &str, deployment: &str) -> Place {
        let call = self.http().get(["organizations", organization, "deployments", deployment]);
        let (found, organization) =
            join(call.within(PATIENCE).json::<Deployment>(), self.organization_now(organization)).await;
        let found = found.unwrap_or_default();
        let workspace = found.workspace_id.map(|id| Named { id, name: found.workspace_name });
        let deployment = Named { id: deployment.to_owned(), name: found.name };
        let place = Place { deployment, workspace, organization };
        self.remember_place(&place).await;
        place
    }

    /// The same as commands saw it during the last day, without a request; where they did not, as it is now. For results
    /// by which nothing is decided.
    pub async fn place(&self, organization: &str, deployment: &str) -> Place {
        let known = self.known_names(&[deployment, organization]).await;
        let find = |id: &str| known.iter().find(|named| named.id == id);
        let named = |found: &naming::Named| Named { id: found.id.clone(), name: Some(found.name.clone()) };
        let parts = (|| {
            let found = find(deployment)?;
            let workspace = find(found.parent.as_deref()?)?;
            Some((named(found), named(workspace), named(find(organization)?)))
        })();
        match parts {
            Some((deployment, workspace, organization)) => {
                Place { deployment, workspace: Some(workspace), organization }
            }
            None => self.place_now(organization, deployment).await,
        }
    }

    /// An organization with its name, as commands saw it during the last day, else as it is now.
    pub async fn organization_named(&self, organization: &str) -> Named {
        match self.known_names(&[organization]).await.into_iter().find(|named| named.id == organization) {
            Some(known) => Named { id: known.id, name: Some(known.name) },
            None => {
                let found = self.organization_now(organization).await;
                self.remember(named_things(&found, None)).await;
                found
            }
        }
    }

    /// Remembers names that the API told just now, so that later commands can show them beside IDs.
    pub async fn remember(&self, things: impl IntoIterator<Item = naming::Named>) {
        let things: Vec<naming::Named> = things.into_iter().collect();
        if !things.is_empty() {
            // Whoever wants to know later asks again.
            let _ = self.call::<()>(service::NAMES_SEEN, Names { things }).await;
        }
    }

    /// Remembers the names of a place.
    pub async fn remember_place(&self, place: &Place) {
        let parent = place.workspace.as_ref().map(|workspace| workspace.id.as_str());
        let workspace = place
            .workspace
            .iter()
            .flat_map(|workspace| named_things(workspace, Some(&place.organization.id)));
        let things = named_things(&place.deployment, parent)
            .chain(workspace)
            .chain(named_things(&place.organization, None));
        self.remember(things).await;
    }

    async fn organization_now(&self, organization: &str) -> Named {
        let call = self.http().get(["organizations", organization]).within(PATIENCE);
        let found: Organization = call.json().await.unwrap_or_default();
        Named { id: organization.to_owned(), name: found.name }
    }

    /// Names that were seen during the last day. A host that remembers none is one where none was seen.
    async fn known_names(&self, ids: &[&str]) -> Vec<naming::Named> {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let known: Names = self.call(service::NAMES_KNOWN, NamesKnown { ids }).await.unwrap_or_default();
        let Ok(now) = self.unix_ms().await else { return Vec::new() };
        let is_recent = |named: &naming::Named| (0..=GOOD_FOR).contains(&(now / 1000 - named.seen_at));
        known.things.into_iter().filter(is_recent).collect()
    }
}

/// A thing as it is remembered, where it has a name.
fn named_things(named: &Named, parent: Option<&str>) -> impl Iterator<Item = naming::Named> {
    let parent = parent.map(str::to_owned);
    let thing =
        named.name.clone().map(|name| naming::Named { id: named.id.clone(), name, parent, seen_at: 0 });
    thing.into_iter()
}
