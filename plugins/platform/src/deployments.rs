//! `astro deployment list` and `astro deployment inspect`

use astro_plugin_sdk::{clap, prelude::*};

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

const FIELDS: &[&str] = &["id", "name", "workspace", "status", "created_at"];

/// A deployment in a list: read as the API has it (schema `Deployment`), and shown. Keys are only ever added.
#[derive(Serialize, Deserialize)]
#[serde(crate = "astro_plugin_sdk::serde", rename_all(deserialize = "camelCase"))]
pub(crate) struct Deployment {
    id: String,
    name: String,
    workspace_id: String,
    #[serde(rename(deserialize = "workspaceName"))]
    workspace: Option<String>,
    status: String,
    created_at: Option<String>,
}

/// Everything about one deployment, read and shown likewise. Keys are only ever added.
#[derive(Serialize, Deserialize)]
#[serde(crate = "astro_plugin_sdk::serde", rename_all(deserialize = "camelCase"))]
struct Details {
    id: String,
    name: String,
    workspace_id: String,
    #[serde(rename(deserialize = "workspaceName"))]
    workspace: Option<String>,
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
    #[serde(rename(deserialize = "clusterName"))]
    cluster: Option<String>,
    #[serde(rename(deserialize = "isCicdEnforced"))]
    cicd_enforced: Option<bool>,
    #[serde(rename(deserialize = "uiUrl"))]
    url: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

impl Command for List {
    const PATH: &'static str = "deployment list";
    type Output = Vec<Deployment>;

    fn declare(spec: &mut Spec) {
        spec.alias("ls")
            .needs_api()
            .output(
                View::list("deployments")
                    .id("id", "ID")
                    .text("name", "NAME")
                    .text("workspace", "WORKSPACE")
                    .id("status", "STATUS")
                    .clean(["id", "name", "workspace", "status"])
                    .when_empty("No deployments. See another workspace with --workspace, or all with --all."),
            )
            .for_several_profiles()
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
        let mut call = ctx
            .http()
            .get(["organizations", organization.as_str(), "deployments"])
            .query("sorts", "name:asc");
        if !self.all
            && let Some(workspace) = ctx.workspace_id(&organization).await?
        {
            call = call.query("workspaceIds", workspace);
        }
        let mut rows: Vec<Deployment> = call.pages("deployments", "id").await?;
        if let Some(sort) = self.sort {
            sort.apply(&mut rows, key, |row| &row.id);
        }
        Ok(rows)
    }
}

fn key(row: &Deployment, field: &str) -> Option<SortKey> {
    match field {
        "id" => Some(row.id.as_str().into()),
        "workspace" => row.workspace.as_deref().map(SortKey::from),
        "status" => Some(row.status.as_str().into()),
        "created_at" => row.created_at.as_deref().map(SortKey::time),
        _ => Some(row.name.to_lowercase().into()),
    }
}

impl Command for Inspect {
    const PATH: &'static str = "deployment inspect";
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.alias("in")
            .needs_api()
            .kind("target", ValueKind::Deployment)
            .example("astro deployment inspect Reports", "Show a deployment")
            .example("astro deployment inspect -o json", "The one in use, for a program")
            .see_also("deployment list");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let organization = ctx.organization_id().await?;
        let id = match &self.target {
            Some(wanted) => ctx.find_deployment(&organization, wanted).await?,
            None => ctx.deployment_id(&organization).await?,
        };
        let path = ["organizations", organization.as_str(), "deployments", id.as_str()];
        let details: Details = ctx.http().get(path).json().await?;
        let view = View::record()
            .id("id", "ID")
            .text("name", "NAME")
            .text("workspace", "WORKSPACE")
            .id("workspace_id", "WORKSPACE ID")
            .id("status", "STATUS")
            .text("status_reason", "REASON")
            .id("runtime_version", "RUNTIME")
            .id("airflow_version", "AIRFLOW")
            .id("type", "TYPE")
            .id("executor", "EXECUTOR")
            .id("cloud_provider", "CLOUD")
            .id("region", "REGION")
            .text("cluster", "CLUSTER")
            .id("namespace", "NAMESPACE")
            .id("cicd_enforced", "CI/CD ENFORCED")
            .id("url", "URL")
            .time("created_at", "CREATED")
            .time("updated_at", "UPDATED")
            .clean(["id", "name", "workspace", "status", "runtime_version", "airflow_version", "url"]);
        ctx.emit(view, &details).await
    }
}
