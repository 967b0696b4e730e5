//! `astro plugin index`: the indexes that plugins are looked up in, and making one.

use std::path::{Path, PathBuf};

use astro_plugin_protocol::{
    duration::Scale,
    effect::Effect,
    manifest::{Arg, ValueKind},
    names,
    service::{Column, ColumnKind, View},
};
use serde_json::{Value, json};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table};

use super::install::several;
use crate::{
    author::{
        index::{self, BuildOptions, Mark},
        sign,
    },
    base::error::{Result, failed, usage},
    commands::{Builtin, Request, command, dynamic, file, option, positional, switch},
    config::{self, IndexSource},
    install::indexes::{self, Reach},
    output::Format,
    program::APP,
    trust::Key,
};

/// The lifetime of an index that says nothing else: long enough for a holiday.
const LIFETIME: &str = "90d";

pub(super) fn commands() -> Vec<Builtin> {
    let [build, sign, check] = publish_commands();
    let mut add = command(
        "plugin index add",
        Effect::Write,
        "Add an index that plugins are looked up in",
        vec![
            positional("name", "What it is called here", true),
            file(positional("location", "Its https URL, or its directory", true)),
            Arg {
                repeated: true,
                ..file(option("key", "KEY", "The minisign key that signs it, or the file it is in"))
            },
            switch("first", "Ask it before the others"),
            Arg {
                kind: ValueKind::File,
                ..option("ca-file", "FILE", "Certificates (PEM) to trust besides the system's")
            },
        ],
        &[
            ("astro plugin index add corp https://plugins.example.com --key corp.pub", "Add an index"),
            ("astro plugin index add corp /srv/plugins --key corp.pub --first", "Ask a directory first"),
        ],
        add,
    );
    add.long_about = "Add an index that plugins are looked up in.\n\nIt is read at once and must be signed with the key. The first index that has a plugin decides; an index that cannot be read is an error and is never passed over. It is refused when it has expired, and when it is older than one that was seen.".to_owned();
    let mut list = command(
        "plugin index list",
        Effect::Read,
        "List the indexes in the order they are asked",
        Vec::new(),
        &[("astro plugin index list", "List the indexes")],
        list,
    );
    list.aliases = vec!["ls".to_owned()];
    let mut remove = command(
        "plugin index remove",
        Effect::Write,
        "Remove an index; what was installed from it stays",
        vec![dynamic(positional("name", "Its name", true))],
        &[("astro plugin index remove corp", "Remove an index")],
        remove,
    );
    remove.aliases = vec!["rm".to_owned()];
    vec![add, list, remove, build, sign, check]
}

fn publish_commands() -> [Builtin; 3] {
    let dir = || Arg { kind: ValueKind::File, ..positional("dir", "The directory that is served", true) };
    let mark = |long: &str, help: &str| Arg { repeated: true, ..option(long, "NAME@VERSION=REASON", help) };
    let mut build = command(
        "plugin index build",
        Effect::Write,
        "Make an index of the plugin files in a directory, or renew it",
        vec![
            dir(),
            file(several("files", "Plugin files that are copied into it")),
            option("name", "NAME", "Its name; the directory's without this"),
            Arg {
                repeated: true,
                ..option("publisher", "KEY", "A public key that plugin files are signed with")
            },
            Arg {
                default: Some(LIFETIME.to_owned()),
                ..option("expires", "DURATION", "How long it may be used: `90d`, `12w`, `36h`")
            },
            option("base-url", "URL", "Where the files are served, when that is not beside the index"),
            Arg {
                kind: ValueKind::File,
                ..option("key", "FILE", "Sign it at once with this secret key of minisign")
            },
            mark("yank", "Mark a version that nobody should begin to use"),
            mark("revoke", "Revoke a version; installed copies stop loading"),
        ],
        &[
            (
                "astro plugin index build /srv/plugins dist/*/*.astro-plugin --name corp",
                "Publish what was packed",
            ),
            ("astro plugin index build /srv/plugins --revoke \"lint@1.2.0=stolen key\"", "Revoke a version"),
        ],
        build,
    );
    build.long_about = "Make an index of the plugin files in a directory, or renew it.\n\nIts version counts up. A version of a plugin never changes and never disappears; what should not be used is marked. Sign it with `--key`, or afterwards: the signature of the document before does not fit, and readers refuse it until then.".to_owned();
    build.see_also = ["plugin index sign", "plugin index check", "plugin pack"].map(str::to_owned).to_vec();
    let sign = command(
        "plugin index sign",
        Effect::Write,
        "Sign an index",
        vec![
            dir(),
            Arg {
                kind: ValueKind::File,
                ..option("key", "FILE", "The secret key of minisign to sign it with")
            },
        ],
        &[("astro plugin index sign /srv/plugins --key corp.key", "Sign an index")],
        sign,
    );
    let check = command(
        "plugin index check",
        Effect::Read,
        "Check an index and every file that it names, as its readers will",
        vec![
            file(positional("location", "Its https URL, or its directory", true)),
            Arg {
                repeated: true,
                ..file(option("key", "KEY", "The minisign key that signs it, or the file it is in"))
            },
        ],
        &[("astro plugin index check https://plugins.example.com --key corp.pub", "Check what is served")],
        check,
    );
    [build, sign, check]
}

