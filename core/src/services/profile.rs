//! Profiles that a plugin owns: how `astro sandbox start` becomes usable.

use astro_plugin_protocol::service::{ProfilePut, ProfilePutAnswer};
use serde_json::Value;

use super::{Call, to_value};
use crate::{
    base::error::{Result, failed},
    config,
    credential::{self, Secret, Stored},
    net::address::Address,
    program::{APP, ENV, dimensions},
};

/// `profile.put`
pub(super) fn put(call: &Call, put: &ProfilePut) -> Result<Value> {
    if !astro_plugin_protocol::names::is_name(&put.name) {
        return Err(failed("the profile's name is not accepted"));
    }
    let address = Address::parse(&put.address, &format!("the plugin `{}`", call.plugin))?;
    if !address.is_loopback() {
        return Err(failed("a plugin may only write profiles of an address on this machine"));
    }
    let is_path = |path: &str| path.split(' ').all(astro_plugin_protocol::names::is_word);
    if put.start.as_deref().is_some_and(|path| !is_path(path)) {
        return Err(failed("the command that starts the server is not the path of a command"));
    }
    let Some(dirs) = &call.dirs else {
        return Err(config_needs_home());
    };
    credential::sources::file::check_writable(dirs)?;
    let owner = call.plugin.as_str();
    let active = config::edit(dirs, |document| {
        let written_by = |kind: &str| {
            let known = document.get(kind).and_then(|kind| kind.get(&put.name))?;
            Some(known.get("owner").and_then(|owner| owner.as_str()).unwrap_or_default())
        };
        let taken = match (written_by("profiles"), written_by("credentials")) {
            (Some(by), _) if by != owner => Some(("profile", format!("{APP} profile remove"))),
            // A credential belongs to the profile of its name; without one it is the user's.
            (None, Some(by)) if by != owner => Some(("credential", format!("{APP} logout --credential"))),
            _ => None,
        };
        if let Some((word, remove)) = taken {
            return Err(failed(format!(
                "there is a {word} `{}` that the plugin `{owner}` did not write",
                put.name
            ))
            .help(format!("to give the name up: {remove} {}", put.name)));
        }
        let profile = config::table(document, "profiles", &put.name)?;
        config::set(profile, "owner", Some(owner));
        config::set(profile, "start", put.start.as_deref());
        config::set(profile, "credential", Some(&put.name));
        for dimension in dimensions() {
            config::set(profile, dimension.name, put.setting(dimension.name));
        }
        let credential = config::table(document, "credentials", &put.name)?;
        config::set(credential, "owner", Some(owner));
        config::set(credential, "address", Some(address.as_str()));
        config::set(credential, "source", Some("file"));
        let chosen = document.get("default_profile").and_then(|name| name.as_str()).map(str::to_owned);
        if dirs.private_home && chosen.is_none() {
            document["default_profile"] = toml_edit::value(put.name.as_str());
            return Ok(true);
        }
        Ok(chosen.as_deref() == Some(put.name.as_str()))
    })?;
    crate::base::redact::hide(&put.token);
    let token = Secret::new(put.token.clone());
    let stored = Stored { address: address.to_string(), token, session: None };
    credential::sources::file::store(dirs, &put.name, &stored)?;
    to_value(ProfilePutAnswer::new(active))
}

fn config_needs_home() -> crate::base::error::Failure {
    crate::base::error::config("the home directory is not known").help(format!("set HOME or {ENV}_HOME"))
}
