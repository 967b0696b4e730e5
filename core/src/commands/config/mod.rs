//! `astro config`: the configuration, key by key. What has commands of its own (profiles, credentials) is shown here and
//! changed there.

mod keys;

use std::process;

use astro_plugin_protocol::{
    effect::Effect,
    invocation::Candidate,
    service::{ColumnKind, View},
};
use serde_json::{Value, json};
use toml_edit::{DocumentMut, Item};

pub(super) use keys::{REQUIRE, VERIFY, all as keys};
use keys::{checked, elsewhere};

use super::{Request, column, command, dynamic, positional};
use crate::{
    base::{
        error::{Failure, Result, ResultExt, code, failed, usage},
        files,
    },
    commands::Builtin,
    config::{self, Config, Dirs},
    output::Format,
    program::APP,
    suggest,
    sys::child::{self, Limits},
    trust,
};

pub(super) fn commands() -> Vec<Builtin> {
    let key = || dynamic(positional("key", "A key such as `trust.require` or `plugins.NAME.KEY`", true));
    let mut set = command(
        "config set",
        Effect::Write,
        "Set a value",
        vec![
            key(),
            dynamic(positional(
                "value",
                "The value; `true`, `false` and whole numbers are taken as such for plugins",
                true,
            )),
        ],
        &[
            ("astro config set trust.require signed", "Use signed plugins alone"),
            ("astro config set plugins.lint.strict true", "Set a value of a plugin"),
        ],
        set,
    );
    set.long_about = format!(
        "Set a value.\n\nKeys are: {}; and `plugins.NAME.KEY` for the plugin NAME. Profiles are changed with `{APP} profile edit`, credentials with `{APP} login`.",
        keys().iter().map(|(key, about)| format!("`{key}` ({about})")).collect::<Vec<_>>().join(", ")
    );
    let mut list = command(
        "config list",
        Effect::Read,
        "List all values",
        Vec::new(),
        &[("astro config list", "List all values")],
        list,
    );
    list.aliases = vec!["ls".to_owned()];
    let mut edit = command(
        "config edit",
        Effect::Write,
        "Edit the file in your editor",
        Vec::new(),
        &[("astro config edit", "Edit the file with $VISUAL or $EDITOR")],
        edit,
    );
    edit.needs.process = true;
    edit.long_about = "Edit the file in your editor.\n\nA copy is edited and put in place only if it can be read afterwards; otherwise the file stays as it was, and the copy is named.".to_owned();
    vec![
        command(
            "config get",
            Effect::Read,
            "Show a value",
            vec![key()],
            &[("astro config get default_profile", "Show a value")],
            get,
        ),
        set,
        command(
            "config unset",
            Effect::Write,
            "Take a value out",
            vec![key()],
            &[("astro config unset trust.require", "Take a value out")],
            unset,
        ),
        list,
        command(
            "config path",
            Effect::Read,
            "Show where the file is",
            Vec::new(),
            &[(&format!("cat \"$({APP} config path)\""), "Read the file")],
            path,
        ),
        edit,
    ]
}

pub(super) fn path(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let path = request.env.dirs.clone()?.config_file().display().to_string();
    if format.is_document() {
        request.emit(format, View::default(), vec![json!({ "path": path })])
    } else {
        // As it is: it goes into another command.
        request.env.print(&format!("{path}\n"))
    }
}

pub(super) fn list(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let document = read(&request.env.dirs.clone()?)?;
    let mut rows = Vec::new();
    flatten("", document.as_item(), &mut rows);
    let view = View {
        list: Some("values".to_owned()),
        columns: vec![column("key", ColumnKind::Id), column("value", ColumnKind::Text)],
        clean: vec!["key".to_owned(), "value".to_owned()],
        empty: Some("Nothing is configured.".to_owned()),
        ..View::default()
    };
    request.emit(format, view, rows)
}

