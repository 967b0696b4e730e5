//! What a token says about itself. Read without verifying: the server verifies; these values only save a
//! request and prevent mistakes.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// The claims of an Astro token that matter here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// `organizationId:` of `permissions`, or `org_id`.
    pub organization: Option<String>,
    /// `workspaceId:` of `permissions`; the last one.
    pub workspace: Option<String>,
    /// `apiTokenId`
    pub token_id: Option<String>,
    /// `exp`, seconds since 1970.
    pub expires: Option<i64>,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    permissions: Vec<String>,
    #[serde(default)]
    org_id: Option<String>,
    #[serde(default, rename = "apiTokenId")]
    api_token_id: Option<String>,
    #[serde(default)]
    exp: Option<i64>,
}

impl Claims {
    /// Reads the payload of a JWT. `None` when the text is no JWT with such a payload: it is then sent as it
    /// is, and the server decides.
    pub fn read(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let payload = parts.nth(1)?;
        parts.next()?;
        if parts.next().is_some() {
            return None;
        }
        let payload: Payload = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let permission = |name: &str| {
            payload.permissions.iter().rev().find_map(|entry| {
                let (key, value) = entry.split_once(':')?;
                (key == name && !value.is_empty()).then(|| value.to_owned())
            })
        };
        Some(Self {
            organization: permission("organizationId").or(payload.org_id.clone()),
            workspace: permission("workspaceId"),
            token_id: payload.api_token_id.clone(),
            expires: payload.exp,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jwt(payload: &str) -> String {
        format!("e30.{}.x", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn permissions_name_the_organization() {
        let token = jwt(
            r#"{"permissions":["apiTokenId:T","workspaceId:W","organizationId:O"],"apiTokenId":"T","exp":7}"#,
        );
        let claims = Claims::read(&token).expect("a JWT");
        assert_eq!(claims.organization.as_deref(), Some("O"));
        assert_eq!(claims.workspace.as_deref(), Some("W"));
        assert_eq!((claims.token_id.as_deref(), claims.expires), (Some("T"), Some(7)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_not(text in ".*", payload in ".*") {
            let _ = Claims::read(&text);
            let _ = Claims::read(&jwt(&payload));
        }
    }
}
