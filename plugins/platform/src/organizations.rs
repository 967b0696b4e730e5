//! `astro organization list`, `inspect` and `switch`

use std::collections::BTreeMap;

use astro_plugin_api::{ORGANIZATION, WORKSPACE, is_id, prelude::*};
use astro_plugin_sdk::{clap, prelude::*};

use crate::{
    subject,
    switch::{Named, find, is_meant, named, switch},
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

/// Show an organization
///
/// The one in use, or another one by ID or exact name.
#[derive(Args)]
pub(crate) struct Inspect {
    /// ID or exact name; the same as --organization
    #[arg(value_name = "ID|NAME")]
    target: Option<String>,
}

/// Act in another organization from now on
///
/// Changes the directory file where one selected the organization, else the profile in use. Workspace and deployment
/// are taken out, since they belong to the former organization; a workspace can be given with --workspace.
#[derive(Args)]
pub(crate) struct Switch {
    /// ID or exact name; prompts if omitted
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

/// Everything about one organization, read and shown likewise. Keys are only ever added.
#[derive(Serialize, Deserialize)]
#[serde(crate = "astro_plugin_sdk::serde", rename_all(deserialize = "camelCase"))]
struct Details {
    id: String,
    name: String,
    product: Option<String>,
    status: Option<String>,
    #[serde(rename(deserialize = "productPlans"), default, deserialize_with = "plans")]
    plans: Vec<String>,
    #[serde(rename(deserialize = "isScimEnabled"))]
    scim_enabled: Option<bool>,
    #[serde(rename(deserialize = "shouldEnforceDedicatedClusters"))]
    dedicated_clusters_enforced: Option<bool>,
    #[serde(rename(deserialize = "hasAllowedIpAddressRanges"))]
    has_allowed_ip_ranges: Option<bool>,
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

/// The names of product plans (schema `OrganizationProductPlan`).
fn plans<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(crate = "astro_plugin_sdk::serde", rename_all = "camelCase")]
    struct Plan {
        product_plan_name: String,
    }
    let plans = Option::<Vec<Plan>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(plans.into_iter().map(|plan| plan.product_plan_name).collect())
}

impl Named for Details {
    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
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
    let mut found: Vec<Organization> = ctx
        .http()
        .get(["organizations"])
        .query("sorts", "name:asc")
        .pages(Paging::offset("organizations"))
        .await?;
    let in_use = ctx.setting(ORGANIZATION);
    found.iter_mut().for_each(|organization| organization.current = is_meant(in_use, organization));
    ctx.remember(found.iter().filter(|organization| organization.current).map(named)).await;
    Ok(found)
}

impl Command for List {
    const PATH: &'static str = "organization list";
    const EFFECT: Effect = Effect::Read;
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
                    .empty_message("The credential sees no organization."),
            )
            .per_profile()
            .sort("sort", FIELDS)
            .example("astro organization list", "List the organizations")
            .example("astro organization list -o json", "The same for a program")
            .see_also("organization inspect")
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

impl Command for Inspect {
    const PATH: &'static str = "organization inspect";
    const EFFECT: Effect = Effect::Read;
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.alias("in")
            .needs_api()
            .value_kind("target", ValueKind::setting(ORGANIZATION))
            .example("astro organization inspect", "Show the organization in use")
            .example("astro organization inspect Acme -o json", "Another one, for a program")
            .see_also("organization list")
            .see_also("organization switch");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let id = match self.target.as_deref() {
            None => ctx.organization_id().await?,
            Some(target) if is_id(target) => target.to_owned(),
            Some(target) => find(&ctx, "organization", Some(target), &all(&ctx).await?).await?.id.clone(),
        };
        let mut details: Details = ctx.http().get(["organizations", id.as_str()]).send().await?.json()?;
        details.current = is_meant(ctx.setting(ORGANIZATION), &details);
        ctx.remember([named(&details)]).await;
        let view = View::record()
            .id("id", "ID")
            .text("name", "NAME")
            .id("product", "PRODUCT")
            .id("status", "STATUS")
            .text("plans", "PLANS")
            .id("scim_enabled", "SCIM ENABLED")
            .id("dedicated_clusters_enforced", "DEDICATED CLUSTERS ENFORCED")
            .id("has_allowed_ip_ranges", "LIMITED TO IP RANGES")
            .time("created_at", "CREATED")
            .text("created_by", "CREATED BY")
            .time("updated_at", "UPDATED")
            .text("updated_by", "UPDATED BY")
            .id("current", "CURRENT")
            .clean(["id", "name", "product", "status", "created_at", "current"]);
        ctx.emit(view, &details).await
    }
}

impl Command for Switch {
    const PATH: &'static str = "organization switch";
    const EFFECT: Effect = Effect::Write;
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.needs_api()
            .changes_profiles()
            .value_kind("target", ValueKind::setting(ORGANIZATION))
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
        let typed = ctx.setting(WORKSPACE).filter(|workspace| workspace.origin == "--workspace");
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
        switch(&ctx, "organization", organization, "", values).await
    }
}
