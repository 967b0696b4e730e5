//! Where a token is, in words: what a question shows before anything happens, and what `create` tells.

use astro_plugin_api::Place;
use astro_plugin_sdk::protocol::invocation::Source;

use crate::{
    api::{Api, ApiToken},
    select::quoted,
};

/// What a question shows: the token, where it is, the profile and where the profile came from.
pub(crate) fn describe(api: &Api<'_>, token: &ApiToken, place: &Place) -> Vec<String> {
    let mut lines = vec![format!("token         {} ({}, {})", token.name, token.id, token.scope)];
    let levels: Vec<String> = place.levels().map(|(word, named)| format!("{word:<14}{named}")).collect();
    lines.extend(levels.into_iter().rev());
    lines.push(format!("profile       {}", profile(api)));
    if is_own(api, token) {
        lines.push("This is the very token that astro uses now.".to_owned());
    }
    lines
}

/// The same in one line, the widest level first.
pub(crate) fn in_one_line(api: &Api<'_>, place: &Place) -> String {
    let levels: Vec<String> = place.levels().map(|(word, named)| format!("{word} {named}")).collect();
    format!("{}, profile {}", levels.join(", "), profile(api))
}

/// A command line that acts on the same deployment: what was typed for this command only is typed again.
pub(crate) fn same_place(api: &Api<'_>, line: &str) -> String {
    let resolved = api.ctx.resolved();
    let typed = [("profile", &resolved.profile), ("deployment", &resolved.deployment)];
    let typed = typed.into_iter().filter_map(|(long, setting)| {
        let setting = setting.as_ref().filter(|setting| setting.source == Source::Flag)?;
        Some(format!(" --{long} {}", quoted(&setting.value)))
    });
    std::iter::once(format!("astro {line}")).chain(typed).collect()
}

fn profile(api: &Api<'_>) -> String {
    match &api.ctx.resolved().profile {
        Some(profile) => format!("{} (from {})", profile.value, profile.origin),
        None => "none (ASTRO_API_TOKEN)".to_owned(),
    }
}

/// Whether it is the token that astro itself uses (its claim `apiTokenId`).
pub(crate) fn is_own(api: &Api<'_>, token: &ApiToken) -> bool {
    api.ctx.resolved().token_id.as_deref() == Some(token.id.as_str())
}
