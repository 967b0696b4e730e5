//! `astro profile`: named bundles of a credential and the ids it is used with.
//!
//! * this file: what there is, and adding, showing and removing;
//! * [`choose`]: which profile a shell, a directory or everybody uses;
//! * [`mod@edit`]: changing and renaming;
//! * [`transfer`]: export, import, and the contexts of another program.

mod choose;
mod edit;
mod transfer;

use astro_plugin_protocol::{
    effect::Effect,
    manifest::{Arg, ValueKind},
    names::{self, Dimension},
    service::{Column, ColumnKind, View},
};
use serde_json::{Value, json};

use super::{Request, column, command, dynamic, option, positional};
use crate::{
    base::error::{Failure, Result, failed, usage},
    commands::Builtin,
    config::{self, Config, Dirs, Profile},
    context::{
        names::{Names, beside},
        settings,
    },
    net::{address::Address, tls},
    output::Format,
    program::{APP, dimensions},
    suggest,
};

pub(super) fn commands() -> Vec<Builtin> {
    let mut add = command(
        "profile add",
        Effect::Write,
        "Add a profile",
        vec![
            positional("name", "Name of the profile", true),
            dynamic(option(
                "credential",
                "NAME",
                "The stored credential it uses; without it the one of its own name, else `default`",
            )),
            Arg {
                kind: ValueKind::File,
                ..option("ca-file", "FILE", "Certificates (PEM) that are trusted besides the system's")
            },
        ],
        &[
            (
                &with("astro profile add prod --credential prod", dimensions().first(), "Acme"),
                "Add a profile",
            ),
            (
                &with("astro profile add stage --credential prod -o json", dimensions().last(), "Reports"),
                "Another one with the same credential",
            ),
        ],
        add,
    );
    add.long_about = format!(
        "Add a profile.\n\nA credential is stored first, with `{APP} login`. The profile names the credential it uses, and the {} given with the global options. `-o` is the format of the profile's commands on a terminal.",
        settable()
    );
    let mut list = command(
        "profile list",
        Effect::Read,
        "List the profiles",
        Vec::new(),
        &[("astro profile list", "List the profiles")],
        list,
    );
    list.aliases = vec!["ls".to_owned()];
    vec![
        add,
        list,
        command(
            "profile show",
            Effect::Read,
            "Show a profile",
            vec![existing("Name of the profile")],
            &[("astro profile show prod", "Show a profile")],
            show,
        ),
        choose::command(),
        edit::edit_command(),
        edit::rename_command(),
        command(
            "profile remove",
            Effect::Destructive,
            "Remove a profile; its credential stays",
            vec![existing("Name of the profile")],
            &[("astro profile remove stage", "Remove a profile")],
            remove,
        ),
        transfer::export_command(),
        transfer::import_command(),
    ]
}

/// The name of a profile that there is.
fn existing(help: &str) -> Arg {
    Arg { kind: ValueKind::Profile, ..positional("name", help, true) }
}

pub(super) fn add(request: &Request<'_>) -> Result<i32> {
    let env = request.env;
    let globals = &request.parsed.globals;
    // What `-o` says is stored in the profile, and is the format of this answer, too.
    let format = request.format()?;
    let name = request.required("name")?;
    check_name(name)?;
    let ca_file = request.text("ca-file").map(std::path::absolute).transpose();
    let ca_file = ca_file.map_err(|error| usage("`--ca-file` is not a path").cause(error.to_string()))?;
    ca_file.iter().try_for_each(|path| tls::check_file("--ca-file", path))?;
    let dirs = env.dirs.clone()?;
    let known = Config::load(&dirs)?;
    let credential = match request.text("credential") {
        Some(credential) if !known.credentials.contains_key(credential) => {
            return Err(no_credential(credential, &known));
        }
        Some(credential) => Some(credential.to_owned()),
        // Its own, when there is one of its name; else the one that everything uses.
        None => [name, "default"]
            .into_iter()
            .find(|name| known.credentials.contains_key(*name))
            .map(str::to_owned),
    };
    let first = config::edit(&dirs, |document| {
        if document.get("profiles").and_then(|profiles| profiles.get(name)).is_some() {
            return Err(failed(format!("there is a profile `{name}` already"))
                .help(format!("see it with `{APP} profile show {name}`, or remove it first")));
        }
        let profile = config::table(document, "profiles", name)?;
        config::set(profile, "credential", credential.as_deref());
        for dimension in dimensions() {
            config::set(profile, dimension.name, globals.setting(dimension.name));
        }
        config::set(profile, "output", globals.output.as_deref());
        config::set(profile, "ca_file", ca_file.as_ref().map(|path| path.to_string_lossy()).as_deref());
        Ok(known.profiles.is_empty())
    })?;
    env.console.notice(&format!("Added the profile `{name}`."));
    if let Some(credential) = credential.as_ref().filter(|_| request.text("credential").is_none()) {
        env.console.notice(&match credential == name {
            true => format!("It uses the credential `{credential}`."),
            false => format!(
                "It uses the credential `{credential}`; for another customer: {APP} login --credential {name}, then {APP} profile edit {name} --credential {name}"
            ),
        });
    }
    if credential.is_none() {
        env.console.notice(&format!("It has no credential yet: {APP} login --credential {name}"));
    }
    if first {
        env.console.notice(&format!("Choose it for every shell with `{APP} profile use {name}`."));
    }
    request.done(format, name, "added")
}

