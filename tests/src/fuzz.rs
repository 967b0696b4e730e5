//! What the fuzz targets of `tests/fuzz` do with their input. The normal test run replays the stored corpora
//! through the same functions.

use astro_host::{
    canonical, check,
    cli::help::{self, Layout},
    config::Config,
    console::{escaped, is_control, width},
    context::{Claims, Directory},
    delivery::value_at,
    install::lock_file::LockFile,
    net::address::Address,
    output::{Format, Renderer, TableLayout},
    parse,
    store::index::{RootFile, WordFile},
    tree::CommandSet,
    trust::Key,
};
use astro_plugin_protocol::{
    manifest::{Arg, Arity, Command, Manifest, ValueKind},
    message::{Answer, decode_answer, decode_request, encode_answer, encode_request},
    plugin_file::{FOOTER_LEN, Footer, MAGIC, glibc_floor},
    plugin_index::PluginIndex,
    service::{Column, ColumnKind, Emit, View},
};
use serde_json::Value;

/// A target: its name, which is that of its corpus, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("plugin_file", plugin_file),
    ("manifest", manifest),
    ("message", message),
    ("command_line", command_line),
    ("files", files),
    ("answer", answer),
    ("plugin_index", plugin_index),
];

/// The footer of a plugin file and the search for its glibc floor: any bytes give a value or an error.
pub fn plugin_file(data: &[u8]) {
    let _ = glibc_floor(data);
    let start = data.len().saturating_sub(FOOTER_LEN);
    let _ = Footer::parse(&data[start..], data.len() as u64);
    // The same behind the right magic, so that what follows it is reached.
    let mut footer = [0; FOOTER_LEN];
    footer[..MAGIC.len()].copy_from_slice(&MAGIC);
    let room = &mut footer[MAGIC.len()..];
    let length = data.len().min(room.len());
    room[..length].copy_from_slice(&data[..length]);
    if let Ok(parsed) = Footer::parse(&footer, data.len() as u64 + FOOTER_LEN as u64) {
        assert_eq!(parsed.to_bytes().expect("what was read can be written"), footer);
    }
}

/// A manifest that is accepted never makes clap panic, and its help pages never carry a control character.
pub fn manifest(data: &[u8]) {
    let Ok(manifest) = serde_json::from_slice::<Manifest>(data) else { return };
    if !check::problems(&manifest).is_empty() {
        return;
    }
    let layout = Layout::new(Some(40), false);
    for command in &manifest.commands {
        let page = help::command("astro", command, &[], layout);
        assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "{page:?}");
    }
    let set = CommandSet { groups: manifest.groups, commands: manifest.commands };
    set.to_clap().debug_assert();
}

/// Messages of both directions: any bytes give a value or a failure, and what is written is read.
pub fn message(data: &[u8]) {
    if let Ok(request) = decode_request(data) {
        let again = encode_request(&request.service, &request.body).expect("encodes");
        assert_eq!(decode_request(&again).expect("reads").body, request.body);
    }
    if let Ok(value) = decode_answer(data) {
        assert_eq!(decode_answer(&encode_answer(&Answer::Ok(value.clone()))).expect("reads"), value);
    }
}

/// A command line: parsing never panics, and what a plugin gets parses to the same values again.
pub fn command_line(data: &[u8]) {
    let Ok(data) = std::str::from_utf8(data) else { return };
    let set = commands();
    let words = data.split('\0').map(str::to_owned);
    let args: Vec<String> = ["x".to_owned(), "y".to_owned()].into_iter().chain(words).collect();
    let Ok(parsed) = parse::parse(&args, &set) else { return };
    let Some(command) = parsed.command else { return };
    let canonical = canonical::arguments(command, &parsed.matches);
    let again: Vec<String> = ["x".to_owned(), "y".to_owned()].into_iter().chain(canonical.clone()).collect();
    let parsed = parse::parse(&again, &set).unwrap_or_else(|error| panic!("{canonical:?}: {error:?}"));
    assert_eq!(canonical::arguments(command, &parsed.matches), canonical);
}

