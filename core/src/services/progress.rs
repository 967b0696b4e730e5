//! `progress.*`: drawn by the console, or nowhere.

use astro_plugin_protocol::service::{Progress, ProgressSet, ProgressStart};
use serde_json::Value;

use super::{Call, to_value};
use crate::base::error::Result;

/// `progress.start`
pub(super) fn start(call: &Call, start: &ProgressStart) -> Result<Value> {
    to_value(Progress { id: call.console.begin(&start.label, start.total) })
}

/// `progress.set`
pub(super) fn set(call: &Call, set: &ProgressSet) -> Result<Value> {
    call.console.progress(set.id, set.done, set.label.as_deref());
    Ok(Value::Null)
}

/// `progress.end`
pub(super) fn end(call: &Call, ended: &Progress) -> Result<Value> {
    call.console.end(ended.id);
    Ok(Value::Null)
}
