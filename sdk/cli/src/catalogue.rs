//! The catalogue: everything that is known of a command without running it, as one JSON object. Its shape is published as
//! `docs/src/reference/commands.schema.json`; keys are only ever added.

use astro_plugin_protocol::{
    manifest::{Arg, Arity, Command, ValueKind},
    names::Global,
};
use serde_json::{Value, json};

use crate::{error::Result, output, program::own};

/// What a program reads of a command. `plugin` is the name and the version of the plugin that brings it; the host's own have none. `extension` is
/// that of plugin files.
pub fn record(command: &Command, plugin: Option<(&str, &str)>, extension: &str) -> Value {
    let visible = || command.args.iter().filter(|arg| !arg.hidden);
    let options: Vec<Value> = visible().filter(|arg| !arg.arity.is_positional()).map(option).collect();
    let host_options = command.host_options().map(host_option);
    let columns = |output: &astro_plugin_protocol::service::View| {
        output.columns.iter().map(|column| column.key.clone()).collect::<Vec<_>>()
    };
    json!({
        "path": command.path,
        "aliases": command.aliases,
        "about": own(&command.about),
        "effect": command.effect,
        "runs_programs": command.needs.process,
        "hosts": command.needs.hosts,
        "one_time_secret": command.needs.secret,
        "several_profiles": command.several_profiles,
        "arguments": visible().filter(|arg| arg.arity.is_positional()).map(argument).collect::<Vec<_>>(),
        "options": options.into_iter().chain(host_options).collect::<Vec<_>>(),
        "output": command.output.as_ref().map(|output| {
            json!({ "list": output.list, "columns": columns(output), "clean": output.clean })
        }),
        "exit_codes": command.exit_codes,
        "examples": command.examples.iter().map(|example| json!({ "command": example_line(&example.command, extension), "about": own(&example.about) })).collect::<Vec<_>>(),
        "see_also": command.see_also,
        "plugin": plugin.map(|(name, version)| json!({ "name": name, "version": version })),
    })
}

/// The same as text, as the format `json` writes it.
///
/// # Errors
///
/// None in practice: the record is text and numbers.
pub fn line(command: &Command, plugin: Option<(&str, &str)>, extension: &str) -> Result<String> {
    output::json_text(&record(command, plugin, extension))
}

fn argument(arg: &Arg) -> Value {
    json!({
        "name": arg.id, "help": own(&arg.help), "kind": kind(arg), "setting": setting(arg), "choices": choices(arg), "range": arg.range,
        "default": arg.default, "required": arg.required, "repeated": arg.repeated || arg.arity == Arity::Trailing,
    })
}

fn option(arg: &Arg) -> Value {
    json!({
        "name": arg.long, "short": arg.short, "aliases": arg.aliases, "help": own(&arg.help),
        "value": arg.arity != Arity::Flag, "kind": kind(arg), "setting": setting(arg), "choices": choices(arg),
        "range": arg.range, "default": arg.default, "required": arg.required, "repeated": arg.repeated, "effect": arg.effect,
    })
}

/// One of [`Command::host_options`], with the keys of any other.
fn host_option(option: &Global) -> Value {
    let kind = if option.value.is_some() { "text" } else { "bool" };
    json!({
        "name": option.long, "short": option.short, "aliases": option.aliases, "help": own(option.help),
        "value": option.value.is_some(), "kind": kind, "setting": null, "choices": option.choices,
        "range": null, "default": null, "required": false, "repeated": option.repeatable, "effect": null,
    })
}

/// A command line of an example, as it is typed for this program, whose plugin files have this extension.
pub fn example_line(line: &str, extension: &str) -> String {
    own(line).replace(".astro-plugin", &format!(".{extension}"))
}

fn kind(arg: &Arg) -> &'static str {
    match &arg.kind {
        ValueKind::Text if arg.arity == Arity::Flag => "bool",
        ValueKind::Text => "text",
        ValueKind::Bool => "bool",
        ValueKind::File => "file",
        ValueKind::Dynamic => "dynamic",
        ValueKind::Profile => "profile",
        ValueKind::Setting(_) => "setting",
        _ => "unknown",
    }
}

/// The dimension whose ID or name is expected.
fn setting(arg: &Arg) -> Option<&str> {
    match &arg.kind {
        ValueKind::Setting(name) => Some(name),
        _ => None,
    }
}

/// What a command may change, as one object: the effects of the catalogue without the rest.
pub fn effects(command: &Command) -> Value {
    let options = command.raising_options().map(|(long, effect)| json!({ "name": long, "effect": effect }));
    json!({
        "command": command.path,
        "effect": command.effect,
        "options": options.collect::<Vec<_>>(),
        "runs_programs": command.needs.process,
        "hosts": command.needs.hosts,
    })
}

