//! `astro deployment token create`

use astro_plugin_api::Place;
use astro_plugin_sdk::{clap, join, prelude::*, protocol::text::is_control};
use jiff::Timestamp;

use super::{DESCRIPTION_LENGTH, NAME_LENGTH, automated_process, clean_output, common};
use crate::{
    api::{Api, ApiToken, CreateToken},
    place::{in_one_line, same_place},
    role,
    token::{Delivered, Token, value_of},
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
    /// Create it although the deployment has a token of that name
    #[arg(long, conflicts_with = "if_not_exists")]
    allow_duplicate: bool,
    /// When the deployment has a token of that name and role, show it without its value and end with 0
    #[arg(long)]
    if_not_exists: bool,
    /// Print the token and nothing else: True or False
    #[arg(short, long)]
    clean_output: Option<bool>,
}

impl Command for Create {
    const PATH: &'static str = "deployment token create";
    const EFFECT: Effect = Effect::Write;
    type Output = ();

    fn declare(spec: &mut Spec) {
        common(spec, "cr");
        clean_output(spec);
        automated_process(spec);
        spec.section(
            "When there is a token of that name",
            "The API takes any number of tokens with one name. astro refuses a second one, since a name then no longer says which token is meant; \
             `--allow-duplicate` creates it all the same. For scripts that may run twice there is `--if-not-exists`: a token of the deployment with \
             that name and role, which has not expired, is shown in place of a new one, with exit code 0, `action` `exists` and no value (`token` is null in json; \
             nothing is written by `--token-file`, nothing run by `--token-exec`). `-o clean` is the value alone and cannot be used with it.",
        );
        spec.completes("role")
            .line("name", NAME_LENGTH)
            .line("description", DESCRIPTION_LENGTH)
            .range::<i64>("expiration", 1..=3650, "days")
            .example("astro deployment token create", "Answer questions for what is needed")
            .example("astro deployment token create --name \"My CI token\" --role DEPLOYMENT_ADMIN", "Create a token by name and role")
            .example("astro deployment token create --name ci --role DEPLOYMENT_ADMIN --description \"Deploys from main\"", "Describe it")
            .example("astro deployment token create --name ci --role DEPLOYMENT_ADMIN --expiration 30", "Let it expire in 30 days")
            .example("astro deployment token create --deployment Reports --name ci --role DAG_DEPLOYER", "Choose the deployment and a custom role")
            .example("astro deployment token create --name ci --role DEPLOYMENT_ADMIN --if-not-exists --token-file ci.token", "Create it once, however often this runs")
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
        if self.if_not_exists && ctx.resolved().output == "clean" {
            return Err(Error::usage(
                "`--if-not-exists` cannot be used with `-o clean`: a token that exists has no value to print",
            )
            .help("use `-o json`, whose `action` is `created` or `exists`")
            .help("or let the value go elsewhere: --token-file PATH, --token-exec COMMAND"));
        }
        let api = Api::of(&ctx).await?;
        let (name, same, place) = match self.name.clone() {
            Some(name) => {
                let (same, place) = join(self.of_that_name(&api, &name), api.place_now()).await;
                (name, same?, place)
            }
            // A person sees where before being asked anything.
            None => {
                let place = api.place_now().await;
                ctx.notice(format!("Creating a token in {}.", in_one_line(&api, &place))).await?;
                let name = asked_name(&ctx).await?;
                let same = self.of_that_name(&api, &name).await?;
                (name, same, place)
            }
        };
        if !same.is_empty() {
            let found = self.only_existing(&api, &name, same, &place).await?;
            return show_existing(&api, found, place).await;
        }
        if self.name.is_some() {
            ctx.notice(format!("Creating `{name}` in {}.", in_one_line(&api, &place))).await?;
        }
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
        let mut created = api.create(&request, &place).await?;
        let value = value_of(&mut created)?;
        let name = created.name.clone();
        let record = Delivered::new(Token::for_deployment(place, created), "created");
        // The value first: nothing may come between it and its delivery.
        ctx.emit_secret(Token::record_view(), &record, "token", value).await?;
        ctx.notice(format!("Created the token `{name}`.")).await
    }

    async fn complete(_: Completing, ctx: Context) -> Result<Vec<Candidate>> {
        role::complete(&ctx).await
    }
}

