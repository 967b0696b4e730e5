//! What a command must have declared before a host answers a service. One table for the host and for the test kit of the SDK,
//! so that both refuse the same in the same words. A service without a row is not answered.

use serde_json::Value;

use crate::{
    effect::Effect,
    http::HttpRequest,
    manifest::{Command, Needs},
    message::{Failure, code, read},
    service::{self, Confirm},
    text::{shown, shown_up_to},
};

/// A command that asks for services.
#[derive(Debug, Clone, Copy)]
pub struct Gate<'c> {
    /// The command, as its manifest has it.
    pub command: &'c Command,
    /// What this line of it may change.
    pub effect: Effect,
    /// A shell completes the line: nobody pressed Enter, so nothing may change, be shown or be asked.
    pub completing: bool,
    /// The features that may still change and that its plugin asks for ([`crate::unstable`]).
    pub unstable: &'c [String],
}

/// What one service asks of a command.
struct Rule {
    service: &'static str,
    /// What it is to ask for it, as in "cannot send a request".
    doing: &'static str,
    capability: Option<&'static Capability>,
    effect: fn(&Value) -> Effect,
    /// It is answered while a shell completes a line, where the effect is [`Effect::Read`].
    completes: bool,
    /// The feature that has to be asked for, for all bodies or for some.
    unstable: fn(&Value) -> Option<&'static str>,
}

/// What a command declares beside its effect.
struct Capability {
    is_declared: fn(&Needs) -> bool,
    /// What it says with it: "it sends requests".
    means: &'static str,
    /// How it is declared.
    how: &'static str,
}

const API: Capability =
    Capability { is_declared: |needs| needs.api, means: "sends requests", how: "spec.needs_api()" };
const TEXT: Capability =
    Capability { is_declared: |needs| needs.text, means: "streams text", how: "spec.streams_text()" };
const PROCESS: Capability =
    Capability { is_declared: |needs| needs.process, means: "runs programs", how: "spec.runs_programs()" };
const PROFILE: Capability = Capability {
    is_declared: |needs| needs.profile,
    means: "changes profiles",
    how: "spec.changes_profiles()",
};
const SECRET: Capability = Capability {
    is_declared: |needs| needs.secret,
    means: "delivers a one-time secret",
    how: "spec.delivers_secret()",
};

const READ: fn(&Value) -> Effect = |_| Effect::Read;
const WRITE: fn(&Value) -> Effect = |_| Effect::Write;
const STABLE: fn(&Value) -> Option<&'static str> = |_| None;

const fn rule(service: &'static str, doing: &'static str) -> Rule {
    Rule { service, doing, capability: None, effect: READ, completes: false, unstable: STABLE }
}

const RULES: &[Rule] = &[
    Rule {
        capability: Some(&API),
        effect: of_http,
        completes: true,
        ..rule(service::HTTP_REQUEST, "send a request")
    },
    rule(service::OUTPUT_EMIT, "write records"),
    Rule { capability: Some(&TEXT), ..rule(service::OUTPUT_TEXT, "write text") },
    Rule {
        capability: Some(&SECRET),
        effect: WRITE,
        ..rule(service::OUTPUT_SECRET, "deliver a one-time secret")
    },
    rule(service::PROMPT_CONFIRM, "ask a question"),
    rule(service::PROMPT_TEXT, "ask a question"),
    rule(service::PROMPT_SELECT, "ask a question"),
    rule(service::NOTICE, "show a notice"),
    rule(service::PROGRESS_START, "show progress"),
    rule(service::PROGRESS_SET, "show progress"),
    rule(service::PROGRESS_END, "show progress"),
    Rule { capability: Some(&PROCESS), ..rule(service::PROCESS_RUN, "run a program") },
    Rule { completes: true, ..rule(service::CANCEL_WAIT, "wait for an interrupt") },
    Rule { completes: true, ..rule(service::CLOCK, "read the clock") },
    Rule { capability: Some(&PROFILE), effect: WRITE, ..rule(service::PROFILE_PUT, "change a profile") },
    Rule { completes: true, ..rule(service::CONFIG_GET, "read the configuration") },
    Rule {
        capability: Some(&PROFILE),
        effect: WRITE,
        ..rule(service::CONTEXT_SELECT, "change what is selected")
    },
    Rule { capability: Some(&API), completes: true, ..rule(service::NAMES_KNOWN, "read remembered names") },
    // What the host remembers of answers is its own and changes nothing that others see.
    Rule { capability: Some(&API), ..rule(service::NAMES_SEEN, "remember names") },
];

fn of_http(body: &Value) -> Effect {
    match body["one_time_secret"].is_null() {
        true => Effect::of_method(body["method"].as_str().unwrap_or_default()),
        false => Effect::of_method(body["method"].as_str().unwrap_or_default()).max(Effect::Write),
    }
}

