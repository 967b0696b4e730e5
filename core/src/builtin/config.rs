//! `astro config`: the configuration, key by key. What has commands of its own (profiles, credentials) is shown here and
//! changed there.

use std::{
    path::{Path, PathBuf},
    process,
};

use astro_plugin_cli::plugin_config;
use astro_plugin_protocol::{
    manifest::{Command, ConfigKey, ConfigKind},
    names,
    service::{Column, ColumnKind, View},
};
use serde_json::{Value, json};
use toml_edit::{DocumentMut, Item};

use super::{Request, command, positional};
use crate::{
    cli::suggest,
    config::{self, Config, Dirs},
    error::{Failure, Result, While, code, failed, usage},
    files,
    output::Format,
    trust::{self, Key},
};

/// Keys that stand for themselves.
const KEYS: &[(&str, &str)] = &[
    ("default_profile", "The profile of shells and directories that chose nothing"),
    (
        "official.command",
        "The official Astro CLI, a whole path: it gets every first word that nobody here owns",
    ),
    ("trust.require", "`checksum`, or `signed`: what an installed plugin must have"),
    ("trust.publishers", "Public keys of minisign with commas between them: only their plugins are used"),
    ("trust.verify", "`changed`, or `always`: when a plugin's file is compared with what was installed"),
];

pub(super) fn commands() -> Vec<Command> {
    let key = || positional("key", "A key such as `official.command` or `plugins.NAME.KEY`", true);
    let mut set = command(
        "config set",
        "Set a value",
        vec![
            key(),
            positional(
                "value",
                "The value; `true`, `false` and whole numbers are taken as such for plugins",
                true,
            ),
        ],
        &[
            (
                "astro config set official.command /usr/local/bin/astro-official",
                "Hand unknown words to the official CLI",
            ),
            ("astro config set plugins.lint.strict true", "Set a value of a plugin"),
        ],
    );
    set.long_about = format!(
        "Set a value.\n\nKeys are: {}; and `plugins.NAME.KEY` for the plugin NAME. Profiles are changed with `astro profile edit`, credentials with `astro login`.",
        KEYS.iter().map(|(key, about)| format!("`{key}` ({about})")).collect::<Vec<_>>().join(", ")
    );
    let mut list =
        command("config list", "List all values", Vec::new(), &[("astro config list", "List all values")]);
    list.aliases = vec!["ls".to_owned()];
    let mut edit = command(
        "config edit",
        "Edit the file in your editor",
        Vec::new(),
        &[("astro config edit", "Edit the file with $VISUAL or $EDITOR")],
    );
    edit.long_about = "Edit the file in your editor.\n\nA copy is edited and put in place only if it can be read afterwards; otherwise the file stays as it was, and the copy is named.".to_owned();
    vec![
        command(
            "config get",
            "Show a value",
            vec![key()],
            &[("astro config get default_profile", "Show a value")],
        ),
        set,
        command(
            "config unset",
            "Take a value out",
            vec![key()],
            &[("astro config unset official.command", "Take a value out")],
        ),
        list,
        command(
            "config path",
            "Show where the file is",
            Vec::new(),
            &[("cat \"$(astro config path)\"", "Read the file")],
        ),
        edit,
    ]
}

pub(super) fn path(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let path = request.app.dirs.clone()?.config_file().display().to_string();
    match format {
        Format::Table | Format::Clean => request.app.print(&format!("{path}\n")),
        Format::Json => request.emit(format, View::default(), vec![json!({ "path": path })]),
    }
}

pub(super) fn list(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let document = read(&request.app.dirs.clone()?)?;
    let mut rows = Vec::new();
    flatten("", document.as_item(), &mut rows);
    let column =
        |key: &str, kind| Column { key: key.into(), title: key.to_uppercase(), kind, optional: false };
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
    let document = read(&request.app.dirs.clone()?)?;
    let mut rows = Vec::new();
    if let Some(item) = find(document.as_item(), key) {
        flatten(key, item, &mut rows);
    }
    match rows.as_slice() {
        [] => Err(not_set(key, &document)),
        [one] if one["key"] == key => match format {
            Format::Json => request.emit(format, View::default(), rows),
            _ => {
                let view = View { clean: vec!["value".to_owned()], ..View::default() };
                request.emit(Format::Clean, view, rows)
            }
        },
        _ => Err(usage(format!("`{key}` holds several values")).help("see them with `astro config list`")),
    }
}

