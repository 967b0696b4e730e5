//! What a directory selects and is not in effect: to be sure that it is not what was meant, nothing is changed until a
//! flag says so for the one command.

use super::Sources;
use crate::{
    base::error::{Failure, Result, auth},
    config::{Config, Profile, environment},
    context::{
        Claims, Origin, Sourced,
        settings::{self, is_id},
    },
    credential::{Source, Stored},
    program::{APP, dimensions},
};

/// A directory file of another user may select another customer, and is not read.
pub(super) fn unread(sources: Sources<'_>) -> Option<Failure> {
    let Sources { globals, environment, config, .. } = sources;
    let file = sources.directory?.unused.iter().find(|file| file.may_differ)?;
    let is_set = |variable| environment.get(variable).is_some();
    let narrowest = dimensions().last();
    let is_chosen = globals.profile.is_some()
        || dimensions().iter().skip(1).any(|dimension| globals.setting(dimension.name).is_some())
        || (is_set(environment::PROFILE) || is_set(environment::API_TOKEN))
            && narrowest.is_none_or(|narrowest| is_set(environment::of_dimension(narrowest)));
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
    .help(match narrowest {
        Some(narrowest) => {
            format!("choose for this command: --profile NAME, or --{} <ID|NAME>", narrowest.name)
        }
        None => "choose for this command: --profile NAME".to_owned(),
    });
    Some(failure.help(match is_unknown {
        true => "or change to another directory".to_owned(),
        false => format!("or trust its directory: {APP} config set trust.directories {trusted}"),
    }))
}

/// A directory is of one customer, and a variable or a flag chose another. `profile` and `owner` are those in
/// effect; `stored` as for [`resolve`](super::resolve).
pub(super) fn two_customers(
    sources: Sources<'_>,
    profile: Option<&Sourced<String>>,
    owner: Option<&Sourced<String>>,
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
    let selected = match (file.settings.owner(), own) {
        (Some(owner), _) => Some(owner.clone()),
        (None, Some(profile)) => named(profile)
            .and_then(|settings| owner_of(settings, sources.config, stored))
            .map(|owner| Sourced::new(owner, profile.origin.clone())),
        (None, None) => None,
    };
    let chosen = owner.filter(|chosen| !matches!(chosen.origin, Origin::Directory { .. }));
    let are_two = match (&selected, chosen) {
        (Some(selected), Some(chosen)) if selected.value == chosen.value => false,
        (Some(selected), Some(chosen)) if is_id(&selected.value) == is_id(&chosen.value) => true,
        // One of them is not known, or one is an ID and the other a name: two profiles with one credential are of one
        // customer, with two they may be of two.
        (selected, chosen) => {
            match (own.and_then(named), profile.filter(|profile| by_variable(profile)).and_then(named)) {
                (Some(own), Some(used)) => own.credential != used.credential,
                // A name is looked up among those of a token that says whose it is.
                _ => {
                    let is_claimed = claims.is_some_and(|claims| claims.owner().is_some());
                    selected.is_some() && chosen.is_some() && !is_claimed
                }
            }
        }
    };
    are_two.then(|| refusal(own, selected.as_ref(), profile, owner))
}

fn by_variable(profile: &Sourced<String>) -> bool {
    matches!(profile.origin, Origin::Variable(_))
}

/// The owner of a profile that is not in use, as far as that is known without asking a keyring or a program.
fn owner_of(
    profile: &Profile,
    config: &Config,
    stored: impl Fn(&str) -> Result<Option<Stored>>,
) -> Option<String> {
    let owner = settings::owner().and_then(|owner| profile.setting(owner.name));
    let claimed = || {
        let credential = profile.credential.as_ref()?;
        let described = config.credentials.get(credential)?;
        if described.source != Source::File.name() {
            return None;
        }
        let stored = stored(credential).ok().flatten()?;
        Claims::read(stored.token.expose())?.owner().map(str::to_owned)
    };
    owner.filter(|owner| is_id(owner)).map(str::to_owned).or_else(claimed).or(owner.map(str::to_owned))
}

fn refusal(
    own: Option<&Sourced<String>>,
    selected: Option<&Sourced<String>>,
    profile: Option<&Sourced<String>>,
    owner: Option<&Sourced<String>>,
) -> Failure {
    let word = settings::owner().map_or("owner", |owner| owner.name);
    let of = |owner: Option<&Sourced<String>>| match owner {
        Some(owner) => format!("{word} `{}`", owner.value),
        None => format!("{word} not known"),
    };
    let here = match (own, selected) {
        (Some(own), selected) => {
            format!("the profile `{}` ({}, {})", own.value, of(selected), own.origin)
        }
        (None, Some(selected)) => format!("the {word} `{}` ({})", selected.value, selected.origin),
        (None, None) => "another customer".to_owned(),
    };
    let chooser = match (profile, owner.map(|owner| &owner.origin)) {
        (_, Some(Origin::Flag(flag))) => format!("--{flag}"),
        (Some(Sourced { origin: Origin::Variable(variable), .. }), _) => variable.to_string(),
        (None, _) => environment::API_TOKEN.to_string(),
        (Some(profile), _) => profile.origin.to_string(),
    };
    let other = match profile.filter(|profile| by_variable(profile)) {
        Some(profile) => format!("the profile `{}` ({})", profile.value, of(owner)),
        None => format!("the {}", of(owner)),
    };
    let failure = auth(format!("this directory is for {here}, and {chooser} chooses {other}"));
    let failure = match profile {
        Some(profile) => {
            let also = match owner {
                Some(Sourced { value, origin: Origin::Flag(_) }) => format!(" --{word} {value}"),
                _ => String::new(),
            };
            failure.help(format!("if {other} is meant: --profile {}{also}", profile.value))
        }
        None => failure.help(format!("if {other} is meant, run the command from another directory")),
    };
    match chooser.starts_with("--") {
        true => failure.help(format!("else leave {chooser} out")),
        false => failure.help(format!("else unset {chooser}")),
    }
    .help(format!("see `{APP} context`"))
}
