//! Answers: JSON bodies, and refusals of the schema `Error`.

use axum::{
    body::Body,
    http::{Method, StatusCode, header::CONTENT_TYPE},
    response::Response,
};
use serde::Serialize;

use crate::database::new_id;

/// What a handler gives.
pub(super) type Answer = Result<Response, Refusal>;

/// A refused request.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    fields: Vec<Field>,
}

#[derive(Debug, Serialize)]
struct Field {
    code: &'static str,
    field: String,
    message: String,
}

impl Refusal {
    pub(super) fn status(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), fields: Vec::new() }
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::status(StatusCode::UNAUTHORIZED, message)
    }

    pub(super) fn forbidden(message: &str) -> Self {
        Self::status(StatusCode::FORBIDDEN, message)
    }

    pub(super) fn not_found(message: &str) -> Self {
        Self::status(StatusCode::NOT_FOUND, message)
    }

    pub(super) fn method(method: &Method) -> Self {
        Self::status(StatusCode::METHOD_NOT_ALLOWED, format!("the method {method} is not allowed here"))
    }

    pub(super) fn bad_request(message: &str) -> Self {
        Self::status(StatusCode::BAD_REQUEST, message)
    }

    /// A 400 that is going to name fields.
    pub(super) fn invalid() -> Self {
        Self::bad_request("Invalid request")
    }

    /// A 400 that names a field.
    pub(super) fn field(code: &'static str, field: &str, message: impl Into<String>) -> Self {
        let mut refusal = Self::invalid();
        refusal.add(code, field, message);
        refusal
    }

    /// Names one more field.
    pub(super) fn add(&mut self, code: &'static str, field: &str, message: impl Into<String>) {
        self.fields.push(Field { code, field: field.to_owned(), message: message.into() });
    }

    /// Refuses when any field was named.
    pub(super) fn if_any(self) -> Result<(), Self> {
        if self.fields.is_empty() { Ok(()) } else { Err(self) }
    }

    pub(super) fn into_response(self) -> Response {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Error {
            message: String,
            request_id: String,
            status_code: u16,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            field_errors: Vec<Field>,
        }
        // Clients that print the message alone, such as the official CLI, would say nothing of the reason.
        let message = match self.fields.first() {
            Some(first) => format!("{}: {}: {}", self.message, first.field, first.message),
            None => self.message,
        };
        let error = Error {
            message,
            request_id: new_id(),
            status_code: self.status.as_u16(),
            field_errors: self.fields,
        };
        response(self.status, &error)
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::status(StatusCode::INTERNAL_SERVER_ERROR, format!("the sandbox's database failed: {error}"))
    }
}

/// A 200 with a JSON body.
pub(super) fn json_body(body: &impl Serialize) -> Answer {
    Ok(response(StatusCode::OK, body))
}

/// A 204.
pub(super) fn no_content() -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

fn response(status: StatusCode, body: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static("application/json"));
    response
}
