//! `astro deployment token list`

use astro_plugin_api::{DEPLOYMENT, Place, prelude::*};
use astro_plugin_sdk::{Named, Period, Scale, clap, join, prelude::*, protocol::invocation::Source};
use jiff::Timestamp;

use super::common;
use crate::{
    api::{self, Api},
    token::Token,
};

/// List the API tokens of a deployment
///
/// All tokens that can act on the deployment are listed: its own, and those of the workspace and the organization
/// that were given a role on it.
#[derive(Args)]
pub(crate) struct List {
    /// Those of every deployment of the organization, in one listing: a row for each token and deployment
    #[arg(long)]
    all_deployments: bool,
    /// Only tokens of this scope
    #[arg(long, value_name = "SCOPE", value_parser = ["deployment", "workspace", "organization"])]
    scope: Vec<String>,
    /// Order of the rows: id, name, scope, role, created_at, expires_at, last_used_at or created_by, with `:desc` for the other way round
    #[arg(long, value_name = "FIELD[:asc|desc]")]
    sort: Option<Sort>,
    /// Only tokens that expire within this time (`36h`, `14d`, `2w`), and those that are expired
    #[arg(long, value_name = "DURATION")]
    expiring_within: Option<Period>,
}

const FIELDS: &[&str] =
    &["id", "name", "scope", "role", "created_at", "expires_at", "last_used_at", "created_by"];

impl Command for List {
    const PATH: &'static str = "deployment token list";
    const EFFECT: Effect = Effect::Read;
    type Output = ();

    fn declare(spec: &mut Spec) {
        common(spec, "ls");
        spec.per_profile();
        spec.sort("sort", FIELDS)
            .duration("expiring_within", Scale::Days)
            .example("astro deployment token list --deployment Reports", "List the tokens of a deployment")
            .example(
                "astro deployment token list --scope deployment --sort created_at:desc",
                "Only its own, newest first",
            )
            .example(
                "astro deployment token list --expiring-within 2w",
                "What expires in the next two weeks, and what has",
            )
            .example(
                "astro deployment token list --all-deployments --all-profiles",
                "Everything, of every profile",
            )
            .example("astro deployment token list -o json", "The same for a program")
            .see_also("deployment token create")
            .see_also("deployment token rotate")
            .see_also("deployment list");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let mut tokens: Vec<Token> = if self.all_deployments {
            if let Some(deployment) =
                ctx.setting(DEPLOYMENT).filter(|deployment| deployment.source == Source::Flag)
            {
                let message =
                    format!("`--all-deployments` and `{}` cannot be used together", deployment.origin);
                return Err(Error::usage(message));
            }
            let organization = ctx.organization_id().await?;
            let places = api::places(&ctx, &organization, organization_of(&ctx, &organization));
            let (all, (organization, places)) = join(api::of_organization(&ctx, &organization), places).await;
            all?.into_iter()
                .flat_map(|token| Token::on_each_deployment(&organization, &places, token))
                .collect()
        } else {
            let api = Api::of(&ctx).await?;
            let (all, place) = join(api.list(), place_of(&api)).await;
            all?.into_iter().map(|token| Token::for_deployment(place.clone(), token)).collect()
        };
        if !self.scope.is_empty() {
            tokens.retain(|token| self.scope.iter().any(|scope| token.scope.eq_ignore_ascii_case(scope)));
        }
        if let Some(within) = self.expiring_within {
            let within = i64::try_from(within.duration().as_secs()).unwrap_or(i64::MAX);
            let limit = (ctx.now_ms().await? / 1000).saturating_add(within);
            tokens.retain(|token| expires(token).is_some_and(|time| time.as_second() <= limit));
        }
        let sort = self.sort.unwrap_or_else(|| Sort::by("name"));
        sort.apply(&mut tokens, key, |token| &token.id);
        let view = match self.all_deployments {
            true => Token::organization_view(),
            false => Token::list_view("No tokens."),
        };
        ctx.emit_list(view, tokens).await
    }
}

/// The names of the one deployment are shown in json alone: for nothing else is anything asked.
async fn place_of(api: &Api<'_>) -> Place {
    match is_json(api.ctx) {
        true => api.place().await,
        false => Place::unnamed(&api.organization, &api.deployment),
    }
}

/// The same for the organization.
async fn organization_of(ctx: &Context, organization: &str) -> Named {
    match is_json(ctx) {
        true => ctx.organization_named(organization).await,
        false => Named { id: organization.to_owned(), name: None },
    }
}

fn is_json(ctx: &Context) -> bool {
    ctx.resolved().output == "json"
}

fn expires(token: &Token) -> Option<Timestamp> {
    token.expires_at.as_deref()?.parse().ok()
}

/// What a row is ordered by.
fn key(token: &Token, field: &str) -> Option<SortKey> {
    match field {
        "id" => Some(token.id.as_str().into()),
        "scope" => Some(token.scope.as_str().into()),
        "role" => token.role.as_deref().map(SortKey::from),
        "created_at" => Some(SortKey::time(&token.created_at)),
        "expires_at" => token.expires_at.as_deref().map(SortKey::time),
        "last_used_at" => token.last_used_at.as_deref().map(SortKey::time),
        "created_by" => token.created_by.as_deref().map(SortKey::from),
        _ => Some(token.name.to_lowercase().into()),
    }
}
