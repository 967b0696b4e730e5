//! `names.known` and `names.seen`: the names beside IDs.

use astro_plugin_protocol::service::{Names, NamesKnown};
use serde_json::Value;

use super::{Call, to_value};
use crate::{
    base::error::{Result, failed},
    context::names,
};

/// The most that is asked for or reported at once.
const MOST: usize = 1000;

/// `names.known`
pub(super) fn known(call: &Call, asked: &NamesKnown) -> Result<Value> {
    checked(asked.ids.len())?;
    to_value(Names { things: remembered(call).with_parents(&asked.ids) })
}

/// `names.seen`
pub(super) fn seen(call: &Call, names: &Names) -> Result<Value> {
    checked(names.things.len())?;
    let remembered = remembered(call);
    names.things.iter().for_each(|named| remembered.remember(named));
    Ok(Value::Null)
}

fn remembered(call: &Call) -> names::Names {
    names::Names::at(call.dirs.as_ref(), &call.context().address.value)
}

/// Names are those of the API.
fn checked(count: usize) -> Result<()> {
    if count > MOST {
        return Err(failed(format!("more than {MOST} names at once")));
    }
    Ok(())
}
