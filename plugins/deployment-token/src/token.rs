//! A token as it is shown: the record of json, the columns of a table, the fields of clean.

use astro_plugin_sdk::{
    Error, Result, View,
    protocol::message::{Failure, code},
};
use serde::Serialize;

use crate::api::ApiToken;

/// A token in json. Keys are only ever added.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Token {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    /// `DEPLOYMENT`, `WORKSPACE` or `ORGANIZATION`.
    pub(crate) scope: String,
    /// Its role on the deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    pub(crate) created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<String>,
    pub(crate) deployment_id: String,
    pub(crate) kind: String,
    pub(crate) short_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_used_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_rotated_at: Option<String>,
}

impl Token {
    /// The API's token as seen from a deployment. Its value is not part of it.
    pub(crate) fn seen_from(deployment: &str, token: ApiToken) -> Self {
        let role = token.roles.iter().find(|role| role.is_on(deployment)).map(|role| role.role.clone());
        Self {
            id: token.id,
            name: token.name,
            description: token.description,
            scope: token.scope,
            role,
            created_at: token.created_at,
            created_by: token.created_by.and_then(|subject| subject.name()),
            expires_at: token.end_at,
            deployment_id: deployment.to_owned(),
            kind: token.kind,
            short_token: token.short_token,
            last_used_at: token.last_used_at,
            last_rotated_at: token.last_rotated_at,
        }
    }

    /// The API's token as seen from each deployment it has a role on.
    pub(crate) fn on_each_deployment(token: ApiToken) -> Vec<Self> {
        let roles = token.roles.iter().filter(|role| role.entity_type == "DEPLOYMENT");
        let deployments: Vec<String> = roles.map(|role| role.entity_id.clone()).collect();
        deployments.iter().map(|deployment| Self::seen_from(deployment, token.clone())).collect()
    }

    /// One token as lines of `name  value`.
    pub(crate) fn record_view() -> View {
        View::record()
            .id("id", "ID")
            .text("name", "NAME")
            .text("description", "DESCRIPTION")
            .id("scope", "SCOPE")
            .text("role", "ROLE")
            .id("deployment_id", "DEPLOYMENT")
            .time("created_at", "CREATED")
            .expiry("expires_at", "EXPIRES")
            .clean(["id"])
    }

    /// A list of the tokens of one deployment.
    pub(crate) fn list_view(empty: &str) -> View {
        Self::columns(View::list("tokens").id("id", "ID").text("name", "NAME"))
            .clean(Self::CLEAN.iter().copied())
            .when_empty(empty)
    }

    /// A list of the tokens of many deployments.
    pub(crate) fn organization_view() -> View {
        let view = View::list("tokens").id("id", "ID").text("name", "NAME").id("deployment_id", "DEPLOYMENT");
        Self::columns(view)
            .clean(Self::CLEAN.iter().copied().chain(["deployment_id"]))
            .when_empty("No token of this organization has a role on a deployment.")
    }

    const CLEAN: &[&str] = &["id", "name", "scope", "role", "created_at", "expires_at", "last_used_at"];

    /// What both lists show of a token.
    fn columns(view: View) -> View {
        view.id("scope", "SCOPE")
            .text("role", "ROLE")
            .time("created_at", "CREATED")
            .expiry("expires_at", "EXPIRES")
            .time("last_used_at", "LAST USED")
            .text("created_by", "CREATED BY")
            .optional_text("description", "DESCRIPTION")
    }
}

/// Takes the value out of the answer of create or rotate.
pub(crate) fn value_of(token: &mut ApiToken) -> Result<String> {
    token.token.take().filter(|value| !value.is_empty()).ok_or_else(|| {
        let message = format!("the API did not send the value of the token `{}` ({})", token.name, token.id);
        Error::from_failure(Failure::new(code::DELIVERY, message))
            .help(format!("rotate it to get a new one: astro deployment token rotate {}", token.id))
    })
}