pub(super) fn list(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let dirs = request.env.dirs.clone()?;
    let config = Config::load(&dirs)?;
    let rows =
        config.profiles.iter().map(|(name, profile)| row(name, profile, &config, &dirs, format)).collect();
    let mut view = view();
    view.list = Some("profiles".to_owned());
    view.empty = Some(format!("There are no profiles. Add one with `{APP} profile add NAME`.").to_owned());
    request.emit(format, view, rows)
}

pub(super) fn show(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let dirs = request.env.dirs.clone()?;
    let config = Config::load(&dirs)?;
    let name = request.required("name")?;
    let profile = config.profiles.get(name).ok_or_else(|| no_profile(name, &config))?;
    request.emit(format, view(), vec![row(name, profile, &config, &dirs, format)])
}

pub(super) fn remove(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let env = request.env;
    let name = request.required("name")?;
    let dirs = env.dirs.clone()?;
    let known = Config::load(&dirs)?;
    let credential = known.profiles.get(name).and_then(|profile| profile.credential.clone());
    let was_default = config::edit(&dirs, |document| {
        let profiles = document.get_mut("profiles").and_then(|profiles| profiles.as_table_mut());
        if profiles.is_none_or(|profiles| profiles.remove(name).is_none()) {
            return Err(no_profile(name, &Config::load(&dirs)?));
        }
        let was_default = document.get("default_profile").and_then(|default| default.as_str()) == Some(name);
        if was_default {
            document.remove("default_profile");
        }
        Ok(was_default)
    })?;
    env.console.notice(&format!("Removed the profile `{name}`."));
    if let Some(credential) = credential.filter(|credential| known.credentials.contains_key(credential)) {
        let others: Vec<&str> =
            known.users_of(&credential).into_iter().filter(|profile| *profile != name).collect();
        env.console.notice(&match others.as_slice() {
            [] => format!(
                "Its credential `{credential}` stays; to remove that, too: {APP} logout --credential {credential}"
            ),
            [other] => format!("Its credential `{credential}` stays: the profile `{other}` uses it."),
            others => {
                format!("Its credential `{credential}` stays: the profiles `{}` use it.", others.join("`, `"))
            }
        });
    }
    if was_default {
        env.console.notice(&format!("It was the default; choose another one with `{APP} profile use NAME`."));
    }
    request.done(format, name, "removed")
}

fn row(name: &str, profile: &Profile, config: &Config, dirs: &Dirs, format: Format) -> Value {
    let credential = profile.credential.as_ref();
    let address =
        credential.and_then(|name| config.credentials.get(name)).map(|credential| &credential.address);
    let mut row = json!({
        "name": name,
        "default": config.default_profile.as_deref() == Some(name),
        "credential": credential,
        "address": address,
    });
    // Names are those of the address that the credential is sent to.
    let address = address.and_then(|address| Address::parse(address, "config.toml").ok());
    let names = address.map_or_else(Names::none, |address| Names::at(Some(dirs), &address));
    let settings = || dimensions().iter().map(|dimension| (dimension.name, profile.setting(dimension.name)));
    for (name, value) in settings() {
        row[name] = match value {
            Some(value) if format.is_for_people() => beside(value, names.of(Some(value)).as_deref()).into(),
            value => value.into(),
        };
    }
    row["output"] = profile.output.as_deref().into();
    row["owner"] = profile.owner.as_deref().into();
    row["ca_file"] = json!(profile.ca_file);
    for (name, value) in settings().filter(|(_, value)| !format.is_for_people() || value.is_none()) {
        row[format!("{name}_name")] = names.of(value).into();
    }
    row
}

fn view() -> View {
    let names = || dimensions().iter().map(|dimension| dimension.name);
    let first = ["name", "default", "credential", "address"];
    let columns = [
        column("name", ColumnKind::Id),
        column("default", ColumnKind::Id),
        column("credential", ColumnKind::Text),
        Column { optional: true, ..column("address", ColumnKind::Text) },
    ];
    View {
        columns: columns
            .into_iter()
            .chain(names().map(|name| column(name, ColumnKind::Text)))
            .chain([Column { optional: true, ..column("output", ColumnKind::Text) }])
            .collect(),
        clean: (first.into_iter().chain(names()).chain(["output"]).map(str::to_owned))
            .chain(names().map(|name| format!("{name}_name")))
            .collect(),
        ..View::default()
    }
}

/// A line of an example with the option of a dimension, where the program has dimensions.
fn with(line: &str, dimension: Option<&Dimension>, value: &str) -> String {
    dimension.map_or_else(|| line.to_owned(), |dimension| format!("{line} --{} {value}", dimension.name))
}

/// What a profile is given with global options, in words.
fn settable() -> String {
    let names = dimensions().iter().map(|dimension| dimension.name.to_owned());
    settings::listed(&names.chain(["output format".to_owned()]).collect::<Vec<_>>())
}

fn check_name(name: &str) -> Result<()> {
    if names::is_name(name) {
        return Ok(());
    }
    Err(usage(format!("`{name}` is not a name for a profile")).help("use letters, digits, `-`, `_` and `.`"))
}

pub(super) fn no_profile(name: &str, config: &Config) -> Failure {
    let failure = failed(format!("there is no profile `{name}`"));
    match suggest::nearest(name, config.profiles.keys().map(String::as_str)) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure,
    }
    .help(format!("see the profiles with `{APP} profile list`"))
}

fn no_credential(name: &str, config: &Config) -> Failure {
    let failure = failed(format!("there is no credential `{name}`"));
    match suggest::nearest(name, config.credentials.keys().map(String::as_str)) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure,
    }
    .help(format!("sign in first: {APP} login --credential {name}"))
}