/// A place as it is kept: a URL as it was typed, a directory as a whole path.
fn location(text: &str) -> Result<String> {
    if text.contains("://") {
        return Ok(text.to_owned());
    }
    let path = Path::new(text).canonicalize().map_err(|error| {
        failed(format!("cannot find the directory `{text}`"))
            .cause(crate::base::error::plain_io(&error.to_string()))
            .help("an index is at an https URL or in a directory")
    })?;
    Ok(path.display().to_string())
}

fn keys(request: &Request<'_>) -> Result<Vec<String>> {
    let keys: Vec<String> = request
        .texts("key")
        .into_iter()
        .map(|given| Ok(Key::given(given)?.text().to_owned()))
        .collect::<Result<_>>()?;
    match keys.is_empty() {
        false => Ok(keys),
        true => Err(usage("an index is read with the key that signs it")
            .help("pass --key KEY, the public key that whoever keeps the index tells")),
    }
}

pub(in crate::commands) fn add(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let dirs = request.env.dirs.clone()?;
    let name = request.required("name")?;
    let ca_file = request.text("ca-file").map(std::path::absolute).transpose().map_err(|error| {
        usage("`--ca-file` is not a path").cause(crate::base::error::plain_io(&error.to_string()))
    })?;
    let mut source = IndexSource {
        name: name.to_owned(),
        location: location(request.required("location")?)?,
        keys: keys(request)?,
        document: None,
        min_version: 0,
        ca_file,
    };
    if !names::is_name(name) {
        return Err(usage(format!("`{name}` cannot be the name of an index"))
            .help("use letters, digits, `-`, `_` and `.`"));
    }
    if indexes::configured(&dirs)?.iter().any(|known| known.name == name) {
        return Err(failed(format!("there is an index `{name}`"))
            .help(format!("remove it first: {APP} plugin index remove {name}")));
    }
    let reach = Reach { dirs: &dirs, offline: false, timeout: request.parsed.globals.timeout };
    let opened = indexes::open(reach, &source)?;
    // An older document is refused from now on, also where nothing else is remembered.
    source.min_version = opened.document.version;
    source.document = Some(opened.document.name.clone());
    config::edit(&dirs, |document| put(document, &source, request.flag("first")))?;
    let count = counted(opened.document.plugins.len(), "plugin");
    request.env.console.notice(&format!("Added the index `{name}`, which has {count}."));
    request.done(format, name, "added")
}

