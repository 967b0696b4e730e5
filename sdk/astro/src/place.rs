//! A deployment with the names of what it is in.

use std::{future::Future, time::Duration};

use astro_plugin_sdk::{Context, Named, protocol::naming};
use futures_util::future::join;
use serde::{Deserialize, Serialize};

/// How long a name is waited for. A command can do without.
const NAME_TIMEOUT: Duration = Duration::from_secs(2);

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

/// Names of deployments and of what they are in.
pub trait Places {
    /// The names of a deployment and of what it is in, as the API has them now: for a question, and for whatever is about
    /// to change something. Both requests go out at once, next to others with [`join`](fn@astro_plugin_sdk::join); a name
    /// that is not told within two seconds is left out, for whatever reason.
    fn place_now(&self, organization: &str, deployment: &str) -> impl Future<Output = Place> + Send;

    /// The same as commands saw it during the last day, without a request; where they did not, as it is now. For results
    /// by which nothing is decided.
    fn place(&self, organization: &str, deployment: &str) -> impl Future<Output = Place> + Send;

    /// An organization with its name, as commands saw it during the last day, else as it is now.
    fn organization_named(&self, organization: &str) -> impl Future<Output = Named> + Send;

    /// Remembers the names of a place.
    fn remember_place(&self, place: &Place) -> impl Future<Output = ()> + Send;
}

impl Places for Context {
    async fn place_now(&self, organization: &str, deployment: &str) -> Place {
        let call = self.http().get(["organizations", organization, "deployments", deployment]);
        let (found, organization) =
            join(call.deadline(NAME_TIMEOUT).send(), organization_now(self, organization)).await;
        let found: Deployment = found.and_then(|found| found.json()).unwrap_or_default();
        let workspace = found.workspace_id.map(|id| Named { id, name: found.workspace_name });
        let deployment = Named { id: deployment.to_owned(), name: found.name };
        let place = Place { deployment, workspace, organization };
        self.remember_place(&place).await;
        place
    }

    async fn place(&self, organization: &str, deployment: &str) -> Place {
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

    async fn organization_named(&self, organization: &str) -> Named {
        match self.known_names(&[organization]).await.into_iter().find(|named| named.id == organization) {
            Some(known) => Named { id: known.id, name: Some(known.name) },
            None => {
                let found = organization_now(self, organization).await;
                self.remember(found.to_remember(None)).await;
                found
            }
        }
    }

    async fn remember_place(&self, place: &Place) {
        let workspace = place.workspace.as_ref();
        let things = [
            place.deployment.to_remember(workspace.map(|workspace| workspace.id.as_str())),
            workspace.and_then(|workspace| workspace.to_remember(Some(&place.organization.id))),
            place.organization.to_remember(None),
        ];
        self.remember(things.into_iter().flatten()).await;
    }
}

async fn organization_now(ctx: &Context, organization: &str) -> Named {
    let call = ctx.http().get(["organizations", organization]).deadline(NAME_TIMEOUT);
    let found: Organization = call.send().await.and_then(|found| found.json()).unwrap_or_default();
    Named { id: organization.to_owned(), name: found.name }
}
