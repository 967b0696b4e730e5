//! `astro logout`: ends the session at the issuer and removes what is stored.

use super::{ca_file, credential_name};
use crate::{
    base::error::{Result, failed},
    commands::Request,
    config::{self, Config},
    console::report,
    credential::{self, Source},
    net::tls::Trust,
};

pub(super) fn logout(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let env = request.env;
    let dirs = env.dirs.clone()?;
    let name = credential_name(request, &dirs)?;
    let _lock = credential::session::lock(&dirs, &name)?;
    let config = Config::load(&dirs)?;
    let described = config.credentials.get(&name);
    // A session that was ended and is still described would look like being signed in.
    if described.is_some() {
        config::check_writable(&dirs)?;
        if dirs.credentials_file().exists() {
            credential::sources::file::check_writable(&dirs)?;
        }
    }
    let source = described.and_then(|described| Source::of(&name, described).ok());
    let session = match (source, described) {
        (Some(Source::File | Source::Keyring), Some(described)) => {
            credential::read(&dirs, &name, described).ok().flatten().and_then(|stored| stored.session)
        }
        _ => None,
    };
    let trust = Trust::of_login(ca_file(request, &dirs, &name)?);
    let ended = session.as_ref().map(|session| credential::issuer::revoke(session, &trust));
    let had_token = credential::forget(&dirs, &name, source)?;
    let described = config::edit(&dirs, |document| {
        let credentials = document.get_mut("credentials").and_then(|credentials| credentials.as_table_mut());
        Ok(credentials.is_some_and(|credentials| credentials.remove(&name).is_some()))
    })?;
    if !had_token && !described {
        let known = config.credentials.into_keys().collect::<Vec<_>>().join(", ");
        let failure = failed(format!("there is no credential `{name}`"));
        return Err(if known.is_empty() { failure } else { failure.help(format!("there are: {known}")) });
    }
    env.console.notice(&match &ended {
        Some(Ok(true)) => format!("Signed out, and removed the credential `{name}`."),
        Some(Ok(false)) => {
            format!("Removed the credential `{name}`. The issuer offers no way to end the session itself.")
        }
        Some(Err(_)) => format!("Removed the credential `{name}`."),
        None if source == Some(Source::Command) => {
            format!("Removed the credential `{name}`; its command keeps the token.")
        }
        None => format!(
            "Removed the credential `{name}`. The token itself stays valid until it is rotated or deleted."
        ),
    });
    if let Some(Err(failure)) = ended {
        let failure = failed("the session could not be ended at the issuer").cause(failure.message);
        report::warning(&env.console, &failure);
    }
    for (profile, settings) in config.profiles {
        if settings.credential.as_deref() == Some(name.as_str()) {
            env.console.notice(&format!("The profile `{profile}` used it."));
        }
    }
    request.done(format, &name, "removed")
}
