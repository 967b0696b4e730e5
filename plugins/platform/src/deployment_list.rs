//! `astro deployment list`

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
}

/// A deployment as the API has it (schema `Deployment`).
#[derive(Deserialize)]
#[serde(crate = "astro_plugin_sdk::serde", rename_all = "camelCase")]
struct ApiDeployment {
    id: String,
    name: String,
    workspace_id: String,
    workspace_name: Option<String>,
    status: String,
}

/// A deployment as it is shown. Keys are only ever added.
#[derive(Serialize)]
#[serde(crate = "astro_plugin_sdk::serde")]
struct Deployment {
    id: String,
    name: String,
    workspace_id: String,
    workspace: Option<String>,
    status: String,
}

impl Command for List {
    const PATH: &'static str = "deployment list";

    fn declare(spec: &mut Spec) {
        spec.alias("ls")
            .needs_api()
            .example("astro deployment list", "List the deployments of the workspace in use")
            .example(
                "astro deployment list --all -o json",
                "List those of the whole organization, for a program",
            )
            .see_also("deployment token list");
    }

    async fn run(self, ctx: Context) -> Result<()> {
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
        let found: Vec<ApiDeployment> = call.pages("deployments", "id").await?;
        let rows = found.into_iter().map(|deployment| Deployment {
            id: deployment.id,
            name: deployment.name,
            workspace_id: deployment.workspace_id,
            workspace: deployment.workspace_name,
            status: deployment.status,
        });
        let view = View::list("deployments")
            .id("id", "ID")
            .text("name", "NAME")
            .text("workspace", "WORKSPACE")
            .id("status", "STATUS")
            .clean(["id", "name", "workspace", "status"])
            .when_empty("No deployments. See another workspace with --workspace, or all with --all.");
        ctx.emit_list(view, rows).await
    }
}
