//! Flags, variables, profile, claims, defaults: which one wins. Pure: everything comes in as values.
//!
//! Address, credential and organization are one bundle and never mixed from two layers:
//! `--profile` sets all three; `ASTRO_API_TOKEN` without `--profile` means that no profile is in use.

use astro_plugin_protocol::names;

use super::{Address, Claims, Context, Origin, Sourced};
use crate::{
    cli::globals::Globals,
    config::{Config, Profile, Secret, Stored},
    error::{Failure, Result, auth, config},
    output::Format,
};

/// The variables that were set. Empty ones count as not set.
#[derive(Clone, Default)]
pub struct Environment {
    variables: Vec<(&'static str, String)>,
}

const VARIABLES: &[&str] = &[
    "ASTRO_PROFILE",
    "ASTRO_OUTPUT",
    "ASTRO_API_TOKEN",
    "ASTRO_API_URL",
    "ASTRO_DOMAIN",
    "ASTRO_ORGANIZATION_ID",
    "ASTRO_WORKSPACE_ID",
    "ASTRO_DEPLOYMENT_ID",
];

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Result<Self> {
        let mut variables = Vec::new();
        for name in VARIABLES {
            match std::env::var(name) {
                Ok(value) if !value.is_empty() => variables.push((*name, value)),
                Err(std::env::VarError::NotUnicode(_)) => {
                    return Err(config(format!("{name} is not UTF-8 text")));
                }
                _ => {}
            }
        }
        Ok(Self { variables })
    }

    /// Whether a profile may be in use: a token in the environment means none, unless a flag names one.
    pub fn uses_profiles(&self, globals: &Globals) -> bool {
        globals.profile.is_some() || self.get("ASTRO_API_TOKEN").is_none()
    }

    /// Only what says where the API is.
    pub fn addresses_only(mut self) -> Self {
        self.variables.retain(|(name, _)| matches!(*name, "ASTRO_API_URL" | "ASTRO_DOMAIN"));
        self
    }

    #[cfg(test)]
    fn of(variables: &[(&'static str, &str)]) -> Self {
        Self { variables: variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect() }
    }

    fn get(&self, name: &'static str) -> Option<Sourced<String>> {
        let value = self.variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())?;
        Some(Sourced::new(value, Origin::Variable(name)))
    }
}

/// Resolves the context. `stored` reads a stored credential's value by name; it is asked at most once and
/// only when a profile names one. `on_terminal` says whether stdout is a terminal: a profile's format
/// applies only there, so that scripts parse what they always did.
pub fn resolve(
    globals: &Globals,
    environment: &Environment,
    config: &Config,
    on_terminal: bool,
    stored: impl FnOnce(&str) -> Result<Option<Stored>>,
) -> Result<Context> {
    let mut ignored = Vec::new();
    let flag =
        |value: &Option<String>, name| value.clone().map(|value| Sourced::new(value, Origin::Flag(name)));
    let by_flag = flag(&globals.profile, "--profile");
    let token = environment.get("ASTRO_API_TOKEN");
    let profile = match (&by_flag, &token) {
        (Some(_), _) => by_flag.clone(),
        (None, Some(_)) => {
            if environment.get("ASTRO_PROFILE").is_some() {
                ignored.push("ASTRO_PROFILE: ASTRO_API_TOKEN is set, so no profile is in use".to_owned());
            }
            None
        }
        (None, None) => environment.get("ASTRO_PROFILE").or_else(|| {
            config.default_profile.clone().map(|name| Sourced::new(name, Origin::DefaultProfile))
        }),
    };
    let settings = match &profile {
        Some(name) => config.profiles.get(&name.value).cloned(),
        None => Some(Profile::default()),
    };
    let mut contradiction = match (&profile, &settings) {
        (Some(name), None) => Some(no_such_profile(name, config)),
        _ => None,
    };
    let settings = settings.unwrap_or_default();
    let from_profile = |value: &Option<String>| {
        let origin = Origin::Profile(profile.as_ref().map(|name| name.value.clone()).unwrap_or_default());
        value.clone().map(|value| Sourced::new(value, origin))
    };
    // A variable that `--profile` beats.
    let mut variable = |name: &'static str, beaten: bool| {
        let found = environment.get(name)?;
        if by_flag.is_some() && beaten {
            ignored.push(format!("{name}: --profile wins"));
            return None;
        }
        Some(found)
    };
    let token = variable("ASTRO_API_TOKEN", true);
    let url = variable("ASTRO_API_URL", true);
    let domain = variable("ASTRO_DOMAIN", true);
    let organization_variable = variable("ASTRO_ORGANIZATION_ID", true);
    let workspace_variable = variable("ASTRO_WORKSPACE_ID", settings.workspace.is_some());
    let deployment_variable = variable("ASTRO_DEPLOYMENT_ID", settings.deployment.is_some());