pub(super) fn get(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let key = request.required("key")?;
    let document = read(&request.env.dirs.clone()?)?;
    let mut rows = Vec::new();
    if let Some(item) = find(document.as_item(), key) {
        flatten(key, item, &mut rows);
    }
    match rows.as_slice() {
        [] => Err(not_set(key, &document)),
        [one] if one["key"] == key && format.is_document() => request.emit(format, View::default(), rows),
        [one] if one["key"] == key => {
            let view = View { clean: vec!["value".to_owned()], ..View::default() };
            request.emit(Format::CLEAN, view, rows)
        }
        _ => {
            Err(usage(format!("`{key}` holds several values"))
                .help(format!("see them with `{APP} config list`")))
        }
    }
}

pub(super) fn set(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let (key, value) = (request.required("key")?, request.required("value")?);
    let dirs = request.env.dirs.clone()?;
    let typed = checked(key, value, &Config::load(&dirs)?, &|name| {
        let owners = request.env.stores.plugins().0;
        owners.into_iter().find(|owner| owner.facts.name == name).map(|owner| owner.facts.config)
    })?;
    let changed = config::edit(&dirs, |document| {
        let before = document.to_string();
        let (above, last) = key.rsplit_once('.').unwrap_or(("", key));
        let mut table = document.as_table_mut();
        for word in above.split('.').filter(|word| !word.is_empty()) {
            let next = table.entry(word).or_insert_with(|| {
                let mut table = toml_edit::Table::new();
                table.set_implicit(word == "plugins");
                Item::Table(table)
            });
            table = next
                .as_table_mut()
                .ok_or_else(|| failed(format!("`{word}` in the configuration is not a table")))?;
        }
        if table.get(last).and_then(Item::as_value).map(text_of) != Some(text_of(&typed)) {
            table[last] = Item::Value(typed.clone());
        }
        Ok(document.to_string() != before)
    })?;
    if key.starts_with("trust.") {
        trust::register_policy_source(&dirs)?;
    }
    request.env.console.notice(&match changed {
        true => format!("Set `{key}`."),
        false => format!("`{key}` is already up to date."),
    });
    request.done(format, key, if changed { "set" } else { "unchanged" })
}

pub(super) fn unset(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let key = request.required("key")?;
    if let Some(failure) = elsewhere(key) {
        return Err(failure);
    }
    config::edit(&request.env.dirs.clone()?, |document| {
        let refusal = not_set(key, document);
        let (above, last) = key.rsplit_once('.').unwrap_or(("", key));
        let mut table = document.as_table_mut() as &mut dyn toml_edit::TableLike;
        for word in above.split('.').filter(|word| !word.is_empty()) {
            let Some(next) = table.get_mut(word).and_then(Item::as_table_like_mut) else {
                return Err(refusal);
            };
            table = next;
        }
        match table.get(last).is_some_and(Item::is_value) {
            true => table.remove(last),
            false => return Err(refusal),
        };
        Ok(())
    })?;
    request.env.console.notice(&format!("`{key}` is not set any more."));
    request.done(format, key, "unset")
}

