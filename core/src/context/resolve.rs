//! Flags, variables, directory file, profile, claims, defaults: which one wins. Pure: everything comes in as values.
//!
//! Address, credential and what the credential belongs to (the widest dimension) are one bundle ([`bundle`], [`owner`]) and never mixed from two layers:
//! `--profile` sets all three; `ASTRO_API_TOKEN` without `--profile` means that no profile is in use.

mod bundle;
mod conflict;
mod owner;

use bundle::{Bundle, address_of_environment, stored_bundle};
use owner::Owners;

use std::path::PathBuf;

use astro_plugin_protocol::names::Dimension;

use super::{Claims, Context, Directory, Origin, Overridden, Settings, Sourced, directory::Unused, settings};
use crate::{
    base::error::{Failure, Result, usage},
    config::{
        Config, Profile,
        environment::{self, Variable},
    },
    credential::{Secret, Stored, token},
    globals::Globals,
    output::Format,
    product::product,
    program::{APP, ENV, dimensions},
};

/// The variables that were set.
#[derive(Clone, Default)]
pub struct Environment {
    variables: Vec<(Variable, String)>,
}

const VARIABLES: &[Variable] = &[
    environment::PROFILE,
    environment::OUTPUT,
    environment::API_TOKEN,
    environment::API_URL,
    environment::DOMAIN,
];

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Result<Self> {
        // Also where nothing is read below it: what was meant is not known.
        environment::path(environment::HOME)?;
        Self::of(VARIABLES.iter().copied().chain(environment::of_dimensions()))
    }

    /// Only what says where the API is.
    pub fn addresses_of_process() -> Result<Self> {
        Self::of([environment::API_URL, environment::DOMAIN])
    }

    fn of(all: impl IntoIterator<Item = Variable>) -> Result<Self> {
        let mut variables = Vec::new();
        for variable in all {
            // A product without domains has no variable for one.
            if variable == environment::DOMAIN && product().api.of_domain.is_none() {
                continue;
            }
            variables.extend(environment::variable(variable)?.map(|value| (variable, value)));
        }
        Ok(Self { variables })
    }

    /// Whether a profile may be in use: a token in the environment means none, unless a flag names one.
    pub fn uses_profiles(&self, globals: &Globals) -> bool {
        globals.profile.is_some() || self.get(environment::API_TOKEN).is_none()
    }

    #[cfg(test)]
    fn with(variables: &[(&'static str, &str)]) -> Self {
        let variable = |name: &'static str| Variable(name.strip_prefix("ASTRO_").unwrap_or(name));
        Self {
            variables: variables.iter().map(|(name, value)| (variable(name), (*value).to_owned())).collect(),
        }
    }

    fn get(&self, variable: Variable) -> Option<Sourced<String>> {
        let value =
            self.variables.iter().find(|(key, _)| *key == variable).map(|(_, value)| value.clone())?;
        Some(Sourced::new(value, Origin::Variable(variable)))
    }
}

/// Everything a context is made of.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The global options.
    pub globals: &'a Globals,
    /// The variables.
    pub environment: &'a Environment,
    /// What the directory files select.
    pub directory: Option<&'a Directory>,
    /// The configuration.
    pub config: &'a Config,
    /// stdout is a terminal: a profile's format applies only there, so that scripts parse what they always did.
    pub on_terminal: bool,
}

