//! Who did something.

use astro_plugin_sdk::serde::{Deserialize, Deserializer};

/// The name of a person or a token (schema `BasicSubjectProfile`).
#[derive(Default, Deserialize)]
#[serde(crate = "astro_plugin_sdk::serde", rename_all = "camelCase", default)]
struct Subject {
    full_name: Option<String>,
    api_token_name: Option<String>,
}

/// Reads whoever did something as a name; nothing where there is none.
pub(crate) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let subject = Option::<Subject>::deserialize(deserializer)?.unwrap_or_default();
    Ok(subject.full_name.or(subject.api_token_name).filter(|name| !name.is_empty()))
}