pub(super) fn edit(request: &Request<'_>) -> Result<i32> {
    request.format()?;
    let env = request.env;
    let facts = env.console.facts;
    if !(facts.stdin && facts.stderr) || request.parsed.globals.no_input {
        return Err(Failure::new(code::INPUT_REQUIRED, format!("`{APP} config edit` needs a terminal"))
            .help(format!("use `{APP} config set KEY VALUE`")));
    }
    let editor = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| std::env::var(name).ok());
    let editor =
        editor.into_iter().find(|editor| !editor.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
    let words = shlex::split(&editor).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| {
        usage(format!("the editor `{editor}` is not a command")).help("set VISUAL or EDITOR")
    })?;
    let dirs = env.dirs.clone()?;
    let file = dirs.config_file();
    let before = files::read(&file)?.unwrap_or_default();
    let copy = file.with_file_name("config.edited.toml");
    files::write(&copy, before.as_bytes())?;
    let mut program = process::Command::new(&words[0]);
    program.args(&words[1..]).arg(&copy);
    child::scrub(&mut program);
    let ended = child::run(&mut program, Limits { time: None, output: 0 })
        .context(code::FAILED, || format!("the editor `{}` cannot be run", words[0]))?;
    if !ended.status.success() {
        return Err(failed(format!("the editor ended with {}", ended.status))
            .help(format!("nothing was changed; the copy is {}", copy.display())));
    }
    let after = files::read(&copy)?.unwrap_or_default();
    let left = || format!("nothing was changed; what you wrote is in {}", copy.display());
    if let Err(error) = Config::parse(&after) {
        let (place, reason) = config::place_and_reason(&error.to_string());
        return Err(crate::base::error::config(format!("what you wrote cannot be read: {place}"))
            .cause(reason)
            .help(left()));
    }
    replace(&dirs, &before, &after).map_err(|failure| failure.help(left()))?;
    // It is in its place; a copy that stays does no harm.
    let _ = std::fs::remove_file(&copy);
    env.console.notice(&match after == before {
        true => "Nothing was changed.".to_owned(),
        false => format!("Changed `{}`.", file.display()),
    });
    Ok(0)
}

/// Puts the text in place unless somebody else changed the file meanwhile.
fn replace(dirs: &Dirs, before: &str, after: &str) -> Result<()> {
    config::edit(dirs, |document| {
        if document.to_string() != before {
            return Err(failed("the configuration was changed by somebody else meanwhile"));
        }
        *document = after
            .parse()
            .map_err(|error: toml_edit::TomlError| crate::base::error::config(error.message()))?;
        Ok(())
    })
}

fn not_set(key: &str, document: &DocumentMut) -> Failure {
    let mut rows = Vec::new();
    flatten("", document.as_item(), &mut rows);
    let keys: Vec<&str> = rows.iter().filter_map(|row| row["key"].as_str()).collect();
    let failure = failed(format!("`{key}` is not set"));
    match suggest::nearest(key, keys.iter().copied()) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure,
    }
    .help(format!("see what is set with `{APP} config list`"))
}

fn read(dirs: &Dirs) -> Result<DocumentMut> {
    Config::load(dirs)?;
    let text = files::read(&dirs.config_file())?.unwrap_or_default();
    text.parse().map_err(|error: toml_edit::TomlError| crate::base::error::config(error.message()))
}

/// The keys that are set, with their values; `changeable`: those that are changed here.
pub(super) fn keys_in_use(dirs: &Dirs, changeable: bool) -> Result<Vec<Candidate>> {
    let mut rows = Vec::new();
    flatten("", read(dirs)?.as_item(), &mut rows);
    let keys = rows.iter().filter_map(|row| Some((row["key"].as_str()?, &row["value"])));
    let wanted = keys.filter(|(key, _)| !changeable || elsewhere(key).is_none());
    Ok(wanted.map(|(key, value)| Candidate::new(key, value.as_str().unwrap_or_default())).collect())
}

fn find<'i>(item: &'i Item, key: &str) -> Option<&'i Item> {
    key.split('.').try_fold(item, |item, word| item.get(word))
}

fn flatten(key: &str, item: &Item, rows: &mut Vec<Value>) {
    if let Some(table) = item.as_table_like() {
        for (word, item) in table.iter() {
            let key = if key.is_empty() { word.to_owned() } else { format!("{key}.{word}") };
            flatten(&key, item, rows);
        }
    } else if let Some(value) = item.as_value() {
        rows.push(json!({ "key": key, "value": json_of(value) }));
    }
}

fn json_of(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::Integer(number) => (*number.value()).into(),
        toml_edit::Value::Boolean(flag) => (*flag.value()).into(),
        other => text_of(other).into(),
    }
}

fn text_of(value: &toml_edit::Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string().trim().to_owned(),
    }
}
