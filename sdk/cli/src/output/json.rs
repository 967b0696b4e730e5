//! json: one valid document; a list is an object with a plural key.

use astro_plugin_protocol::service::{Secret, View};
use serde_json::{Map, Value};

use super::{
    TableLayout,
    format::{Rows, Spec},
};
use crate::{
    error::{Result, failed},
    escape::is_control,
};

/// The format `json`.
pub(super) struct Json;

impl Spec for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn about(&self) -> &'static str {
        "json is one valid document with snake_case names; a list is an object with a plural key, such as {\"tokens\":[...]}."
    }

    fn is_document(&self) -> bool {
        true
    }

    fn begin(&self, _: &View) -> Box<dyn Rows> {
        Box::new(Document::default())
    }

    fn secret(&self, secret: &Secret, with_value: bool, _: &TableLayout) -> Result<Vec<u8>> {
        let mut fields = match &secret.record {
            Value::Object(fields) => fields.clone(),
            _ => Map::new(),
        };
        if with_value {
            fields.insert(secret.key.clone(), Value::String(secret.value.clone()));
        }
        let mut bytes = Vec::new();
        push(&mut bytes, &Value::Object(fields))?;
        Ok(record(bytes))
    }

    fn text(&self, text: String) -> Vec<u8> {
        format!("{}\n", serde_json::json!({ "text": text })).into_bytes()
    }
}

/// The rows so far. They are written at the end: a document that was begun and not ended would not be one.
#[derive(Default)]
struct Document(Vec<u8>);

impl Rows for Document {
    fn push(&mut self, row: &Value, _: &View, _: &TableLayout) -> Result<Vec<u8>> {
        push(&mut self.0, row)?;
        Ok(Vec::new())
    }

    fn end(self: Box<Self>, view: &View, _: &TableLayout) -> Result<Vec<u8>> {
        match &view.list {
            Some(key) => list(key, &self.0),
            None => Ok(record(self.0)),
        }
    }
}

/// Appends a row to the rows written so far.
fn push(rows: &mut Vec<u8>, row: &Value) -> Result<()> {
    if !rows.is_empty() {
        rows.push(b',');
    }
    let text = serde_json::to_string(row)
        .map_err(|error| failed("a row cannot be written").cause(error.to_string()))?;
    push_escaped(rows, &text);
    Ok(())
}

/// JSON leaves C1 and bidirectional controls as they are. They only stand inside strings, where an escape
/// says the same and does nothing to a terminal.
fn push_escaped(rows: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        if is_control(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                rows.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
        } else {
            rows.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

/// One value as text, as it stands in a document.
///
/// # Errors
///
/// When it cannot be written, which a value of text and numbers always can.
pub fn text(value: &Value) -> Result<String> {
    let mut bytes = Vec::new();
    push(&mut bytes, value)?;
    String::from_utf8(bytes).map_err(|error| failed("a value cannot be written").cause(error.to_string()))
}

/// The document of a list.
fn list(key: &str, rows: &[u8]) -> Result<Vec<u8>> {
    let key = serde_json::to_string(key)
        .map_err(|error| failed("a key cannot be written").cause(error.to_string()))?;
    let mut document = format!("{{{key}:[").into_bytes();
    document.extend_from_slice(rows);
    document.extend_from_slice(b"]}\n");
    Ok(document)
}

/// The document of a single record.
fn record(mut row: Vec<u8>) -> Vec<u8> {
    row.push(b'\n');
    row
}
