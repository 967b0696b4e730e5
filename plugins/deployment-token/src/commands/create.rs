//! `astro deployment token create`

use astro_plugin_sdk::{clap, prelude::*};

use super::{DESCRIPTION_LENGTH, NAME_LENGTH, automated_process, clean_output, common};
use crate::{
    api::{Api, CreateToken},
    role,
    token::{Token, value_of},
};

/// Create an API token for a deployment
///
/// The token's value is shown once, by this command, and cannot be read again: keep it where it is needed, or rotate the token to get a new value.
#[derive(Args)]
pub(crate) struct Create {
    /// Name of the token; put it in quotes when it has spaces
    #[arg(short, long, value_name = "NAME")]
    name: Option<String>,
    /// Description of the token; put it in quotes when it has spaces
    #[arg(short, long, value_name = "TEXT")]
    description: Option<String>,
    /// Role of the token on the deployment: DEPLOYMENT_ADMIN, or the name of a custom role
    #[arg(short, long, value_name = "ROLE")]
    role: Option<String>,
    /// Days until the token expires; it never does when this is not given
    #[arg(short, long, value_name = "DAYS")]
    expiration: Option<i64>,
    /// Print the token and nothing else: True or False
    #[arg(short, long)]
    clean_output: Option<bool>,
}

impl Command for Create {
    const PATH: &'static str = "deployment token create";
    type Output = ();

    fn declare(spec: &mut Spec) {
        common(spec, "cr");
        clean_output(spec);
        automated_process(spec);
        spec.dynamic("role")
            .length("name", NAME_LENGTH)
            .length("description", DESCRIPTION_LENGTH)
            .range::<i64>("expiration", 1..=3650, "days")
            .example("astro deployment token create", "Answer questions for what is needed")
            .example("astro deployment token create --name \"My CI token\" --role DEPLOYMENT_ADMIN", "Create a token by name and role")
            .example("astro deployment token create --name ci --role DEPLOYMENT_ADMIN --description \"Deploys from main\"", "Describe it")
            .example("astro deployment token create --name ci --role DEPLOYMENT_ADMIN --expiration 30", "Let it expire in 30 days")
            .example("astro deployment token create --deployment Reports --name ci --role DAG_DEPLOYER", "Choose the deployment and a custom role")
            .example("TOKEN=$(astro deployment token create --name ci --role DEPLOYMENT_ADMIN --clean-output)", "Use it in a script")
            .see_also("deployment token list")
            .see_also("deployment token rotate")
            .see_also("deployment token delete");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        if !ctx.terminal().interactive {
            required(self.name.as_ref(), "--name <NAME>")?;
            required(self.role.as_ref(), "--role <ROLE>")?;
        }
        let api = Api::of(&ctx).await?;
        let name = match self.name {
            Some(name) => name,
            None => asked_name(&ctx).await?,
        };
        let role = match self.role {
            Some(role) => {
                role::check(&api, &role).await?;
                role
            }
            None => role::ask(&api).await?,
        };
        if self.expiration.is_none() {
            ctx.notice("The token will never expire; `--expiration DAYS` limits it.").await?;
        }
        let request = CreateToken {
            name: &name,
            description: self.description.as_deref().unwrap_or_default(),
            role: &role,
            scope: "DEPLOYMENT",
            entity_id: &api.deployment,
            token_expiry_period_in_days: self.expiration,
        };
        let mut created = api.create(&request).await?;
        let value = value_of(&mut created)?;
        let token = Token::seen_from(&api.deployment, created);
        // The value first: nothing may come between it and its delivery.
        ctx.emit_secret(Token::record_view(), &token, "token", value).await?;
        ctx.notice(format!("Created the token `{}`.", token.name)).await
    }

    async fn complete(_: Completing, ctx: Context) -> Result<Vec<Candidate>> {
        role::complete(&ctx).await
    }
}

fn required(value: Option<&String>, flag: &str) -> Result<()> {
    if value.is_some() {
        return Ok(());
    }
    Err(Error::usage(format!("`{flag}` is missing"))
        .help("astro deployment token create --name NAME --role DEPLOYMENT_ADMIN"))
}

/// Asks until the name has a length that the API takes.
async fn asked_name(ctx: &Context) -> Result<String> {
    loop {
        let name = ctx.ask("Name of the token", "--name <NAME>").await?;
        if NAME_LENGTH.contains(&name.chars().count()) {
            return Ok(name);
        }
        let (low, high) = (NAME_LENGTH.start(), NAME_LENGTH.end());
        ctx.notice(format!("A name has {low} to {high} characters.")).await?;
    }
}
