//! What a plugin is configured with: its keys of `[plugins.NAME]`, and which values each takes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A key of a plugin's table of the configuration. The host checks the value when it is set and when it is read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ConfigKey {
    /// Its name, of the form of a long option.
    pub key: String,
    /// What its value is.
    pub kind: ConfigKind,
    /// The value when it is not set; null for none.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub default: Value,
    /// The accepted texts, when they can be listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The smallest accepted number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// The largest accepted number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// One line of help.
    pub help: String,
}

/// What the value of a [`ConfigKey`] is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfigKind {
    /// Any text.
    #[default]
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A kind of a newer manifest; any value is taken.
    #[serde(other)]
    Unknown,
}

impl ConfigKey {
    /// A key with a text.
    pub fn text(key: &str, help: &str) -> Self {
        Self { key: key.to_owned(), help: help.to_owned(), ..Self::default() }
    }

    /// A key that is true or false, false when it is not set.
    pub fn flag(key: &str, help: &str) -> Self {
        Self { kind: ConfigKind::Bool, default: Value::Bool(false), ..Self::text(key, help) }
    }

    /// A key with a whole number in a range.
    pub fn number(key: &str, range: std::ops::RangeInclusive<i64>, help: &str) -> Self {
        let (min, max) = (Some(*range.start()), Some(*range.end()));
        Self { kind: ConfigKind::Integer, min, max, ..Self::text(key, help) }
    }

    /// The value when it is not set.
    #[must_use]
    pub fn default_value(self, default: impl Into<Value>) -> Self {
        Self { default: default.into(), ..self }
    }

    /// The texts it accepts.
    #[must_use]
    pub fn one_of<'c>(self, choices: impl IntoIterator<Item = &'c str>) -> Self {
        Self { choices: choices.into_iter().map(str::to_owned).collect(), ..self }
    }

    /// Why a value is not accepted, as the end of a sentence about the key; none when it is.
    pub fn refuses(&self, value: &Value) -> Option<String> {
        match self.kind {
            ConfigKind::Bool if !value.is_boolean() => Some("must be true or false".to_owned()),
            ConfigKind::Integer => {
                let (low, high) = (self.min.unwrap_or(i64::MIN), self.max.unwrap_or(i64::MAX));
                let is_in = value.as_i64().is_some_and(|number| (low..=high).contains(&number));
                (!is_in).then(|| match (self.min, self.max) {
                    (Some(low), Some(high)) => format!("must be a whole number from {low} to {high}"),
                    (Some(low), None) => format!("must be a whole number of at least {low}"),
                    (None, Some(high)) => format!("must be a whole number of at most {high}"),
                    (None, None) => "must be a whole number".to_owned(),
                })
            }
            ConfigKind::Text => match value.as_str() {
                None => Some("must be a text".to_owned()),
                Some(text) if !self.choices.is_empty() && !self.choices.iter().any(|one| one == text) => {
                    Some(format!("must be one of {}", self.choices.join(", ")))
                }
                Some(_) => None,
            },
            _ => None,
        }
    }
}
