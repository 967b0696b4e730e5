//! `astro deployment token list`

use std::cmp::Ordering;

use astro_plugin_sdk::{clap, prelude::*};
use jiff::Timestamp;

use super::common;
use crate::{api::Api, token::Token};

/// List the API tokens of a deployment
///
/// All tokens that can act on the deployment are listed: its own, and those of the workspace and the organization
/// that were given a role on it.
#[derive(Args)]
pub(crate) struct List {
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

/// A column and a direction.
#[derive(Debug, Clone, PartialEq)]
struct Sort {
    field: String,
    descending: bool,
}

/// A duration in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seconds(i64);

impl std::str::FromStr for Sort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        read_sort(text).ok_or_else(|| "is not a sort order".to_owned())
    }
}

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

    fn declare(spec: &mut Spec) {
        common(spec, "ls");
        spec.parsed("sort", "must be one of id, name, scope, role, created_at, expires_at, last_used_at, created_by, with `:asc` or `:desc` if you like", read_sort)
            .parsed("expiring_within", "must be a duration such as `14d` or `36h` (a bare number is days)", read_duration)
            .example("astro deployment token list --deployment Reports", "List the tokens of a deployment")
            .example("astro deployment token list --scope deployment --sort created_at:desc", "Only its own, newest first")
            .example("astro deployment token list --expiring-within 14d", "What expires in the next two weeks, and what has")
            .example("astro deployment token list -o json", "The same for a program")
            .see_also("deployment token create")
            .see_also("deployment token rotate")
            .see_also("deployment list");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let api = Api::of(&ctx).await?;
        let all = api.list().await?;
        let mut tokens: Vec<Token> =
            all.into_iter().map(|token| Token::seen_from(&api.deployment, token)).collect();
        if !self.scope.is_empty() {
            tokens.retain(|token| self.scope.iter().any(|scope| token.scope.eq_ignore_ascii_case(scope)));
        }
        if let Some(Seconds(within)) = self.expiring_within {
            let limit = ctx.unix_ms().await? / 1000 + within;
            tokens.retain(|token| expires(token).is_some_and(|time| time.as_second() <= limit));
        }
        sort(&mut tokens, &self.sort.unwrap_or(Sort { field: "name".to_owned(), descending: false }));
        ctx.emit_list(Token::list_view("No tokens."), tokens).await
    }
}

fn expires(token: &Token) -> Option<Timestamp> {
    token.expires_at.as_deref()?.parse().ok()
}

/// Orders rows; absent values come last either way, equal ones by id.
fn sort(tokens: &mut [Token], by: &Sort) {
    let key = |token: &Token| -> Option<String> {
        match by.field.as_str() {
            "id" => Some(token.id.clone()),
            "scope" => Some(token.scope.clone()),
            "role" => token.role.clone(),
            "created_at" => Some(token.created_at.clone()),
            "expires_at" => token.expires_at.clone(),
            "last_used_at" => token.last_used_at.clone(),
            "created_by" => token.created_by.clone(),
            _ => Some(token.name.to_lowercase()),
        }
    };
    tokens.sort_by(|a, b| {
        let order = match (key(a), key(b)) {
            (Some(a), Some(b)) if by.descending => b.cmp(&a),
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        order.then_with(|| a.id.cmp(&b.id))
    });
}

fn read_sort(text: &str) -> Option<Sort> {
    let (field, descending) = match text.split_once(':') {
        None => (text, false),
        Some((field, "asc")) => (field, false),
        Some((field, "desc")) => (field, true),
        Some(_) => return None,
    };
    FIELDS.contains(&field).then(|| Sort { field: field.to_owned(), descending })
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

    #[test]
    fn sorts() {
        assert_eq!(read_sort("name:desc"), Some(Sort { field: "name".into(), descending: true }));
        for text in ["", "size", "name:up", "name:", ":asc"] {
            assert_eq!(read_sort(text), None, "{text}");
        }
    }

    #[test]
    fn absent_values_come_last_either_way() {
        let token = |id: &str, expires: Option<&str>| Token {
            id: id.into(),
            name: id.into(),
            description: String::new(),
            scope: "DEPLOYMENT".into(),
            role: None,
            created_at: String::new(),
            created_by: None,
            expires_at: expires.map(str::to_owned),
            deployment_id: String::new(),
            kind: String::new(),
            short_token: String::new(),
            last_used_at: None,
            last_rotated_at: None,
        };
        for (order, expected) in [("expires_at", "bca"), ("expires_at:desc", "cba")] {
            let mut tokens = [
                token("a", None),
                token("b", Some("2026-01-01T00:00:00Z")),
                token("c", Some("2026-02-01T00:00:00Z")),
            ];
            sort(&mut tokens, &read_sort(order).expect("known"));
            assert_eq!(tokens.map(|token| token.id).concat(), expected, "{order}");
        }
    }
}
