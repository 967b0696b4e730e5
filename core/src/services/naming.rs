//! `names.known` and `names.seen`: the names beside IDs.

use astro_plugin_protocol::service::{Names, NamesKnown};
use serde_json::Value;

use super::{Invocation, to_value};
use crate::{
    base::error::{Result, failed},
    context::names,
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
