//! The organization and the deployment a command acts on, from the context: an ID is taken as it is, a name
//! is looked up, and where none is given a person may pick.

use std::future::Future;

use astro_plugin_sdk::{Context, Error, Paging, Result, protocol::naming::Named};
use serde::Deserialize;

use crate::{DEPLOYMENT, ORGANIZATION, WORKSPACE, is_id};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    name: String,
    #[serde(default)]
    workspace_id: Option<String>,
    #[serde(default)]
    workspace_name: Option<String>,
}

/// What a command acts on, from its context.
pub trait Targets {
    /// The ID of the organization.
    fn organization_id(&self) -> impl Future<Output = Result<String>> + Send;

    /// The ID of the workspace, when one is given.
    fn workspace_id(&self, organization: &str) -> impl Future<Output = Result<Option<String>>> + Send;

    /// The ID of the deployment. Without one a person picks from a list; where nobody can be asked the
    /// error names the flag, the variable and the command that lists deployments.
    fn deployment_id(&self, organization: &str) -> impl Future<Output = Result<String>> + Send;

    /// The ID of a deployment that was named as an argument, by ID or exact name.
    fn find_deployment(
        &self,
        organization: &str,
        wanted: &str,
    ) -> impl Future<Output = Result<String>> + Send;
}

impl Targets for Context {
    async fn organization_id(&self) -> Result<String> {
        let setting = self.required_setting(ORGANIZATION)?;
        if is_id(&setting.value) {
            return Ok(setting.value.clone());
        }
        let all = self.http().get(["organizations"]).pages(Paging::offset("organizations")).await?;
        picked(self, pick("organization", &setting.value, &setting.origin, all)?, None).await
    }

    async fn workspace_id(&self, organization: &str) -> Result<Option<String>> {
        let Some(setting) = self.setting(WORKSPACE) else { return Ok(None) };
        if is_id(&setting.value) {
            return Ok(Some(setting.value.clone()));
        }
        let call =
            self.http().get(["organizations", organization, "workspaces"]).query("names", &setting.value);
        let found = pick(
            "workspace",
            &setting.value,
            &setting.origin,
            call.pages(Paging::offset("workspaces")).await?,
        )?;
        picked(self, found, Some(organization)).await.map(Some)
    }

    async fn deployment_id(&self, organization: &str) -> Result<String> {
        let all = self.http().get(["organizations", organization, "deployments"]);
        let Some(setting) = self.setting(DEPLOYMENT) else {
            if !self.terminal().interactive {
                self.required_setting(DEPLOYMENT)
                    .map_err(|error| error.help("find one with `astro deployment list`"))?;
            }
            let mut found: Vec<Row> =
                all.query("sorts", "name:asc").pages(Paging::offset("deployments")).await?;
            if found.is_empty() {
                return Err(Error::new("there is no deployment to choose from")
                    .help("check which organization is in use with `astro context`"));
            }
            let question = self.select("Which deployment?", "--deployment <ID|NAME>");
            let index = question.items(found.iter().map(label)).ask().await?;
            return picked(self, found.swap_remove(index), Some(organization)).await;
        };
        deployment_named(self, organization, &setting.value, &setting.origin).await
    }

    async fn find_deployment(&self, organization: &str, wanted: &str) -> Result<String> {
        deployment_named(self, organization, wanted, "the argument").await
    }
}

async fn deployment_named(ctx: &Context, organization: &str, wanted: &str, origin: &str) -> Result<String> {
    if is_id(wanted) {
        return Ok(wanted.to_owned());
    }
    let call = ctx.http().get(["organizations", organization, "deployments"]).query("names", wanted);
    let found = pick("deployment", wanted, origin, call.pages(Paging::offset("deployments")).await?)?;
    picked(ctx, found, Some(organization)).await
}

/// The ID of what was found by its name. The name is remembered: whatever comes next may show it.
async fn picked(ctx: &Context, row: Row, organization: Option<&str>) -> Result<String> {
    let Row { id, name, workspace_id, workspace_name } = row;
    let organization = organization.map(str::to_owned);
    let workspace = workspace_id
        .clone()
        .zip(workspace_name)
        .map(|(id, name)| Named::new(id, name).below(organization.clone()));
    let found = Named::new(&id, name).below(workspace_id.or(organization));
    ctx.remember(workspace.into_iter().chain([found])).await;
    Ok(id)
}

fn pick(word: &str, wanted: &str, origin: &str, found: Vec<Row>) -> Result<Row> {
    let mut exact: Vec<Row> =
        found.into_iter().filter(|item| item.name == wanted || item.id == wanted).collect();
    match exact.len() {
        1 => Ok(exact.swap_remove(0)),
        0 => Err(Error::new(format!("no {word} has the name or ID `{wanted}` (from {origin})")).help(
            match word {
                "deployment" => "find one with `astro deployment list`".to_owned(),
                _ => "see what is in use with `astro context`".to_owned(),
            },
        )),
        count => {
            let mut error = Error::usage(format!("{count} {word}s have the name `{wanted}`"));
            for item in &exact {
                error = error.help(format!("`--{word} {}` is {}", item.id, label(item)));
            }
            Err(error)
        }
    }
}

fn label(item: &Row) -> String {
    match &item.workspace_name {
        Some(workspace) => format!("{} ({workspace}, {})", item.name, item.id),
        None => format!("{} ({})", item.name, item.id),
    }
}
