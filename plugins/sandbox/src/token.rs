//! Token values: JWTs signed with the sandbox's own key. A value is made from the row of its token, so the
//! same row gives the same value; a rotation changes the row and with it every older value.

use jsonwebtoken::{Algorithm, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::signing;

const ISSUER: &str = "https://sandbox.localhost/";
const AUDIENCE: &str = "astronomer-ee";

/// The claims of an Astro API token, with the entries that the official CLI reads from `permissions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    jti: String,
    #[serde(rename = "isAstronomerGenerated")]
    generated: bool,
    permissions: Vec<String>,
    #[serde(rename = "apiTokenId")]
    pub(crate) token_id: String,
    version: String,
}

/// What a value is made of.
pub(crate) struct Subject<'a> {
    /// Token id.
    pub(crate) id: &'a str,
    /// How often it was rotated.
    pub(crate) rotation: i64,
    /// Organization id.
    pub(crate) organization: &'a str,
    /// Workspace ids, for a token of workspace scope or below.
    pub(crate) workspace: Option<&'a str>,
    /// When this value was issued, seconds since 1970.
    pub(crate) issued: i64,
    /// When it expires, seconds since 1970.
    pub(crate) expires: Option<i64>,
}

/// The value of a token.
pub(crate) fn mint(key: &[u8], subject: &Subject<'_>) -> Result<String, jsonwebtoken::errors::Error> {
    let mut permissions = vec![format!("apiTokenId:{}", subject.id)];
    permissions.extend(subject.workspace.map(|id| format!("workspaceId:{id}")));
    permissions.push(format!("organizationId:{}", subject.organization));
    permissions.push(format!("orgShortNameId:{}", subject.organization));
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: subject.id.to_owned(),
        iat: subject.issued,
        exp: subject.expires,
        jti: jti(subject.id, subject.rotation),
        generated: true,
        permissions,
        token_id: subject.id.to_owned(),
        version: "v1".to_owned(),
    };
    encode(&Header::new(Algorithm::HS256), &claims, &signing::encoding_key(key))
}

/// The claims of a value whose signature, issuer, audience and expiry are right.
pub(crate) fn verify(key: &[u8], value: &str) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.required_spec_claims.remove("exp");
    validation.leeway = 0;
    decode::<Claims>(value, &signing::decoding_key(key), &validation).ok().map(|data| data.claims)
}

impl Claims {
    /// Whether the value is of this rotation of its token.
    pub(crate) fn is_rotation(&self, rotation: i64) -> bool {
        self.jti == jti(&self.token_id, rotation)
    }
}

fn jti(id: &str, rotation: i64) -> String {
    format!("{id}-{rotation}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_of_one_key_and_one_rotation() {
        let subject = Subject {
            id: "c1",
            rotation: 3,
            organization: "o",
            workspace: Some("w"),
            issued: 1,
            expires: None,
        };
        let value = mint(b"key", &subject).expect("minted");
        assert_eq!(value, mint(b"key", &subject).expect("minted"), "the same row gives the same value");
        let claims = verify(b"key", &value).expect("valid");
        assert!(claims.is_rotation(3) && !claims.is_rotation(4));
        assert_eq!(verify(b"other", &value), None);
        let expired = mint(b"key", &Subject { expires: Some(2), ..subject }).expect("minted");
        assert_eq!(verify(b"key", &expired), None);
    }
}