impl Gate<'_> {
    /// Why a request is not answered; nothing when it is. A command without an effect may do everything, as before there
    /// were effects.
    pub fn refusal(&self, service: &str, body: &Value) -> Option<Failure> {
        let Some(rule) = RULES.iter().find(|rule| rule.service == service) else {
            return Some(no_such(service));
        };
        self.refusal_by(rule, body)
    }

    fn refusal_by(&self, rule: &Rule, body: &Value) -> Option<Failure> {
        let service = rule.service;
        let needed = (rule.effect)(body);
        let refused =
            |why: String| Failure::new(code::FAILED, format!("cannot {}: {why}", doing(rule, body)));
        let is_file = service == service::HTTP_REQUEST && !body["to_file"].is_null();
        if self.completing && !(rule.completes && needed == Effect::Read && !is_file) {
            return Some(refused("a shell completes a line".to_owned()));
        }
        let path = shown(&self.command.path);
        if let Some(feature) =
            (rule.unstable)(body).filter(|feature| !self.unstable.iter().any(|own| own == feature))
        {
            let why = format!("the plugin of `{path}` does not ask for the unstable feature `{feature}`");
            let how = format!("declare it with `Plugin::unstable(\"{feature}\")`");
            return Some(refused(why).help(format!("this is for the plugin's author: {how}")));
        }
        if self.effect < needed {
            let why = format!("`{path}` declares the effect `{}`, and that needs `{needed}`", self.effect);
            return Some(
                refused(why).help("this is for the plugin's author: declare what the command changes"),
            );
        }
        let is_declared = |capability: &&Capability| (capability.is_declared)(&self.command.needs);
        let secret =
            Some(&SECRET).filter(|_| service == service::HTTP_REQUEST && !body["one_time_secret"].is_null());
        // Another API than the profile's is declared by its host, which the request itself is judged by.
        let is_elsewhere = service == service::HTTP_REQUEST && !body["base"].is_null();
        let capability = rule.capability.filter(|_| !is_elsewhere);
        let missing = capability.into_iter().chain(secret).find(|one| !is_declared(one))?;
        let Capability { means, how, .. } = missing;
        let failure = refused(format!("`{path}` does not declare that it {means}"));
        Some(failure.help(format!("this is for the plugin's author: declare it with `{how}`")))
    }

    /// What has to be confirmed before a request is answered, unless the user agreed to something in this run: whatever may
    /// take away what cannot be had back.
    ///
    /// # Errors
    /// Why the request would be refused after a yes: better known before the question.
    pub fn question(&self, service: &str, body: &Value) -> Result<Option<Confirm>, Failure> {
        let rule = RULES.iter().find(|rule| rule.service == service);
        let is_destructive = rule.is_some_and(|rule| (rule.effect)(body) == Effect::Destructive);
        if self.effect == Effect::Unknown || !is_destructive {
            return Ok(None);
        }
        let request: HttpRequest = read(body.clone())?;
        if let Some(refused) = request.refusal(self.command) {
            return Err(refused);
        }
        let segments = body["path"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let path: String = segments.map(|segment| format!("/{segment}")).collect();
        let pairs = body["query"].as_array().into_iter().flatten();
        let pairs = pairs.filter_map(|pair| Some(format!("{}={}", pair[0].as_str()?, pair[1].as_str()?)));
        let query: Vec<String> = pairs.collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let (method, base) = (&body["method"], body["base"].as_str().unwrap_or_default());
        let method = method.as_str().unwrap_or_default();
        let address = shown_up_to(400, &format!("{base}{path}{query}"));
        Ok(Some(Confirm {
            details: vec![format!("`{}` is about to send {method} {address}.", self.command.path)],
            question: "Go on?".to_owned(),
        }))
    }
}

fn doing(rule: &Rule, body: &Value) -> String {
    match (rule.service, body["method"].as_str()) {
        (service::HTTP_REQUEST, Some(method)) => format!("send {}", shown(method)),
        _ => rule.doing.to_owned(),
    }
}