fn choices(arg: &Arg) -> Vec<&str> {
    arg.choices.iter().map(|choice| choice.value.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use astro_plugin_protocol::{
        effect::Effect,
        manifest::{Choice, Example, ExitCode, Needs},
        service::View,
    };

    use std::collections::BTreeSet;

    use super::*;

    fn command() -> Command {
        let arg = |id: &str, arity| Arg { id: id.into(), arity, help: "Which".into(), ..Arg::default() };
        Command {
            path: "lint fix".into(),
            about: "Mend".into(),
            effect: Effect::Write,
            args: vec![
                Arg { required: true, ..arg("file", Arity::Positional) },
                Arg {
                    long: Some("rule".into()),
                    short: Some('r'),
                    choices: vec![Choice { value: "all".into(), help: String::new() }],
                    default: Some("all".into()),
                    ..arg("rule", Arity::One)
                },
                Arg {
                    long: Some("prune".into()),
                    effect: Some(Effect::Destructive),
                    ..arg("prune", Arity::Flag)
                },
                Arg {
                    long: Some("deployment".into()),
                    kind: ValueKind::setting("deployment"),
                    ..arg("deployment", Arity::One)
                },
                Arg { long: Some("secret".into()), hidden: true, ..arg("hidden", Arity::Flag) },
            ],
            examples: vec![Example { command: "astro lint fix x".into(), about: "Mend x".into() }],
            exit_codes: vec![ExitCode { code: 20, meaning: "not mended".into() }],
            output: Some(View { list: Some("files".into()), clean: vec!["name".into()], ..View::default() }),
            needs: Needs { secret: true, ..Needs::default() },
            ..Command::default()
        }
    }

    #[test]
    fn a_record_says_all_that_help_says() {
        let record = record(&command(), Some(("lint", "1.0.0")), "astro-plugin");
        let names = |key: &str| -> Vec<&str> {
            record[key].as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).collect()
        };
        assert_eq!(names("arguments"), ["file"]);
        assert_eq!(names("options")[..2], ["rule", "prune"]);
        assert!(names("options").contains(&"token-file"), "the host's own for a secret");
        assert!(!names("options").contains(&"secret"), "what is hidden is in no list");
        assert_eq!(record["options"][0]["choices"], json!(["all"]));
        assert_eq!(record["options"][1]["kind"], "bool");
        assert_eq!(record["options"][1]["effect"], "destructive");
        assert_eq!(record["effect"], "write");
        assert_eq!(record["exit_codes"][0]["code"], 20);
        assert_eq!(record["output"]["clean"], json!(["name"]));
        assert_eq!(record["plugin"], json!({"name": "lint", "version": "1.0.0"}));
    }

    /// The schema is what others build on: a key that is not in it, or one of it that is not there, is found here.
    #[test]
    fn the_published_schema_has_exactly_the_keys_of_a_record() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/reference/commands.schema.json");
        let schema: Value =
            serde_json::from_str(&std::fs::read_to_string(path).expect("the schema")).expect("json");
        let document = json!({ "commands": [record(&command(), Some(("lint", "1.0.0")), "astro-plugin"), record(&command(), None, "astro-plugin")] });
        check(&schema, &schema, &document, "");
    }

    fn check(schema: &Value, at: &Value, value: &Value, place: &str) {
        let at = match at["$ref"].as_str() {
            Some(name) => &schema["$defs"][name.strip_prefix("#/$defs/").expect("a definition")],
            None => at,
        };
        match value {
            Value::Object(fields) => {
                let known =
                    at["properties"].as_object().unwrap_or_else(|| panic!("{place} is no object: {at}"));
                for (key, value) in fields {
                    let inner =
                        known.get(key).unwrap_or_else(|| panic!("{place}.{key} is not in the schema"));
                    check(schema, inner, value, &format!("{place}.{key}"));
                }
                // Each record has all keys, so that nobody has to ask whether one is there.
                let required = at["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let required: BTreeSet<&str> = required.collect();
                let there: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
                let described: BTreeSet<&str> = known.keys().map(String::as_str).collect();
                assert_eq!(required, there, "{place}");
                assert_eq!(described, there, "{place}");
            }
            Value::Array(items) => {
                for item in items {
                    check(schema, &at["items"], item, &format!("{place}[]"));
                }
            }
            value => {
                let name = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "integer",
                    _ => "string",
                };
                let fits = match (&at["type"], &at["enum"]) {
                    (_, Value::Array(listed)) => listed.contains(value),
                    (Value::Array(types), _) => types.iter().any(|known| known == name),
                    (known, _) => known == name,
                };
                assert!(fits, "{place}: {value} is no {at}");
            }
        }
    }
}
