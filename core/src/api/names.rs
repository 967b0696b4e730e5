//! The names of what a context acts on, from the API.

use astro_plugin_protocol::{names::is_id, naming::Named};
use serde_json::Value;

use super::ApiClient;
use crate::context::{Sourced, names::Names};

/// Asks the API for the names of what a command acts on, and remembers them. What is not told stays as it was.
pub(crate) fn ask(api: &ApiClient) {
    let context = &api.context;
    let id = |setting: &Option<Sourced<String>>| {
        setting.as_ref().map(|setting| setting.value.clone()).filter(|value| is_id(value))
    };
    let Some(organization) = id(&context.organization) else { return };
    let names = Names::at(api.dirs.as_ref(), &context.address.value);
    let seen = |id: &Value, name: &Value, parent: &Value| {
        if let (Some(id), Some(name)) = (id.as_str(), name.as_str()) {
            let parent = parent.as_str().map(str::to_owned);
            names.remember(&Named { id: id.to_owned(), name: name.to_owned(), parent, seen_at: 0 });
        }
    };
    if let Ok(found) = api.get(&["organizations", &organization], &[]) {
        seen(&found["id"], &found["name"], &Value::Null);
    }
    let parent = Value::from(organization.as_str());
    let below = |rest: &[&str], query: &[(&str, &str)]| {
        let path: Vec<&str> = ["organizations", &organization].iter().chain(rest).copied().collect();
        api.get(&path, query).unwrap_or_default()
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
