//! The organization, which every layer may name and on which all must agree.

use astro_plugin_protocol::names;

use crate::{
    context::{Origin, Sourced},
    error::{Failure, auth},
};

/// Which organization each layer names. Whoever names one brings the credential for it, so that layers may not
/// disagree; only a flag is a person's own word for this one command.
pub(super) struct Organizations {
    pub(super) flag: Option<Sourced<String>>,
    pub(super) variable: Option<Sourced<String>>,
    pub(super) directory: Option<Sourced<String>>,
    pub(super) profile: Option<Sourced<String>>,
    pub(super) claim: Option<Sourced<String>>,
}

impl Organizations {
    pub(super) fn contradiction(&self, is_token_of_environment: bool) -> Option<Failure> {
        let differ = |one: &Option<Sourced<String>>, other: &Option<Sourced<String>>| match (one, other) {
            (Some(one), Some(other)) if one.value != other.value => Some(two_organizations(one, other)),
            _ => None,
        };
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
                // A name is looked up among the organizations that the token sees.
                Some(own) if names::is_id(&wanted.value) && wanted.value != own.value => {
                    Some(two_organizations(wanted, own))
                }
                // A directory must not choose the organization of a token that comes from elsewhere and does not
                // say whose it is.
                None if is_token_of_environment && matches!(wanted.origin, Origin::Directory { .. }) => Some(
                    auth(format!(
                        "the organization `{}` is from {}, and the token from ASTRO_API_TOKEN does not say whose it is; nothing was sent",
                        wanted.value, wanted.origin
                    ))
                    .help("name the organization with --organization or ASTRO_ORGANIZATION_ID"),
                ),
                _ => None,
            }
        })
    }

    pub(super) fn into_candidates(self) -> [Option<Sourced<String>>; 5] {
        [self.flag, self.variable, self.directory, self.profile, self.claim]
    }
}

fn two_organizations(one: &Sourced<String>, other: &Sourced<String>) -> Failure {
    auth(format!(
        "two organizations: `{}` from {} and `{}` from {}; nothing was sent",
        one.value, one.origin, other.value, other.origin
    ))
    .help("choose one bundle with --profile, or unset the variable; see `astro context`")
}
