//! What the program's dimensions are about, from the API.

use std::collections::BTreeMap;

use astro_plugin_protocol::{invocation::Candidate, names::Dimension};
use serde_json::Value;

use crate::{
    api::{ApiClient, names},
    base::error::{Result, failed},
    context::{Context, Sourced},
    env::Env,
    globals::Globals,
    program::dimensions,
};

/// The most that is asked for; who has more types another letter.
const MOST: &str = "1000";

/// The values of a dimension: names, or the ID where a name stands for several.
pub(super) fn of(
    env: &Env,
    dimension: &Dimension,
    context: Context,
    globals: &Globals,
) -> Result<Vec<Candidate>> {
    context.authority()?;
    // The process may end at any moment.
    let mut api = env.api(context, globals).without_renewal();
    // Wider ones that are chosen by name are looked up in their own lists.
    for (place, wider) in dimensions().iter().enumerate() {
        if wider.name == dimension.name {
            break;
        }
        let Some(chosen) = api.context.settings.at(place).cloned() else { continue };
        let is_needed = dimension.list.contains(&format!("{{{}}}", wider.name).as_str());
        if !is_needed || (wider.is_id)(&chosen.value) {
            continue;
        }
        let id = list(&api, wider)?
            .iter()
            .find(|one| one["name"] == chosen.value.as_str())
            .and_then(|one| Some(one["id"].as_str()?.to_owned()))
            .ok_or_else(|| failed(format!("no {} has that name", wider.name)))?;
        api.context.settings.set(place, Some(Sourced::new(id, chosen.origin)));
    }
    Ok(named(&list(&api, dimension)?, dimension.is_id))
}

/// The rows of a dimension's list.
fn list(api: &ApiClient, dimension: &Dimension) -> Result<Vec<Value>> {
    let path = names::path(&api.context, dimension);
    let path = path.ok_or_else(|| failed(format!("what the {} belongs to is not chosen", dimension.name)))?;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match api.get(&path, &[("limit", MOST)])?[dimension.plural()].take() {
        Value::Array(rows) => Ok(rows),
        _ => Err(failed(format!("the answer holds no list of {}", dimension.plural()))),
    }
}

/// A name, or the ID where several things have it, or it would be taken for an ID.
fn named(rows: &[Value], is_id: fn(&str) -> bool) -> Vec<Candidate> {
    let pairs: Vec<(&str, &str)> =
        rows.iter().filter_map(|row| Some((row["id"].as_str()?, row["name"].as_str()?))).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    pairs.iter().for_each(|(_, name)| *counts.entry(name).or_default() += 1);
    pairs
        .iter()
        .map(|(id, name)| match counts.get(name) {
            Some(1) if !is_id(name) => Candidate::new(*name, *id),
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
        let found: Vec<String> = named(&rows, |_| false).into_iter().map(|one| one.value).collect();
        assert_eq!(found, ["a", "c2", "c3"]);
        let found: Vec<String> = named(&rows, |_| true).into_iter().map(|one| one.value).collect();
        assert_eq!(found, ["c1", "c2", "c3"]);
    }
}
