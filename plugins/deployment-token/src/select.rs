//! Which token is meant: by ID, by exact name, or picked from a list by a person.

use std::{collections::BTreeMap, future::Future};

use astro_plugin_api::{Place, is_id};
use astro_plugin_sdk::{
    Candidate, Completing, Context, Error, Result, Spec, clap, join, protocol::time::minute,
};

use crate::{
    api::{Api, ApiToken},
    place::same_place,
};

// The two ways to name a token. (A doc comment here would become the help text of the commands.)
#[derive(clap::Args)]
pub(crate) struct Which {
    /// ID of the token
    token_id: Option<String>,
    /// Name of the token, in place of its ID
    #[arg(short = 't', long, value_name = "NAME")]
    name: Option<String>,
}

/// Names and IDs are completed.
pub(crate) fn declare(spec: &mut Spec) {
    spec.completes("token_id").completes("name");
}

/// The IDs of the deployment's tokens, or the names that only one of them has.
pub(crate) async fn complete(
    asked: &Completing,
    ctx: &Context,
    fits: fn(&ApiToken) -> bool,
) -> Result<Vec<Candidate>> {
    let mut tokens = Api::of(ctx).await?.list().await?;
    tokens.retain(fits);
    tokens.sort_by(|a, b| a.name.cmp(&b.name));
    if asked.arg() == "token_id" {
        return Ok(tokens.into_iter().map(|token| Candidate::new(token.id, token.name)).collect());
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    tokens.iter().for_each(|token| *counts.entry(&token.name).or_default() += 1);
    let single = tokens.iter().filter(|token| counts.get(token.name.as_str()) == Some(&1));
    Ok(single.map(|token| Candidate::new(&token.name, &token.id)).collect())
}

impl Which {
    /// The token, and where it is: `place` is asked for at the same time. A token that has no role on the deployment is
    /// refused.
    ///
    /// A person picks among those that `fits` accepts; one that is named is for the caller to refuse.
    pub(crate) async fn find(
        &self,
        api: &Api<'_>,
        fits: fn(&ApiToken) -> bool,
        place: impl Future<Output = Place>,
    ) -> Result<(ApiToken, Place)> {
        let (token, place) = join(self.named(api, fits), place).await;
        let token = token?;
        if token.roles.iter().any(|role| role.is_on(&api.deployment)) {
            Ok((token, place))
        } else {
            Err(Error::new(format!(
                "the token `{}` ({}) has no role on the deployment {}",
                token.name, token.id, place.deployment
            ))
            .help("see the deployment's tokens with `astro deployment token list`"))
        }
    }

    async fn named(&self, api: &Api<'_>, fits: fn(&ApiToken) -> bool) -> Result<ApiToken> {
        match (&self.token_id, &self.name) {
            (Some(id), Some(name)) => {
                Err(Error::usage(format!("a token ID (`{id}`) and `--name {name}` are both given"))
                    .help("leave one of the two out"))
            }
            (Some(id), None) => by_id(api, id).await,
            (None, Some(name)) => by_name(api, name).await,
            (None, None) => pick(api, candidates(api, fits).await?).await,
        }
    }

    /// Refuses before anything is sent when nothing names a token and nobody can be asked.
    pub(crate) fn check(&self, api_terminal_interactive: bool, command: &str) -> Result<()> {
        if self.token_id.is_none() && self.name.is_none() && !api_terminal_interactive {
            return Err(Error::usage("no token is given")
                .help(format!("name one: astro deployment token {command} TOKEN_ID, or --name NAME"))
                .help("find one with `astro deployment token list`"));
        }
        Ok(())
    }
}

async fn by_id(api: &Api<'_>, id: &str) -> Result<ApiToken> {
    api.get(id).await.map_err(|error| match error.status() {
        Some(404) => {
            let error = Error::new(format!("there is no token with the ID `{id}`"));
            let error = match is_id(id) {
                true => error,
                // Most who type a word that is no ID mean a name.
                false => {
                    let line = format!("{} --name {}", api.ctx.path(), quoted(id));
                    error.help(format!("if it is the name of a token: {}", same_place(api, &line)))
                }
            };
            error.help("see the deployment's tokens with `astro deployment token list`")
        }
        _ => error,
    })
}

/// A word as a shell reads it.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:@%+,".contains(c);
    match !word.is_empty() && !word.starts_with('-') && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

async fn by_name(api: &Api<'_>, name: &str) -> Result<ApiToken> {
    let mut found: Vec<ApiToken> = api.list().await?.into_iter().filter(|token| token.name == name).collect();
    match found.len() {
        0 => Err(Error::new(format!("no token of the deployment has the name `{name}`"))
            .help("see the deployment's tokens with `astro deployment token list`")),
        1 => Ok(found.swap_remove(0)),
        _ if api.ctx.terminal().interactive => pick(api, found).await,
        count => {
            let mut error =
                Error::usage(format!("{count} tokens have the name `{name}`; name one by its ID"));
            for token in &found {
                error = error.help(format!("{} was created on {}", token.id, minute(&token.created_at)));
            }
            Err(error)
        }
    }
}

async fn candidates(api: &Api<'_>, fits: fn(&ApiToken) -> bool) -> Result<Vec<ApiToken>> {
    let mut tokens = api.list().await?;
    tokens.retain(fits);
    if tokens.is_empty() {
        return Err(Error::new("the deployment has no such tokens")
            .help("make one with `astro deployment token create`"));
    }
    Ok(tokens)
}

async fn pick(api: &Api<'_>, mut tokens: Vec<ApiToken>) -> Result<ApiToken> {
    let items = tokens
        .iter()
        .map(|token| format!("{}\t{}\t{}\t{}", token.name, token.id, token.scope, token.created_at));
    let index = api.ctx.select("Which token?", "TOKEN_ID").items(items).ask().await?;
    Ok(tokens.swap_remove(index))
}
