//! The token endpoint and its neighbours.

use axum::{
    Json,
    extract::{Form, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{CLIENT, Fields, REDIRECT, Shared, base, refusal, sessions};
use sessions::{DeviceState, Refusal};

fn unknown_client() -> Response {
    refusal("invalid_client", "the client_id is not that of the sandbox's auth-config")
}

/// Code, refresh token or device code to tokens.
pub(super) async fn token(State(server): Shared, Form(fields): Fields) -> Response {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    if field("client_id") != CLIENT {
        return unknown_client();
    }
    let terms = server.terms();
    let granted = server.with_key(|connection, key| match field("grant_type") {
        "authorization_code" if field("redirect_uri") != REDIRECT => Ok(Err(Refusal::Grant)),
        "authorization_code" => {
            sessions::redeem_code(connection, key, field("code"), field("code_verifier"), terms)
        }
        "refresh_token" => sessions::refresh(connection, key, field("refresh_token"), terms),
        "urn:ietf:params:oauth:grant-type:device_code" => {
            match sessions::poll_device(connection, field("device_code"))? {
                DeviceState::Pending => Ok(Err(Refusal::Pending)),
                DeviceState::TooFast => Ok(Err(Refusal::TooFast)),
                DeviceState::Unknown => Ok(Err(Refusal::Expired)),
                DeviceState::Approved => sessions::begin(connection, key, terms).map(Ok),
            }
        }
        _ => Ok(Err(Refusal::GrantType)),
    });
    match granted {
        Ok(Ok(tokens)) => {
            let mut answer = json!({
                "access_token": tokens.access,
                "token_type": "Bearer",
                "expires_in": terms.lifetime.as_secs(),
                "scope": "openid profile email offline_access",
            });
            if let Some(refresh) = tokens.refresh {
                answer["refresh_token"] = refresh.into();
            }
            Json(answer).into_response()
        }
        Ok(Err(why)) => refusal(why.name(), why.description()),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": error.to_string() }))).into_response()
        }
    }
}

/// A code for a device without a browser (RFC 8628, section 3.1).
pub(super) async fn device(State(server): Shared, headers: HeaderMap, Form(fields): Fields) -> Response {
    if fields.get("client_id").map(String::as_str) != Some(CLIENT) {
        return unknown_client();
    }
    match server.with_database(sessions::new_device) {
        Ok((device, user)) => {
            let page = format!("{}device", base(&headers));
            Json(json!({
                "device_code": device,
                "user_code": user,
                "verification_uri": page,
                "verification_uri_complete": format!("{page}?user_code={user}"),
                "expires_in": sessions::DEVICE_SECONDS,
                "interval": sessions::INTERVAL_SECONDS,
            }))
            .into_response()
        }
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": error.to_string() }))).into_response()
        }
    }
}

/// Ends a session (RFC 7009): a token that is not known is fine, too.
pub(super) async fn revoke(State(server): Shared, Form(fields): Fields) -> Response {
    if fields.get("client_id").map(String::as_str) != Some(CLIENT) {
        return unknown_client();
    }
    let token = fields.get("token").cloned().unwrap_or_default();
    match server.with_database(|connection| sessions::revoke(connection, &token)) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": error.to_string() }))).into_response()
        }
    }
}
