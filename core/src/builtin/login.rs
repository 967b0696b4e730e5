//! `astro login --with-token` and `astro logout`: credentials of the source `file`.

use std::io::Read;

use astro_plugin_protocol::{manifest::Command, names};
use dialoguer::console::Term;

use super::{Request, command, option, switch};
use crate::{
    config::{self, Config, Dirs, Secret, Stored},
    context::{Address, Claims, Environment, Sources},
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
    let format = request.format()?;
    let app = request.app;
    let name = credential_name(request)?;
    if !request.flag("with-token") {
        return Err(usage("`astro login` needs `--with-token`: it reads a token from standard input")
            .help(format!("astro login --with-token --credential {name} < FILE")));
    }
    let dirs = app.dirs.clone()?;
    let token = read_token(app.console.facts.stdin && app.console.facts.stderr)?;
    let address = address(request)?;
    same_address(&dirs, &name, &address)?;
    let claims = Claims::read(token.expose());
    // The token first: a description without a token would look like being signed in.
    config::store(&dirs, &name, &Stored { address: address.to_string(), token })?;
    let users = config::edit(&dirs, |document| {
        let credential = config::table(document, "credentials", &name)?;
        config::set(credential, "address", Some(address.as_str()));
        config::set(credential, "source", Some("file"));
        use_in_profiles(document, &name)
    })?;
    app.console.notice(&format!("Stored the credential `{name}` for {address}."));
    if let Some(organization) = claims.and_then(|claims| claims.organization) {
        app.console.notice(&format!("The token belongs to the organization {organization}."));
    }
    app.console.notice(&match users.as_slice() {
        [] => format!("No profile uses it yet: astro profile add NAME --credential {name}"),
        [profile] => format!("The profile `{profile}` uses it."),
        profiles => format!("The profiles `{}` use it.", profiles.join("`, `")),
    });
    request.done(format, &name, "stored")
}

/// The profiles that use a credential. The first credential of all becomes usable at once, through a profile of
/// the same name that is the default; later ones are given to a profile of that name that has none.
fn use_in_profiles(document: &mut toml_edit::DocumentMut, name: &str) -> Result<Vec<String>> {
    let profiles = document.get("profiles").and_then(|profiles| profiles.as_table());
    let is_first = profiles.is_none_or(|profiles| profiles.is_empty());
    let waits = profiles
        .and_then(|profiles| profiles.get(name))
        .is_some_and(|profile| profile.get("credential").is_none());
    if is_first || waits {
        config::set(config::table(document, "profiles", name)?, "credential", Some(name));
    }
    if is_first {
        document["default_profile"] = toml_edit::value(name);
    }
    let profiles = document.get("profiles").and_then(|profiles| profiles.as_table());
    let users = profiles.into_iter().flat_map(|profiles| profiles.iter()).filter(|(_, profile)| {
        profile.get("credential").and_then(|credential| credential.as_str()) == Some(name)
    });
    Ok(users.map(|(profile, _)| profile.to_owned()).collect())
}

pub(super) fn logout(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let app = request.app;
    let name = credential_name(request)?;
    let dirs = app.dirs.clone()?;
    let had_token = config::forget(&dirs, &name)?;
    let described = config::edit(&dirs, |document| {
        let credentials = document.get_mut("credentials").and_then(|credentials| credentials.as_table_mut());
        Ok(credentials.is_some_and(|credentials| credentials.remove(&name).is_some()))
    })?;
    if !had_token && !described {
        let known = Config::load(&dirs)?.credentials.into_keys().collect::<Vec<_>>().join(", ");
        let failure = failed(format!("there is no credential `{name}`"));
        return Err(if known.is_empty() { failure } else { failure.help(format!("there are: {known}")) });
    }
    app.console.notice(&format!(
        "Removed the credential `{name}`. The token itself stays valid until it is rotated or deleted."
    ));
    for (profile, settings) in Config::load(&dirs)?.profiles {
        if settings.credential.as_deref() == Some(name.as_str()) {
            app.console.notice(&format!("The profile `{profile}` used it."));
        }
    }
    request.done(format, &name, "removed")
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

/// The token on standard input, without the line break at its end. On a terminal it is asked for and not shown.
fn read_token(ask: bool) -> Result<Secret> {
    let text = if ask {
        let asked = dialoguer::Password::new().with_prompt("Token (not shown)").interact_on(&Term::stderr());
        asked.map_err(|error| error.to_string())
    } else {
        let mut text = String::new();
        let read = std::io::stdin().take(64 * 1024).read_to_string(&mut text);
        read.map(|_| text).map_err(|error| error.to_string())
    };
    let text = text.map_err(|error| failed("the token cannot be read from standard input").cause(error))?;
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
    crate::redact::hide(token);
    Ok(Secret::new(token.to_owned()))
}

/// The address a new credential belongs to: the environment's, else the hosted API's.
fn address(request: &Request<'_>) -> Result<Address> {
    let globals = crate::cli::globals::Globals { profile: None, ..request.parsed.globals.clone() };
    let environment = Environment::of_process()?;
    let sources = Sources {
        globals: &globals,
        environment: &environment.addresses_only(),
        directory: None,
        config: &Config::default(),
        on_terminal: false,
    };
    let context = crate::context::resolve(sources, |_| Ok(None))?;
    Ok(context.address.value)
}
