//! `progress.*`: each is drawn by the console, or nowhere.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use astro_plugin_protocol::service::{Progress, ProgressSet, ProgressStart};
use indicatif::ProgressBar;
use serde_json::Value;

use super::{Invocation, to_value};
use crate::{console::progress::safe, error::Result};

/// What an invocation shows, by number. Where nothing is drawn the numbers are given all the same.
#[derive(Default)]
pub struct Shown(Mutex<(u64, BTreeMap<u64, ProgressBar>)>);

/// `progress.start`
pub(super) fn start(invocation: &Invocation, start: &ProgressStart) -> Result<Value> {
    let bar = invocation.console.begin(&start.label, start.total);
    let mut shown = invocation.progress.0.lock().unwrap_or_else(PoisonError::into_inner);
    shown.0 += 1;
    let id = shown.0;
    shown.1.extend(bar.map(|bar| (id, bar)));
    to_value(Progress { id })
}

/// `progress.set`
pub(super) fn set(invocation: &Invocation, set: ProgressSet) -> Value {
    let shown = invocation.progress.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bar) = shown.1.get(&set.id) {
        bar.set_position(set.done);
        if let Some(label) = set.label {
            bar.set_message(safe(&label));
        }
    }
    Value::Null
}

/// `progress.end`
pub(super) fn end(invocation: &Invocation, ended: &Progress) -> Value {
    let mut shown = invocation.progress.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bar) = shown.1.remove(&ended.id) {
        bar.finish_and_clear();
    }
    Value::Null
}
