//! Rendering: cases as data, and properties over any text.

use astro_plugin_protocol::service::{Column, ColumnKind, Emit, Secret, View};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Format, Renderer, TableLayout};
use crate::escape::width;

fn column(key: &str, kind: ColumnKind, optional: bool) -> Column {
    Column { key: key.into(), title: key.to_uppercase(), kind, optional, ..Column::default() }
}

fn view() -> View {
    View {
        list: Some("tokens".into()),
        columns: vec![
            column("id", ColumnKind::Id, false),
            column("name", ColumnKind::Text, false),
            column("end", ColumnKind::Expiry, false),
            column("note", ColumnKind::Text, true),
        ],
        clean: vec!["id".into(), "name".into()],
        empty: Some("there are no tokens".into()),
        ..View::default()
    }
}

fn render(format: Format, width: Option<usize>, view: View, rows: Vec<Value>) -> String {
    let layout = TableLayout { width, color: false, now: "2026-06-01T00:00:00Z".into() };
    let mut renderer = Renderer::new(format, layout);
    let mut bytes = Vec::new();
    for emit in [Emit::Begin { view }, Emit::Rows { rows }, Emit::End] {
        let step = renderer.step(emit).expect("in order");
        bytes.extend(step.bytes);
        bytes.extend(step.notice.unwrap_or_default().into_bytes());
    }
    String::from_utf8(bytes).expect("text")
}

fn rows() -> Vec<Value> {
    vec![
        json!({"id": "c1", "name": "ci", "end": "2026-05-01T10:20:30.5Z", "note": "a\tb"}),
        json!({"id": "c2", "name": "日本 deploy", "end": null}),
    ]
}

#[test]
fn a_wide_table_shows_everything() {
    let expected = "\
ID  NAME         END                          NOTE
c1  ci           2026-05-01 10:20Z (expired)  a\\tb
c2  日本 deploy  never                        -
";
    assert_eq!(render(Format::TABLE, None, view(), rows()), expected);
    assert_eq!(render(Format::TABLE, Some(60), view(), rows()), expected);
}

#[test]
fn numbers_stand_to_the_right_and_say_their_unit() {
    let columns = [
        ("name", ColumnKind::Text),
        ("runs", ColumnKind::Number),
        ("size", ColumnKind::Size),
        ("took", ColumnKind::Duration),
        ("paused", ColumnKind::Bool),
    ];
    let view = View {
        list: Some("dags".into()),
        columns: columns.map(|(key, kind)| column(key, kind, false)).to_vec(),
        clean: vec!["size".into(), "paused".into()],
        ..View::default()
    };
    let rows = vec![
        json!({"name": "etl", "runs": 7, "size": 1_258_291, "took": 7_500, "paused": true}),
        json!({"name": "reports", "runs": 1200, "size": null, "took": 0.5, "paused": false}),
    ];
    let expected = "\
NAME     RUNS     SIZE   TOOK  PAUSED
etl         7  1.1 MiB  2h 5m  yes
reports  1200        -   0.5s  no
";
    assert_eq!(render(Format::TABLE, None, view.clone(), rows.clone()), expected);
    assert_eq!(render(Format::CLEAN, None, view, rows), "1258291\ttrue\n\tfalse\n");
}

#[test]
fn what_is_never_shortened_stays_whole() {
    let mut view = View { list: Some("dags".into()), ..View::default() };
    view.columns = vec![column("a", ColumnKind::Text, false), column("b", ColumnKind::Text, false)];
    view.columns[0].whole = true;
    let row = json!({"a": "x".repeat(20), "b": "y".repeat(40)});
    let table = render(Format::TABLE, Some(40), view, vec![row]);
    assert!(table.contains(&"x".repeat(20)) && table.contains('…'), "{table}");
}

#[test]
fn what_is_empty_is_a_dash() {
    let kinds = [ColumnKind::Text, ColumnKind::Id, ColumnKind::Time];
    let keys = ["text", "id", "time"];
    let columns = keys.iter().zip(kinds).map(|(key, kind)| column(key, kind, false)).collect();
    let view = View { list: Some("rows".into()), columns, ..View::default() };
    for empty in [json!(null), json!(""), json!(" "), json!([])] {
        let row = json!({"text": empty, "id": empty, "time": empty});
        let shown = render(Format::TABLE, None, view.clone(), vec![row]);
        assert_eq!(shown.lines().nth(1), Some("-     -   -"), "{empty}");
    }
    let row = json!({"text": false, "id": 0, "time": "2026-05-01T10:20:30Z"});
    let shown = render(Format::TABLE, None, view, vec![row]);
    assert_eq!(shown.lines().nth(1), Some("false  0   2026-05-01 10:20Z"));
}

