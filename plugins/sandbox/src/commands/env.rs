//! `astro sandbox env`.

use astro_plugin_api::ORGANIZATION;
use astro_plugin_sdk::{clap, prelude::*, protocol::invocation::Source};

use super::{administrator, open};
use crate::instance::Instance;

/// Print the variables by which other clients reach the local Astro API
///
/// One `export NAME=value` line each, for `eval`. With `--organization` they are those of another organization
/// of the sandbox (Acme, Globex). Comment lines at the end say what the official Astro CLI needs besides.
#[derive(Args)]
pub(crate) struct Env {}

#[derive(Serialize)]
#[serde(crate = "astro_plugin_sdk::serde", rename_all = "SCREAMING_SNAKE_CASE")]
struct Variables {
    astro_api_url: String,
    astro_api_token: String,
    astro_organization_id: String,
    astro_workspace_id: String,
    astro_deployment_id: String,
}

impl Command for Env {
    const PATH: &'static str = "sandbox env";
    const EFFECT: Effect = Effect::Read;
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.streams_text()
            .example("eval \"$(astro sandbox env)\"", "Use the sandbox in this shell")
            .example(
                "eval \"$(astro sandbox env --organization Globex)\"",
                "The same as the other organization's administrator",
            )
            .see_also("sandbox start");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let instance = Instance::of(ctx.resolved())?;
        let Some(running) = instance.running()? else {
            return Err(Error::new("the sandbox is not running").help("start it with `astro sandbox start`"));
        };
        // Only a flag chooses: the organization of whatever profile is in use means nothing here.
        let chosen = ctx.setting(ORGANIZATION).filter(|setting| setting.source == Source::Flag);
        let found = administrator(&open(&instance)?, chosen.map(|setting| setting.value.as_str()))?;
        let variables = Variables {
            astro_api_url: running.address(),
            astro_api_token: found.token,
            astro_organization_id: found.organization,
            astro_workspace_id: found.workspace,
            astro_deployment_id: found.deployment,
        };
        if ctx.resolved().output == "json" {
            return ctx.emit(View::record(), &variables).await;
        }
        // None of the values needs quotes: URLs, ids and JWTs hold no character a shell acts on.
        let Variables {
            astro_api_url,
            astro_api_token,
            astro_organization_id,
            astro_workspace_id,
            astro_deployment_id,
        } = variables;
        let base = astro_api_url.trim_end_matches("/v1").to_owned();
        // The comments come last: `eval $(astro sandbox env)` without quotes makes one line of all.
        ctx.text(format!(
            "export ASTRO_API_URL={astro_api_url}\nexport ASTRO_API_TOKEN={astro_api_token}\nexport ASTRO_ORGANIZATION_ID={astro_organization_id}\nexport ASTRO_WORKSPACE_ID={astro_workspace_id}\nexport ASTRO_DEPLOYMENT_ID={astro_deployment_id}\n\
             # The official Astro CLI reads ASTRO_API_TOKEN, too, and finds this server with:\n\
             #   export ASTRO_DOMAIN=localhost\n\
             #   OFFICIAL_ASTRO config set -g local.core {base}\n"
        ))
        .await
    }
}
