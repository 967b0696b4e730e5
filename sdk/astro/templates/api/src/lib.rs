use astro_plugin_api::prelude::*;
use astro_plugin_sdk::prelude::*;

/// {{about}}
///
/// Those of the organization in use.
#[derive(Args)]
struct {{struct}} {
    /// Only this one
    #[arg(value_name = "NAME")]
    wanted: Option<String>,
    /// Order of the rows: name or status, with `:desc` for the other way round
    #[arg(long, value_name = "FIELD[:asc|desc]")]
    sort: Option<Sort>,
}

/// A deployment as the API has it (schema `Deployment`), and as it is shown.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
struct Deployment {
    id: String,
    name: String,
    status: String,
}

/// What the plugin is configured with: `astro config set plugins.{{name}}.only-healthy true`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Config {
    only_healthy: bool,
}

impl Command for {{struct}} {
    const PATH: &'static str = "{{command}}";
    const EFFECT: Effect = Effect::Read;
    type Output = Vec<Deployment>;

    fn declare(spec: &mut Spec) {
        spec.needs_api()
            .output(
                View::list("deployments")
                    .id("id", "ID")
                    .text("name", "NAME")
                    .id("status", "STATUS")
                    .clean(["id", "name", "status"])
                    .empty_message("No deployments."),
            )
            .completes("wanted")
            .sort("sort", &["name", "status"])
            .example("astro {{command}}", "All of them")
            .example("astro {{command}} --sort status:desc -o json", "By status, for a program");
    }

    async fn run(self, ctx: Context) -> Result<Vec<Deployment>> {
        let config: Config = ctx.config().await?;
        let mut found = deployments(&ctx).await?;
        if config.only_healthy {
            found.retain(|deployment| deployment.status == "HEALTHY");
        }
        if let Some(wanted) = &self.wanted {
            found.retain(|deployment| deployment.name == *wanted);
            if found.is_empty() {
                return Err(Error::new(format!("no deployment has the name `{wanted}`"))
                    .help("see all of them with `astro {{command}}`"));
            }
        }
        let sort = self.sort.unwrap_or_else(|| Sort::by("name"));
        sort.apply(&mut found, |row, field| Some(value(row, field)), |row| &row.id);
        Ok(found)
    }

    async fn complete(_: Completing, ctx: Context) -> Result<Vec<Candidate>> {
        let found = deployments(&ctx).await?;
        Ok(found.into_iter().map(|one| Candidate::new(one.name, one.status)).collect())
    }
}

fn value(row: &Deployment, field: &str) -> String {
    match field {
        "status" => row.status.clone(),
        _ => row.name.clone(),
    }
}

async fn deployments(ctx: &Context) -> Result<Vec<Deployment>> {
    let organization = ctx.organization_id().await?;
    ctx.http().get(["organizations", &organization, "deployments"]).pages(Paging::offset("deployments")).await
}

export_plugin!(
    crate_plugin!(){{group_lines}}
        .config(ConfigKey::flag("only-healthy", "Leave out deployments that are not healthy"))
        .command::<{{struct}}>()
);

#[cfg(test)]
mod tests;
