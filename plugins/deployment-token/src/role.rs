//! Which roles there are. The server decides in the end; a lookup only makes a better message.

use astro_plugin_sdk::{Candidate, Context, Error, Result};

use crate::api::Api;

/// The built-in role, which every organization has: it is never looked up.
pub(crate) const ADMIN: &str = "DEPLOYMENT_ADMIN";

/// Refuses a role that does not exist by listing those that do. Where the roles cannot be read (403, no
/// network) or there are more than one page of them, the server decides.
pub(crate) async fn check(api: &Api<'_>, role: &str) -> Result<()> {
    if role == ADMIN {
        return Ok(());
    }
    match api.roles().await {
        Ok(roles) if !roles.is_complete || roles.names.iter().any(|known| known == role) => Ok(()),
        Ok(roles) => {
            let given = if role.is_empty() { "empty".to_owned() } else { format!("`{role}`") };
            Err(Error::usage(format!("`--role <ROLE>` must be a role of deployments, not {given}"))
                .help(format!("use one of: {}", roles.names.join(", "))))
        }
        Err(_) => Ok(()),
    }
}

/// The roles that can be given, for a shell.
pub(crate) async fn complete(ctx: &Context) -> Result<Vec<Candidate>> {
    let roles = Api::of(ctx).await?.roles().await?;
    Ok(roles.names.into_iter().map(|name| Candidate::new(name, "")).collect())
}

/// Asks for a role; where nobody can be asked the error names the flag.
pub(crate) async fn ask(api: &Api<'_>) -> Result<String> {
    let mut roles = if api.ctx.terminal().interactive {
        // A person who may not read roles can still choose the built-in one.
        api.roles().await.map_or_else(|_| vec![ADMIN.to_owned()], |roles| roles.names)
    } else {
        Vec::new()
    };
    let question = api.ctx.select("Which role on the deployment?", "--role <ROLE>").items(roles.clone());
    let help = format!("pass `--role {ADMIN}` or the name of a custom role");
    let index = question.help(help).ask().await?;
    Ok(roles.swap_remove(index))
}
