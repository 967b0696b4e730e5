//! json: one valid document; a list is an object with a plural key.

use serde_json::Value;

use crate::error::{Result, failed};

/// Appends a row to the rows written so far.
pub(super) fn push(rows: &mut Vec<u8>, row: &Value) -> Result<()> {
    if !rows.is_empty() {
        rows.push(b',');
    }
    serde_json::to_writer(&mut *rows, row)
        .map_err(|error| failed("a row cannot be written").cause(error.to_string()))
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
