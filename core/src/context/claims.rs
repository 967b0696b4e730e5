//! What a token says about itself. Read without verifying: the server verifies; these values only save a
//! request and prevent mistakes.

use crate::{credential::token, product::product};

pub use crate::product::Claims;

impl Claims {
    /// Reads the payload of a JWT. `None` when the text is no JWT with such a payload: it is then sent as it
    /// is, and the server decides.
    pub fn read(token: &str) -> Option<Self> {
        Some(product().sign_in.claims(&token::payload(token)?))
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    fn jwt(payload: &str) -> String {
        format!("e30.{}.x", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn a_payload_is_read_as_the_product_does() {
        crate::product::set_neutral();
        let claims =
            Claims::read(&jwt(r#"{"organization":"O","workspace":"W","jti":"T","exp":7}"#)).expect("a JWT");
        assert_eq!((claims.owner(), claims.expires), (Some("O"), Some(7)));
        assert_eq!(Claims::read(&jwt("[]")), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_not(text in ".*", payload in ".*") {
            // A token has three parts, and the second is an object.
            prop_assert!(Claims::read(&text).is_none() || text.matches('.').count() == 2, "{text}");
            let is_object = serde_json::from_str::<serde_json::Value>(&payload).is_ok_and(|value| value.is_object());
            prop_assert_eq!(Claims::read(&jwt(&payload)).is_some(), is_object, "{}", payload);
        }
    }
}
