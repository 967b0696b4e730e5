//! `astro deployment token delete`

use astro_plugin_api::Place;
use astro_plugin_sdk::{View, clap, prelude::*};

use super::common;
use crate::{
    api::{Api, ApiToken, TokenRole},
    place::{describe, is_own},
    select::{self, Which},
};

/// Delete an API token, or detach one of the workspace or organization
///
/// A token of the deployment stops working at once, for everything that uses it. A token of the
/// workspace or the organization is not deleted: only its role on the deployment is taken away.
#[derive(Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    which: Which,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

#[derive(Serialize)]
#[serde(crate = "astro_plugin_sdk::serde")]
struct Deleted {
    id: String,
    name: String,
    scope: String,
    #[serde(flatten)]
    place: Place,
    /// `deleted` or `removed`.
    action: &'static str,
}

impl Command for Delete {
    const PATH: &'static str = "deployment token delete";
    const EFFECT: Effect = Effect::Destructive;
    type Output = ();

    fn declare(spec: &mut Spec) {
        select::declare(spec);
        common(spec, "de");
        spec.sets_global("force", "--yes")
            .example("astro deployment token delete", "Pick a token from a list")
            .example("astro deployment token delete --name \"My CI token\"", "Delete by name")
            .example(
                "astro deployment token delete cm00acme0tokenexample00001 --yes",
                "Delete by ID without a question",
            )
            .see_also("deployment token list")
            .see_also("deployment token rotate");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        self.which.check(ctx.terminal().interactive, "delete")?;
        let api = Api::of(&ctx).await?;
        let (token, place) = self.which.find(&api, |_| true, api.place_now()).await?;
        let mut details = describe(&api, &token, &place);
        let action = if token.scope == "DEPLOYMENT" {
            details.push("It stops working at once.".to_owned());
            ctx.confirm(format!("Delete the token `{}`?", token.name)).details(details).or_exit().await?;
            api.delete(&token.id).await?;
            "deleted"
        } else {
            let scope = token.scope.to_lowercase();
            let rest = without_role(&token, &api.deployment)?;
            details.push(format!("It is a token of the {scope}: it is not deleted, only its role on this deployment is taken away."));
            let question =
                format!("Take the token `{}` off the deployment {}?", token.name, place.deployment);
            ctx.confirm(question).details(details).or_exit().await?;
            api.update_roles(&token.id, &rest).await?;
            "removed"
        };
        let sentence = match action {
            "deleted" => format!("Deleted the token `{}` ({}).", token.name, token.id),
            _ => format!(
                "Took the token `{}` ({}) off the deployment {}; it still exists in its {}.",
                token.name,
                token.id,
                place.deployment,
                token.scope.to_lowercase()
            ),
        };
        if action == "deleted" && is_own(&api, &token) {
            ctx.notice("It was the token that astro uses here: sign in with another one.").await?;
        }
        let ApiToken { id, name, scope, .. } = token;
        let deleted = Deleted { id, name, scope, place, action };
        ctx.emit(View::sentence(sentence).clean(["id"]), &deleted).await
    }

    async fn complete(asked: Completing, ctx: Context) -> Result<Vec<Candidate>> {
        select::complete(&asked, &ctx, |_| true).await
    }
}

/// The token's roles without the one on this deployment. The API refuses an empty set.
fn without_role(token: &ApiToken, deployment: &str) -> Result<Vec<TokenRole>> {
    let rest: Vec<TokenRole> = token.roles.iter().filter(|role| !role.is_on(deployment)).cloned().collect();
    if rest.is_empty() {
        return Err(Error::new(format!(
            "the role on this deployment is the only one of the token `{}`; the API keeps at least one",
            token.name
        ))
        .help(format!("delete the token in its {}", token.scope.to_lowercase())));
    }
    Ok(rest)
}
