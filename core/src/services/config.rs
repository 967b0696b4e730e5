//! `config.get`: the plugin's own table of the configuration, and no other.

use astro_plugin_cli::plugin_config;
use serde_json::Value;

use super::{Call, to_value};
use crate::{base::error::Result, config::Config};

/// `config.get`
pub(super) fn get(call: &Call) -> Result<Value> {
    let config = call.dirs.as_ref().map(Config::load).transpose()?.unwrap_or_default();
    let table = to_value(config.plugins.get(&call.plugin).cloned().unwrap_or_default())?;
    let Value::Object(table) = table else { return Ok(table) };
    plugin_config::checked(&call.plugin, &call.config, table).map(Value::Object)
}
