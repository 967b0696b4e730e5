//! The issuer of the sandbox: what the hosted API's sign-in looks like from outside. OAuth 2.0 authorization code with
//! PKCE (RFC 7636), device code (RFC 8628), refresh with and without rotation, revocation (RFC 7009) and userinfo, for
//! one user who belongs to every organization. No password is asked for: the page says so and goes on.

mod grants;
mod sessions;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Form, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Server;
pub(crate) use sessions::{EMAIL, NAME, SCHEMA, Session, USER};

/// What sessions are like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// How long an access token works.
    pub(crate) lifetime: Duration,
    /// Each renewal brings the refresh token of the next one, and ends the one before (RFC 9700, section 4.14.2). Else
    /// the first one serves until the sign-out, as at the hosted issuer.
    pub(crate) rotates: bool,
}

/// The one client.
const CLIENT: &str = "sandbox-cli";
/// The only place a browser is sent back to, as the hosted issuer knows it (astronomer/astro-cli#1158).
const REDIRECT: &str = "http://localhost:12345/callback";

type Shared = State<Arc<Server>>;

/// The routes.
pub(crate) fn router() -> Router<Arc<Server>> {
    Router::new()
        .route("/private/v1alpha1/cli/auth-config", get(configuration))
        .route("/issuer/.well-known/openid-configuration", get(discovery))
        .route("/issuer/authorize", get(authorize))
        .route("/issuer/authorize/continue", get(approve))
        .route("/issuer/oauth/token", post(grants::token))
        .route("/issuer/oauth/device/code", post(grants::device))
        .route("/issuer/device", get(device_page))
        .route("/issuer/oauth/revoke", post(grants::revoke))
        .route("/issuer/userinfo", get(userinfo))
}

/// What the official CLI asks the API for before a sign-in.
async fn configuration(headers: HeaderMap) -> Json<Value> {
    Json(json!({ "clientId": CLIENT, "audience": "astronomer-ee", "domainUrl": base(&headers) }))
}

async fn discovery(headers: HeaderMap) -> Json<Value> {
    let base = base(&headers);
    Json(json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}authorize"),
        "token_endpoint": format!("{base}oauth/token"),
        "device_authorization_endpoint": format!("{base}oauth/device/code"),
        "revocation_endpoint": format!("{base}oauth/revoke"),
        "userinfo_endpoint": format!("{base}userinfo"),
    }))
}

fn base(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    format!("http://{host}/issuer/")
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Authorize {
    client_id: String,
    response_type: String,
    redirect_uri: String,
    /// Optional (RFC 6749, section 4.1.1); what protects the code is PKCE. An empty one counts as none (section 3.1).
    state: String,
    code_challenge: String,
    code_challenge_method: String,
}

impl Authorize {
    /// What must be right before anybody is asked. A wrong place to come back to is never gone to.
    fn problem(&self) -> Option<&'static str> {
        let is_challenge = |text: &str| (43..=128).contains(&text.len()) && text.bytes().all(is_unreserved);
        match self {
            _ if self.client_id != CLIENT => Some("unknown client"),
            _ if self.redirect_uri != REDIRECT => Some("the redirect is not one of the client's"),
            _ if self.response_type != "code" => Some("response_type must be code"),
            _ if self.code_challenge_method != "S256" => Some("PKCE with S256 is required"),
            _ if !is_challenge(&self.code_challenge) => Some("the code challenge is not one"),
            _ => None,
        }
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

async fn authorize(Query(query): Query<Authorize>, uri: axum::http::Uri) -> Response {
    if let Some(problem) = query.problem() {
        return page(StatusCode::BAD_REQUEST, "Sign-in refused", &format!("<p>{problem}</p>"));
    }
    let onward = format!("/issuer/authorize/continue?{}", uri.query().unwrap_or_default());
    let text = format!(
        "<p>You are {EMAIL}, and astro asks to act for you.</p><p><a href=\"{0}\">Continue</a></p>\
         <meta http-equiv=\"refresh\" content=\"0; url={0}\">",
        onward.replace('&', "&amp;").replace('"', "%22")
    );
    page(StatusCode::OK, "Sign in to the sandbox", &text)
}

async fn approve(State(server): Shared, Query(query): Query<Authorize>) -> Response {
    if let Some(problem) = query.problem() {
        return page(StatusCode::BAD_REQUEST, "Sign-in refused", &format!("<p>{problem}</p>"));
    }
    match server.with_database(|connection| sessions::new_code(connection, &query.code_challenge)) {
        Ok(code) => {
            let start = format!("{REDIRECT}?");
            let end = start.len();
            let mut back = form_urlencoded::Serializer::for_suffix(start, end);
            back.append_pair("code", &code);
            if !query.state.is_empty() {
                back.append_pair("state", &query.state);
            }
            Redirect::to(&back.finish()).into_response()
        }
        Err(error) => page(StatusCode::INTERNAL_SERVER_ERROR, "Sign-in failed", &format!("<p>{error}</p>")),
    }
}

#[derive(Deserialize)]
struct Device {
    user_code: String,
}

async fn device_page(State(server): Shared, Query(device): Query<Device>) -> Response {
    match server.with_database(|connection| sessions::approve_device(connection, &device.user_code)) {
        Ok(true) => {
            page(StatusCode::OK, "Signed in", "<p>You can close this page and go back to the terminal.</p>")
        }
        Ok(false) => {
            page(StatusCode::NOT_FOUND, "No such code", "<p>The code is not known, or is used up.</p>")
        }
        Err(error) => page(StatusCode::INTERNAL_SERVER_ERROR, "Sign-in failed", &format!("<p>{error}</p>")),
    }
}

async fn userinfo(State(server): Shared, headers: HeaderMap) -> Response {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let value = value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned();
    match server.with_key(|connection, key| Session::of(connection, key, &value)) {
        Ok(Some(session)) => {
            Json(json!({ "sub": session.user, "email": EMAIL, "name": NAME })).into_response()
        }
        _ => (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_token" }))).into_response(),
    }
}

fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let page = format!("<!doctype html><meta charset=\"utf-8\"><title>{title}</title><h1>{title}</h1>{text}");
    (status, Html(page)).into_response()
}

/// An error of the token endpoint (RFC 6749, section 5.2). The official CLI prints the description alone.
fn refusal(error: &str, description: &str) -> Response {
    let body = json!({ "error": error, "error_description": description });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

type Fields = Form<std::collections::HashMap<String, String>>;
