//! Organizations, workspaces and deployments, from the API.

use std::collections::BTreeMap;

use astro_plugin_protocol::{invocation::Candidate, manifest::ValueKind, names::is_id};
use serde_json::Value;

use crate::{
    base::error::{Result, failed},
    context::Context,
    env::Env,
    globals::Globals,
};

/// The most that is asked for; who has more types another letter.
const MOST: &str = "1000";

/// The values of a kind: names, or the ID where a name stands for several.
pub(super) fn of(env: &Env, kind: ValueKind, context: Context, globals: &Globals) -> Result<Vec<Candidate>> {
    context.authority()?;
    let wanted = context.organization.as_ref().map(|organization| organization.value.clone());
    // The process may end at any moment.
    let api = env.api(context, globals).without_renewal();
    let list = |path: &[&str], key: &str| -> Result<Vec<Value>> {
        let mut body = api.get(path, &[("limit", MOST)])?;
        match body[key].take() {
            Value::Array(rows) => Ok(rows),
            _ => Err(failed(format!("the answer holds no list of {key}"))),
        }
    };
    if kind == ValueKind::Organization {
        return Ok(named(&list(&["organizations"], "organizations")?));
    }
    let wanted = wanted.ok_or_else(|| failed("no organization is in use"))?;
    let organization = match is_id(&wanted) {
        true => wanted,
        false => list(&["organizations"], "organizations")?
            .iter()
            .find(|one| one["name"] == wanted.as_str())
            .and_then(|one| Some(one["id"].as_str()?.to_owned()))
            .ok_or_else(|| failed("no organization has that name"))?,
    };
    let key = if kind == ValueKind::Workspace { "workspaces" } else { "deployments" };
    Ok(named(&list(&["organizations", &organization, key], key)?))
}

/// A name, or the ID where several things have it.
fn named(rows: &[Value]) -> Vec<Candidate> {
    let pairs: Vec<(&str, &str)> =
        rows.iter().filter_map(|row| Some((row["id"].as_str()?, row["name"].as_str()?))).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    pairs.iter().for_each(|(_, name)| *counts.entry(name).or_default() += 1);
    pairs
        .iter()
        .map(|(id, name)| match counts.get(name) {
            Some(1) => Candidate::new(*name, *id),
            _ => Candidate::new(*id, *name),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_that_several_have_is_no_value() {
        let rows = [
            json!({"id": "c1", "name": "a"}),
            json!({"id": "c2", "name": "b"}),
            json!({"id": "c3", "name": "b"}),
        ];
        let found: Vec<String> = named(&rows).into_iter().map(|one| one.value).collect();
        assert_eq!(found, ["a", "c2", "c3"]);
    }
}
