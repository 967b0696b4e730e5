//! The operations of the Astro API v1 that this plugin uses, with the fields it uses. Unknown fields and
//! values are let through, so that a newer API does not break an older plugin.

use std::{collections::BTreeMap, future::Future, time::Duration};

use astro_plugin_api::{Place, prelude::*};
use astro_plugin_sdk::{
    Context, Error, Named, Paging, Result, join,
    protocol::service::{OneTimeSecret, Settle},
    serde_json::json,
};
use serde::{Deserialize, Deserializer, Serialize};

/// Who did something (schema `BasicSubjectProfile`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Subject {
    full_name: Option<String>,
    api_token_name: Option<String>,
}

impl Subject {
    /// A person's full name or a token's name.
    pub(crate) fn name(&self) -> Option<String> {
        self.full_name.clone().or_else(|| self.api_token_name.clone()).filter(|name| !name.is_empty())
    }
}

/// One role of a token on one entity (schema `ApiTokenRole`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenRole {
    /// `DEPLOYMENT`, `WORKSPACE`, `ORGANIZATION`, `DAG`, `DAG_TAG`.
    pub(crate) entity_type: String,
    pub(crate) entity_id: String,
    pub(crate) role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deployment_id: Option<String>,
}

impl TokenRole {
    /// Whether it is the token's role on this deployment.
    pub(crate) fn is_on(&self, deployment: &str) -> bool {
        self.entity_type == "DEPLOYMENT" && self.entity_id == deployment
    }
}

/// A token (schema `ApiToken`). Every field may be absent: the answers of create and rotate carry the only copy
/// of a value, and no other field is worth losing it.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ApiToken {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    /// `DEPLOYMENT`, `WORKSPACE` or `ORGANIZATION`.
    pub(crate) scope: String,
    pub(crate) kind: String,
    pub(crate) short_token: String,
    #[serde(deserialize_with = "or_none")]
    pub(crate) roles: Vec<TokenRole>,
    pub(crate) created_at: String,
    pub(crate) end_at: Option<String>,
    pub(crate) last_used_at: Option<String>,
    pub(crate) last_rotated_at: Option<String>,
    pub(crate) created_by: Option<Subject>,
    /// The value; only in the answers of create and rotate.
    pub(crate) token: Option<String>,
}

/// The body of CreateApiToken.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateToken<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) role: &'a str,
    pub(crate) scope: &'static str,
    pub(crate) entity_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_expiry_period_in_days: Option<i64>,
}

#[derive(Deserialize)]
struct Role {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct RolesPage {
    default_roles: Vec<Role>,
    roles: Vec<Role>,
    /// Of `roles` alone.
    total_count: u64,
}

/// Roles that a token can have.
pub(crate) struct Roles {
    pub(crate) names: Vec<String>,
    /// There are no others.
    pub(crate) is_complete: bool,
}

/// The tokens of one deployment.
pub(crate) struct Api<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) organization: String,
    pub(crate) deployment: String,
}

impl<'a> Api<'a> {
    /// The organization and the deployment of the context.
    pub(crate) async fn of(ctx: &'a Context) -> Result<Self> {
        let organization = ctx.organization_id().await?;
        let deployment = ctx.deployment_id(&organization).await?;
        Ok(Self { ctx, organization, deployment })
    }