#[test]
fn a_narrow_terminal_drops_shortens_then_stacks() {
    let shortened = "\
ID  NAME      END
c1  ci        2026-05-01 10:20Z (expired)
c2  日本 de…  never
";
    assert_eq!(render(Format::TABLE, Some(41), view(), rows()), shortened);
    let stacked = render(Format::TABLE, Some(30), view(), rows());
    assert!(stacked.starts_with("ID    c1\nNAME  ci\n"), "{stacked}");
}

#[test]
fn json_and_clean() {
    let json: Value =
        serde_json::from_str(&render(Format::JSON, None, view(), rows())).expect("one document");
    assert_eq!(json["tokens"][1]["name"], "日本 deploy");
    assert_eq!(render(Format::CLEAN, None, view(), rows()), "c1\tci\nc2\t日本 deploy\n");
    assert_eq!(render(Format::JSON, None, view(), vec![]), "{\"tokens\":[]}\n");
    assert_eq!(render(Format::TABLE, None, view(), vec![]), "there are no tokens");
}

#[test]
fn a_secret_stands_alone() {
    let secret = Secret {
        view: View { columns: vec![column("id", ColumnKind::Id, false)], ..View::default() },
        record: json!({"id": "c1"}),
        key: "token".into(),
        value: "s".repeat(784),
    };
    let rendered = |format| {
        let bytes = Renderer::new(format, TableLayout { width: Some(40), ..TableLayout::default() })
            .secret(&secret, true)
            .expect("fine");
        String::from_utf8(bytes).expect("text")
    };
    assert_eq!(rendered(Format::CLEAN), format!("{}\n", secret.value));
    assert_eq!(rendered(Format::TABLE), format!("ID  c1\n\n{}\n", secret.value));
    let json: Value = serde_json::from_str(&rendered(Format::JSON)).expect("one document");
    assert_eq!(json["token"], secret.value);
    let broken = Secret { value: "a\nb".into(), ..secret };
    assert!(Renderer::new(Format::CLEAN, TableLayout::default()).secret(&broken, true).is_err());
}

#[test]
fn controls_do_not_act_on_a_terminal_in_any_format() {
    let rows = || vec![json!({"id": "c1", "name": "a\u{1b}[31m\u{9b}b\u{202e}", "end": null})];
    for format in [Format::TABLE, Format::JSON, Format::CLEAN] {
        let text = render(format, Some(80), view(), rows());
        assert!(!text.chars().any(|c| crate::escape::is_control(c) && !matches!(c, '\n' | '\t')), "{text:?}");
    }
    let json: Value = serde_json::from_str(&render(Format::JSON, None, view(), rows())).expect("valid");
    assert_eq!(json["tokens"][0]["name"], rows()[0]["name"], "json says the same");
    assert!(
        render(Format::CLEAN, None, view(), rows()).contains('\u{1b}'),
        "a script gets what the server said"
    );
}

#[test]
fn messages_out_of_order_are_refused() {
    let mut renderer = Renderer::new(Format::JSON, TableLayout::default());
    assert!(renderer.step(Emit::End).is_err());
    renderer.step(Emit::Begin { view: View::default() }).expect("first");
    assert!(renderer.step(Emit::Begin { view: View::default() }).is_err());
    assert!(renderer.step(Emit::End).is_err(), "a record without a row");
    assert!(renderer.step(Emit::Rows { rows: vec![json!({})] }).is_err(), "ended");
}

proptest! {
    #[test]
    fn a_clean_line_is_one_record(values in prop::collection::vec(".*", 1..5)) {
        let keys: Vec<String> = (0..values.len()).map(|index| index.to_string()).collect();
        let row: serde_json::Map<String, Value> =
            keys.iter().cloned().zip(values.iter().cloned().map(Value::String)).collect();
        let line = super::clean_line(&Value::Object(row), &keys, false);
        prop_assert_eq!(line.matches('\n').count(), 1);
        let read: Vec<String> = line.trim_end_matches('\n').split('\t').map(unescape).collect();
        prop_assert_eq!(read, values);
    }

    #[test]
    fn a_table_fits_whatever_the_names(names in prop::collection::vec(any::<String>(), 1..6), columns in 45usize..120) {
        let rows = names.iter().map(|name| json!({"id": "c1", "name": name, "end": null, "note": name})).collect();
        for line in render(Format::TABLE, Some(columns), view(), rows).lines() {
            prop_assert!(width(line) <= columns, "{:?}", line);
        }
    }
}

fn unescape(text: &str) -> String {
    let mut chars = text.chars();
    let mut plain = String::new();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('t')) => plain.push('\t'),
            ('\\', Some('n')) => plain.push('\n'),
            ('\\', Some('r')) => plain.push('\r'),
            ('\\', Some(other)) => plain.push(other),
            _ => plain.push(c),
        }
    }
    plain
}