/// The failure of a service that a host does not have.
pub fn no_such(service: &str) -> Failure {
    let message = format!("cannot answer the plugin: this version has no service `{}`", shown(service));
    Failure::new(code::UNIMPLEMENTED, message)
        .help("upgrade the program, or use an older version of the plugin")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn all() -> Command {
        let needs =
            Needs { api: true, text: true, process: true, profile: true, secret: true, ..Needs::default() };
        Command { path: "x".into(), needs, ..Command::default() }
    }

    #[test]
    fn each_service_needs_an_effect() {
        let http = |method: &str| json!({"method": method, "path": ["x"]});
        let rows = [
            (service::HTTP_REQUEST, http("GET"), Effect::Read),
            (service::HTTP_REQUEST, http("HEAD"), Effect::Read),
            (service::HTTP_REQUEST, http("POST"), Effect::Write),
            (service::HTTP_REQUEST, http("PUT"), Effect::Write),
            (service::HTTP_REQUEST, http("PATCH"), Effect::Write),
            (service::HTTP_REQUEST, http("DELETE"), Effect::Destructive),
            (service::HTTP_REQUEST, json!({"method": "GET", "one_time_secret": {}}), Effect::Write),
            (
                service::HTTP_REQUEST,
                json!({"method": "DELETE", "path": ["x"], "one_time_secret": {}}),
                Effect::Destructive,
            ),
            (service::HTTP_REQUEST, json!({}), Effect::Write),
            (service::OUTPUT_SECRET, json!({}), Effect::Write),
            (service::PROFILE_PUT, json!({}), Effect::Write),
            (service::CONTEXT_SELECT, json!({}), Effect::Write),
            (service::OUTPUT_EMIT, json!({}), Effect::Read),
        ];
        let command = all();
        for (service, body, needed) in rows {
            for effect in [Effect::Unknown, Effect::Read, Effect::Write, Effect::Destructive] {
                let gate = Gate { command: &command, effect, completing: false, unstable: &[] };
                let refused = gate.refusal(service, &body).is_some();
                assert_eq!(
                    refused,
                    effect != Effect::Unknown && effect < needed,
                    "{effect} {service} {body}"
                );
                let asks = gate.question(service, &body).expect("nothing else is wrong").is_some();
                assert_eq!(
                    asks,
                    effect != Effect::Unknown && needed == Effect::Destructive,
                    "{effect} {service} {body}"
                );
            }
        }
    }

    #[test]
    fn each_service_needs_what_it_is_declared_with() {
        type Take = fn(&mut Needs);
        let rows: &[(&str, Take, &str)] = &[
            (service::HTTP_REQUEST, |needs| needs.api = false, "spec.needs_api()"),
            (service::NAMES_SEEN, |needs| needs.api = false, "spec.needs_api()"),
            (service::OUTPUT_TEXT, |needs| needs.text = false, "spec.streams_text()"),
            (service::OUTPUT_SECRET, |needs| needs.secret = false, "spec.delivers_secret()"),
            (service::PROCESS_RUN, |needs| needs.process = false, "spec.runs_programs()"),
            (service::PROFILE_PUT, |needs| needs.profile = false, "spec.changes_profiles()"),
            (service::CONTEXT_SELECT, |needs| needs.profile = false, "spec.changes_profiles()"),
        ];
        for (service, take, how) in rows {
            let mut command = all();
            let refusal = |command: &Command| {
                Gate { command, effect: Effect::Unknown, completing: false, unstable: &[] }
                    .refusal(service, &json!({}))
            };
            assert_eq!(refusal(&command), None, "{service}");
            take(&mut command.needs);
            let refused = refusal(&command).expect(service);
            assert!(refused.help[0].contains(how), "{service}: {refused:?}");
        }
        let mut command = all();
        command.needs.secret = false;
        let gate = Gate { command: &command, effect: Effect::Destructive, completing: false, unstable: &[] };
        let body = json!({"method": "POST", "one_time_secret": {}});
        assert!(gate.refusal(service::HTTP_REQUEST, &body).is_some());
    }

    #[test]
    fn while_a_shell_completes_a_line_nothing_changes_or_is_shown() {
        let command = all();
        let gate = Gate { command: &command, effect: Effect::Destructive, completing: true, unstable: &[] };
        let get = json!({"method": "GET"});
        for service in [service::HTTP_REQUEST, service::CONFIG_GET, service::CLOCK, service::NAMES_KNOWN] {
            assert_eq!(gate.refusal(service, &get), None, "{service}");
        }
        assert!(gate.refusal(service::HTTP_REQUEST, &json!({"method": "POST"})).is_some());
        let file = json!({"method": "GET", "to_file": "/x"});
        assert!(gate.refusal(service::HTTP_REQUEST, &file).is_some(), "a file would be written");
        for service in [service::OUTPUT_EMIT, service::PROMPT_CONFIRM, service::NOTICE, service::NAMES_SEEN] {
            assert!(gate.refusal(service, &get).is_some(), "{service}");
        }
    }

    #[test]
    fn what_may_still_change_is_asked_for_by_name() {
        let rule = Rule {
            unstable: |body| body["stream"].is_boolean().then_some("http.stream"),
            ..rule(service::NOTICE, "show a notice")
        };
        let command = all();
        let features = ["http.stream".to_owned()];
        for (unstable, body, is_refused) in [
            (&[][..], json!({}), false),
            (&[][..], json!({"stream": true}), true),
            (&features[..], json!({"stream": true}), false),
        ] {
            let gate = Gate { command: &command, effect: Effect::Read, completing: false, unstable };
            let refused = gate.refusal_by(&rule, &body);
            assert_eq!(refused.is_some(), is_refused, "{unstable:?} {body}");
            let help = refused.map(|failure| failure.help.join(" ")).unwrap_or_default();
            assert!(!is_refused || help.contains("Plugin::unstable(\"http.stream\")"), "{help}");
        }
    }

    #[test]
    fn a_service_without_a_row_is_not_answered() {
        let command = all();
        let gate = Gate { command: &command, effect: Effect::Unknown, completing: false, unstable: &[] };
        let refused = gate.refusal("secrets.steal\u{1b}", &json!({})).expect("refused");
        assert_eq!(refused.code, code::UNIMPLEMENTED);
        assert!(!refused.message.contains('\u{1b}'), "{refused:?}");
    }
}
