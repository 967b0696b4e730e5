//! The errors of the Astro API: schema `Error` of its specification.

use astro_host::product::{ApiError, ApiErrors, FieldError};
use serde::Deserialize;

/// `{"message", "requestId", "fieldErrors"}`
pub(crate) struct FieldErrors;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Body {
    message: String,
    request_id: Option<String>,
    field_errors: Vec<FieldError>,
}

impl ApiErrors for FieldErrors {
    fn read(&self, body: &[u8]) -> ApiError {
        let body: Body = serde_json::from_slice(body).unwrap_or_default();
        ApiError { message: body.message, request_id: body.request_id, fields: body.field_errors }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_may_be_missing() {
        let whole = FieldErrors.read(
            br#"{"message":"no","requestId":"r","fieldErrors":[{"code":"c","field":"f","message":"m"}]}"#,
        );
        assert_eq!((whole.message.as_str(), whole.request_id.as_deref()), ("no", Some("r")));
        assert_eq!(whole.fields.len(), 1);
        assert_eq!(FieldErrors.read(br#"{"message":"no"}"#).message, "no");
        assert_eq!(FieldErrors.read(b"<html>"), ApiError::default());
    }
}
