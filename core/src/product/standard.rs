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
    /// What a sign-in asks for; `offline_access` for one that renews itself. An issuer may refuse what it does not know.
    pub scopes: &'static [&'static str],
    /// What a token is for, where the issuer wants to know.
    pub audience: Option<&'static str>,
    /// The API that a token is for (RFC 8707), where the issuer wants to know. It is an absolute URI.
    pub resource: Option<&'static str>,
    /// What the client is registered with: `127.0.0.1` (RFC 8252, section 7.3) or `localhost`.
    pub redirect_host: &'static str,
    /// The port on this machine that a browser may come back to; none for any.
    pub redirect_port: Option<u16>,
}

impl Oidc {
    /// The issuer that the API names; who signed in is told, and the sign-in renewed.
    pub const AT_THE_API: Self = Self {
        issuer: None,
        client_id: "",
        scopes: &["openid", "email", "offline_access"],
        audience: None,
        resource: None,
        redirect_host: "127.0.0.1",
        redirect_port: None,
    };
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

impl Configuration {
    /// An address in it that is `http`.
    fn not_https(&self) -> Option<&str> {
        let optional =
            [&self.userinfo_endpoint, &self.device_authorization_endpoint, &self.revocation_endpoint];
        let required = [&self.authorization_endpoint, &self.token_endpoint];
        let mut all = required.into_iter().chain(optional.into_iter().flatten());
        all.find(|url| url.starts_with("http://")).map(String::as_str)
    }
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
                "`{url}` is the configuration of another issuer: `{}`, not `{issuer}`",
                found.issuer
            )));
        }
        // A proxy that does not tell the issuer about https.
        if let Some(open) = found.not_https().filter(|_| issuer.starts_with("https://")) {
            return Err(failed(format!("the issuer `{issuer}` names `{open}`, which is not https"))
                .help("its operators have to tell it that it is behind a proxy with TLS"));
        }
        Ok(Endpoints {
            client_id: self.client_id.to_owned(),
            audience: self.audience.map(str::to_owned),
            scopes: self.scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            resource: self.resource.map(str::to_owned),
            // Without it issuers leave out `offline_access` in silence (OpenID Connect Core 1.0, section 11).
            prompt: self.scopes.contains(&"offline_access").then(|| "consent".to_owned()),
            redirect_host: self.redirect_host.to_owned(),
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
        let fields = body["errors"].as_array().into_iter().flatten().map(|error| {
            let field = text(&error["pointer"]).unwrap_or_default();
            FieldError::new(field, text(&error["detail"]).unwrap_or_default())
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

    const OIDC: Oidc = Oidc { client_id: "cli", ..Oidc::AT_THE_API };

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
        let found = fixed.issuer("https://other", &get("https://id.example")).expect("found");
        assert_eq!((found.prompt.as_deref(), found.redirect_host.as_str()), (Some("consent"), "127.0.0.1"));
        let once = Oidc { scopes: &["openid"], ..fixed };
        assert_eq!(once.issuer("https://other", &get("https://id.example")).expect("found").prompt, None);
    }

    #[test]
    fn an_issuer_behind_a_proxy_that_names_http_is_refused_with_the_reason() {
        let behind = json!({
            "issuer": "https://id.example", "authorization_endpoint": "https://id.example/a",
            "token_endpoint": "http://id.example/t",
        });
        let fixed = Oidc { issuer: Some("https://id.example"), ..OIDC };
        let refused = fixed.issuer("", &|_| Ok(behind.clone())).expect_err("refused");
        assert!(refused.message.contains("`http://id.example/t`, which is not https"), "{refused:?}");
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
