//! json: one valid document; a list is an object with a plural key.

use serde_json::Value;

use crate::{
    error::{Result, failed},
    escape::is_control,
};

/// Appends a row to the rows written so far.
pub(super) fn push(rows: &mut Vec<u8>, row: &Value) -> Result<()> {
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

/// The document of a list.
pub(super) fn list(key: &str, rows: &[u8]) -> Result<Vec<u8>> {
    let key = serde_json::to_string(key)
        .map_err(|error| failed("a key cannot be written").cause(error.to_string()))?;
    let mut document = format!("{{{key}:[").into_bytes();
    document.extend_from_slice(rows);
    document.extend_from_slice(b"]}\n");
    Ok(document)
}

/// The document of a single record.
pub(super) fn record(mut row: Vec<u8>) -> Vec<u8> {
    row.push(b'\n');
    row
}
