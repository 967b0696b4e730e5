//! `astro deployment token list`

use astro_plugin_sdk::{clap, prelude::*, protocol::invocation::Source};
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
    /// Only tokens that expire within this time, and those that are expired
    #[arg(long, value_name = "DURATION")]
    expiring_within: Option<Seconds>,
}

/// A duration in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seconds(i64);

impl std::str::FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        read_duration(text).ok_or_else(|| "is not a duration".to_owned())
    }
}

const FIELDS: &[&str] =
    &["id", "name", "scope", "role", "created_at", "expires_at", "last_used_at", "created_by"];

impl Command for List {
    const PATH: &'static str = "deployment token list";
    type Output = ();

    fn declare(spec: &mut Spec) {
        common(spec, "ls");
        spec.for_several_profiles();
        spec.sort("sort", FIELDS)
            .parsed(
                "expiring_within",
                "must be a duration such as `14d` or `36h` (a bare number is days)",
                read_duration,
            )
            .example("astro deployment token list --deployment Reports", "List the tokens of a deployment")
            .example(
                "astro deployment token list --scope deployment --sort created_at:desc",
                "Only its own, newest first",
            )
            .example(
                "astro deployment token list --expiring-within 14d",
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
                ctx.resolved().deployment.as_ref().filter(|deployment| deployment.source == Source::Flag)
            {
                let message =
                    format!("`--all-deployments` and `{}` cannot be used together", deployment.origin);
                return Err(Error::usage(message));
            }
            let organization = ctx.organization_id().await?;
            let all = api::of_organization(&ctx, &organization).await?;
            all.into_iter().flat_map(Token::on_each_deployment).collect()
        } else {
            let api = Api::of(&ctx).await?;
            let all = api.list().await?;
            all.into_iter().map(|token| Token::seen_from(&api.deployment, token)).collect()
        };
        if !self.scope.is_empty() {
            tokens.retain(|token| self.scope.iter().any(|scope| token.scope.eq_ignore_ascii_case(scope)));
        }
        if let Some(Seconds(within)) = self.expiring_within {
            let limit = ctx.unix_ms().await? / 1000 + within;
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

/// `14d`, `36h`; a bare number is days.
fn read_duration(text: &str) -> Option<Seconds> {
    let (number, scale) = match text.strip_suffix('h') {
        Some(hours) => (hours, 3600),
        None => (text.strip_suffix('d').unwrap_or(text), 86_400),
    };
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<i64>().ok().filter(|number| *number <= 100_000).map(|number| Seconds(number * scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, hours) in [("14d", 14 * 24), ("36h", 36), ("2", 48), ("0", 0)] {
            assert_eq!(read_duration(text), Some(Seconds(hours * 3600)), "{text}");
        }
        for text in ["", "d", "-1", "1.5d", "1w", "999999999999d", "+1"] {
            assert_eq!(read_duration(text), None, "{text}");
        }
    }
}
