//! `astro login` and `astro logout`.
//!
//! [`mod@logout`]: what the issuer is told, and what is removed. [`flow`]: the two ways to sign in at the issuer. [`check`]: whether the API accepts a token before it is stored.

mod check;
mod flow;
mod logout;

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use astro_plugin_protocol::{
    effect::Effect,
    manifest::{Arg, ValueKind},
    names,
};
use dialoguer::console::Term;

use super::{Request, command, dynamic, option, switch};
use crate::{
    api::starter,
    base::{
        error::{Failure, Result, auth, failed, usage},
        time::{day, timestamp, unix_now},
    },
    commands::Builtin,
    config::{self, Config, Credential, Dirs, environment},
    console::Console,
    context::{Claims, Environment, Origin, Sources, names::beside, settings},
    credential::{self, Secret, Source, Stored, issuer::Issuer},
    net::{
        address::Address,
        tls::{self, Trust},
    },
    product::product,
    program::{APP, ENV},
};
use check::Checked;
use logout::logout;

/// The largest token that is stored, in bytes: servers take no longer header. Issuers of companies give out some with
/// fourteen thousand.
const LARGEST_TOKEN: usize = 16 * 1024;

pub(super) fn commands() -> Vec<Builtin> {
    let credential = || {
        dynamic(option(
            "credential",
            "NAME",
            &format!(
                "Name of the credential; without it that of the profile named by `--profile` or {ENV}_PROFILE, else `default`"
            ),
        ))
    };
    let mut login = command(
        "login",
        Effect::Write,
        "Sign in, or store a token for later commands",
        vec![
            credential(),
            switch("with-token", "Read a token from standard input instead of signing in"),
            option(
                "command",
                "COMMAND",
                "Run this program whenever the token is needed; its output is the token",
            ),
            switch("device", "Sign in on another device, with a code"),
            switch("no-browser", "Print the URL instead of opening a browser"),
            switch(
                "insecure-storage",
                "Keep the token in a file that only you can read, and do not ask the keyring",
            ),
            Arg {
                kind: ValueKind::File,
                ..option(
                    "ca-file",
                    "FILE",
                    "Certificates (PEM) to trust besides the system's, here and in the profiles that use the credential",
                )
            },
        ],
        &[
            ("astro login", "Sign in with the browser"),
            ("astro login --device --credential prod", "Sign in where there is no browser"),
            ("astro login --with-token < token.txt", "Store a token as the credential `default`"),
            ("astro login --credential prod --command 'pass show prod'", "Let a password manager keep it"),
        ],
        login,
    );
    login.long_about = format!(
        "Sign in, or store a token for later commands.\n\nA sign-in opens your browser and is renewed by itself until `{APP} logout`. A token is read from standard input and never taken from the command line, where other users could see it. What is kept is in the system's keyring, else in a file that only you can read, and is sent only to the address it was stored for, at that time {}. The API is asked once whether it accepts a token; where it cannot be asked, the token is stored unchecked.",
        where_it_is()
    );
    login.see_also = vec!["logout".to_owned(), "profile add".to_owned(), "context".to_owned()];
    let logout = command(
        "logout",
        Effect::Destructive,
        "Sign out and remove what is stored",
        vec![credential()],
        &[("astro logout --credential prod", "Remove a credential")],
        logout,
    );
    vec![login, logout]
}

