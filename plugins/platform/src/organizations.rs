//! `astro organization list` and `astro organization switch`

use std::collections::BTreeMap;

use astro_plugin_sdk::{clap, prelude::*};

use crate::{
    switch::{Named, find, is_meant, switch},
    workspaces,
};

const FIELDS: &[&str] = &["id", "name", "product", "status", "created_at"];

/// List the organizations that the credential sees
#[derive(Args)]
pub(crate) struct List {
    /// Order of the rows: id, name, product, status or created_at, with `:desc` for the other way round
    #[arg(long, value_name = "FIELD[:asc|desc]")]
    sort: Option<Sort>,
}

/// Act in another organization from now on
///
/// Changes the directory file where one selected the organization, else the profile in use. Workspace and deployment
/// are taken out, since they belong to the former organization; a workspace can be given with --workspace.
#[derive(Args)]
pub(crate) struct Switch {
    /// ID or exact name; a person picks without
    #[arg(value_name = "ID|NAME")]
    target: Option<String>,
}

/// An organization: read as the API has it (schema `Organization`), and shown. Keys are only ever added.
#[derive(Serialize, Deserialize)]
#[serde(crate = "astro_plugin_sdk::serde", rename_all(deserialize = "camelCase"))]
pub(crate) struct Organization {
    id: String,
    name: String,
    product: Option<String>,
    status: Option<String>,
    created_at: Option<String>,
    /// It is the one in use.
    #[serde(skip_deserializing)]
    current: bool,
}

impl Named for Organization {
    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

async fn all(ctx: &Context) -> Result<Vec<Organization>> {
    let mut found: Vec<Organization> =
        ctx.http().get(["organizations"]).query("sorts", "name:asc").pages("organizations", "id").await?;
    let in_use = ctx.resolved().organization.as_ref();
    found.iter_mut().for_each(|organization| organization.current = is_meant(in_use, organization));
    Ok(found)
}

impl Command for List {
    const PATH: &'static str = "organization list";
    type Output = Vec<Organization>;

    fn declare(spec: &mut Spec) {
        spec.alias("ls")
            .needs_api()
            .output(
                View::list("organizations")
                    .id("id", "ID")
                    .text("name", "NAME")
                    .id("product", "PRODUCT")
                    .id("status", "STATUS")
                    .time("created_at", "CREATED")
                    .id("current", "CURRENT")
                    .clean(["id", "name", "product", "status", "created_at", "current"])
                    .when_empty("The credential sees no organization."),
            )
            .for_several_profiles()
            .sort("sort", FIELDS)
            .example("astro organization list", "List the organizations")
            .example("astro organization list -o json", "The same for a program")
            .see_also("organization switch")
            .see_also("workspace list");
    }

    async fn run(self, ctx: Context) -> Result<Vec<Organization>> {
        let mut rows = all(&ctx).await?;
        if let Some(sort) = self.sort {
            sort.apply(&mut rows, key, |row| &row.id);
        }
        Ok(rows)
    }
}

fn key(row: &Organization, field: &str) -> Option<SortKey> {
    match field {
        "id" => Some(row.id.as_str().into()),
        "product" => row.product.as_deref().map(SortKey::from),
        "status" => row.status.as_deref().map(SortKey::from),
        "created_at" => row.created_at.as_deref().map(SortKey::time),
        _ => Some(row.name.to_lowercase().into()),
    }
}

impl Command for Switch {
    const PATH: &'static str = "organization switch";
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.needs_api()
            .changes_profiles()
            .kind("target", ValueKind::Organization)
            .example("astro organization switch Acme", "Act in another organization from now on")
            .example("astro organization switch Acme --workspace Data", "In a workspace of it")
            .see_also("organization list")
            .see_also("profile edit")
            .see_also("context");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let all = all(&ctx).await?;
        let organization = find(&ctx, "organization", self.target.as_deref(), &all).await?;
        // A workspace that was typed belongs to the new organization; any other is of the former one.
        let typed = ctx.resolved().workspace.as_ref().filter(|workspace| workspace.origin == "--workspace");
        let workspace = match typed {
            Some(workspace) => {
                let all = workspaces::all(&ctx, &organization.id).await?;
                Some(find(&ctx, "workspace", Some(&workspace.value), &all).await?.id().to_owned())
            }
            None => None,
        };
        let mut values = BTreeMap::from([("organization".to_owned(), Some(organization.id.clone()))]);
        if !organization.current || workspace.is_some() {
            values.extend([("workspace".to_owned(), workspace), ("deployment".to_owned(), None)]);
        }
        switch(&ctx, "organization", organization, values).await
    }
}
