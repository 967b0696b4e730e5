//! What a command may change. Declared by its author, shown before a plugin is installed, and enforced by the host wherever it
//! owns the service.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    manifest::{Arity, Command, ValueKind, read_bool},
    message::{Failure, code},
    service,
    text::shown,
};

/// What a command may change: each includes those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

    /// The least effect with which a command may ask for a service.
    pub fn of_request(service: &str, body: &Value) -> Self {
        match service {
            service::HTTP_REQUEST if !body["one_time_secret"].is_null() => Self::Write,
            service::HTTP_REQUEST => Self::of_method(body["method"].as_str().unwrap_or_default()),
            service::OUTPUT_SECRET | service::PROFILE_PUT | service::CONTEXT_SELECT => Self::Write,
            _ => Self::Read,
        }
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

    /// The effect of one line: that of the command, raised by the options that were given. `args` are the canonical
    /// arguments: `--long`, `--long=value`.
    pub fn of_line(command: &Command, args: &[String]) -> Self {
        let options = args.iter().take_while(|arg| *arg != "--").filter_map(|arg| arg.strip_prefix("--"));
        let raised = options.filter_map(|option| {
            let (long, value) =
                option.split_once('=').map_or((option, None), |(long, value)| (long, Some(value)));
            let arg = command.args.iter().find(|arg| arg.long.as_deref() == Some(long))?;
            // `--force=false` is not given.
            let is_off = arg.kind == ValueKind::Bool
                && arg.arity != Arity::Flag
                && value.is_some_and(|value| read_bool(value) == Some(false));
            arg.effect.filter(|_| !is_off)
        });
        raised.fold(command.effect, Self::max)
    }

    /// The most that a command may change, whatever options are given.
    pub fn at_most(command: &Command) -> Self {
        command.args.iter().filter_map(|arg| arg.effect).fold(command.effect, Self::max)
    }

    /// What a command may change, as one phrase: `read; destructive with --prune`.
    pub fn in_words(command: &Command) -> String {
        let mut words = command.effect.to_string();
        for arg in &command.args {
            let raised = arg.effect.filter(|effect| *effect > command.effect);
            if let (Some(effect), Some(long)) = (raised, &arg.long) {
                words.push_str(&format!("; {effect} with --{long}"));
            }
        }
        words
    }

    /// Why a command with this effect may not ask for a service; nothing when it may. What is not declared may do
    /// everything, as before there were effects.
    pub fn refusal(self, command: &str, service: &str, body: &Value) -> Option<Failure> {
        let needed = Self::of_request(service, body);
        if self >= needed {
            return None;
        }
        let what = match service {
            service::HTTP_REQUEST => format!("send {}", body["method"].as_str().unwrap_or("a request")),
            service::OUTPUT_SECRET => "deliver a one-time secret".to_owned(),
            service::PROFILE_PUT => "change a profile".to_owned(),
            service::CONTEXT_SELECT => "change what is selected".to_owned(),
            other => format!("ask for `{other}`"),
        };
        let message =
            format!("cannot {what}: `{command}` declares the effect `{self}`, and that needs `{needed}`");
        Some(
            Failure::new(code::FAILED, message)
                .help("this is for the plugin's author: declare what the command changes"),
        )
    }
}

/// What a command declares and its effect rules out.
pub(crate) fn problems(command: &Command, found: &mut Vec<String>) {
    let path = shown(&command.path);
    if command.effect == Effect::Read && command.needs.secret {
        found.push(format!("`{path}` delivers a one-time secret and declares the effect `read`"));
    }
    if command.effect == Effect::Read && command.needs.profile {
        found.push(format!("`{path}` changes profiles and declares the effect `read`"));
    }
    let raised = command.args.iter().filter_map(|arg| arg.effect);
    if command.several_profiles
        && raised.chain([command.effect]).any(|effect| matches!(effect, Effect::Write | Effect::Destructive))
    {
        found.push(format!("`{path}` may run for several profiles and does not only read"));
    }
    for arg in command.args.iter().filter(|arg| arg.effect.is_some() && arg.long.is_none()) {
        found.push(format!(
            "the argument `{}` of `{path}` raises the effect and is no option",
            shown(&arg.id)
        ));
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
    use crate::manifest::Arg;

    #[test]
    fn each_service_has_an_effect() {
        let http = |method: &str| json!({"method": method});
        let rows = [
            (service::HTTP_REQUEST, http("GET"), Effect::Read),
            (service::HTTP_REQUEST, http("HEAD"), Effect::Read),
            (service::HTTP_REQUEST, http("POST"), Effect::Write),
            (service::HTTP_REQUEST, http("PUT"), Effect::Write),
            (service::HTTP_REQUEST, http("PATCH"), Effect::Write),
            (service::HTTP_REQUEST, http("DELETE"), Effect::Destructive),
            (service::HTTP_REQUEST, json!({"method": "GET", "one_time_secret": {}}), Effect::Write),
            (service::HTTP_REQUEST, json!({}), Effect::Write),
            (service::OUTPUT_SECRET, json!({}), Effect::Write),
            (service::PROFILE_PUT, json!({}), Effect::Write),
            (service::CONTEXT_SELECT, json!({}), Effect::Write),
            (service::OUTPUT_EMIT, json!({}), Effect::Read),
        ];
        for (service, body, needed) in rows {
            assert_eq!(Effect::of_request(service, &body), needed, "{service} {body}");
            for effect in [Effect::Unknown, Effect::Read, Effect::Write, Effect::Destructive] {
                let refused = effect.refusal("x", service, &body).is_some();
                assert_eq!(
                    refused,
                    effect != Effect::Unknown && effect < needed,
                    "{effect} {service} {body}"
                );
            }
        }
    }

    #[test]
    fn an_option_raises_the_effect_of_a_line() {
        let option = |long: &str, arity, kind| Arg {
            id: long.into(),
            long: Some(long.into()),
            arity,
            kind,
            effect: Some(Effect::Destructive),
            ..Arg::default()
        };
        let mut command = Command {
            effect: Effect::Read,
            args: vec![
                option("prune", Arity::Flag, ValueKind::Text),
                option("force", Arity::OptionalWithEquals, ValueKind::Bool),
                option("mode", Arity::One, ValueKind::Text),
            ],
            ..Command::default()
        };
        let of = |command: &Command, line: &str| {
            Effect::of_line(command, &line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        for (line, expected) in [
            ("", Effect::Read),
            ("--prune", Effect::Destructive),
            ("--force=true", Effect::Destructive),
            ("--force=False", Effect::Read),
            ("--mode=false", Effect::Destructive),
            ("--other", Effect::Read),
            ("-- --prune", Effect::Read),
        ] {
            assert_eq!(of(&command, line), expected, "{line}");
        }
        command.effect = Effect::Unknown;
        assert_eq!(of(&command, "--prune"), Effect::Unknown);
    }

    #[test]
    fn a_word_of_a_newer_manifest_is_unknown() {
        for (text, effect) in
            [("read", Effect::Read), ("destructive", Effect::Destructive), ("send_mail", Effect::Unknown)]
        {
            assert_eq!(serde_json::from_value::<Effect>(json!(text)).expect("a word"), effect);
        }
    }
}