pub(super) fn login(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let env = request.env;
    let dirs = env.dirs.clone()?;
    let name = credential_name(request, &dirs)?;
    let ways = ["with-token", "device", "no-browser"].into_iter().filter(|way| request.flag(way));
    let ways: Vec<&str> = ways.chain(request.text("command").map(|_| "command")).collect();
    if let [one, other, ..] = ways.as_slice() {
        return Err(usage(format!("`--{one}` and `--{other}` cannot be used together")));
    }
    let address = address(request, &dirs, &name)?;
    let given = request.text("ca-file").map(std::path::absolute).transpose();
    let given = given.map_err(|error| usage("`--ca-file` is not a path").cause(error.to_string()))?;
    given.iter().try_for_each(|path| tls::check_file("--ca-file", path))?;
    let trust = Trust::of_login(given.clone().or(ca_file(request, &dirs, &name)?));
    // Better known before a sign-in than after it: a token without its description is of no use.
    config::check_writable(&dirs)?;
    let described = |source: Source| Credential {
        address: address.to_string(),
        source: source.name().to_owned(),
        command: request.text("command").map(str::to_owned),
    };
    let (mut unchecked, mut named) = (None, None);
    let mut checked = |token: &Secret| -> Result<()> {
        match check::check(&address, &trust, token)? {
            Checked::Not(reason) => {
                refuse_expired(token)?;
                unchecked = Some(reason);
            }
            Checked::Accepted(first) => named = first,
        }
        Ok(())
    };
    let (stored, who) = match ways.first() {
        Some(&"with-token") => {
            let token = read_token(env.console.facts.stdin && env.console.facts.stderr)?;
            checked(&token)?;
            (Stored { address: address.to_string(), token, session: None }, None)
        }
        // Run once: what does not work is better known now.
        Some(&"command") => {
            let line = request.text("command").unwrap_or_default();
            let stored = credential::read(&dirs, &name, &described(Source::Command)).map_err(|failure| {
                Failure { help: Vec::new(), ..failure }
                    .help(format!("nothing was stored; run the command by hand: {line}"))
            })?;
            let stored = stored.ok_or_else(gone)?;
            checked(&stored.token)?;
            (stored, None)
        }
        way => sign_in(request, &address, &trust, &name, way.copied())?,
    };
    let claims = Claims::read(stored.token.expose());
    let _lock = credential::session::lock(&dirs, &name)?;
    let before = Config::load(&dirs)?.credentials.remove(&name);
    // The token first: a description without a token would look like being signed in.
    let source = match ways.first() {
        Some(&"command") => Source::Command,
        _ => keep(request, &dirs, &name, &stored)?,
    };
    // The former value must not come back when the description is changed by hand.
    forget_former(&dirs, &name, before.as_ref(), source);
    let users = config::edit(&dirs, |document| {
        let credential = config::table(document, "credentials", &name)?;
        config::set(credential, "address", Some(address.as_str()));
        config::set(credential, "source", Some(source.name()));
        config::set(credential, "command", request.text("command").filter(|_| source == Source::Command));
        let users = use_in_profiles(document, &name)?;
        if let Some(path) = &given {
            let path = path.to_string_lossy();
            for user in &users {
                config::set(config::table(document, "profiles", user)?, "ca_file", Some(&path));
            }
        }
        Ok(users)
    })?;
    if let Some(who) = who {
        env.console.notice(&format!("Signed in as {who}."));
    }
    env.console.notice(&format!("Stored the credential `{name}` for {address}."));
    if let Some(reason) = unchecked {
        env.console.notice(&format!("The token was not checked: {reason}."));
    }
    tell_owner(&env.console, claims.as_ref(), named);
    tell_users(&env.console, &name, &users, given.as_deref());
    request.done(format, &name, "stored")
}

/// Signs in at the issuer; `way` is `device`, `no-browser` or nothing. What is kept, and who it was.
fn sign_in(
    request: &Request<'_>,
    address: &Address,
    trust: &Trust,
    name: &str,
    way: Option<&str>,
) -> Result<(Stored, Option<String>)> {
    let env = request.env;
    let facts = env.console.facts;
    if way.is_none() && !(facts.stdin && facts.stderr) {
        return Err(usage(format!("`{APP} login` opens a browser, which needs an interactive terminal"))
            .help(format!("store a token: {APP} login --with-token --credential {name} < FILE"))
            .help(format!("or sign in on another device: {APP} login --device")));
    }
    let issuer = Issuer::of(address, trust.clone())
        .map_err(|failure| starter::advised(failure, env.dirs.as_ref().ok(), address))?;
    let granted = match way {
        Some("device") => flow::device(&env.console, &issuer)?,
        way => flow::browser(&env.console, &issuer, way.is_none(), name)?,
    };
    flow::tell(&env.console, &issuer, &granted);
    let (token, session) = issuer.session(&granted);
    let who = issuer.signed_in(&granted);
    Ok((Stored { address: address.to_string(), token, session }, who))
}

