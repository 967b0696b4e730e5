//! Which keys there are, and whether a value is one for its key.

use std::path::Path;

use astro_plugin_cli::plugin_config;
use astro_plugin_protocol::{
    manifest::{ConfigKey, ConfigKind},
    names,
};
use serde_json::Value;

use crate::{
    base::error::{Failure, Result, code, failed, usage},
    config::Config,
    fallback,
    product::product,
    program::APP,
    suggest,
    trust::Key,
};

/// Keys that stand for themselves.
pub(in crate::commands) fn all() -> Vec<(&'static str, String)> {
    let mut keys =
        vec![("default_profile", "The profile of shells and directories that chose nothing".to_owned())];
    keys.extend(product().fallback.map(|fallback| {
        let title = fallback.title;
        (
            "official.command",
            format!("The whole path of {title}; commands that no plugin has are forwarded to it"),
        )
    }));
    keys.extend(
        [
            ("trust.require", "`checksum`, or `signed`: what an installed plugin must have"),
            ("trust.publishers", "Comma-separated minisign public keys; only plugins signed by them are loaded"),
            (
                "trust.directories",
                "Comma-separated directories whose directory file is used even though another user owns it; `*` means all",
            ),
            ("trust.verify", "`changed`, or `always`: when a plugin's file is compared with what was installed"),
        ]
        .map(|(key, about)| (key, about.to_owned())),
    );
    keys
}

/// The values of `trust.require`.
pub(in crate::commands) const REQUIRE: &[&str] = &["checksum", "signed"];
/// The values of `trust.verify`.
pub(in crate::commands) const VERIFY: &[&str] = &["changed", "always"];

/// The value as it is written, if the key is one and takes it.
pub(super) fn checked(
    key: &str,
    value: &str,
    config: &Config,
    keys_of: &dyn Fn(&str) -> Option<Vec<ConfigKey>>,
) -> Result<toml_edit::Value> {
    if let Some(failure) = elsewhere(key) {
        return Err(failure);
    }
    if let Some(rest) = key.strip_prefix("plugins.") {
        let words: Vec<&str> = rest.split('.').collect();
        let [name, inner @ ..] = words.as_slice() else { return Err(unknown(key)) };
        if inner.is_empty() || !words.iter().all(|word| names::is_name(word)) {
            return Err(
                usage(format!("`{key}` is not a key of a plugin")).help("write it as plugins.NAME.KEY")
            );
        }
        let keys = keys_of(name).ok_or_else(|| {
            failed(format!("there is no plugin `{name}`"))
                .help(format!("see the plugins with `{APP} plugin list`"))
        })?;
        return of_plugin(key, name, &inner.join("."), value, &keys);
    }
    match key {
        "default_profile" if !config.profiles.contains_key(value) => {
            Err(failed(format!("there is no profile `{value}`"))
                .help(format!("see the profiles with `{APP} profile list`")))
        }
        "official.command" if product().fallback.is_some() => {
            fallback::checked(Path::new(value)).map(|path| path.to_string_lossy().into_owned().into())
        }
        "default_profile" => Ok(value.into()),
        "trust.require" => one_of(key, value, REQUIRE),
        "trust.verify" => one_of(key, value, VERIFY),
        "trust.directories" => {
            let directories = value.split(',').map(|text| directory(text.trim()));
            Ok(directories.collect::<Result<toml_edit::Array>>()?.into())
        }
        "trust.publishers" => {
            let keys = value.split(',').map(|text| Ok(Key::given(text.trim())?.text().to_owned()));
            Ok(keys.collect::<Result<toml_edit::Array>>()?.into())
        }
        _ => Err(unknown(key)),
    }
}

/// A directory that is trusted: it need not be there now.
fn directory(text: &str) -> Result<String> {
    match text == "*" || Path::new(text).is_absolute() {
        true => Ok(text.to_owned()),
        false => Err(usage(format!("`trust.directories` cannot be `{text}`: it is not an absolute path"))
            .help("use whole paths with commas between them, or `*`")),
    }
}

fn one_of(key: &str, value: &str, choices: &[&str]) -> Result<toml_edit::Value> {
    match choices.contains(&value) {
        true => Ok(value.into()),
        false => {
            Err(usage(format!("`{key}` cannot be `{value}`"))
                .help(format!("use one of: {}", choices.join(", "))))
        }
    }
}

/// A value of a plugin, of the kind that its key has; a plugin that declares no keys takes what the text looks like.
fn of_plugin(
    key: &str,
    plugin: &str,
    inner: &str,
    text: &str,
    keys: &[ConfigKey],
) -> Result<toml_edit::Value> {
    let declared = keys.iter().find(|known| known.key == inner);
    if declared.is_none() && !keys.is_empty() {
        return Err(Failure { code: code::USAGE.to_owned(), ..plugin_config::unknown(plugin, inner, keys) });
    }
    let is_text = declared.is_some_and(|known| known.kind == ConfigKind::Text);
    let value = match (text.parse::<bool>(), text.parse::<i64>()) {
        _ if is_text => Value::from(text),
        (Ok(flag), _) => flag.into(),
        (_, Ok(number)) => number.into(),
        _ => text.into(),
    };
    if let Some(reason) = declared.and_then(|known| known.refuses(&value)) {
        return Err(usage(format!("`{key}` {reason}, not `{text}`")));
    }
    Ok(match value {
        Value::Bool(flag) => flag.into(),
        Value::Number(number) => number.as_i64().unwrap_or_default().into(),
        _ => text.into(),
    })
}

/// What has commands of its own.
pub(super) fn elsewhere(key: &str) -> Option<Failure> {
    let command = match key.split('.').next()? {
        "profiles" => format!("{APP} profile edit"),
        "credentials" => format!("{APP} login"),
        "index" => format!("{APP} plugin index"),
        _ => return None,
    };
    Some(usage(format!("`{key}` is not changed here")).help(format!("use `{command}`")))
}

fn unknown(key: &str) -> Failure {
    let failure = usage(format!("there is no key `{key}`"));
    match suggest::nearest(key, all().iter().map(|(key, _)| *key)) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure,
    }
    .help(format!("see the keys with `{APP} config set --help`"))
}