/// Resolves the context. `stored` reads a stored credential's value by name; it is asked only when a profile names one.
pub fn resolve(sources: Sources<'_>, stored: impl Fn(&str) -> Result<Option<Stored>>) -> Result<Context> {
    let Sources { globals, environment, config, .. } = sources;
    let mut ignored = Vec::new();
    let mut overridden = Vec::new();
    let flag =
        |value: Option<&str>, name| value.map(|value| Sourced::new(value.to_owned(), Origin::Flag(name)));
    let by_flag = flag(globals.profile.as_deref(), "profile");
    let mut unused = Vec::new();
    let directory = selection(sources, &mut unused);
    let others = sources.directory.map(|file| file.unused.as_slice()).unwrap_or_default();
    let told = unused.iter().chain(others.iter().filter(|file| file.may_differ));
    ignored.extend(told.map(|file| format!("{}: {}", file.path.display(), file.reason)));
    unused.extend(others.iter().cloned());
    let has_token = environment.get(environment::API_TOKEN).is_some();
    if by_flag.is_none() && has_token && environment.get(environment::PROFILE).is_some() {
        ignored.push(format!("{ENV}_PROFILE: {ENV}_API_TOKEN is set, so no profile is in use").to_owned());
    }
    let profile = if by_flag.is_none() && has_token {
        None
    } else {
        let default = config.default_profile.clone();
        let candidates = [
            by_flag.clone(),
            environment.get(environment::PROFILE),
            directory.and_then(|file| file.profile.clone()),
            default.map(|name| Sourced::new(name, Origin::DefaultProfile)),
        ];
        first("profile", candidates, &mut overridden)
    };
    let own = match &profile {
        Some(name) => config.profiles.get(&name.value).cloned(),
        None => Some(Profile::default()),
    };
    let mut contradiction = match (&profile, &own) {
        (Some(name), None) => Some(no_such_profile(name, config)),
        _ => None,
    };
    let own = own.unwrap_or_default();
    let from_profile = |value: Option<&str>| {
        let origin = Origin::Profile(profile.as_ref().map(|name| name.value.clone()).unwrap_or_default());
        value.map(|value| Sourced::new(value.to_owned(), origin))
    };
    // A variable that `--profile` beats.
    let mut variable = |name: Variable, beaten: bool| {
        let found = environment.get(name)?;
        if by_flag.is_some() && beaten {
            ignored.push(format!("{name}: --profile wins"));
            return None;
        }
        Some(found)
    };
    let token = variable(environment::API_TOKEN, true);
    let url = variable(environment::API_URL, true);
    let domain = variable(environment::DOMAIN, true);
    let owner = settings::owner();
    let is_owner = |dimension: &Dimension| owner.is_some_and(|owner| owner.name == dimension.name);
    let mut from_variables = Settings::of(|dimension| {
        let is_beaten = is_owner(dimension) || own.setting(dimension.name).is_some();
        variable(environment::of_dimension(dimension), is_beaten)
    });

    let of_environment = address_of_environment(url, domain).unwrap_or_else(|failure| {
        contradiction.get_or_insert(failure);
        None
    });
    let Bundle { address, credential, source, session } = match token {
        Some(token) => Bundle {
            credential: Some(Sourced::new(token_of(&token.value)?, token.origin)),
            ..Bundle::at(of_environment)
        },
        None => stored_bundle(&own, config, of_environment, &stored, &mut contradiction)?,
    };
    let claims = credential.as_ref().and_then(|credential| Claims::read(credential.value.expose()));
    let claimed = |dimension: &Dimension| {
        let claimed = claims.as_ref()?.setting(dimension.name)?;
        Some(Sourced::new(claimed.value.clone(), Origin::Claim(claimed.claim)))
    };
    let typed = |dimension: &'static Dimension| flag(globals.setting(dimension.name), dimension.name);
    let mut from_directory = directory.map(|file| file.settings.clone()).unwrap_or_default();

    let owners = Owners {
        flag: owner.and_then(typed),
        variable: from_variables.take(0),
        directory: from_directory.take(0),
        profile: owner.and_then(|owner| from_profile(own.setting(owner.name))),
        claim: owner.and_then(claimed),
    };
    if let Some(failure) = owners.contradiction(profile.as_ref()) {
        contradiction.get_or_insert(failure);
    }
    // Where a flag names another owner, what a layer selects inside its own is not there.
    let directory_is_elsewhere = owners.is_elsewhere(&owners.directory);
    let profile_is_elsewhere = owners.is_elsewhere(&owners.profile);
    let owner_in_effect =
        owner.and_then(|owner| first(owner.name, owners.into_candidates(), &mut overridden));
    let read_only = conflict::unread(sources).or_else(|| {
        conflict::two_customers(sources, profile.as_ref(), owner_in_effect.as_ref(), claims.as_ref(), &stored)
    });
    // An explicit `--profile` also beats a directory that does not select it.
    let beaten = by_flag.is_some() && directory.is_some_and(|file| file.profile.is_none());
    let mut chosen = Settings::default();
    chosen.set(0, owner_in_effect);
    for (place, dimension) in dimensions().iter().enumerate().skip(1) {
        let mut inside = |value: Option<Sourced<String>>, is_elsewhere: bool| match value {
            Some(setting) if is_elsewhere => {
                overridden.push(Overridden { name: dimension.name, setting });
                None
            }
            value => value,
        };
        let of_profile = own.setting(dimension.name);
        let of_directory = from_directory.take(place).filter(|_| !(beaten && of_profile.is_some()));
        let candidates = [
            typed(dimension),
            from_variables.take(place),
            inside(of_directory, directory_is_elsewhere),
            inside(from_profile(of_profile), profile_is_elsewhere),
            claimed(dimension),
        ];
        chosen.set(place, first(dimension.name, candidates, &mut overridden));
    }
    let of_profile = from_profile(own.output.as_deref()).filter(|_| sources.on_terminal);
    let output = output(globals, environment, of_profile, &mut overridden)?;
    overridden.extend(directory.into_iter().flat_map(|file| file.overridden.iter().cloned()));
    Ok(Context {
        profile,
        settings: chosen,
        output,
        address,
        ca_file: own.ca_file,
        credential,
        source,
        session,
        claims,
        directory: directory.cloned(),
        unused,
        ignored,
        overridden,
        contradiction,
        read_only,
        has_profiles: !config.profiles.is_empty(),
    })
}