/// Says whose token it is. `named`: the first that the API listed, with its name.
fn tell_owner(console: &Console, claims: Option<&Claims>, named: Option<(String, String)>) {
    if let (Some(widest), Some(owner)) = (settings::owner(), claims.and_then(Claims::owner)) {
        let named = named.filter(|(id, _)| id == owner);
        let owner = beside(owner, named.as_ref().map(|(_, name)| name.as_str()));
        console.notice(&format!("The token belongs to the {} {owner}.", widest.name));
    }
}

/// Says which profiles use the credential, or how one can.
fn tell_users(console: &Console, name: &str, users: &[String], ca_file: Option<&Path>) {
    console.notice(&match users {
        [] => match ca_file {
            None => format!("No profile uses it yet: {APP} profile add NAME --credential {name}"),
            Some(path) => format!(
                "No profile uses it yet: {APP} profile add NAME --credential {name} --ca-file {}",
                path.display()
            ),
        },
        [profile] => format!("The profile `{profile}` uses it."),
        profiles => format!("The profiles `{}` use it.", profiles.join("`, `")),
    });
}

/// Keeps a value in the keyring, or in a file where that is wanted or there is no other place.
fn keep(request: &Request<'_>, dirs: &Dirs, name: &str, stored: &Stored) -> Result<Source> {
    if !request.flag("insecure-storage") {
        match credential::sources::keyring::store(dirs, name, stored) {
            Ok(()) => return Ok(Source::Keyring),
            Err(failure) => {
                let reason = failure.causes.first().cloned().unwrap_or_default();
                request.env.console.notice(&format!(
                    "The keyring cannot be used ({reason}): the token is kept in {}, readable by you alone. `--insecure-storage` does that without asking the keyring.",
                    dirs.credentials_file().display()
                ));
            }
        }
    }
    credential::write(dirs, name, Source::File, stored)?;
    Ok(Source::File)
}

/// Takes the value out of where it was kept before, when that is another place.
fn forget_former(dirs: &Dirs, name: &str, before: Option<&Credential>, now: Source) {
    let former = before.and_then(|described| Source::of(name, described).ok());
    // A value that stays is not used any more; a keyring that is locked cannot be asked.
    let _ = match (former, now) {
        (Some(Source::File), Source::Keyring | Source::Command) => {
            credential::sources::file::forget(dirs, name)
        }
        (Some(Source::Keyring), Source::File | Source::Command) => {
            credential::sources::keyring::forget(dirs, name)
        }
        _ => Ok(false),
    };
}

fn gone() -> Failure {
    failed("the command gave no token")
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

/// Which credential is meant: the one that was named, else the one of the profile that was, else `default`.
fn credential_name(request: &Request<'_>, dirs: &Dirs) -> Result<String> {
    let by_profile = || -> Result<Option<String>> {
        let by_flag = request.parsed.globals.profile.clone();
        let by_variable = environment::variable(environment::PROFILE)?;
        let Some(profile) = by_flag.or(by_variable) else { return Ok(None) };
        let config = Config::load(dirs)?;
        match config.profiles.get(&profile) {
            Some(settings) => Ok(Some(settings.credential.clone().unwrap_or(profile))),
            None => Err(super::profile::no_profile(&profile, &config)
                .help(format!("or name the credential itself: --credential {profile}"))),
        }
    };
    let name = match request.text("credential") {
        Some(name) => name.to_owned(),
        None => by_profile()?.unwrap_or_else(|| "default".to_owned()),
    };
    if !names::is_name(&name) {
        return Err(usage(format!("`{name}` is not a name for a credential"))
            .help("use letters, digits, `-`, `_` and `.`"));
    }
    Ok(name)
}

/// The token on standard input, without the line break at its end. On a terminal it is asked for and not shown.
fn read_token(ask: bool) -> Result<Secret> {
    let text = if ask {
        let asked = dialoguer::Password::new().with_prompt("Token (not shown)").interact_on(&Term::stderr());
        asked.map_err(|error| error.to_string())
    } else {
        let mut text = String::new();
        // Room for blanks and line breaks around it, and for seeing that it is too long.
        let read = std::io::stdin().take(4 * LARGEST_TOKEN as u64).read_to_string(&mut text);
        read.map(|_| text).map_err(|error| error.to_string())
    };
    let text = text.map_err(|error| failed("the token cannot be read from standard input").cause(error))?;
    let token = text.trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token);
    if let Some(flaw) = credential::token::flaw(token) {
        return Err(usage(format!("standard input {flaw}"))
            .help(format!("a token is one word of visible characters: {APP} login --with-token < FILE")));
    }
    if token.len() > LARGEST_TOKEN {
        return Err(usage(format!(
            "standard input holds more than a token: a token has at most {LARGEST_TOKEN} bytes"
        )));
    }
    crate::base::redact::hide(token);
    Ok(Secret::new(token.to_owned()))
}

