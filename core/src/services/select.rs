//! `context.select`: what later commands act on. Nothing is switched behind the back of another shell: what a flag or
//! a variable chose is not changed.

use astro_plugin_protocol::{
    effect::Effect,
    service::{ContextSelect, ContextSelectAnswer},
};
use serde_json::Value;

use super::{Call, to_value};
use crate::{
    base::error::{Failure, Result, failed, usage},
    config::{self, Dirs},
    context::{Origin, Sourced, directory},
    program::{self, APP, ENV, dimensions},
};

/// `context.select`
pub(super) fn select(call: &Call, select: &ContextSelect) -> Result<Value> {
    let (profile, dirs) = selectable(call, select)?;
    let context = call.context();
    let values: Vec<(&str, Option<&str>)> =
        select.values.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
    context.allow(Effect::Write)?;
    // A directory file that selected what is switched keeps selecting it.
    let selected = switched(select);
    let directory = context.directory.as_ref();
    let file =
        selected.and_then(|key| directory?.settings.get(key)).and_then(|setting| match &setting.origin {
            Origin::Directory { path, .. } => Some(path.clone()),
            _ => None,
        });
    // What belonged to the former one goes where it is: in the directory files, too, when the profile is switched.
    let mut changed = false;
    for path in directory.iter().flat_map(|directory| &directory.files) {
        let own: Vec<(&str, Option<&str>)> = values
            .iter()
            .filter(|(_, value)| value.is_none() || file.as_ref() == Some(path))
            .copied()
            .collect();
        if directory::change(path, &own)? {
            changed = true;
            if file.as_ref() != Some(path) {
                let keys: Vec<&str> = own.iter().map(|(key, _)| *key).collect();
                call.console.notice(&format!("Took {} out of {}.", keys.join(" and "), path.display()));
            }
        }
        // What the files above it select belongs together there.
        if file.as_ref() == Some(path) {
            break;
        }
    }
    let place = match &file {
        Some(path) => path.display().to_string(),
        None => {
            changed |= config::edit(dirs, |document| {
                let before = document.to_string();
                let table = config::table(document, "profiles", &profile.value)?;
                for (key, value) in &values {
                    if table.get(key).and_then(|now| now.as_str()) != *value {
                        config::set(table, key, *value);
                    }
                }
                Ok(document.to_string() != before)
            })?;
            format!("profile `{}`", profile.value)
        }
    };
    tell_overriding(call, &values, file.is_some());
    to_value(ContextSelectAnswer::new(place, changed))
}

/// The profile that may be changed, and where it is; fails where nothing may be selected.
fn selectable<'c>(call: &'c Call, select: &ContextSelect) -> Result<(&'c Sourced<String>, &'c Dirs)> {
    for (key, value) in &select.values {
        let Some(dimension) = program::vocabulary().dimension(key) else {
            return Err(failed(format!("`{key}` cannot be selected")));
        };
        if value.as_ref().is_some_and(|value| !(dimension.is_id)(value)) {
            return Err(failed(format!("what is selected as {key} is not an ID")));
        }
    }
    let context = call.context();
    if let Some(Origin::Variable(name)) = context.credential.as_ref().map(|credential| &credential.origin) {
        return Err(with_variables(
            usage(format!("{name} is set, so no profile is in use that could be changed")),
            select,
        ));
    }
    let Some(profile) = &context.profile else {
        return Err(usage("no profile is in use that could be changed")
            .help(format!("choose one with `{APP} profile use NAME`")));
    };
    // A variable chose it for the shell, and what comes after this command is in the same shell.
    if matches!(profile.origin, Origin::Flag(_)) {
        let failure = usage(format!(
            "the profile `{}` was chosen by {} for this command alone; `switch` changes saved settings",
            profile.value, profile.origin
        ));
        return Err(failure.help(format!(
            "change the profile itself: {APP} profile edit {}{}",
            profile.value,
            flags(select)
        )));
    }
    let Some(dirs) = &call.dirs else {
        return Err(crate::base::error::config("the home directory is not known")
            .help(format!("set HOME or {ENV}_HOME")));
    };
    Ok((profile, dirs))
}

/// Says what the user should know beside: what else chooses the same here. `is_in_file`: a directory file was changed.
fn tell_overriding(call: &Call, values: &[(&str, Option<&str>)], is_in_file: bool) {
    let context = call.context();
    for (key, value) in values {
        match context.settings.get(key).map(|setting| &setting.origin) {
            Some(origin @ Origin::Variable(_)) => {
                call.console.notice(&format!("{origin} overrides the {key} here."));
            }
            // The profile is of other directories, too.
            Some(origin @ Origin::Profile(_)) if is_in_file && value.is_none() => {
                call.console.notice(&format!(
                    "The {key} of the {origin} stays in effect and may belong to another place: choose one with `--{key}`, or in {}.",
                    directory::file()
                ));
            }
            _ => {}
        }
    }
}

/// Which of the values is what the user switched; the others change with it.
fn switched(select: &ContextSelect) -> Option<&'static str> {
    let widest = dimensions().first()?.name;
    if select.values.contains_key(widest) {
        return Some(widest);
    }
    let has_id = |key: &str| select.values.get(key).is_some_and(Option::is_some);
    dimensions().iter().rev().map(|dimension| dimension.name).find(|key| has_id(key))
}

/// The options that say the same.
fn flags(select: &ContextSelect) -> String {
    select
        .values
        .iter()
        .map(|(key, value)| match value {
            Some(value) => format!(" --{key} {value}"),
            None => format!(" --unset {key}"),
        })
        .collect()
}

fn with_variables(failure: Failure, select: &ContextSelect) -> Failure {
    select
        .values
        .iter()
        .filter_map(|(key, value)| Some((key, value.as_ref()?)))
        .fold(failure, |failure, (key, value)| {
            failure.help(format!("export {ENV}_{}_ID={value}", key.to_uppercase()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_switched_is_told_from_what_changes_with_it() {
        crate::product::set_neutral();
        let (id, none) = (Some("cm00000000test0000000000x"), None);
        for (values, expected) in [
            (&[("organization", id), ("workspace", id), ("deployment", none)][..], "organization"),
            (&[("organization", id)], "organization"),
            (&[("workspace", id), ("deployment", none)], "workspace"),
            (&[("workspace", id)], "workspace"),
            (&[("deployment", id)], "deployment"),
            (&[("workspace", id), ("deployment", id)], "deployment"),
        ] {
            let values = values.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned)));
            let mut select = ContextSelect::new();
            select.values = values.collect();
            assert_eq!(switched(&select), Some(expected), "{select:?}");
        }
    }
}
