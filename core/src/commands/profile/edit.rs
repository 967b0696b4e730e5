//! `astro profile edit` and `astro profile rename`.

use astro_plugin_protocol::{effect::Effect, manifest::Arg};

use super::{check_name, no_credential, no_profile};
use crate::{
    base::error::{Result, failed, usage},
    commands::{Builtin, Request, choices, dynamic, file, option, positional},
    config::{self, Config, environment},
    context::Directory,
    net::tls,
    program::{APP, ENV, dimensions},
};

/// What can be taken out of a profile.
fn keys() -> Vec<&'static str> {
    let names = dimensions().iter().map(|dimension| dimension.name);
    ["credential"].into_iter().chain(names).chain(["output", "ca_file"]).collect()
}

pub(super) fn edit_command() -> Builtin {
    let unset = Arg {
        repeated: true,
        choices: choices(&keys()),
        ..option("unset", "KEY", "Take a value out of the profile; may be repeated")
    };
    let mut command = super::command(
        "profile edit",
        Effect::Write,
        "Change a profile",
        vec![
            super::existing("Name of the profile"),
            dynamic(option("credential", "NAME", "The stored credential it uses")),
            file(option("ca-file", "PATH", "Certificates (PEM) that are trusted besides the system's")),
            unset,
        ],
        &[
            (
                &super::with("astro profile edit stage", dimensions().last(), "Reports"),
                "Change what its commands act on",
            ),
            ("astro profile edit stage --unset credential --unset output", "Take values out"),
        ],
        edit,
    );
    let given = super::settable();
    let (first, rest) = given.split_at(1);
    command.long_about = format!(
        "Change a profile.\n\n{}{rest} are given with the global options. What is not given stays as it is.",
        first.to_uppercase()
    );
    command
}

pub(super) fn rename_command() -> Builtin {
    super::command(
        "profile rename",
        Effect::Write,
        "Rename a profile",
        vec![super::existing("Its present name"), positional("new-name", "Its new name", true)],
        &[("astro profile rename stage staging", "Rename a profile")],
        rename,
    )
}

pub(in crate::commands) fn edit(request: &Request<'_>) -> Result<i32> {
    // `-o` is a value of the profile here, not the format of this command.
    request.env.start_conversation(&request.parsed.globals, crate::output::Format::TABLE)?;
    let env = request.env;
    let globals = &request.parsed.globals;
    let name = request.required("name")?;
    let unset: Vec<&str> = request.texts("unset");
    if let Some(unknown) = unset.iter().find(|key| !keys().contains(key)) {
        return Err(usage(format!("`--unset {unknown}`: a profile has no `{unknown}`"))
            .help(format!("it has: {}", keys().join(", "))));
    }
    let ca_file = request.text("ca-file").map(std::path::absolute).transpose();
    let ca_file = ca_file.map_err(|error| usage(format!("`--ca-file`: {error}")))?;
    ca_file.iter().try_for_each(|path| tls::check_file("--ca-file", path))?;
    let wanted = [
        ("credential", request.text("credential").map(str::to_owned)),
        ("output", globals.output.clone()),
        ("ca_file", ca_file.map(|path| path.to_string_lossy().into_owned())),
    ];
    let settings = dimensions()
        .iter()
        .map(|dimension| (dimension.name, globals.setting(dimension.name).map(str::to_owned)));
    let wanted: Vec<(&str, Option<String>)> = wanted.into_iter().chain(settings).collect();
    if let Some((key, _)) = wanted.iter().find(|(key, value)| value.is_some() && unset.contains(key)) {
        return Err(usage(format!("`{key}` is given and unset at the same time")));
    }
    if unset.is_empty() && wanted.iter().all(|(_, value)| value.is_none()) {
        return Err(usage(format!("nothing to change in the profile `{name}`"))
            .help(match dimensions().last() {
                Some(narrowest) => {
                    format!("such as: {APP} profile edit {name} --{} <ID|NAME>", narrowest.name)
                }
                None => format!("such as: {APP} profile edit {name} --credential NAME"),
            })
            .help(format!("see `{APP} profile edit --help`")));
    }
    let dirs = env.dirs.clone()?;
    let known = Config::load(&dirs)?;
    if let Some(credential) = request.text("credential").filter(|name| !known.credentials.contains_key(*name))
    {
        return Err(no_credential(credential, &known));
    }
    let changed = config::edit(&dirs, |document| {
        let before = document.to_string();
        if document.get("profiles").and_then(|profiles| profiles.get(name)).is_none() {
            return Err(no_profile(name, &known));
        }
        let profile = config::table(document, "profiles", name)?;
        for (key, value) in &wanted {
            let now = profile.get(key).and_then(|now| now.as_str());
            // What is so already keeps its comment and its place.
            if value.is_some() && value.as_deref() != now {
                config::set(profile, key, value.as_deref());
            }
        }
        unset.iter().for_each(|key| config::set(profile, key, None));
        Ok(document.to_string() != before)
    })?;
    env.console.notice(&match changed {
        true => format!("Changed the profile `{name}`."),
        false => format!("The profile `{name}` is already up to date."),
    });
    Ok(0)
}

pub(in crate::commands) fn rename(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let env = request.env;
    let (old, new) = (request.required("name")?, request.required("new-name")?);
    check_name(new)?;
    let dirs = env.dirs.clone()?;
    config::edit(&dirs, |document| {
        let known = Config::load(&dirs)?;
        if !known.profiles.contains_key(old) {
            return Err(no_profile(old, &known));
        }
        if known.profiles.contains_key(new) {
            return Err(failed(format!("there is a profile `{new}` already"))
                .help(format!("choose another name, or remove it: {APP} profile remove {new}")));
        }
        if let Some(owner) = &known.profiles[old].owner {
            return Err(failed(format!(
                "the profile `{old}` belongs to the plugin `{owner}`, which knows it by that name"
            ))
            .help(format!("add one of your own: {APP} profile add {new} --credential {old}")));
        }
        if let Some(profiles) = document.get_mut("profiles").and_then(|profiles| profiles.as_table_mut())
            && let Some((key, profile)) = profiles.remove_entry(old)
        {
            let renamed = toml_edit::Key::new(new).with_leaf_decor(key.leaf_decor().clone());
            profiles.insert_formatted(&renamed, profile);
        }
        if known.default_profile.as_deref() == Some(old) {
            document["default_profile"] = toml_edit::value(new);
        }
        Ok(())
    })?;
    env.console.notice(&format!("Renamed the profile `{old}` to `{new}`."));
    if environment::variable(environment::PROFILE).is_ok_and(|name| name.as_deref() == Some(old)) {
        env.console
            .notice(&format!("{ENV}_PROFILE still names `{old}` in this shell: export {ENV}_PROFILE={new}"));
    }
    if let Some(profile) = Directory::of_process(Some(&dirs)).ok().flatten().and_then(|file| file.profile)
        && profile.value == old
    {
        env.console
            .notice(&format!("{} still names `{old}`: {APP} profile use {new} --here", profile.origin));
    }
    request.done(format, new, "renamed")
}
