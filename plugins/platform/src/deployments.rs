//! `astro deployment list`, `inspect` and `switch`

use std::collections::BTreeMap;

use astro_plugin_api::{DEPLOYMENT, WORKSPACE, prelude::*};
use astro_plugin_sdk::{
    clap, join,
    prelude::*,
    protocol::{invocation::Source, naming},
};

use crate::switch::{Named, find, is_meant, named, switch};

/// List the deployments of an organization
///
/// Those that the credential can see are listed: of the workspace in use, when there is one, else of the whole
/// organization.
#[derive(Args)]
pub(crate) struct List {
    /// Also those of other workspaces than the one in use
    #[arg(short, long)]
    all: bool,
    /// Order of the rows: id, name, workspace, status or created_at, with `:desc` for the other way round
    #[arg(long, value_name = "FIELD[:asc|desc]")]
    sort: Option<Sort>,
}

/// Show a deployment
///
/// The one in use, or another one by ID or exact name.
#[derive(Args)]
pub(crate) struct Inspect {
    /// ID or exact name; the same as --deployment
    #[arg(value_name = "ID|NAME")]
    target: Option<String>,
}

/// Act on another deployment from now on
///
/// Changes the directory file where one selected the deployment, else the profile in use. When the deployment is in another
/// workspace than the one in use, that is switched, too.
#[derive(Args)]
pub(crate) struct Switch {
    /// ID or exact name; prompts if omitted
    #[arg(value_name = "ID|NAME")]
    target: Option<String>,
}

const FIELDS: &[&str] = &["id", "name", "workspace", "status", "created_at"];

/// A deployment in a list: read as the API has it (schema `Deployment`), and shown. Keys are only ever added.
#[derive(Serialize, Deserialize)]
#[serde(crate = "astro_plugin_sdk::serde", rename_all(deserialize = "camelCase"))]
pub(crate) struct Deployment {
    id: String,
    name: String,
    workspace_id: String,
    workspace_name: Option<String>,
    status: String,
    created_at: Option<String>,
    organization_id: String,
    /// The API does not tell it with a deployment; read for json alone.
    #[serde(skip_deserializing)]
    organization_name: Option<String>,
    /// It is the one in use.
    #[serde(skip_deserializing)]
    current: bool,
}

impl Named for Deployment {
    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn parent(&self) -> Option<&str> {
        Some(&self.workspace_id)
    }

    fn label(&self) -> String {
        let workspace = self.workspace_name.as_deref().unwrap_or(&self.workspace_id);
        format!("{} ({workspace}, {})", self.name, self.id)
    }
}

/// Everything about one deployment, read and shown likewise. Keys are only ever added.
#[derive(Serialize, Deserialize)]
#[serde(crate = "astro_plugin_sdk::serde", rename_all(deserialize = "camelCase"))]
struct Details {
    id: String,
    name: String,
    workspace_id: String,
    workspace_name: Option<String>,
    organization_id: String,
    #[serde(skip_deserializing)]
    organization_name: Option<String>,
    status: String,
    status_reason: Option<String>,
    namespace: Option<String>,
    #[serde(rename(deserialize = "astroRuntimeVersion"))]
    runtime_version: Option<String>,
    airflow_version: Option<String>,
    r#type: Option<String>,
    executor: Option<String>,
    cloud_provider: Option<String>,
    region: Option<String>,
    cluster_id: Option<String>,
    cluster_name: Option<String>,
    #[serde(rename(deserialize = "isCicdEnforced"))]
    cicd_enforced: Option<bool>,
    #[serde(rename(deserialize = "uiUrl"))]
    url: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

impl Command for List {
    const PATH: &'static str = "deployment list";
    const EFFECT: Effect = Effect::Read;
    type Output = Vec<Deployment>;