/// What the directory files select, unless that belongs to another profile than the one in use: then none of it is
/// taken, since its ids are of that profile's customer.
fn selection<'a>(sources: Sources<'a>, unused: &mut Vec<Unused>) -> Option<&'a Directory> {
    let file = sources.directory?;
    let by_flag = sources.globals.profile.as_deref();
    let by_variable = sources.environment.get(environment::PROFILE).map(|profile| profile.value);
    let has_token = sources.environment.get(environment::API_TOKEN).is_some();
    let own = file.profile.as_ref().map(|profile| profile.value.as_str());
    let reason = match (own, by_flag) {
        (Some(own), Some(flag)) if own != flag => "--profile wins".to_owned(),
        (None, Some(_)) if file.settings.owner().is_some() => "--profile wins".to_owned(),
        (Some(own), None) if has_token => {
            format!("it is for the profile `{own}`; {ENV}_API_TOKEN is set, so no profile is in use")
        }
        (Some(own), None) if by_variable.as_deref().is_some_and(|name| name != own) => {
            format!("{ENV}_PROFILE wins").to_owned()
        }
        _ => return Some(file),
    };
    let unused_here =
        |path: &PathBuf| Unused { path: path.clone(), reason: reason.clone(), may_differ: false };
    unused.extend(file.files.iter().map(unused_here));
    None
}

/// The token of `ASTRO_API_TOKEN`. What is no token is not sent to find that out.
fn token_of(value: &str) -> Result<Secret> {
    // Secrets that are mounted from files end with a line break.
    let value = token::without_line_break(value);
    match token::flaw(value) {
        Some(flaw) => Err(usage(format!("{ENV}_API_TOKEN {flaw}"))
            .help(format!("set {ENV}_API_TOKEN to the token alone: one word of visible characters"))),
        None => Ok(Secret::new(value.to_owned())),
    }
}

/// The first value there is; what another layer says differently is overridden by it.
fn first<const N: usize>(
    name: &'static str,
    candidates: [Option<Sourced<String>>; N],
    overridden: &mut Vec<Overridden>,
) -> Option<Sourced<String>> {
    let mut candidates = candidates.into_iter().flatten();
    let chosen = candidates.next()?;
    let others = candidates.filter(|other| other.value != chosen.value);
    overridden.extend(others.map(|setting| Overridden { name, setting }));
    Some(chosen)
}

fn output(
    globals: &Globals,
    environment: &Environment,
    profile: Option<Sourced<String>>,
    overridden: &mut Vec<Overridden>,
) -> Result<Sourced<Format>> {
    let flag = globals.output.clone().map(|value| Sourced::new(value, Origin::Flag("output")));
    let chosen = first("output", [flag, environment.get(environment::OUTPUT), profile], overridden);
    let Some(chosen) = chosen else { return Ok(Sourced::new(Format::default(), Origin::Default)) };
    let format = Format::of_setting(&chosen.value, &chosen.origin.to_string())?;
    Ok(Sourced::new(format, chosen.origin))
}

fn no_such_profile(name: &Sourced<String>, config: &Config) -> Failure {
    let failure =
        crate::base::error::config(format!("there is no profile `{}` (from {})", name.value, name.origin));
    match crate::suggest::nearest(&name.value, config.profiles.keys().map(String::as_str)) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure,
    }
    .help(format!("see the profiles with `{APP} profile list`, add one with `{APP} profile add NAME`"))
}

#[cfg(test)]
mod tests;