fn put(document: &mut DocumentMut, source: &IndexSource, first: bool) -> Result<()> {
    let mut table = Table::new();
    table["name"] = toml_edit::value(&source.name);
    table["location"] = toml_edit::value(&source.location);
    table["keys"] = toml_edit::value(source.keys.iter().collect::<toml_edit::Array>());
    if let Some(document) = &source.document {
        table["document"] = toml_edit::value(document);
    }
    table["min_version"] = toml_edit::value(i64::try_from(source.min_version).unwrap_or(i64::MAX));
    if let Some(path) = &source.ca_file {
        table["ca_file"] = toml_edit::value(path.display().to_string());
    }
    let tables = document.entry("index").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let tables = tables.as_array_of_tables_mut().ok_or_else(not_tables)?;
    if first {
        let mut all = ArrayOfTables::new();
        all.push(table);
        // A table keeps its place in the file unless it is told to forget it.
        for mut known in std::mem::take(tables) {
            known.set_position(None);
            all.push(known);
        }
        *tables = all;
    } else {
        tables.push(table);
    }
    Ok(())
}

fn not_tables() -> crate::base::error::Failure {
    crate::base::error::config("`index` in the configuration is not a list of tables `[[index]]`")
}

pub(in crate::commands) fn remove(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let dirs = request.env.dirs.clone()?;
    let name = request.required("name")?;
    config::edit(&dirs, |document| {
        let tables = document.get_mut("index").and_then(Item::as_array_of_tables_mut);
        let at = tables.as_ref().and_then(|tables| {
            tables.iter().position(|table| table.get("name").and_then(Item::as_str) == Some(name))
        });
        match (tables, at) {
            (Some(tables), Some(at)) => {
                tables.remove(at);
                if tables.is_empty() {
                    document.remove("index");
                }
                Ok(())
            }
            _ => Err(failed(format!("no index is called `{name}`"))
                .help(format!("see the indexes with `{APP} plugin index list`"))),
        }
    })?;
    request.env.console.notice(&format!("Removed the index `{name}`."));
    request.done(format, name, "removed")
}

pub(in crate::commands) fn list(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let sources = indexes::configured(&request.env.dirs.clone()?)?;
    let rows = sources
        .iter()
        .map(|source| {
            let ids: Vec<String> = source.keys.iter().filter_map(|key| Some(Key::parse(key)?.id())).collect();
            json!({ "name": source.name, "location": source.location, "keys": source.keys, "key_ids": ids })
        })
        .collect();
    let view = View {
        list: Some("indexes".to_owned()),
        columns: columns(&["name", "location", "key_ids"]),
        clean: ["name", "location"].map(str::to_owned).to_vec(),
        empty: Some("No indexes.".to_owned()),
        ..View::default()
    };
    request.emit(format, view, rows)
}

fn columns(keys: &[&str]) -> Vec<Column> {
    let column = |key: &&str| Column {
        key: (*key).into(),
        title: key.to_uppercase().replace('_', " "),
        kind: ColumnKind::Text,
        ..Column::default()
    };
    keys.iter().map(column).collect()
}