    fn declare(spec: &mut Spec) {
        spec.alias("ls")
            .needs_api()
            .output(
                View::list("deployments")
                    .id("id", "ID")
                    .text("name", "NAME")
                    .text("workspace_name", "WORKSPACE")
                    .id("status", "STATUS")
                    .clean(["id", "name", "workspace_name", "status"])
                    .empty_message("No deployments."),
            )
            .per_profile()
            .sort("sort", FIELDS)
            .example("astro deployment list", "List the deployments of the workspace in use")
            .example(
                "astro deployment list --all -o json",
                "List those of the whole organization, for a program",
            )
            .see_also("deployment inspect")
            .see_also("deployment token list");
    }

    async fn run(self, ctx: Context) -> Result<Vec<Deployment>> {
        let organization = ctx.organization_id().await?;
        let workspace = if self.all { None } else { ctx.workspace_id(&organization).await? };
        let (rows, name) =
            join(all(&ctx, &organization, workspace.as_deref()), organization_name(&ctx, &organization))
                .await;
        let mut rows = rows?;
        rows.iter_mut().for_each(|row| row.organization_name.clone_from(&name));
        if let Some(workspace) = &workspace {
            tell_of_others(&ctx, workspace, &rows).await?;
        }
        if let Some(sort) = self.sort {
            sort.apply(&mut rows, key, |row| &row.id);
        }
        Ok(rows)
    }
}

/// The deployments that the credential sees, of one workspace or of all.
async fn all(ctx: &Context, organization: &str, workspace: Option<&str>) -> Result<Vec<Deployment>> {
    let mut call = ctx.http().get(["organizations", organization, "deployments"]).query("sorts", "name:asc");
    if let Some(workspace) = workspace {
        call = call.query("workspaceIds", workspace);
    }
    let mut found: Vec<Deployment> = call.pages(Paging::offset("deployments")).await?;
    let in_use = ctx.setting(DEPLOYMENT);
    found.iter_mut().for_each(|deployment| deployment.current = is_meant(in_use, deployment));
    let workspace = workspace.and_then(|id| {
        let name = found.iter().find(|one| one.workspace_id == id)?.workspace_name.clone()?;
        Some(naming::Named::new(id, name).below(Some(organization.to_owned())))
    });
    ctx.remember(found.iter().filter(|one| one.current).map(named).chain(workspace)).await;
    Ok(found)
}

/// The organization's name, for json alone: a table does not show it, and nothing is asked for it.
async fn organization_name(ctx: &Context, organization: &str) -> Option<String> {
    if ctx.resolved().output != "json" {
        return None;
    }
    ctx.organization_named(organization).await.name
}

/// That others are not shown, unless the workspace was typed for this very command.
async fn tell_of_others(ctx: &Context, workspace: &str, rows: &[Deployment]) -> Result<()> {
    let Some(setting) = ctx.setting(WORKSPACE).filter(|setting| setting.source != Source::Flag) else {
        return Ok(());
    };
    let shown = match rows.first().and_then(|row| row.workspace_name.as_ref()) {
        Some(name) => format!("{name} ({workspace})"),
        None => setting.value.clone(),
    };
    ctx.notice(format!(
        "Only the workspace {shown} is shown, from {}; see all workspaces with `astro deployment list --all`.",
        setting.origin
    ))
    .await
}

fn key(row: &Deployment, field: &str) -> Option<SortKey> {
    match field {
        "id" => Some(row.id.as_str().into()),
        "workspace" => row.workspace_name.as_deref().map(SortKey::from),
        "status" => Some(row.status.as_str().into()),
        "created_at" => row.created_at.as_deref().map(SortKey::time),
        _ => Some(row.name.to_lowercase().into()),
    }
}

impl Command for Inspect {
    const PATH: &'static str = "deployment inspect";
    const EFFECT: Effect = Effect::Read;
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.alias("in")
            .needs_api()
            .value_kind("target", ValueKind::setting(DEPLOYMENT))
            .example("astro deployment inspect Reports", "Show a deployment")
            .example("astro deployment inspect -o json", "The one in use, for a program")
            .see_also("deployment list")
            .see_also("deployment switch");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let organization = ctx.organization_id().await?;
        let id = match &self.target {
            Some(wanted) => ctx.find_deployment(&organization, wanted).await?,
            None => ctx.deployment_id(&organization).await?,
        };
        let path = ["organizations", organization.as_str(), "deployments", id.as_str()];
        let (details, name) =
            join(ctx.http().get(path).send(), async { ctx.organization_named(&organization).await.name })
                .await;
        let details = Details { organization_name: name, ..details?.json()? };
        let workspace = details
            .workspace_name
            .clone()
            .map(|name| naming::Named::new(&details.workspace_id, name).below(Some(organization.clone())));
        let deployment =
            naming::Named::new(&details.id, &details.name).below(Some(details.workspace_id.clone()));
        ctx.remember(workspace.into_iter().chain([deployment])).await;
        let view = View::record()
            .id("id", "ID")
            .text("name", "NAME")
            .text("workspace_name", "WORKSPACE")
            .id("workspace_id", "WORKSPACE ID")
            .text("organization_name", "ORGANIZATION")
            .id("organization_id", "ORGANIZATION ID")
            .id("status", "STATUS")
            .text("status_reason", "REASON")
            .id("runtime_version", "RUNTIME")
            .id("airflow_version", "AIRFLOW")
            .id("type", "TYPE")
            .id("executor", "EXECUTOR")
            .id("cloud_provider", "CLOUD")
            .id("region", "REGION")
            .text("cluster_name", "CLUSTER")
            .id("namespace", "NAMESPACE")
            .id("cicd_enforced", "CI/CD ENFORCED")
            .id("url", "URL")
            .time("created_at", "CREATED")
            .time("updated_at", "UPDATED")
            .clean(["id", "name", "workspace_name", "status", "runtime_version", "airflow_version", "url"]);
        ctx.emit(view, &details).await
    }
}

