//! `astro deployment token update`

use astro_plugin_sdk::{clap, prelude::*, protocol::message::code};

use super::{DESCRIPTION_LENGTH, NAME_LENGTH, common};
use crate::{
    api::{Api, ApiToken, TokenRole},
    role,
    select::{self, Which},
    token::{Done, Token},
};

/// Change the name, description or role of an API token
///
/// What is not given stays as it is; without `--role` the
/// roles are not touched.
#[derive(Args)]
pub(crate) struct Update {
    #[command(flatten)]
    which: Which,
    /// The new name
    #[arg(short, long, value_name = "NAME")]
    new_name: Option<String>,
    /// The new description; `""` removes it
    #[arg(short, long, value_name = "TEXT")]
    description: Option<String>,
    /// The new role on the deployment: DEPLOYMENT_ADMIN, or the name of a custom role
    #[arg(short, long, value_name = "ROLE")]
    role: Option<String>,
}

impl Command for Update {
    const PATH: &'static str = "deployment token update";
    const EFFECT: Effect = Effect::Write;
    type Output = ();

    fn declare(spec: &mut Spec) {
        select::declare(spec);
        spec.completes("role");
        common(spec, "up");
        spec.line("new_name", NAME_LENGTH)
            .line("description", DESCRIPTION_LENGTH)
            .example("astro deployment token update --name ci --new-name \"CI of main\"", "Rename a token")
            .example("astro deployment token update --name ci --description \"\"", "Remove its description")
            .example(
                "astro deployment token update cm00acme0tokenexample00001 --role DAG_DEPLOYER",
                "Change its role, by ID",
            )
            .see_also("deployment token list")
            .see_also("deployment token rotate");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        if self.new_name.is_none() && self.description.is_none() && self.role.is_none() {
            return Err(Error::usage("no change is given")
                .help("pass one of `--new-name`, `--description`, `--role`"));
        }
        self.which.check(ctx.terminal().interactive, "update")?;
        let api = Api::of(&ctx).await?;
        // Nothing is asked: names that were seen today do.
        let (token, place) = self.which.find(&api, |_| true, api.place()).await?;
        let role = self
            .role
            .as_deref()
            .filter(|role| !token.roles.iter().any(|own| own.is_on(&api.deployment) && own.role == *role));
        let texts = self.changed_texts(&token);
        if role.is_none() && texts.is_none() {
            ctx.notice(format!("The token `{}` is already up to date.", token.name)).await?;
            let done = Done { token: Token::for_deployment(place, token), action: "unchanged" };
            return ctx.emit(Token::record_view(), &done).await;
        }
        if texts.is_some() && token.scope != "DEPLOYMENT" {
            let scope = token.scope.to_lowercase();
            return Err(Error::new(format!(
                "`{}` is a token of the {scope}: it can only be renamed or described there",
                token.name
            ))
            .help("here only its role on the deployment can be changed: --role ROLE"));
        }
        let mut updated = token.clone();
        if let Some(role) = role {
            role::check(&api, role).await?;
            updated.roles = with_role(&token.roles, &api.deployment, role);
            api.update_roles(&token.id, &updated.roles).await?;
        }
        if let Some((name, description)) = texts {
            let roles = updated.roles;
            let answered = api.update(&token.id, name, description).await;
            updated = answered.map_err(|error| half_way(error, &token, role))?;
            // The answer may leave the roles out; they are known.
            updated.roles = roles;
        }
        let done = Done { token: Token::for_deployment(place, updated), action: "updated" };
        ctx.emit(Token::record_view(), &done).await
    }

    async fn complete(asked: Completing, ctx: Context) -> Result<Vec<Candidate>> {
        match asked.arg() {
            "role" => role::complete(&ctx).await,
            _ => select::complete(&asked, &ctx, |_| true).await,
        }
    }
}

impl Update {
    /// Name and description to send, when one of them differs: they are replaced together.
    fn changed_texts<'a>(&'a self, token: &'a ApiToken) -> Option<(&'a str, &'a str)> {
        let name = self.new_name.as_deref().unwrap_or(&token.name);
        let description = self.description.as_deref().unwrap_or(&token.description);
        (name != token.name || description != token.description).then_some((name, description))
    }
}

/// The token's roles with another one on this deployment; every other entry stays.
fn with_role(roles: &[TokenRole], deployment: &str, role: &str) -> Vec<TokenRole> {
    let change = |entry: &TokenRole| match entry.is_on(deployment) {
        true => TokenRole { role: role.to_owned(), ..entry.clone() },
        false => entry.clone(),
    };
    roles.iter().map(change).collect()
}

/// Says exactly what was changed before the second call failed.
fn half_way(error: Error, token: &ApiToken, role: Option<&str>) -> Error {
    let Some(role) = role else { return error };
    let rest = match error.code() {
        code::OUTCOME_UNKNOWN => "whether its name and description were changed is not known",
        _ => "its name and description were not changed",
    };
    error.context(format!("the role of the token `{}` is now {role}, but {rest}", token.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_role_leaves_the_other_entries_alone() {
        let entry = |entity_type: &str, entity: &str, role: &str| TokenRole {
            entity_type: entity_type.into(),
            entity_id: entity.into(),
            role: role.into(),
            deployment_id: None,
        };
        let before = [
            entry("WORKSPACE", "w", "WORKSPACE_OPERATOR"),
            entry("DEPLOYMENT", "a", "X"),
            entry("DEPLOYMENT", "b", "X"),
        ];
        let after = with_role(&before, "a", "Y");
        assert_eq!(after, [before[0].clone(), entry("DEPLOYMENT", "a", "Y"), before[2].clone()]);
    }
}
