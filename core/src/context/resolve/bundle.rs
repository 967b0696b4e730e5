//! Address and credential: both from the environment, or both stored.

use crate::{
    base::error::{Failure, Result, auth},
    config::{Config, Profile, environment},
    context::{Origin, Sourced},
    credential::{Secret, Session, Source, Stored},
    net::address::Address,
    program::APP,
};

/// What belongs together.
pub(super) struct Bundle {
    pub(super) address: Sourced<Address>,
    pub(super) credential: Option<Sourced<Secret>>,
    pub(super) source: Source,
    pub(super) session: Option<Session>,
}

impl Bundle {
    /// An address, else the hosted API's, without a credential.
    pub(super) fn at(address: Option<Sourced<Address>>) -> Self {
        let address = address.unwrap_or_else(|| Sourced::new(Address::hosted(), Origin::Default));
        Self { address, credential: None, source: Source::File, session: None }
    }
}

/// What a profile's credential is, with the address it was stored for.
pub(super) fn stored_bundle(
    settings: &Profile,
    config: &Config,
    environment: Option<Sourced<Address>>,
    stored: impl Fn(&str) -> Result<Option<Stored>>,
    contradiction: &mut Option<Failure>,
) -> Result<Bundle> {
    let Some(name) = &settings.credential else { return Ok(Bundle::at(environment)) };
    let origin = Origin::Credential(name.clone());
    let Some(described) = config.credentials.get(name) else {
        contradiction.get_or_insert(
            auth(format!("there is no credential `{name}`"))
                .help(format!("sign in with `{APP} login --credential {name}`"))
                .help(format!("or store a token with `{APP} login --with-token --credential {name} < FILE`")),
        );
        return Ok(Bundle::at(environment));
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
        return Ok(Bundle::at(Some(other)));
    }
    let empty = Bundle { source: Source::of(name, described)?, ..Bundle::at(Some(own)) };
    let stored = match stored(name) {
        Ok(Some(stored)) => stored,
        Ok(None) => return Ok(empty),
        // What sends nothing goes on without: a locked keyring is no reason to show nothing.
        Err(failure) => {
            contradiction.get_or_insert(failure);
            return Ok(empty);
        }
    };
    let own = &empty.address.value;
    if stored.address != own.as_str() {
        contradiction.get_or_insert(
            auth(format!(
                "the token of the credential `{name}` was stored for {}, but config.toml says {own}",
                stored.address
            ))
            .help(format!("sign in again: {APP} login --credential {name}")),
        );
        return Ok(empty);
    }
    Ok(Bundle { credential: Some(Sourced::new(stored.token, origin)), session: stored.session, ..empty })
}

/// Where the variables say that the API is.
pub(super) fn address_of_environment(
    url: Option<Sourced<String>>,
    domain: Option<Sourced<String>>,
) -> Result<Option<Sourced<Address>>> {
    match (url, domain) {
        (Some(url), _) => {
            Ok(Some(Sourced::new(Address::parse(&url.value, &environment::API_URL.to_string())?, url.origin)))
        }
        (None, Some(domain)) => Ok(Some(Sourced::new(Address::of_domain(&domain.value)?, domain.origin))),
        (None, None) => Ok(None),
    }
}