pub(in crate::commands) fn build(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let dir = PathBuf::from(request.required("dir")?);
    let marks = |id: &str| request.texts(id).into_iter().map(Mark::parse).collect::<Result<Vec<_>>>();
    let publishers = request.texts("publisher").into_iter().map(Key::given).collect::<Result<_>>()?;
    let wanted = BuildOptions {
        dir: &dir,
        name: request.text("name"),
        add: request.texts("files").into_iter().map(PathBuf::from).collect(),
        publishers,
        yank: marks("yank")?,
        revoke: marks("revoke")?,
        lifetime: lifetime(request.text("expires").unwrap_or(LIFETIME))?,
        base_url: request.text("base-url"),
    };
    let may_ask = request.may_ask(format);
    let key = request.text("key").map(|path| sign::key(request.env, Path::new(path), may_ask)).transpose()?;
    crate::base::files::shared_dir(&dir)?;
    let document = index::build(&wanted)?;
    let count: usize = document.plugins.iter().map(|plugin| plugin.versions.len()).sum();
    let console = &request.env.console;
    console.notice(&format!(
        "Made version {} of the index `{}`: {} in {}, until {}.",
        document.version,
        document.name,
        counted(document.plugins.len(), "plugin"),
        counted(count, "version"),
        document.expires
    ));
    match key {
        Some(key) => {
            let (path, _) = index::sign(&dir, &key)?;
            console.notice(&format!("Signed it in {}.", path.display()));
        }
        None => {
            let dir = dir.display().to_string();
            let dir = shlex::try_quote(&dir).map_or_else(|_| dir.clone(), std::borrow::Cow::into_owned);
            console.notice(&format!("Next: {APP} plugin index sign {dir} --key FILE"));
        }
    }
    describe_outcome(request, format, &document)
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn describe_outcome(
    request: &Request<'_>,
    format: Format,
    document: &astro_plugin_protocol::plugin_index::PluginIndex,
) -> Result<i32> {
    let view = View { clean: ["name", "version", "expires"].map(str::to_owned).to_vec(), ..View::default() };
    let row = json!({ "name": document.name, "version": document.version, "expires": document.expires });
    request.emit_for_programs(format, view, vec![row])
}

/// How long an index is valid, in seconds: at most a hundred years.
fn lifetime(text: &str) -> Result<i64> {
    let read = Scale::Days.read(text).and_then(|length| i64::try_from(length.as_secs()).ok());
    read.filter(|seconds| (3600..=36_500 * 86_400).contains(seconds)).ok_or_else(|| {
        usage(format!("`--expires {text}` is not {}", Scale::Days.expected()))
            .help("write it as `90d`, `12w` or `36h`")
    })
}

pub(in crate::commands) fn sign(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let dir = PathBuf::from(request.required("dir")?);
    let path = request.text("key").ok_or_else(|| {
        usage(format!("`{APP} plugin index sign` needs --key FILE")).help("make a key: minisign -G")
    })?;
    let may_ask = request.may_ask(format);
    let key = sign::key(request.env, Path::new(path), may_ask)?;
    let (path, document) = index::sign(&dir, &key)?;
    request.env.console.notice(&format!("Signed version {} in {}.", document.version, path.display()));
    describe_outcome(request, format, &document)
}

pub(in crate::commands) fn check(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let location = location(request.required("location")?)?;
    let last = location.trim_end_matches('/').rsplit('/').next().filter(|last| names::is_name(last));
    let source = IndexSource {
        name: last.unwrap_or("index").to_owned(),
        location,
        keys: keys(request)?,
        ..IndexSource::default()
    };
    // Nothing that a reader remembers has a say, and nothing is remembered.
    let nowhere = tempfile::tempdir()
        .map_err(|error| failed("no temporary directory can be made").cause(error.to_string()))?;
    let all = nowhere.path().to_owned();
    let dirs = config::Dirs {
        config: all.clone(),
        data: all.clone(),
        state: all.clone(),
        cache: all,
        private_home: true,
    };
    let reach = Reach { dirs: &dirs, offline: false, timeout: request.parsed.globals.timeout };
    let opened = indexes::open(reach, &source)?;
    let dir = (!source.location.contains("://")).then(|| Path::new(&source.location));
    let fetch = |file: &_, watch: indexes::download::Watch<'_>| opened.fetch(reach, file, watch);
    let (mut rows, mut broken): (Vec<Value>, usize) = (Vec::new(), 0);
    for plugin in &opened.document.plugins {
        for version in &plugin.versions {
            for file in &version.files {
                let found = index::check_file(dir, &fetch, &opened.document, &plugin.name, version, file);
                broken += usize::from(found.is_err());
                rows.push(json!({
                    "plugin": plugin.name, "version": version.version, "target": file.target,
                    "state": if found.is_ok() { "kept" } else { "broken" }, "detail": found.err(),
                }));
            }
        }
    }
    let view = View {
        list: Some("files".to_owned()),
        columns: columns(&["plugin", "version", "target", "state", "detail"]),
        clean: ["plugin", "version", "target", "state", "detail"].map(str::to_owned).to_vec(),
        ..View::default()
    };
    request.emit(format, view, rows)?;
    let document = &opened.document;
    let signed = format!("The index `{}` is signed; it is version {}", document.name, document.version);
    request.env.console.notice(&format!("{signed} and expires at {}.", document.expires));
    match broken {
        0 => Ok(0),
        1 => Err(failed("one file is not what the index says")),
        _ => Err(failed(format!("{broken} files are not what the index says"))),
    }
}