impl Create {
    /// The tokens that have the name already; none are looked for where that does not matter.
    async fn of_that_name(&self, api: &Api<'_>, name: &str) -> Result<Vec<ApiToken>> {
        if self.allow_duplicate {
            return Ok(Vec::new());
        }
        let mut found = api.list().await.map_err(|error| match error.status() {
            Some(403) if !self.if_not_exists => error
                .context("cannot look whether the name is taken")
                .help("to create it without looking: `--allow-duplicate`"),
            _ => error,
        })?;
        found.retain(|token| token.name == name);
        Ok(found)
    }

    /// The token that stands for the one that was to be created: of the deployment itself, with the role that was asked
    /// for, and not expired.
    async fn only_existing(
        &self,
        api: &Api<'_>,
        name: &str,
        same: Vec<ApiToken>,
        place: &Place,
    ) -> Result<ApiToken> {
        let now = Timestamp::from_millisecond(api.ctx.now_ms().await?)?;
        let why_not = |token: &ApiToken| -> Option<String> {
            let role = token.roles.iter().find(|role| role.is_on(&api.deployment));
            let end = token.end_at.as_deref().and_then(|end| end.parse::<Timestamp>().ok());
            let has_expired = end.filter(|end| *end <= now);
            match (has_expired, role, &self.role) {
                _ if token.scope != "DEPLOYMENT" => {
                    Some(format!("a token of the {}", token.scope.to_lowercase()))
                }
                (Some(end), ..) => Some(format!("expired on {}", end.strftime("%Y-%m-%d"))),
                (_, Some(own), Some(wanted)) if own.role != *wanted => {
                    Some(format!("its role is {}", own.role))
                }
                _ => None,
            }
        };
        let labels: Vec<String> = same
            .iter()
            .map(|token| match why_not(token) {
                Some(reason) => format!("{} ({reason})", token.id),
                None => token.id.clone(),
            })
            .collect();
        if self.if_not_exists
            && let Some(found) = same.iter().find(|token| why_not(token).is_none())
        {
            return Ok(found.clone());
        }
        let error = Error::new(format!(
            "the deployment {} already has a token with the name `{name}`: {}",
            place.deployment,
            labels.join(", ")
        ));
        let error = match same.iter().find(|token| token.scope == "DEPLOYMENT") {
            Some(own) => error.help(format!("to give it a new value: {}", rotation(api, own))),
            None => error,
        };
        let error = match self.if_not_exists {
            true => error,
            false => error.help("in a script that may run twice, use `--if-not-exists`"),
        };
        Err(error.help("to create another token of that name, use `--allow-duplicate`"))
    }
}

/// How a token gets a new value.
fn rotation(api: &Api<'_>, token: &ApiToken) -> String {
    same_place(api, &format!("deployment token rotate {}", token.id))
}

/// Shows a token in place of a new one.
async fn show_existing(api: &Api<'_>, found: ApiToken, place: Place) -> Result<()> {
    let ctx = api.ctx;
    let (name, rotation) = (found.name.clone(), rotation(api, &found));
    let record = Delivered::new(Token::for_deployment(place, found), "exists");
    ctx.emit(Token::record_view(), &record).await?;
    ctx.notice(format!(
        "The token `{name}` exists: nothing was created, and its value cannot be shown again."
    ))
    .await?;
    ctx.notice(format!("To give it a new value: {rotation}")).await
}

fn required(value: Option<&String>, flag: &str) -> Result<()> {
    if value.is_some() {
        return Ok(());
    }
    Err(Error::usage(format!("`{flag}` is missing"))
        .help("astro deployment token create --name NAME --role DEPLOYMENT_ADMIN"))
}

/// Asks until the name is one that `--name` would take.
async fn asked_name(ctx: &Context) -> Result<String> {
    loop {
        let name = ctx.prompt("Name of the token", "--name <NAME>").await?;
        if NAME_LENGTH.contains(&name.chars().count()) && !name.chars().any(is_control) {
            return Ok(name);
        }
        let (low, high) = (NAME_LENGTH.start(), NAME_LENGTH.end());
        ctx.notice(format!(
            "A name has {low} to {high} characters, and none of them is a control character."
        ))
        .await?;
    }
}
