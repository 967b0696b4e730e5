//! `astro workspace list`, `inspect` and `switch`

use astro_plugin_api::{WORKSPACE, is_id, prelude::*};
use astro_plugin_sdk::{clap, prelude::*};

use crate::{
    subject,
    switch::{Named, find, is_meant, named, switch},
};

const FIELDS: &[&str] = &["id", "name", "description", "created_at"];

/// List the workspaces of the organization in use
#[derive(Args)]
pub(crate) struct List {
    /// Order of the rows: id, name, description or created_at, with `:desc` for the other way round
    #[arg(long, value_name = "FIELD[:asc|desc]")]
    sort: Option<Sort>,
}

/// Show a workspace
///
/// The one in use, or another one by ID or exact name.
#[derive(Args)]
pub(crate) struct Inspect {
    /// ID or exact name; the same as --workspace
    #[arg(value_name = "ID|NAME")]
    target: Option<String>,
}

/// Act in another workspace from now on
///
/// Changes the directory file where one selected the workspace, else the profile in use. The deployment is taken out,
/// since it belongs to the former workspace.
#[derive(Args)]
pub(crate) struct Switch {
    /// ID or exact name; prompts if omitted
    #[arg(value_name = "ID|NAME")]
    target: Option<String>,
}

/// A workspace: read as the API has it (schema `Workspace`), and shown. Keys are only ever added.
#[derive(Serialize, Deserialize)]
#[serde(crate = "astro_plugin_sdk::serde", rename_all(deserialize = "camelCase"))]
pub(crate) struct Workspace {
    id: String,
    name: String,
    description: Option<String>,
    organization_id: String,
    organization_name: Option<String>,
    created_at: Option<String>,
    /// It is the one in use.
    #[serde(skip_deserializing)]
    current: bool,
}

/// Everything about one workspace, read and shown likewise. Keys are only ever added.
#[derive(Serialize, Deserialize)]
#[serde(crate = "astro_plugin_sdk::serde", rename_all(deserialize = "camelCase"))]
struct Details {
    id: String,
    name: String,
    description: Option<String>,
    organization_id: String,
    organization_name: Option<String>,
    #[serde(rename(deserialize = "cicdEnforcedDefault"))]
    cicd_enforced: Option<bool>,
    created_at: Option<String>,
    #[serde(default, deserialize_with = "subject::name")]
    created_by: Option<String>,
    updated_at: Option<String>,
    #[serde(default, deserialize_with = "subject::name")]
    updated_by: Option<String>,
    /// It is the one in use.
    #[serde(skip_deserializing)]
    current: bool,
}

impl Named for Details {
    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn parent(&self) -> Option<&str> {
        Some(&self.organization_id)
    }
}

impl Named for Workspace {
    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn parent(&self) -> Option<&str> {
        Some(&self.organization_id)
    }
}

/// The workspaces of an organization that the credential sees.
pub(crate) async fn all(ctx: &Context, organization: &str) -> Result<Vec<Workspace>> {
    let call = ctx.http().get(["organizations", organization, "workspaces"]).query("sorts", "name:asc");
    let mut found: Vec<Workspace> = call.pages(Paging::offset("workspaces")).await?;
    let in_use = ctx.setting(WORKSPACE);
    found.iter_mut().for_each(|workspace| workspace.current = is_meant(in_use, workspace));
    ctx.remember(found.iter().filter(|workspace| workspace.current).map(named)).await;
    Ok(found)
}

impl Command for List {
    const PATH: &'static str = "workspace list";
    const EFFECT: Effect = Effect::Read;
    type Output = Vec<Workspace>;

    fn declare(spec: &mut Spec) {
        spec.alias("ls")
            .needs_api()
            .output(
                View::list("workspaces")
                    .id("id", "ID")
                    .text("name", "NAME")
                    .time("created_at", "CREATED")
                    .id("current", "CURRENT")
                    .optional_text("description", "DESCRIPTION")
                    .clean(["id", "name", "created_at", "current", "description"])
                    .empty_message("The credential sees no workspace of this organization."),
            )
            .per_profile()
            .sort("sort", FIELDS)
            .example("astro workspace list", "List the workspaces")
            .example(
                "astro workspace list --organization Acme -o json",
                "Those of another organization, for a program",
            )
            .see_also("workspace inspect")
            .see_also("workspace switch")
            .see_also("deployment list");
    }