/// Where the API cannot be asked, what the token says about itself counts, by this machine's clock.
fn refuse_expired(token: &Secret) -> Result<()> {
    let claims = Claims::read(token.expose());
    match claims.and_then(|claims| claims.expires).filter(|expires| *expires <= unix_now()) {
        Some(expired) => Err(auth(format!("the token expired on {}", day(expired)))
            .cause(format!("by the clock of this machine it is {}", timestamp(unix_now())))
            .help("nothing was stored")),
        None => Ok(()),
    }
}

/// The certificates of the profile that was named, else of one that uses the credential.
fn ca_file(request: &Request<'_>, dirs: &Dirs, name: &str) -> Result<Option<PathBuf>> {
    let config = Config::load(dirs)?;
    let named = request
        .parsed
        .globals
        .profile
        .clone()
        .or_else(|| std::env::var(environment::PROFILE.to_string()).ok());
    let named = named.and_then(|profile| config.profiles.get(&profile)?.ca_file.clone());
    let mut users = config.profiles.values().filter(|profile| profile.credential.as_deref() == Some(name));
    Ok(named.or_else(|| users.find_map(|profile| profile.ca_file.clone())))
}

/// What says where the API is.
fn where_it_is() -> String {
    let api = &product().api;
    let domain = if api.of_domain.is_some() { format!(" or {ENV}_DOMAIN") } else { String::new() };
    let hosted = if api.default_address.is_some() { ", else the hosted API" } else { "" };
    format!("{ENV}_API_URL{domain}{hosted}")
}

/// The address a credential belongs to: the environment's, else its own, else the hosted API's. A credential never moves
/// to another address by being renewed: profiles that use it would follow.
fn address(request: &Request<'_>, dirs: &Dirs, name: &str) -> Result<Address> {
    let globals = crate::globals::Globals { profile: None, ..request.parsed.globals.clone() };
    let environment = Environment::addresses_of_process()?;
    let sources = Sources {
        globals: &globals,
        environment: &environment,
        directory: None,
        config: &Config::default(),
        on_terminal: false,
    };
    let context = crate::context::resolve(sources, |_| Ok(None))?;
    if let Some(contradiction) = context.contradiction {
        return Err(contradiction);
    }
    let address = &context.address;
    match Config::load(dirs)?.credentials.get(name) {
        Some(known) if known.address == address.value.as_str() => Ok(address.value.clone()),
        Some(known) if address.origin == Origin::Default => {
            Address::parse(&known.address, &format!("the credential `{name}`"))
        }
        Some(known) => Err(usage(format!(
            "the credential `{name}` belongs to {}, and this sign-in is for {}",
            known.address, address.value
        ))
        .help(format!("to renew it, unset {}", address.origin))
        .help("for another address choose another name: --credential NAME")),
        None => context.api().cloned(),
    }
}
