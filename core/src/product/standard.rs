//! What a product can use that follows standards: an issuer of OpenID Connect, and errors as problem details.

use astro_plugin_protocol::message::FieldError;
use serde::Deserialize;
use serde_json::Value;

use super::{ApiError, ApiErrors, Endpoints, SignIn};
use crate::base::error::{Result, failed};

/// Signing in at an issuer of OpenID Connect, found by discovery (OpenID Connect Discovery 1.0, section 4).
#[derive(Debug)]
pub struct Oidc {
    /// The issuer. Without one the API names it: the first of `authorization_servers` of its metadata as a protected
    /// resource (RFC 9728).
    pub issuer: Option<&'static str>,
    /// Whom it knows as this program: a public client for native applications (RFC 8252).
    pub client_id: &'static str,
    /// What a sign-in asks for; `offline_access` for one that renews itself.
    pub scopes: &'static [&'static str],
    /// What a token is for, where the issuer wants to know.
    pub audience: Option<&'static str>,
    /// The port on this machine that a browser may come back to; none for any.
    pub redirect_port: Option<u16>,
}

impl Oidc {
    /// The issuer that the API names.
    pub const AT_THE_API: Self =
        Self { issuer: None, client_id: "", scopes: &["openid"], audience: None, redirect_port: None };
}

/// An issuer's configuration; what is not here is not needed.
#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
}

impl SignIn for Oidc {
    fn issuer(&self, base: &str, get: &dyn Fn(&str) -> Result<Value>) -> Result<Endpoints> {
        let issuer = match self.issuer {
            Some(issuer) => issuer.to_owned(),
            None => {
                let url = format!("{base}/.well-known/oauth-protected-resource");
                let named = get(&url)?["authorization_servers"][0].as_str().map(str::to_owned);
                named.ok_or_else(|| failed(format!("`{url}` names no issuer of sign-ins")))?
            }
        };
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let found: Configuration = serde_json::from_value(get(&url)?).map_err(|error| {
            failed(format!("cannot read the issuer's configuration `{url}`")).cause(error.to_string())
        })?;
        // Section 4.3: another one is perhaps an attacker's.
        if found.issuer.trim_end_matches('/') != issuer.trim_end_matches('/') {
            return Err(failed(format!(
                "`{url}` is the configuration of another issuer: `{}`",
                found.issuer
            )));
        }
        Ok(Endpoints {
            client_id: self.client_id.to_owned(),
            audience: self.audience.map(str::to_owned),
            scopes: self.scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            redirect_port: self.redirect_port,
            authorize: found.authorization_endpoint,
            token: found.token_endpoint,
            userinfo: found.userinfo_endpoint,
            device: found.device_authorization_endpoint,
            revoke: found.revocation_endpoint,
        })
    }
}

/// Problem details (RFC 9457), with `errors` as in its example of an extension.
#[derive(Debug)]
pub struct ProblemDetails;

impl ApiErrors for ProblemDetails {
    fn read(&self, body: &[u8]) -> ApiError {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let fields = body["errors"].as_array().into_iter().flatten().map(|error| FieldError {
            code: String::new(),
            field: text(&error["pointer"]).unwrap_or_default(),
            message: text(&error["detail"]).unwrap_or_default(),
        });
        ApiError {
            message: text(&body["detail"]).or_else(|| text(&body["title"])).unwrap_or_default(),
            request_id: text(&body["instance"]),
            fields: fields.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OIDC: Oidc =
        Oidc { issuer: None, client_id: "cli", scopes: &["openid"], audience: None, redirect_port: None };

    #[test]
    fn the_issuer_is_found_through_the_api() {
        let configuration = |issuer: &str| {
            json!({
                "issuer": issuer, "authorization_endpoint": "https://id.example/a",
                "token_endpoint": "https://id.example/t", "revocation_endpoint": "https://id.example/r",
            })
        };
        let get = |issuer: &'static str| {
            move |url: &str| match url {
                "https://api.example/.well-known/oauth-protected-resource" => {
                    Ok(json!({"authorization_servers": ["https://id.example/"]}))
                }
                "https://id.example/.well-known/openid-configuration" => Ok(configuration(issuer)),
                other => Err(failed(other)),
            }
        };
        let found = OIDC.issuer("https://api.example", &get("https://id.example")).expect("found");
        assert_eq!((found.token.as_str(), found.device), ("https://id.example/t", None));
        let refused = OIDC.issuer("https://api.example", &get("https://other.example")).expect_err("refused");
        assert!(refused.message.contains("another issuer"), "{refused:?}");
        let fixed = Oidc { issuer: Some("https://id.example"), ..OIDC };
        assert!(fixed.issuer("https://other", &get("https://id.example")).is_ok());
    }

    #[test]
    fn claims_are_where_the_dimensions_point() {
        crate::product::set_neutral();
        let claims = OIDC.claims(&json!({"organization": "o", "deployment": "d", "jti": "t", "exp": 7}));
        assert_eq!((claims.owner(), claims.settings.len()), (Some("o"), 1));
        assert_eq!(claims.token_id.map(|claimed| claimed.value).as_deref(), Some("t"));
        assert_eq!(claims.expires, Some(7));
    }

    #[test]
    fn problem_details_are_read() {
        let body = br##"{"type":"about:blank","title":"Bad","detail":"no such team","errors":[{"detail":"must be a number","pointer":"#/age"}]}"##;
        let found = ProblemDetails.read(body);
        assert_eq!((found.message.as_str(), found.fields[0].field.as_str()), ("no such team", "#/age"));
        assert_eq!(ProblemDetails.read(br#"{"title":"Bad"}"#).message, "Bad");
        assert_eq!(ProblemDetails.read(b"<html>"), ApiError::default());
    }
}
