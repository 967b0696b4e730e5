//! What a directory selects and is not in effect: to be sure that it is not what was meant, nothing is changed until a
//! flag says so for the one command.

use astro_plugin_protocol::names::is_id;

use super::Sources;
use crate::{
    base::error::{Failure, Result, auth},
    config::{Config, Profile, environment},
    context::{Claims, Origin, Sourced},
    credential::{Source, Stored},
    program::APP,
};

/// A directory file of another user may select another customer, and is not read.
pub(super) fn unread(sources: Sources<'_>) -> Option<Failure> {
    let Sources { globals, environment, config, .. } = sources;
    let file = sources.directory?.unused.iter().find(|file| file.may_differ)?;
    let is_set = |variable| environment.get(variable).is_some();
    let is_chosen = globals.profile.is_some()
        || globals.workspace.is_some()
        || globals.deployment.is_some()
        || (is_set(environment::PROFILE) || is_set(environment::API_TOKEN))
            && is_set(environment::DEPLOYMENT_ID);
    if is_chosen {
        return None;
    }
    let dir = file.path.parent().unwrap_or(&file.path).to_string_lossy().into_owned();
    let trusted = [config.trust.directories.clone(), vec![dir]].concat().join(",");
    let trusted = shlex::try_quote(&trusted).map(|quoted| quoted.into_owned()).unwrap_or_default();
    // Trusting its directory does not make a file readable.
    let is_unknown = file.reason.starts_with("it ");
    let cause = if is_unknown { file.reason.clone() } else { format!("it is {}", file.reason) };
    let failure = crate::base::error::config(format!(
        "`{}` is ignored and may select something else",
        file.path.display()
    ))
    .cause(cause)
    .help("choose for this command: --profile NAME, or --deployment <ID|NAME>");
    Some(failure.help(match is_unknown {
        true => "or change to another directory".to_owned(),
        false => format!("or trust its directory: {APP} config set trust.directories {trusted}"),
    }))
}

/// A directory is of one customer, and a variable or a flag chose another. `profile` and `organization` are those in
/// effect; `stored` as for [`resolve`](super::resolve).
pub(super) fn two_customers(
    sources: Sources<'_>,
    profile: Option<&Sourced<String>>,
    organization: Option<&Sourced<String>>,
    claims: Option<&Claims>,
    stored: impl Fn(&str) -> Result<Option<Stored>>,
) -> Option<Failure> {
    let file = sources.directory?;
    // It chooses everything for this one command.
    if sources.globals.profile.is_some() {
        return None;
    }
    let named = |profile: &Sourced<String>| sources.config.profiles.get(&profile.value);
    let own = file.profile.as_ref();
    let selected = match (&file.organization, own) {
        (Some(organization), _) => Some(organization.clone()),
        (None, Some(profile)) => named(profile)
            .and_then(|settings| organization_of(settings, sources.config, stored))
            .map(|organization| Sourced::new(organization, profile.origin.clone())),
        (None, None) => None,
    };
    let chosen = organization.filter(|chosen| !matches!(chosen.origin, Origin::Directory { .. }));
    let are_two = match (&selected, chosen) {
        (Some(selected), Some(chosen)) if selected.value == chosen.value => false,
        (Some(selected), Some(chosen)) if is_id(&selected.value) == is_id(&chosen.value) => true,
        // One of them is not known, or one is an ID and the other a name: two profiles with one credential are of one
        // customer, with two they may be of two.
        (selected, chosen) => {
            match (own.and_then(named), profile.filter(|profile| by_variable(profile)).and_then(named)) {
                (Some(own), Some(used)) => own.credential != used.credential,
                // A name is looked up among the organizations of a token that says whose it is.
                _ => {
                    let is_claimed = claims.is_some_and(|claims| claims.organization.is_some());
                    selected.is_some() && chosen.is_some() && !is_claimed
                }
            }
        }
    };
    are_two.then(|| refusal(own, selected.as_ref(), profile, organization))
}

fn by_variable(profile: &Sourced<String>) -> bool {
    matches!(profile.origin, Origin::Variable(_))
}

/// The organization of a profile that is not in use, as far as that is known without asking a keyring or a program.
fn organization_of(
    profile: &Profile,
    config: &Config,
    stored: impl Fn(&str) -> Result<Option<Stored>>,
) -> Option<String> {
    let organization = profile.organization.as_ref();
    let claimed = || {
        let credential = profile.credential.as_ref()?;
        let described = config.credentials.get(credential)?;
        if described.source != Source::File.name() {
            return None;
        }
        let stored = stored(credential).ok().flatten()?;
        Claims::read(stored.token.expose())?.organization
    };
    organization
        .filter(|organization| is_id(organization))
        .cloned()
        .or_else(claimed)
        .or(organization.cloned())
}

fn refusal(
    own: Option<&Sourced<String>>,
    selected: Option<&Sourced<String>>,
    profile: Option<&Sourced<String>>,
    organization: Option<&Sourced<String>>,
) -> Failure {
    let of = |organization: Option<&Sourced<String>>| match organization {
        Some(organization) => format!("organization `{}`", organization.value),
        None => "organization not known".to_owned(),
    };
    let here = match (own, selected) {
        (Some(own), selected) => {
            format!("the profile `{}` ({}, {})", own.value, of(selected), own.origin)
        }
        (None, Some(selected)) => format!("the organization `{}` ({})", selected.value, selected.origin),
        (None, None) => "another customer".to_owned(),
    };
    let chooser = match (profile, organization.map(|organization| &organization.origin)) {
        (_, Some(Origin::Flag(flag))) => (*flag).to_owned(),
        (Some(Sourced { origin: Origin::Variable(variable), .. }), _) => variable.to_string(),
        (None, _) => environment::API_TOKEN.to_string(),
        (Some(profile), _) => profile.origin.to_string(),
    };
    let other = match profile.filter(|profile| by_variable(profile)) {
        Some(profile) => format!("the profile `{}` ({})", profile.value, of(organization)),
        None => of(organization).replacen("organization", "the organization", 1),
    };
    let failure = auth(format!("this directory is for {here}, and {chooser} chooses {other}"));
    let failure = match profile {
        Some(profile) => {
            let also = match organization {
                Some(Sourced { value, origin: Origin::Flag(_) }) => format!(" --organization {value}"),
                _ => String::new(),
            };
            failure.help(format!("if {other} is meant: --profile {}{also}", profile.value))
        }
        None => failure.help(format!("if {other} is meant, run the command from another directory")),
    };
    match chooser.as_str() {
        "--organization" => failure.help("else leave --organization out"),
        variable => failure.help(format!("else unset {variable}")),
    }
    .help(format!("see `{APP} context`"))
}