    fn tokens<'s>(&'s self, rest: &[&'s str]) -> Vec<&'s str> {
        ["organizations", &self.organization, "tokens"].into_iter().chain(rest.iter().copied()).collect()
    }

    /// ListApiTokens: every token that can act on the deployment, of all scopes.
    pub(crate) async fn list(&self) -> Result<Vec<ApiToken>> {
        self.ctx
            .http()
            .get(self.tokens(&[]))
            .query("deploymentId", &self.deployment)
            .pages(Paging::offset("tokens"))
            .await
    }

    /// GetApiToken
    pub(crate) async fn get(&self, id: &str) -> Result<ApiToken> {
        self.ctx.http().get(self.tokens(&[id])).send().await?.json()
    }

    /// The deployment with its names as they are now.
    pub(crate) async fn place_now(&self) -> Place {
        self.ctx.place_now(&self.organization, &self.deployment).await
    }

    /// The same as commands saw it during the last day.
    pub(crate) async fn place(&self) -> Place {
        self.ctx.place(&self.organization, &self.deployment).await
    }

    /// CreateApiToken; sent once.
    pub(crate) async fn create(&self, token: &CreateToken<'_>, place: &Place) -> Result<ApiToken> {
        let labels = [("name", token.name)];
        let settle = Settle::when_appeared(self.tokens(&[]), "/tokens", "/id")
            .with_query("deploymentId", &self.deployment)
            .with_query("sorts", "createdAt:desc")
            .with_query("limit", 100)
            .with_query("offset", 0)
            .like("/name", token.name)
            .like("/scope", token.scope);
        let secret = one_time("created", &labels, place, false, settle);
        self.ctx.http().post(self.tokens(&[])).json(token).one_time_secret(secret).send().await?.json()
    }

    /// RotateApiToken; sent once.
    pub(crate) async fn rotate(&self, token: &ApiToken, place: &Place) -> Result<ApiToken> {
        let labels = [("id", token.id.as_str()), ("name", &token.name)];
        let settle = Settle::when_changed(self.tokens(&[&token.id]), ["/lastRotatedAt", "/shortToken"]);
        let secret = one_time("rotated", &labels, place, true, settle);
        self.ctx.http().post(self.tokens(&[&token.id, "rotate"])).one_time_secret(secret).send().await?.json()
    }

    /// UpdateApiToken: name and description are replaced together.
    pub(crate) async fn update(&self, id: &str, name: &str, description: &str) -> Result<ApiToken> {
        let body = json!({ "name": name, "description": description });
        self.ctx.http().post(self.tokens(&[id])).json(&body).idempotent().send().await?.json()
    }

    /// UpdateApiTokenRoles: the whole set is replaced.
    pub(crate) async fn update_roles(&self, id: &str, roles: &[TokenRole]) -> Result<()> {
        let body = json!({ "roles": roles });
        self.ctx.http().post(self.tokens(&[id, "roles"])).json(&body).idempotent().send().await.map(|_| ())
    }

    /// DeleteApiToken
    pub(crate) async fn delete(&self, id: &str) -> Result<()> {
        self.ctx.http().delete(self.tokens(&[id])).send().await.map(|_| ())
    }

    /// ListRoles: the names of the roles a token can have on a deployment, built-in ones first.
    pub(crate) async fn roles(&self) -> Result<Roles> {
        let call = self.ctx.http().get(["organizations", &self.organization, "roles"]);
        let call = call.query("scopeTypes", "DEPLOYMENT").query("includeDefaultRoles", true);
        let page: RolesPage = call.query("limit", 1000).query("offset", 0).send().await?.json()?;
        let is_complete = page.roles.len() as u64 >= page.total_count;
        let names: Vec<String> =
            page.default_roles.into_iter().chain(page.roles).map(|role| role.name).collect();
        if names.is_empty() {
            Err(Error::new("the API lists no roles"))
        } else {
            Ok(Roles { names, is_complete })
        }
    }
}

/// ListApiTokens of a whole organization.
pub(crate) async fn of_organization(ctx: &Context, organization: &str) -> Result<Vec<ApiToken>> {
    ctx.http().get(["organizations", organization, "tokens"]).pages(Paging::offset("tokens")).await
}

/// A deployment as it is listed (schema `Deployment`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    name: String,
    workspace_id: String,
    workspace_name: Option<String>,
}

/// ListDeployments of a whole organization: where each one is, by its ID, and the organization, whose name is asked for
/// at the same time. For names alone: what is not told within some seconds is left out.
pub(crate) async fn places(
    ctx: &Context,
    organization: &str,
    named: impl Future<Output = Named>,
) -> (Named, BTreeMap<String, Place>) {
    let call =
        ctx.http().get(["organizations", organization, "deployments"]).deadline(Duration::from_secs(5));
    let (organization, listed) = join(named, call.pages::<Listed>(Paging::offset("deployments"))).await;
    let place = |listed: Listed| Place {
        deployment: Named { id: listed.id, name: Some(listed.name) },
        workspace: Some(Named { id: listed.workspace_id, name: listed.workspace_name }),
        organization: organization.clone(),
    };
    let listed = listed.unwrap_or_default().into_iter();
    let places = listed.map(|listed| (listed.id.clone(), place(listed))).collect();
    (organization, places)
}

/// `labels` are what the secret's own thing is called; those of the place come on top.
fn one_time(
    action: &str,
    labels: &[(&str, &str)],
    place: &Place,
    replaces: bool,
    settle: Settle,
) -> OneTimeSecret {
    let own = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let names =
        place.levels().filter_map(|(word, named)| Some((format!("{word}_name"), named.name.clone()?)));
    let ids = place.levels().map(|(word, named)| (format!("{word}_id"), named.id.clone()));
    let secret = OneTimeSecret::at("/token", action).settled_by(settle);
    let secret = ids.chain(names).chain(own).fold(secret, |secret, (key, value)| secret.label(key, value));
    if replaces { secret.replacing() } else { secret }
}

/// A list that may be `null`.
fn or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<TokenRole>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
