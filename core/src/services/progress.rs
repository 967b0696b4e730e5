//! `progress.*`: drawn by the console, or nowhere.

use astro_plugin_protocol::service::{Progress, ProgressSet, ProgressStart};
use serde_json::Value;

use super::{Invocation, to_value};
use crate::base::error::Result;

/// `progress.start`
pub(super) fn start(invocation: &Invocation, start: &ProgressStart) -> Result<Value> {
    to_value(Progress { id: invocation.console.begin(&start.label, start.total) })
}

/// `progress.set`
pub(super) fn set(invocation: &Invocation, set: &ProgressSet) -> Result<Value> {
    invocation.console.progress(set.id, set.done, set.label.as_deref());
    Ok(Value::Null)
}

/// `progress.end`
pub(super) fn end(invocation: &Invocation, ended: &Progress) -> Result<Value> {
    invocation.console.end(ended.id);
    Ok(Value::Null)
}
