//! clean: bare values for scripts, one record a line, tab-separated, no header.

use astro_plugin_protocol::service::{Secret, View};
use serde_json::Value;

use super::{
    TableLayout,
    format::{Rows, Spec},
};
use crate::{error::Result, escape::is_control};

/// The format `clean`.
pub(super) struct Clean;

impl Spec for Clean {
    fn name(&self) -> &'static str {
        "clean"
    }

    fn about(&self) -> &'static str {
        "clean is bare values for scripts: one record a line, separated by tabs, without a heading. Tab, newline and backslash inside a value are written \\t, \\n and \\\\. A single value is just that value and a newline."
    }

    fn is_bare(&self) -> bool {
        true
    }

    fn begin(&self, _: &View) -> Box<dyn Rows> {
        Box::new(Lines)
    }

    fn secret(&self, secret: &Secret, _: bool, _: &TableLayout) -> Result<Vec<u8>> {
        Ok(format!("{}\n", secret.value).into_bytes())
    }
}

/// Each row is written when it comes.
struct Lines;

impl Rows for Lines {
    fn push(&mut self, row: &Value, view: &View, layout: &TableLayout) -> Result<Vec<u8>> {
        Ok(line(row, &view.clean, layout.width.is_some()).into_bytes())
    }

    fn end(self: Box<Self>, _: &View, _: &TableLayout) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
}

/// One line. Tab, newline, carriage return and backslash inside a value are written `\t`, `\n`, `\r`, `\\`,
/// so that a line is a record and a tab is a border, whatever a name contains. On a terminal other controls are
/// escaped, too: there nobody counts bytes, and they would act.
pub fn line(row: &Value, keys: &[String], on_terminal: bool) -> String {
    let mut line = String::new();
    for (index, key) in keys.iter().enumerate() {
        if index > 0 {
            line.push('\t');
        }
        match row.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => push_escaped(&mut line, text, on_terminal),
            // A list of words is one field: its words, separated by commas.
            Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
                let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                push_escaped(&mut line, &words.join(","), on_terminal);
            }
            Some(other) => push_escaped(&mut line, &other.to_string(), on_terminal),
        }
    }
    line.push('\n');
    line
}

fn push_escaped(line: &mut String, text: &str, on_terminal: bool) {
    for c in text.chars() {
        match c {
            '\t' => line.push_str("\\t"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\\' => line.push_str("\\\\"),
            c if on_terminal && is_control(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
}