/// What is read from files, variables and tokens: configuration, index, claims, addresses, and text that is
/// shown.
pub fn files(data: &[u8]) {
    let _ = serde_json::from_slice::<WordFile>(data);
    let _ = serde_json::from_slice::<RootFile>(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Config::parse(text);
    let _ = Directory::parse("/.astro.toml".as_ref(), text);
    let _ = Claims::read(text);
    if let Ok(address) = Address::parse(text, "a test") {
        let again = Address::parse(address.as_str(), "a test").expect("an address stays one");
        assert_eq!(again, address);
    }
    let shown = escaped(text);
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
    let _ = width(&shown);
}

/// A plugin index, its signature and a lock file: any bytes give a value or an error, and what is wrong is told without a
/// control character.
pub fn plugin_index(data: &[u8]) {
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    if let Ok(index) = serde_json::from_slice::<PluginIndex>(data) {
        for problem in index.problems() {
            assert!(!problem.chars().any(char::is_control), "{problem:?}");
        }
        let again = serde_json::to_vec(&index).expect("encodes");
        assert_eq!(serde_json::from_slice::<PluginIndex>(&again).expect("reads"), index);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = LockFile::parse(text);
    let key = Key::parse(KEY).expect("a key");
    assert_eq!(key.verified(b"nothing that was ever signed", text), None);
    assert!(Key::parse(text).is_none_or(|key| key.text() == text.trim()));
}

/// What an API answers, shown in every format: no control character acts, and json stays json.
pub fn answer(data: &[u8]) {
    let _ = value_at(data, "/token");
    let Ok(Value::Object(row)) = serde_json::from_slice::<Value>(data) else { return };
    let column = |(key, kind): (&String, ColumnKind)| Column {
        key: key.clone(),
        title: escaped(key).into_owned(),
        kind,
        ..Column::default()
    };
    let kinds = [
        ColumnKind::Text,
        ColumnKind::Id,
        ColumnKind::Time,
        ColumnKind::Expiry,
        ColumnKind::Number,
        ColumnKind::Bool,
        ColumnKind::Size,
        ColumnKind::Duration,
    ]
    .into_iter()
    .cycle();
    let view = View {
        list: Some("rows".to_owned()),
        columns: row.keys().zip(kinds).map(column).collect(),
        clean: row.keys().cloned().collect(),
        ..View::default()
    };
    for (format, width) in
        [(Format::TABLE, None), (Format::TABLE, Some(40)), (Format::JSON, None), (Format::CLEAN, Some(80))]
    {
        let layout = TableLayout { width, now: "2026-01-01T00:00:00Z".to_owned(), ..TableLayout::default() };
        let mut renderer = Renderer::new(format, layout);
        let mut text = Vec::new();
        let rows = vec![Value::Object(row.clone())];
        for emit in [Emit::Begin { view: view.clone() }, Emit::Rows { rows }, Emit::End] {
            text.extend(renderer.step(emit).expect("in order").bytes);
        }
        let text = String::from_utf8(text).expect("text");
        assert!(!text.chars().any(|c| is_control(c) && !matches!(c, '\n' | '\t')), "{format:?}: {text:?}");
        if format == Format::JSON {
            let shown: Value = serde_json::from_str(&text).expect("json");
            assert_eq!(shown["rows"][0], Value::Object(row.clone()));
        }
    }
}

fn commands() -> CommandSet {
    let arg = |id: &str, short: Option<char>, arity: Arity| Arg {
        id: id.into(),
        long: (!arity.is_positional()).then(|| id.to_owned()),
        short,
        arity,
        ..Arg::default()
    };
    let clean = Arg { kind: ValueKind::Bool, ..arg("clean-output", Some('c'), Arity::OptionalWithEquals) };
    let tag = Arg { repeated: true, ..arg("tag", Some('t'), Arity::One) };
    let args = vec![
        arg("name", Some('n'), Arity::One),
        arg("force", Some('f'), Arity::Flag),
        clean,
        tag,
        arg("token_id", None, Arity::Positional),
    ];
    CommandSet {
        commands: vec![Command { path: "x y".into(), args, ..Command::default() }],
        ..CommandSet::default()
    }
}