    let of_environment = address_of_environment(url, domain).unwrap_or_else(|failure| {
        contradiction.get_or_insert(failure);
        None
    });
    let (address, credential) = match token {
        Some(token) => (
            of_environment.unwrap_or_else(|| Sourced::new(Address::hosted(), Origin::Default)),
            Some(Sourced::new(Secret::new(token.value.trim().to_owned()), token.origin)),
        ),
        None => stored_bundle(&settings, config, of_environment, stored, &mut contradiction)?,
    };
    let claims = credential.as_ref().and_then(|credential| Claims::read(credential.value.expose()));
    let claimed = |value: Option<String>, claim| value.map(|value| Sourced::new(value, Origin::Claim(claim)));
    let organization_of_profile = from_profile(&settings.organization);
    if let (Some(variable), Some(own)) = (&organization_variable, &organization_of_profile)
        && globals.organization.is_none()
        && variable.value != own.value
    {
        contradiction.get_or_insert_with(|| two_organizations(variable, own));
    }
    let organization = flag(&globals.organization, "--organization")
        .or(organization_variable)
        .or(organization_of_profile)
        .or_else(|| {
            claimed(claims.as_ref().and_then(|claims| claims.organization.clone()), "organizationId")
        });
    if let (Some(wanted), Some(claims)) = (&organization, &claims)
        && let Some(own) = claims.organization.as_deref()
        && names::is_id(&wanted.value)
        && wanted.value != own
    {
        let own = Sourced::new(own.to_owned(), Origin::Claim("organizationId"));
        contradiction.get_or_insert_with(|| two_organizations(wanted, &own));
    }
    let workspace = flag(&globals.workspace, "--workspace")
        .or(workspace_variable)
        .or_else(|| from_profile(&settings.workspace))
        .or_else(|| claimed(claims.as_ref().and_then(|claims| claims.workspace.clone()), "workspaceId"));
    let deployment = flag(&globals.deployment, "--deployment")
        .or(deployment_variable)
        .or_else(|| from_profile(&settings.deployment));
    let output = output(globals, environment, from_profile(&settings.output).filter(|_| on_terminal))?;
    Ok(Context {
        profile,
        organization,
        workspace,
        deployment,
        output,
        address,
        ca_file: settings.ca_file,
        credential,
        claims,
        ignored,
        contradiction,
        has_profiles: !config.profiles.is_empty(),
    })
}

fn stored_bundle(
    settings: &Profile,
    config: &Config,
    environment: Option<Sourced<Address>>,
    stored: impl FnOnce(&str) -> Result<Option<Stored>>,
    contradiction: &mut Option<Failure>,
) -> Result<(Sourced<Address>, Option<Sourced<Secret>>)> {
    let Some(name) = &settings.credential else {
        return Ok((environment.unwrap_or_else(|| Sourced::new(Address::hosted(), Origin::Default)), None));
    };
    let origin = Origin::Credential(name.clone());
    let Some(described) = config.credentials.get(name) else {
        contradiction.get_or_insert(
            auth(format!("there is no credential `{name}`"))
                .help(format!("store one with `astro login --with-token --credential {name} < FILE`")),
        );
        return Ok((environment.unwrap_or_else(|| Sourced::new(Address::hosted(), Origin::Default)), None));
    };
    let own = Sourced::new(Address::parse(&described.address, &origin.to_string())?, origin.clone());
    if let Some(other) = environment.filter(|other| other.value != own.value) {
        contradiction.get_or_insert(
            auth(format!(
                "the credential `{name}` belongs to {}, but {} says {}",
                own.value, other.origin, other.value
            ))
            .help(format!("unset {}, or choose with --profile", other.origin)),
        );
        return Ok((other, None));
    }
    let Some(stored) = stored(name)? else { return Ok((own, None)) };
    if stored.address != own.value.as_str() {
        contradiction.get_or_insert(
            auth(format!(
                "the token of the credential `{name}` was stored for {}, but config.toml says {}",
                stored.address, own.value
            ))
            .help(format!("store it again: astro login --with-token --credential {name} < FILE")),
        );
        return Ok((own, None));
    }
    Ok((own, Some(Sourced::new(stored.token, origin))))
}

fn address_of_environment(
    url: Option<Sourced<String>>,
    domain: Option<Sourced<String>>,
) -> Result<Option<Sourced<Address>>> {
    match (url, domain) {
        (Some(url), _) => Ok(Some(Sourced::new(Address::parse(&url.value, "ASTRO_API_URL")?, url.origin))),
        (None, Some(domain)) => Ok(Some(Sourced::new(Address::of_domain(&domain.value)?, domain.origin))),
        (None, None) => Ok(None),
    }
}

fn output(
    globals: &Globals,
    environment: &Environment,
    profile: Option<Sourced<String>>,
) -> Result<Sourced<Format>> {
    let chosen = globals
        .output
        .clone()
        .map(|value| Sourced::new(value, Origin::Flag("--output")))
        .or_else(|| environment.get("ASTRO_OUTPUT"))
        .or(profile);
    let Some(chosen) = chosen else { return Ok(Sourced::new(Format::Table, Origin::Default)) };
    match Format::parse(&chosen.value) {
        Some(format) => Ok(Sourced::new(format, chosen.origin)),
        None => {
            Err(config(format!("the output format `{}` from {} is not known", chosen.value, chosen.origin))
                .help("use one of: table, json, clean"))
        }
    }
}

fn no_such_profile(name: &Sourced<String>, config: &Config) -> Failure {
    let failure =
        crate::error::config(format!("there is no profile `{}` (from {})", name.value, name.origin));
    match crate::cli::suggest::nearest(&name.value, config.profiles.keys().map(String::as_str)) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure,
    }
    .help("see the profiles with `astro profile list`, add one with `astro profile add NAME`")
}

fn two_organizations(one: &Sourced<String>, other: &Sourced<String>) -> Failure {
    auth(format!(
        "two organizations: `{}` from {} and `{}` from {}; nothing was sent",
        one.value, one.origin, other.value, other.origin
    ))
    .help("choose one bundle with --profile, or unset the variable; see `astro context`")
}

#[cfg(test)]
mod tests;
