//! What a command may change. Declared by its author, shown before a plugin is installed, and enforced by the host wherever it
//! owns the service.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a command may change: each includes those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// It changes nothing that others see.
    Read,
    /// It creates or changes something.
    Write,
    /// It may take away what cannot be had back.
    Destructive,
    /// Not declared: the plugin is older than effects, or uses a word of a newer manifest. It may do anything.
    #[default]
    #[serde(other)]
    Unknown,
}

impl Effect {
    /// The word in a manifest and in what people are shown: `read`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
        }
    }

    /// What it means, for a help page.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Unknown => "may do anything, since the plugin does not say what it changes",
            Self::Read => "changes nothing",
            Self::Write => "creates or changes something",
            Self::Destructive => "may take away what cannot be had back",
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        *self == Self::Unknown
    }

    /// The least effect with which a command may send a request with this method (RFC 9110, section 9.2.1, for those that
    /// change nothing).
    pub fn of_method(method: &str) -> Self {
        match method {
            "GET" | "HEAD" => Self::Read,
            "DELETE" => Self::Destructive,
            _ => Self::Write,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_word_of_a_newer_manifest_is_unknown() {
        for (text, effect) in
            [("read", Effect::Read), ("destructive", Effect::Destructive), ("send_mail", Effect::Unknown)]
        {
            assert_eq!(serde_json::from_value::<Effect>(json!(text)).expect("a word"), effect);
        }
    }
}
