//! HMAC-SHA-256 for the sandbox's JSON web tokens (RFC 7518, 3.2): the one algorithm it signs with.

use std::sync::Once;

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind},
};
use sha2::Sha256;
use signature::{Signer, Verifier};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Ok(Box::new(Hs256::new(*algorithm, key.as_bytes())?)),
    verifier_factory: |algorithm, key| Ok(Box::new(Hs256::new(*algorithm, key.try_get_as_bytes()?)?)),
    key_utils: KeyUtils::new_unimplemented(),
};

/// The key of encoded tokens. Every key comes from here, so that the algorithm is there when it is used.
pub(crate) fn encoding_key(secret: &[u8]) -> EncodingKey {
    install();
    EncodingKey::from_secret(secret)
}

/// The key of decoded tokens.
pub(crate) fn decoding_key(secret: &[u8]) -> DecodingKey {
    install();
    DecodingKey::from_secret(secret)
}

fn install() {
    static INSTALLED: Once = Once::new();
    // A plugin has its own statics: nothing else can have installed one.
    INSTALLED.call_once(|| _ = PROVIDER.install_default());
}

struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(algorithm: Algorithm, secret: &[u8]) -> Result<Self, Error> {
        if algorithm != Algorithm::HS256 {
            return Err(ErrorKind::InvalidAlgorithm.into());
        }
        Ok(Self(Hmac::new_from_slice(secret).map_err(|_| ErrorKind::InvalidKeyFormat)?))
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let mut mac = self.0.clone();
        mac.update(message);
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.verify_slice(signature).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Header, Validation, decode, encode};
    use serde_json::{Value, json};

    use super::*;

    /// RFC 7515, appendix A.1: its key, its signing input and its signature.
    #[test]
    fn the_example_of_the_standard_is_signed_as_printed() {
        use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let key = BASE64_URL_SAFE_NO_PAD.decode(key).expect("base64");
        let input = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signed = Hs256::new(Algorithm::HS256, &key).expect("a key").sign(input.as_bytes());
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(&signed), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    }

    #[test]
    fn one_key_and_one_algorithm_are_accepted() {
        let token =
            encode(&Header::new(Algorithm::HS256), &json!({"exp": 4_000_000_000_u64}), &encoding_key(b"key"));
        let token = token.expect("signed");
        let read = |token: &str, key: &[u8], algorithm| {
            decode::<Value>(token, &decoding_key(key), &Validation::new(algorithm)).is_ok()
        };
        assert!(read(&token, b"key", Algorithm::HS256));
        assert!(!read(&token, b"other", Algorithm::HS256));
        assert!(!read(&token, b"key", Algorithm::HS512));
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        assert!(!read(&format!("{signed}.{}", signature.to_uppercase()), b"key", Algorithm::HS256));
        assert!(!read(&format!("{signed}."), b"key", Algorithm::HS256));
    }
}
