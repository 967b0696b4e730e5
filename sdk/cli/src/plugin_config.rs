//! A plugin's own table of the configuration, checked against the keys that its manifest declares.

use astro_plugin_protocol::manifest::{ConfigKey, ConfigKind};
use serde_json::{Map, Value};

use crate::{
    error::{Failure, Result, config},
    program::APP,
    suggest,
};

/// The table with the defaults of its keys, when every value is one that its key takes. A plugin that declares no keys
/// takes any.
pub fn checked(
    plugin: &str,
    keys: &[ConfigKey],
    mut table: Map<String, Value>,
) -> Result<Map<String, Value>> {
    if keys.is_empty() {
        return Ok(table);
    }
    for (name, value) in &table {
        let key = keys.iter().find(|key| key.key == *name).ok_or_else(|| unknown(plugin, name, keys))?;
        if let Some(reason) = key.refuses(value) {
            return Err(config(format!("`plugins.{plugin}.{name}` {reason}, not `{}`", shown(key, value)))
                .help(format!("set it again: {APP} config set plugins.{plugin}.{name} VALUE")));
        }
    }
    for key in keys.iter().filter(|key| !key.default.is_null()) {
        table.entry(&key.key).or_insert_with(|| key.default.clone());
    }
    Ok(table)
}

/// A key that the plugin does not have.
pub fn unknown(plugin: &str, name: &str, keys: &[ConfigKey]) -> Failure {
    let failure = config(format!("the plugin `{plugin}` has no configuration key `{name}`"));
    match suggest::nearest(name, keys.iter().map(|key| key.key.as_str())) {
        Some(near) => failure.help(format!("did you mean `plugins.{plugin}.{near}`?")),
        None => failure,
    }
    .help(format!("see its keys with `{APP} plugin info {plugin}`"))
}

/// A value as a person wrote it: the quotes of a text are shown where they are what is wrong.
fn shown(key: &ConfigKey, value: &Value) -> String {
    let text = value.as_str().filter(|_| key.kind == ConfigKind::Text);
    text.map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_checked_and_defaults_filled_in() {
        let keys = [
            ConfigKey::flag("strict", "x"),
            ConfigKey::text("rules", "x").one_of(["all", "errors"]).default_value("all"),
            ConfigKey::number("jobs", 1..=8, "x"),
        ];
        let rows = [
            (json!({}), Ok(json!({"strict": false, "rules": "all"}))),
            (json!({"jobs": 2, "strict": true}), Ok(json!({"jobs": 2, "strict": true, "rules": "all"}))),
            (json!({"strict": "yes"}), Err("`plugins.lint.strict` must be true or false, not `\"yes\"`")),
            (json!({"rules": "none"}), Err("`plugins.lint.rules` must be one of all, errors, not `none`")),
            (json!({"jobs": 9}), Err("`plugins.lint.jobs` must be a whole number from 1 to 8, not `9`")),
            (json!({"rule": "all"}), Err("the plugin `lint` has no configuration key `rule`")),
        ];
        for (table, expected) in rows {
            let found = checked("lint", &keys, table.as_object().expect("a table").clone());
            let found = found.map(Value::Object).map_err(|failure| failure.message);
            assert_eq!(found, expected.map_err(str::to_owned), "{table}");
        }
        let any = json!({"x": [1]});
        assert!(checked("lint", &[], any.as_object().expect("a table").clone()).is_ok());
    }
}
