//! A token as it is shown: the record of json, the columns of a table, the fields of clean.

use std::collections::BTreeMap;

use astro_plugin_api::Place;
use astro_plugin_sdk::{
    Error, Named, Result, View,
    protocol::message::{Failure, code},
};
use serde::Serialize;

use crate::api::ApiToken;

/// A token in json. Keys are only ever added; each of them is always there, and what there is not is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Token {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    /// `DEPLOYMENT`, `WORKSPACE` or `ORGANIZATION`.
    pub(crate) scope: String,
    /// Its role on the deployment.
    pub(crate) role: Option<String>,
    pub(crate) created_at: String,
    pub(crate) created_by: Option<String>,
    pub(crate) expires_at: Option<String>,
    /// The deployment it is seen from.
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) kind: String,
    pub(crate) short_token: String,
    pub(crate) last_used_at: Option<String>,
    pub(crate) last_rotated_at: Option<String>,
}

impl Token {
    /// The API's token as seen from a deployment. Its value is not part of it.
    pub(crate) fn for_deployment(place: Place, token: ApiToken) -> Self {
        let on_it = token.roles.iter().find(|role| role.is_on(&place.deployment.id));
        let role = on_it.map(|role| role.role.clone());
        Self {
            id: token.id,
            name: token.name,
            description: token.description,
            scope: token.scope,
            role,
            created_at: token.created_at,
            created_by: token.created_by.and_then(|subject| subject.name()),
            expires_at: token.end_at,
            place,
            kind: token.kind,
            short_token: token.short_token,
            last_used_at: token.last_used_at,
            last_rotated_at: token.last_rotated_at,
        }
    }

    /// The API's token as seen from each deployment it has a role on; `places` are those whose names are known.
    pub(crate) fn on_each_deployment(
        organization: &Named,
        places: &BTreeMap<String, Place>,
        token: ApiToken,
    ) -> Vec<Self> {
        let place = |deployment: &str| {
            let unnamed = || Place { organization: organization.clone(), ..Place::unnamed("", deployment) };
            places.get(deployment).cloned().unwrap_or_else(unnamed)
        };
        let roles = token.roles.iter().filter(|role| role.entity_type == "DEPLOYMENT");
        let places: Vec<Place> = roles.map(|role| place(&role.entity_id)).collect();
        places.into_iter().map(|place| Self::for_deployment(place, token.clone())).collect()
    }

    /// One token as lines of `name  value`.
    pub(crate) fn record_view() -> View {
        View::record()
            .id("id", "ID")
            .text("name", "NAME")
            .text("description", "DESCRIPTION")
            .id("scope", "SCOPE")
            .text("role", "ROLE")
            .text("deployment_name", "DEPLOYMENT")
            .id("deployment_id", "DEPLOYMENT ID")
            .text("workspace_name", "WORKSPACE")
            .text("organization_name", "ORGANIZATION")
            .time("created_at", "CREATED")
            .expiry("expires_at", "EXPIRES")
            .clean(["id"])
    }

    /// A list of the tokens of one deployment.
    pub(crate) fn list_view(empty: &str) -> View {
        Self::columns(View::list("tokens").id("id", "ID").text("name", "NAME"))
            .clean(Self::CLEAN.iter().copied())
            .empty_message(empty)
    }

    /// A list of the tokens of many deployments.
    pub(crate) fn organization_view() -> View {
        let view = View::list("tokens").id("id", "ID").text("name", "NAME");
        let view = view.text("deployment_name", "DEPLOYMENT").id("deployment_id", "DEPLOYMENT ID");
        Self::columns(view)
            .clean(Self::CLEAN.iter().copied().chain(["deployment_id", "deployment_name"]))
            .empty_message("No token of this organization has a role on a deployment.")
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

/// A token and what was done to it.
#[derive(Debug, Serialize)]
pub(crate) struct Done {
    #[serde(flatten)]
    pub(crate) token: Token,
    /// `created`, `exists`, `rotated`, `updated` or `unchanged`.
    pub(crate) action: &'static str,
}

/// The same for what delivers a value: its key is there also where the value is not.
#[derive(Debug, Serialize)]
pub(crate) struct Delivered {
    #[serde(flatten)]
    pub(crate) done: Done,
    /// Filled in by the host where the value goes to stdout.
    #[serde(rename = "token")]
    value: Option<String>,
}

impl Delivered {
    /// Without the value.
    pub(crate) fn new(token: Token, action: &'static str) -> Self {
        Self { done: Done { token, action }, value: None }
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