pub(super) fn set(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let (key, value) = (request.required("key")?, request.required("value")?);
    let dirs = request.app.dirs.clone()?;
    let typed = checked(key, value, &Config::load(&dirs)?, &|name| {
        let owners = request.app.stores.plugins().0;
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
        trust::govern(&dirs)?;
    }
    request.app.console.notice(&match changed {
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
    config::edit(&request.app.dirs.clone()?, |document| {
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
    request.app.console.notice(&format!("`{key}` is not set any more."));
    request.done(format, key, "unset")
}

pub(super) fn edit(request: &Request<'_>) -> Result<i32> {
    request.format()?;
    let app = request.app;
    let facts = app.console.facts;
    if !(facts.stdin && facts.stderr) || request.parsed.globals.no_input {
        return Err(Failure::new(code::INPUT_REQUIRED, "`astro config edit` needs a terminal")
            .help("use `astro config set KEY VALUE`"));
    }
    let editor = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| std::env::var(name).ok());
    let editor =
        editor.into_iter().find(|editor| !editor.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
    let words = shlex::split(&editor).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| {
        usage(format!("the editor `{editor}` is not a command")).help("set VISUAL or EDITOR")
    })?;
    let dirs = app.dirs.clone()?;
    let file = dirs.config_file();
    let before = files::read(&file)?.unwrap_or_default();
    let copy = file.with_file_name("config.edited.toml");
    files::write(&copy, before.as_bytes())?;
    let mut program = process::Command::new(&words[0]);
    program.args(&words[1..]).arg(&copy);
    crate::secret::sink::scrub(&mut program);
    let status =
        program.status().while_doing(code::FAILED, || format!("the editor `{}` cannot be run", words[0]))?;
    if !status.success() {
        return Err(failed(format!("the editor ended with {status}"))
            .help(format!("nothing was changed; the copy is {}", copy.display())));
    }
    let after = files::read(&copy)?.unwrap_or_default();
    let left = || format!("nothing was changed; what you wrote is in {}", copy.display());
    if let Err(error) = Config::parse(&after) {
        let (place, reason) = config::place_and_reason(&error.to_string());
        return Err(crate::error::config(format!("what you wrote cannot be read: {place}"))
            .cause(reason)
            .help(left()));
    }
    replace(&dirs, &before, &after).map_err(|failure| failure.help(left()))?;
    // It is in its place; a copy that stays does no harm.
    let _ = std::fs::remove_file(&copy);
    app.console.notice(&match after == before {
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
        *document =
            after.parse().map_err(|error: toml_edit::TomlError| crate::error::config(error.message()))?;
        Ok(())
    })
}

/// The value as it is written, if the key is one and takes it.
fn checked(
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
            failed(format!("there is no plugin `{name}`")).help("see the plugins with `astro plugin list`")
        })?;
        return of_plugin(key, name, &inner.join("."), value, &keys);
    }
    match key {
        "default_profile" if !config.profiles.contains_key(value) => {
            Err(failed(format!("there is no profile `{value}`"))
                .help("see the profiles with `astro profile list`"))
        }
        "official.command" => {
            official(Path::new(value)).map(|path| path.to_string_lossy().into_owned().into())
        }
        "default_profile" => Ok(value.into()),
        "trust.require" => one_of(key, value, &["checksum", "signed"]),
        "trust.verify" => one_of(key, value, &["changed", "always"]),
        "trust.publishers" => {
            let keys = value.split(',').map(|text| Ok(Key::given(text.trim())?.text().to_owned()));
            Ok(keys.collect::<Result<toml_edit::Array>>()?.into())
        }
        _ => Err(unknown(key)),
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

/// The official CLI's program: a whole path, so that no directory on the PATH decides what runs.
fn official(path: &Path) -> Result<PathBuf> {
    let refused = |reason: &str| {
        crate::error::config(format!("`official.command` cannot be `{}`: {reason}", path.display())).help(
            "set it to the whole path of the official Astro CLI: astro config set official.command PATH",
        )
    };
    if !path.is_absolute() {
        return Err(refused("it is not an absolute path"));
    }
    let found = path.canonicalize().map_err(|error| refused(&crate::error::plain_io(&error.to_string())))?;
    if !found.is_file() || rustix::fs::access(&found, rustix::fs::Access::EXEC_OK).is_err() {
        return Err(refused("it is not a program"));
    }
    if config::this_binary().and_then(|own| own.canonicalize().while_doing(code::CONFIG, String::new)).ok()
        == Some(found)
    {
        return Err(refused("that is this program"));
    }
    Ok(path.to_owned())
}

/// Becomes the official CLI, when one is configured: for a first word that nobody here owns. It gets the arguments and
/// the environment as they are; nothing comes back.
pub(crate) fn hand_over(dirs: &Result<Dirs>, args: &[String]) -> Result<()> {
    use std::os::unix::process::CommandExt;
    // A configuration that cannot be read is told by the commands that need it.
    let Some(command) = dirs.as_ref().ok().and_then(|dirs| Config::load(dirs).ok()?.official.command) else {
        return Ok(());
    };
    let program = official(&command)?;
    let error = process::Command::new(&program).args(args).exec();
    Err(crate::error::config(format!("`official.command` (`{}`) cannot be run", program.display()))
        .cause(error.to_string()))
}

/// What has commands of its own.
fn elsewhere(key: &str) -> Option<Failure> {
    let command = match key.split('.').next()? {
        "profiles" => "astro profile edit",
        "credentials" => "astro login",
        "index" => "astro plugin index",
        _ => return None,
    };
    Some(usage(format!("`{key}` is not changed here")).help(format!("use `{command}`")))
}

fn unknown(key: &str) -> Failure {
    let failure = usage(format!("there is no key `{key}`"));
    match suggest::nearest(key, KEYS.iter().map(|(key, _)| *key)) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure,
    }
    .help("see the keys with `astro config set --help`")
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
    .help("see what is set with `astro config list`")
}

fn read(dirs: &Dirs) -> Result<DocumentMut> {
    Config::load(dirs)?;
    let text = files::read(&dirs.config_file())?.unwrap_or_default();
    text.parse().map_err(|error: toml_edit::TomlError| crate::error::config(error.message()))
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