impl Command for Switch {
    const PATH: &'static str = "deployment switch";
    const EFFECT: Effect = Effect::Write;
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.needs_api()
            .changes_profiles()
            .value_kind("target", ValueKind::setting(DEPLOYMENT))
            .example("astro deployment switch Reports", "Act on another deployment from now on")
            .example("astro deployment switch Reports --workspace Analytics", "The one of a workspace")
            .see_also("deployment list")
            .see_also("workspace switch")
            .see_also("context");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let organization = ctx.organization_id().await?;
        // A workspace that was typed says where to look; the one in use does not: its deployments are no others.
        let workspace = ctx.setting(WORKSPACE);
        let is_typed = workspace.is_some_and(|setting| setting.source == Source::Flag);
        let within = if is_typed { ctx.workspace_id(&organization).await? } else { None };
        let all = all(&ctx, &organization, within.as_deref()).await?;
        let deployment = find(&ctx, "deployment", self.target.as_deref(), &all).await?;
        let mut values = BTreeMap::from([("deployment".to_owned(), Some(deployment.id.clone()))]);
        let is_elsewhere = workspace.is_some_and(|setting| {
            setting.value != deployment.workspace_id
                && Some(&setting.value) != deployment.workspace_name.as_ref()
        });
        let mut also = String::new();
        if is_typed || is_elsewhere {
            let id = &deployment.workspace_id;
            values.insert("workspace".to_owned(), Some(id.clone()));
            let workspace =
                astro_plugin_sdk::Named { id: id.clone(), name: deployment.workspace_name.clone() };
            also = format!(" and its workspace {workspace}");
        }
        if let Some(name) = deployment.workspace_name.clone() {
            let id = deployment.workspace_id.clone();
            ctx.remember([naming::Named::new(id, name).below(Some(organization))]).await;
        }
        switch(&ctx, "deployment", deployment, &also, values).await
    }
}
