//! `names.known` and `names.seen`: the names beside IDs.

use astro_plugin_protocol::{
    names::is_id,
    naming::Named,
    service::{Names, NamesKnown},
};
use serde_json::Value;

use super::{Invocation, ask_api, to_value};
use crate::{
    base::error::{Result, failed},
    context::{Sourced, names},
};

/// The most that is asked for or reported at once.
const MOST: usize = 1000;

/// `names.known`
pub(super) fn known(invocation: &Invocation, asked: &NamesKnown) -> Result<Value> {
    checked(invocation, asked.ids.len())?;
    to_value(Names { things: remembered(invocation).with_parents(&asked.ids) })
}

/// `names.seen`
pub(super) fn seen(invocation: &Invocation, names: &Names) -> Result<Value> {
    checked(invocation, names.things.len())?;
    let remembered = remembered(invocation);
    names.things.iter().for_each(|named| remembered.remember(named));
    Ok(Value::Null)
}

fn remembered(invocation: &Invocation) -> names::Names {
    names::Names::at(invocation.dirs.as_ref(), &invocation.context.address.value)
}

/// Names are those of the API.
fn checked(invocation: &Invocation, count: usize) -> Result<()> {
    if !invocation.command.needs.api {
        return Err(failed("the command does not declare that it needs the API"));
    }
    if count > MOST {
        return Err(failed(format!("more than {MOST} names at once")));
    }
    Ok(())
}

/// Asks the API for the names of what an invocation acts on, and remembers them. What is not told stays as it was.
pub(crate) fn ask(invocation: &Invocation) {
    let context = &invocation.context;
    let id = |setting: &Option<Sourced<String>>| {
        setting.as_ref().map(|setting| setting.value.clone()).filter(|value| is_id(value))
    };
    let Some(organization) = id(&context.organization) else { return };
    let names = names::Names::at(invocation.dirs.as_ref(), &context.address.value);
    let seen = |id: &Value, name: &Value, parent: &Value| {
        if let (Some(id), Some(name)) = (id.as_str(), name.as_str()) {
            let parent = parent.as_str().map(str::to_owned);
            names.remember(&Named { id: id.to_owned(), name: name.to_owned(), parent, seen_at: 0 });
        }
    };
    if let Ok(found) = ask_api(invocation, &["organizations", &organization], &[]) {
        seen(&found["id"], &found["name"], &Value::Null);
    }
    let parent = Value::from(organization.as_str());
    let below = |rest: &[&str], query: &[(&str, &str)]| {
        let path: Vec<&str> = ["organizations", &organization].iter().chain(rest).copied().collect();
        ask_api(invocation, &path, query).unwrap_or_default()
    };
    let deployment = id(&context.deployment).map(|id| below(&["deployments", &id], &[])).unwrap_or_default();
    seen(&deployment["id"], &deployment["name"], &deployment["workspaceId"]);
    seen(&deployment["workspaceId"], &deployment["workspaceName"], &parent);
    if let Some(workspace) = id(&context.workspace).filter(|id| deployment["workspaceId"] != id.as_str()) {
        let found = below(&["workspaces"], &[("workspaceIds", &workspace)]);
        let rows = found["workspaces"].as_array().into_iter().flatten();
        rows.filter(|row| row["id"] == workspace.as_str())
            .for_each(|row| seen(&row["id"], &row["name"], &parent));
    }
}
