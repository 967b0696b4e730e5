//! `context.select`: what later commands act on. Nothing is switched behind the back of another shell: what a flag or
//! a variable chose is not changed.

use astro_plugin_protocol::{
    names,
    service::{ContextSelect, ContextSelectAnswer},
};
use serde_json::Value;

use super::{Invocation, to_value};
use crate::{
    config,
    context::{Origin, Sourced, directory},
    error::{Failure, Result, failed, usage},
};

/// What can be selected.
const KEYS: &[&str] = &["organization", "workspace", "deployment"];

/// `context.select`
pub(super) fn select(invocation: &Invocation, select: &ContextSelect) -> Result<Value> {
    if !invocation.command.needs.profile {
        return Err(failed("the command does not declare that it changes profiles"));
    }
    for (key, value) in &select.values {
        if !KEYS.contains(&key.as_str()) {
            return Err(failed(format!("`{key}` cannot be selected")));
        }
        if value.as_ref().is_some_and(|value| !names::is_id(value)) {
            return Err(failed(format!("what is selected as {key} is not an ID")));
        }
    }
    let context = &invocation.context;
    if let Some(Origin::Variable(name)) = context.credential.as_ref().map(|credential| &credential.origin) {
        return Err(with_variables(
            usage(format!("{name} is set, so no profile is in use that could be changed")),
            select,
        ));
    }
    let Some(profile) = &context.profile else {
        return Err(usage("no profile is in use that could be changed")
            .help("choose one with `astro profile use NAME`"));
    };
    if matches!(profile.origin, Origin::Flag(_) | Origin::Variable(_)) {
        let failure = usage(format!(
            "the profile `{}` was chosen by {} for this command, and `switch` is for what comes after it",
            profile.value, profile.origin
        ));
        return Err(failure.help(format!(
            "change the profile itself: astro profile edit {}{}",
            profile.value,
            flags(select)
        )));
    }
    let Some(dirs) = &invocation.dirs else {
        return Err(crate::error::config("the home directory is not known").help("set HOME or ASTRO_HOME"));
    };
    let values: Vec<(&str, Option<&str>)> =
        select.values.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
    let origin_of = |key: &str| {
        let setting: &Option<Sourced<String>> = match key {
            "organization" => &context.organization,
            "workspace" => &context.workspace,
            _ => &context.deployment,
        };
        setting.as_ref().map(|setting| &setting.origin)
    };
    // The first key is what was switched; a directory that selected it keeps selecting it.
    let selected = ["organization", "workspace"].into_iter().find(|key| select.values.contains_key(*key));
    if let Some(Origin::Directory { path, .. }) = selected.and_then(origin_of) {
        let dir = path.parent().unwrap_or(path);
        let before = std::fs::read(path).unwrap_or_default();
        let written = directory::set(dir, &values)?;
        let changed = std::fs::read(&written).unwrap_or_default() != before;
        return to_value(ContextSelectAnswer { place: written.display().to_string(), changed });
    }
    let changed = config::edit(dirs, |document| {
        let before = document.to_string();
        let table = config::table(document, "profiles", &profile.value)?;
        for (key, value) in &values {
            if table.get(key).and_then(|now| now.as_str()) != *value {
                config::set(table, key, *value);
            }
        }
        Ok(document.to_string() != before)
    })?;
    for key in select.values.keys() {
        if let Some(origin @ Origin::Variable(_)) = origin_of(key) {
            invocation.console.notice(&format!("{origin} names another {key} and wins here."));
        }
    }
    to_value(ContextSelectAnswer { place: format!("profile `{}`", profile.value), changed })
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
            failure.help(format!("export ASTRO_{}_ID={value}", key.to_uppercase()))
        })
}
