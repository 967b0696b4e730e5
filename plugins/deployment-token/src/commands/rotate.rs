//! `astro deployment token rotate`

use astro_plugin_sdk::{clap, prelude::*};

use super::{automated_process, clean_output, common};
use crate::{
    api::{Api, ApiToken},
    place::describe,
    select::{self, Which},
    token::{Delivered, Token, value_of},
};

/// Give an API token a new value
///
/// The old value stops working at once, for everything that uses
/// it. The new value is shown once, by this command.
#[derive(Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    which: Which,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    /// Print the token and nothing else: True or False
    #[arg(short, long)]
    clean_output: Option<bool>,
}

impl Command for Rotate {
    const PATH: &'static str = "deployment token rotate";
    const EFFECT: Effect = Effect::Destructive;
    type Output = ();

    fn declare(spec: &mut Spec) {
        select::declare(spec);
        common(spec, "ro");
        clean_output(spec);
        automated_process(spec);
        spec.sets_global("force", "--yes")
            .example("astro deployment token rotate", "Pick a token from a list")
            .example(
                "astro deployment token rotate cm00acme0tokenexample00001 --yes",
                "Rotate by ID without a question",
            )
            .example("astro deployment token rotate --name \"My CI token\"", "Rotate by name")
            .example(
                "TOKEN=$(astro deployment token rotate --name ci --force --clean-output)",
                "Use the new value in a script",
            )
            .see_also("deployment token list")
            .see_also("deployment token create");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        self.which.check(ctx.terminal().interactive, "rotate")?;
        let api = Api::of(&ctx).await?;
        let (token, place) = self.which.find(&api, is_own_kind, api.place_now()).await?;
        if token.scope != "DEPLOYMENT" {
            let scope = token.scope.to_lowercase();
            return Err(Error::new(format!("`{}` is a token of the {scope}: it can only be rotated there", token.name))
                .help(format!("ask an owner of the {scope}, or make a token of the deployment: astro deployment token create")));
        }
        let mut details = describe(&api, &token, &place);
        details.push("Its present value stops working at once.".to_owned());
        ctx.confirm(format!("Rotate the token `{}`?", token.name)).details(details).or_exit().await?;
        let mut rotated = api.rotate(&token, &place).await?;
        let value = value_of(&mut rotated)?;
        let name = rotated.name.clone();
        let record = Delivered::new(Token::for_deployment(place, rotated), "rotated");
        // The value first: nothing may come between it and its delivery.
        ctx.emit_secret(Token::record_view(), &record, "token", value).await?;
        ctx.notice(format!("Rotated the token `{name}`.")).await
    }

    async fn complete(asked: Completing, ctx: Context) -> Result<Vec<Candidate>> {
        select::complete(&asked, &ctx, is_own_kind).await
    }
}

/// A token of a wider scope can only be rotated there.
fn is_own_kind(token: &ApiToken) -> bool {
    token.scope == "DEPLOYMENT"
}