    async fn run(self, ctx: Context) -> Result<Vec<Workspace>> {
        let organization = ctx.organization_id().await?;
        let mut rows = all(&ctx, &organization).await?;
        if let Some(sort) = self.sort {
            sort.apply(&mut rows, key, |row| &row.id);
        }
        Ok(rows)
    }
}

fn key(row: &Workspace, field: &str) -> Option<SortKey> {
    match field {
        "id" => Some(row.id.as_str().into()),
        "description" => row.description.as_deref().filter(|text| !text.is_empty()).map(SortKey::from),
        "created_at" => row.created_at.as_deref().map(SortKey::time),
        _ => Some(row.name.to_lowercase().into()),
    }
}

impl Command for Inspect {
    const PATH: &'static str = "workspace inspect";
    const EFFECT: Effect = Effect::Read;
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.alias("in")
            .needs_api()
            .value_kind("target", ValueKind::setting(WORKSPACE))
            .example("astro workspace inspect", "Show the workspace in use")
            .example("astro workspace inspect Reports -o json", "Another one, for a program")
            .see_also("workspace list")
            .see_also("workspace switch");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let organization = ctx.organization_id().await?;
        let in_use = ctx.setting(WORKSPACE).map(|workspace| workspace.value.as_str());
        let wanted = self.target.as_deref().or(in_use).ok_or_else(|| {
            Error::usage("no workspace is given")
                .help("name one: astro workspace inspect ID|NAME")
                .help("find one with `astro workspace list`")
        })?;
        let (filter, word) = if is_id(wanted) { ("workspaceIds", "ID") } else { ("names", "name") };
        let call =
            ctx.http().get(["organizations", organization.as_str(), "workspaces"]).query(filter, wanted);
        let mut found: Vec<Details> = call.pages(Paging::offset("workspaces")).await?;
        found.retain(|workspace| workspace.id == wanted || workspace.name == wanted);
        let Some(mut details) = found.pop() else {
            return Err(Error::new(format!(
                "there is no workspace with the {word} `{wanted}` that the credential sees"
            ))
            .help("see them with `astro workspace list`"));
        };
        if let Some(other) = found.pop() {
            return Err(Error::usage(format!("more than one workspace has the name `{wanted}`"))
                .help(format!("name one by its ID: {} or {}", details.id, other.id)));
        }
        details.current = is_meant(ctx.setting(WORKSPACE), &details);
        ctx.remember([named(&details)]).await;
        let view = View::record()
            .id("id", "ID")
            .text("name", "NAME")
            .text("description", "DESCRIPTION")
            .text("organization_name", "ORGANIZATION")
            .id("organization_id", "ORGANIZATION ID")
            .id("cicd_enforced", "CI/CD ENFORCED")
            .time("created_at", "CREATED")
            .text("created_by", "CREATED BY")
            .time("updated_at", "UPDATED")
            .text("updated_by", "UPDATED BY")
            .id("current", "CURRENT")
            .clean(["id", "name", "created_at", "current", "description"]);
        ctx.emit(view, &details).await
    }
}

impl Command for Switch {
    const PATH: &'static str = "workspace switch";
    const EFFECT: Effect = Effect::Write;
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.needs_api()
            .changes_profiles()
            .value_kind("target", ValueKind::setting(WORKSPACE))
            .example("astro workspace switch Reports", "Act in another workspace from now on")
            .see_also("workspace list")
            .see_also("profile edit")
            .see_also("context");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let organization = ctx.organization_id().await?;
        let all = all(&ctx, &organization).await?;
        let workspace = find(&ctx, "workspace", self.target.as_deref(), &all).await?;
        let mut values =
            std::collections::BTreeMap::from([("workspace".to_owned(), Some(workspace.id.clone()))]);
        if !workspace.current {
            values.insert("deployment".to_owned(), None);
        }
        switch(&ctx, "workspace", workspace, "", values).await
    }
}
