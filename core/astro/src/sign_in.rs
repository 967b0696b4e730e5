//! Signing in to Astro: the API names an Auth0 tenant for the official CLI, whose client is used here, too.

use astro_host::{
    Result,
    product::{Claimed, Claims, Endpoints, SignIn},
    unreadable,
};
use astro_plugin_api::{ORGANIZATION, WORKSPACE};
use serde::Deserialize;
use serde_json::Value;

/// Auth0, as the API configures it.
pub(crate) struct Auth0;

/// `GET /private/v1alpha1/cli/auth-config`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    client_id: String,
    audience: String,
    domain_url: String,
}

/// OpenID Connect Discovery 1.0, section 3; only what is optional here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Discovery {
    device_authorization_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    permissions: Vec<String>,
    org_id: Option<String>,
    #[serde(rename = "apiTokenId")]
    api_token_id: Option<String>,
    exp: Option<i64>,
}

impl SignIn for Auth0 {
    fn issuer(&self, base: &str, get: &dyn Fn(&str) -> Result<Value>) -> Result<Endpoints> {
        let url = format!("{base}/private/v1alpha1/cli/auth-config");
        let configuration: Configuration =
            serde_json::from_value(get(&url)?).map_err(|error| unreadable(&url, &error.to_string()))?;
        let domain = format!("{}/", configuration.domain_url.trim_end_matches('/'));
        // Not every issuer has this page, and nothing in it is needed.
        let discovery = get(&format!("{domain}.well-known/openid-configuration")).unwrap_or_default();
        let discovery: Discovery = serde_json::from_value(discovery).unwrap_or_default();
        Ok(Endpoints {
            client_id: configuration.client_id,
            audience: Some(configuration.audience),
            scopes: ["openid", "profile", "email", "offline_access"].map(str::to_owned).to_vec(),
            // The only place that the client may send a browser back to (astronomer/astro-cli#1158).
            resource: None,
            prompt: None,
            redirect_host: "localhost".to_owned(),
            redirect_port: Some(12345),
            authorize: format!("{domain}authorize"),
            token: format!("{domain}oauth/token"),
            userinfo: Some(format!("{domain}userinfo")),
            device: discovery.device_authorization_endpoint,
            revoke: discovery.revocation_endpoint,
        })
    }

    fn claims(&self, payload: &Value) -> Claims {
        let payload: Payload = serde_json::from_value(payload.clone()).unwrap_or_default();
        let permission = |name: &'static str| {
            payload.permissions.iter().rev().find_map(|entry| {
                let (key, value) = entry.split_once(':')?;
                (key == name && !value.is_empty()).then(|| claimed(value, name))
            })
        };
        let organization = permission("organizationId")
            .or_else(|| payload.org_id.as_deref().map(|value| claimed(value, "org_id")));
        let settings = [
            organization.map(|organization| (ORGANIZATION, organization)),
            permission("workspaceId").map(|workspace| (WORKSPACE, workspace)),
        ];
        Claims {
            settings: settings.into_iter().flatten().collect(),
            token_id: payload.api_token_id.as_deref().map(|value| claimed(value, "apiTokenId")),
            expires: payload.exp,
        }
    }
}

fn claimed(value: &str, claim: &'static str) -> Claimed {
    Claimed { value: value.to_owned(), claim }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn permissions_name_the_organization() {
        let claims = Auth0.claims(&json!({
            "permissions": ["apiTokenId:T", "workspaceId:W", "organizationId:O"], "apiTokenId": "T", "exp": 7,
        }));
        let expected = Claims {
            settings: vec![
                (ORGANIZATION, claimed("O", "organizationId")),
                (WORKSPACE, claimed("W", "workspaceId")),
            ],
            token_id: Some(claimed("T", "apiTokenId")),
            expires: Some(7),
        };
        assert_eq!(claims, expected);
        assert_eq!(
            Auth0.claims(&json!({"org_id": "O"})).setting(ORGANIZATION),
            Some(&claimed("O", "org_id"))
        );
        assert_eq!(Auth0.claims(&json!(["anything"])), Claims::default());
    }

    #[test]
    fn the_api_names_the_issuer() {
        let get = |url: &str| match url {
            "https://api.example.com/private/v1alpha1/cli/auth-config" => {
                Ok(json!({"clientId": "c", "audience": "a", "domainUrl": "https://auth.example.com"}))
            }
            "https://auth.example.com/.well-known/openid-configuration" => {
                Ok(json!({"device_authorization_endpoint": "https://auth.example.com/device"}))
            }
            other => Err(unreadable(other, "unexpected")),
        };
        let found = Auth0.issuer("https://api.example.com", &get).expect("found");
        assert_eq!((found.client_id.as_str(), found.audience.as_deref()), ("c", Some("a")));
        assert_eq!(found.token, "https://auth.example.com/oauth/token");
        assert_eq!(found.device.as_deref(), Some("https://auth.example.com/device"));
        assert_eq!(found.revoke, None);
    }
}
