//! What the `switch` commands share, and `inspect` in part: finding what was named, and making it what later commands
//! act on.

use std::collections::BTreeMap;

use astro_plugin_api::is_id;
use astro_plugin_sdk::{
    prelude::*,
    protocol::{
        self,
        invocation::Setting,
        service::{ContextSelect, ContextSelectAnswer},
    },
};

/// Something with an ID and a name.
pub(crate) trait Named {
    /// Its ID.
    fn id(&self) -> &str;
    /// Its name.
    fn name(&self) -> &str;
    /// The ID of what it belongs to, if that is to be known.
    fn parent(&self) -> Option<&str> {
        None
    }
    /// As it is offered to pick.
    fn label(&self) -> String {
        format!("{} ({})", self.name(), self.id())
    }
}

/// As it is remembered for commands that show its ID.
pub(crate) fn named(item: &impl Named) -> protocol::naming::Named {
    protocol::naming::Named::new(item.id(), item.name()).below(item.parent().map(str::to_owned))
}

/// Whether a setting, an ID or a name, means this.
pub(crate) fn is_meant(setting: Option<&Setting>, item: &impl Named) -> bool {
    setting.is_some_and(|setting| setting.value == item.id() || setting.value == item.name())
}

/// The one that was named, by ID or exact name; a person picks where nothing was named.
pub(crate) async fn find<'a, T: Named>(
    ctx: &Context,
    word: &str,
    wanted: Option<&str>,
    all: &'a [T],
) -> Result<&'a T> {
    let Some(wanted) = wanted else {
        if all.is_empty() {
            return Err(Error::new(format!("there is no {word} to choose from")));
        }
        let question = ctx.select(&format!("Which {word}?"), "<ID|NAME>").items(all.iter().map(T::label));
        let index = question.help(format!("see them with `astro {word} list`")).ask().await?;
        return Ok(&all[index]);
    };
    let found: Vec<&T> = all.iter().filter(|item| item.id() == wanted || item.name() == wanted).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let what = if is_id(wanted) { "ID" } else { "name" };
            Err(Error::new(format!("there is no {word} with the {what} `{wanted}` that the credential sees"))
                .help(format!("see them with `astro {word} list`")))
        }
        several => {
            let error = Error::usage(format!("{} {word}s have the name `{wanted}`", several.len()));
            Err(several.iter().fold(error, |error, item| {
                error.help(format!("`astro {} {}` is {}", ctx.path(), item.id(), item.label()))
            }))
        }
    }
}

/// What was done.
#[derive(Serialize)]
#[serde(crate = "astro_plugin_sdk::serde")]
struct Switched<'a> {
    id: &'a str,
    name: &'a str,
    action: &'a str,
    place: &'a str,
}

/// Makes it what later commands act on; `values` are what changes with it, `also` says so.
pub(crate) async fn switch(
    ctx: &Context,
    word: &str,
    item: &impl Named,
    also: &str,
    values: BTreeMap<String, Option<String>>,
) -> Result<()> {
    ctx.remember([named(item)]).await;
    let mut select = ContextSelect::new();
    select.values = values;
    let ContextSelectAnswer { place, changed, .. } = ctx.set_context(select).await?;
    let (action, text) = match changed {
        true => {
            ("switched", format!("Switched to the {word} {} ({}){also} in {place}.", item.name(), item.id()))
        }
        false => ("unchanged", format!("The {word} {} ({}) is in use already.", item.name(), item.id())),
    };
    let switched = Switched { id: item.id(), name: item.name(), action, place: &place };
    ctx.emit(View::sentence(text).clean(["id", "name", "action", "place"]), &switched).await
}
