//! `astro login --with-token` and `astro logout`: credentials of the source `file`.

use std::io::Read;

use astro_plugin_protocol::{manifest::Command, names};

use super::{Request, command, option, switch};
use crate::{
    config::{self, Config, Dirs, Secret, Stored},
    context::{Address, Claims, Environment},
    error::{Result, auth, failed, usage},
};

pub(super) fn commands() -> Vec<Command> {
    let credential =
        || option("credential", "NAME", "Name of the credential; `default` when it is not given");
    let mut login = command(
        "login",
        "Store a token for later commands",
        vec![switch("with-token", "Read the token from standard input"), credential()],
        &[
            ("astro login --with-token < token.txt", "Store a token as the credential `default`"),
            ("pass astro/prod | astro login --with-token --credential prod", "Store a token under a name"),
        ],
    );
    login.long_about = "Store a token for later commands.\n\nIt is read from standard input and never taken from the command line, where other users could see it. It is kept in a file that only you can read, and sent only to the address it was stored for: ASTRO_API_URL or ASTRO_DOMAIN at that time, else the hosted API.".to_owned();
    login.see_also = vec!["logout".to_owned(), "profile add".to_owned(), "context".to_owned()];
    let logout = command(
        "logout",
        "Remove a stored token",
        vec![credential()],
        &[("astro logout --credential prod", "Remove the token of a credential")],
    );
    vec![login, logout]
}

pub(super) fn login(request: &Request<'_>) -> Result<i32> {
    request.format()?;
    let app = request.app;
    let name = credential_name(request)?;
    if !request.flag("with-token") {
        return Err(usage("`astro login` needs `--with-token`: it reads a token from standard input")
            .help(format!("astro login --with-token --credential {name} < FILE")));
    }
    let dirs = app.dirs.clone()?;
    if app.console.facts.stdin && app.console.facts.stderr {
        app.console.notice("Paste the token, then press Enter and Ctrl-D.");
    }
    let token = read_token()?;
    let address = address(request)?;
    same_address(&dirs, &name, &address)?;
    let claims = Claims::read(token.expose());
    // The token first: a description without a token would look like being signed in.
    config::store(&dirs, &name, &Stored { address: address.to_string(), token })?;
    let (made_profile, organization) = config::edit(&dirs, |document| {
        let credential = config::table(document, "credentials", &name)?;
        config::set(credential, "address", Some(address.as_str()));
        config::set(credential, "source", Some("file"));
        // The first credential becomes usable at once: a profile of the same name, and the default.
        let no_profile = document
            .get("profiles")
            .and_then(|profiles| profiles.as_table())
            .is_none_or(|profiles| profiles.is_empty());
        if no_profile {
            let profile = config::table(document, "profiles", &name)?;
            config::set(profile, "credential", Some(&name));
            document["default_profile"] = toml_edit::value(name.as_str());
        }
        Ok((no_profile, claims.as_ref().and_then(|claims| claims.organization.clone())))
    })?;
    app.console.notice(&format!("Stored the credential `{name}` for {address}."));
    if let Some(organization) = organization {
        app.console.notice(&format!("The token belongs to the organization {organization}."));
    }
    if made_profile {
        app.console.notice(&format!("Made the profile `{name}` and chose it as the default."));
    }
    Ok(0)
}

pub(super) fn logout(request: &Request<'_>) -> Result<i32> {
    request.format()?;
    let app = request.app;
    let name = credential_name(request)?;
    let dirs = app.dirs.clone()?;
    let had_token = config::forget(&dirs, &name)?;
    let described = config::edit(&dirs, |document| {
        let credentials = document.get_mut("credentials").and_then(|credentials| credentials.as_table_mut());
        Ok(credentials.is_some_and(|credentials| credentials.remove(&name).is_some()))
    })?;
    if !had_token && !described {
        return Err(
            failed(format!("there is no credential `{name}`")).help("see them with `astro profile list`")
        );
    }
    app.console.notice(&format!(
        "Removed the credential `{name}`. The token itself stays valid until it is rotated or deleted."
    ));
    for (profile, settings) in Config::load(&dirs)?.profiles {
        if settings.credential.as_deref() == Some(name.as_str()) {
            app.console.notice(&format!("The profile `{profile}` used it."));
        }
    }
    Ok(0)
}

fn credential_name(request: &Request<'_>) -> Result<String> {
    let name = request.text("credential").unwrap_or("default");
    if !names::is_name(name) {
        return Err(usage(format!("`{name}` is not a name for a credential"))
            .help("use letters, digits, `-`, `_` and `.`"));
    }
    Ok(name.to_owned())
}

/// A credential never moves to another address by being renewed: profiles that use it would follow.
fn same_address(dirs: &Dirs, name: &str, address: &Address) -> Result<()> {
    match Config::load(dirs)?.credentials.get(name) {
        Some(known) if known.address != address.as_str() => Err(usage(format!(
            "the credential `{name}` belongs to {}, and this sign-in is for {address}",
            known.address
        ))
        .help(format!("to renew it, set ASTRO_API_URL={}", known.address))
        .help("for another address choose another name: --credential NAME")),
        _ => Ok(()),
    }
}

/// The token on standard input, without the line break at its end.
fn read_token() -> Result<Secret> {
    let mut text = String::new();
    std::io::stdin()
        .take(64 * 1024)
        .read_to_string(&mut text)
        .map_err(|error| failed("the token cannot be read from standard input").cause(error.to_string()))?;
    let token = text.trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token);
    if token.is_empty() {
        return Err(usage("standard input holds no token").help("astro login --with-token < FILE"));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(usage(
            "standard input holds more than a token: a token is one word of visible characters",
        ));
    }
    if let Some(expired) = Claims::read(token)
        .and_then(|claims| claims.expires)
        .filter(|expires| *expires <= crate::context::unix_now())
    {
        return Err(auth(format!("the token expired on {}", crate::context::day(expired))));
    }
    Ok(Secret::new(token.to_owned()))
}

/// The address a new credential belongs to: the environment's, else the hosted API's.
fn address(request: &Request<'_>) -> Result<Address> {
    let globals = crate::cli::globals::Globals { profile: None, ..request.parsed.globals.clone() };
    let environment = Environment::of_process()?;
    let context =
        crate::context::resolve(&globals, &environment.addresses_only(), &Config::default(), false, |_| {
            Ok(None)
        })?;
    Ok(context.address.value)
}
