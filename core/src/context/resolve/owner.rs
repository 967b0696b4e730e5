//! The widest dimension: a credential belongs to one of it, every layer may name it, and all must agree.

use crate::{
    base::error::{Failure, auth},
    config::environment,
    context::{
        Origin, Sourced,
        settings::{self, is_id},
    },
    program::{APP, ENV},
};

/// Which one each layer names. Whoever names one brings the credential for it, so that layers may not
/// disagree; only a flag is a person's own word for this one command.
pub(super) struct Owners {
    pub(super) flag: Option<Sourced<String>>,
    pub(super) variable: Option<Sourced<String>>,
    pub(super) directory: Option<Sourced<String>>,
    pub(super) profile: Option<Sourced<String>>,
    pub(super) claim: Option<Sourced<String>>,
}

impl Owners {
    /// Why nothing may be sent. `profile` chose the credential; without one it is the environment's.
    pub(super) fn contradiction(&self, profile: Option<&Sourced<String>>) -> Option<Failure> {
        let differ = |one: &Option<Sourced<String>>, other: &Option<Sourced<String>>| match (one, other) {
            (Some(one), Some(other)) if are_different(&one.value, &other.value, self.claim.is_some()) => {
                Some(two_owners(one, other))
            }
            _ => None,
        };
        let word = word();
        let layers = if self.flag.is_some() {
            None
        } else {
            differ(&self.directory, &self.profile)
                .or_else(|| differ(&self.variable, &self.directory))
                .or_else(|| differ(&self.variable, &self.profile))
        };
        layers.or_else(|| {
            let wanted = [&self.flag, &self.variable, &self.directory, &self.profile].into_iter().flatten().next()?;
            match &self.claim {
                // A name is looked up among those that the token sees.
                Some(own) if is_id(&wanted.value) && wanted.value != own.value => {
                    Some(two_owners(wanted, own))
                }
                // A token that does not say whose it is takes its owner from where it was chosen, or from a
                // person's own word.
                None if !is_of_same_layer(&wanted.origin, profile.map(|profile| &profile.origin)) => {
                    let whose = match profile {
                        Some(profile) => format!("the profile `{}` ({})", profile.value, profile.origin),
                        None => environment::API_TOKEN.to_string(),
                    };
                    let failure = auth(format!(
                        "the {word} `{}` is from {}, and the credential is of {whose}, which names none; nothing was sent",
                        wanted.value, wanted.origin
                    ))
                    .help(format!("for this command: --{word} {}", wanted.value));
                    Some(match profile {
                        Some(profile) => failure.help(format!(
                            "for good: {APP} profile edit {} --{word} {}",
                            profile.value, wanted.value
                        )),
                        None => failure.help(format!("or set {ENV}_{}_ID beside {ENV}_API_TOKEN", word.to_uppercase())),
                    })
                }
                _ => None,
            }
        })
    }

    /// Whether a flag names another one than this layer.
    pub(super) fn is_elsewhere(&self, layer: &Option<Sourced<String>>) -> bool {
        match (&self.flag, layer) {
            (Some(flag), Some(own)) => are_different(&flag.value, &own.value, self.claim.is_some()),
            _ => false,
        }
    }

    pub(super) fn into_candidates(self) -> [Option<Sourced<String>>; 5] {
        [self.flag, self.variable, self.directory, self.profile, self.claim]
    }
}

/// Whether two are different ones. A name and an ID can mean the same: where the token says whose it is, that is
/// found out when the name is looked up.
fn are_different(one: &str, other: &str, is_claimed: bool) -> bool {
    one != other && (is_id(one) == is_id(other) || !is_claimed)
}

/// Whether a value comes from the layer that chose the credential.
fn is_of_same_layer(value: &Origin, profile: Option<&Origin>) -> bool {
    match (value, profile) {
        (Origin::Flag(_) | Origin::Profile(_), _)
        | (Origin::Variable(_), None | Some(Origin::Variable(_))) => true,
        // Files that belong to different profiles are not in one selection.
        (Origin::Directory { .. }, Some(Origin::Directory { .. })) => true,
        _ => false,
    }
}

fn two_owners(one: &Sourced<String>, other: &Sourced<String>) -> Failure {
    auth(format!(
        "two {}s: `{}` from {} and `{}` from {}; nothing was sent",
        word(),
        one.value,
        one.origin,
        other.value,
        other.origin
    ))
    .help(format!("choose one bundle with --profile, or unset the variable; see `{APP} context`"))
}

/// What the dimension is called.
fn word() -> &'static str {
    settings::owner().map_or("owner", |owner| owner.name)
}
