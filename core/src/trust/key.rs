//! Public keys of minisign and what they verify (<https://jedisct1.github.io/minisign/>). Only prehashed signatures are
//! accepted, and only with a trusted comment that says what was signed: one over plugin A must not pass for B.

use std::{fmt, path::Path};

use astro_plugin_protocol::{
    plugin_file::{FOOTER_LEN, Footer, SIGNATURE_LEN, Signature},
    plugin_index::full_key_id,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use minisign_verify::{PublicKey, Signature as Minisig};

use crate::base::{
    error::{Result, usage},
    files,
};

/// A public key.
#[derive(Clone)]
pub struct Key {
    public: PublicKey,
    id: String,
    text: String,
}

/// What a public key begins with: the algorithm, and the number that keys are told apart by.
const KEY_ALGORITHM: &[u8] = b"Ed";
/// What a signature over a hash begins with; one over the bytes themselves begins as a key does.
const PREHASHED: &[u8] = b"ED";

impl Key {
    /// Reads the text of a key as minisign prints it: 56 characters of base64.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        // One key has one spelling: keys are compared by their texts. This decoder takes no other.
        let bytes = BASE64_STANDARD.decode(text).ok().filter(|bytes| bytes.starts_with(KEY_ALGORITHM))?;
        let public = PublicKey::from_base64(text).ok()?;
        Some(Self { public, id: id(&bytes), text: text.to_owned() })
    }

    /// What somebody typed: the text of a key, or the path of a `.pub` file. A text that is a key is never taken for a path:
    /// no file of the working directory can stand in for it.
    pub fn given(given: &str) -> Result<Self> {
        if let Some(key) = Self::parse(given) {
            return Ok(key);
        }
        let text = files::read(Path::new(given))?.unwrap_or_default();
        // A file has a comment above the key.
        let text = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        Self::parse(text).ok_or_else(|| {
            let failure = usage(format!("`{given}` is neither a public key of minisign nor a file with one"));
            match full_key_id(given) {
                // In the form of astro or in that of minisign.
                Some(_) => failure
                    .cause("it is the id of a key, and a key with any id can be made")
                    .help("pass the whole key: the second line of its .pub file, 56 characters"),
                None => failure.cause("it has another form"),
            }
        })
    }

    /// The key's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The id in full: 16 hexadecimal digits. minisign shows it without the zeros it begins with.
    pub fn id(&self) -> String {
        self.id.clone()
    }

    /// Whether a detached signature, the text of a `.minisig` file, is one of this key over these bytes; answers its
    /// trusted comment.
    pub fn verified(&self, bytes: &[u8], minisig: &str) -> Option<String> {
        if !is_canonical(minisig) {
            return None;
        }
        let signature = Minisig::decode(minisig).ok()?;
        self.public.verify(bytes, &signature, false).ok()?;
        Some(signature.trusted_comment().to_owned())
    }

    /// Why a detached signature is not one of these keys over these bytes.
    pub fn objection(keys: &[Self], minisig: &str) -> String {
        let line = minisig.lines().nth(1).filter(|_| is_canonical(minisig));
        let bytes = line.and_then(|line| BASE64_STANDARD.decode(line).ok());
        let is_signature = |bytes: &Vec<u8>| bytes.starts_with(PREHASHED) || bytes.starts_with(KEY_ALGORITHM);
        let Some(bytes) = bytes.filter(is_signature) else {
            return "malformed signature".to_owned();
        };
        let id = id(&bytes);
        let known = keys.iter().any(|key| key.id == id);
        match (known, bytes.starts_with(PREHASHED)) {
            (false, _) => {
                let ids: Vec<String> = keys.iter().map(Self::id).collect();
                format!("it is signed with the key {id}, not with {}", ids.join(" or "))
            }
            (true, false) => "its signature is of the old kind, which is not over a hash".to_owned(),
            (true, true) => format!("signature verification failed (key {id})"),
        }
    }

    /// Whether the signature of a plugin file is one of this key over the bytes before it.
    pub fn signed(&self, file: &[u8], signature: &Signature) -> bool {
        let text = signature.to_minisig(|bytes| BASE64_STANDARD.encode(bytes));
        let signed = &file[..file.len().saturating_sub(SIGNATURE_LEN)];
        self.verified(signed, &text).as_deref() == Some(signature.trusted_comment.as_str())
    }

    /// Why a whole plugin file is not one that this key signed as this plugin.
    pub fn check(&self, file: &[u8], name: &str, version: &str) -> std::result::Result<(), String> {
        let start = file.len().saturating_sub(FOOTER_LEN);
        let footer = Footer::parse(&file[start..], file.len() as u64).map_err(|error| error.to_string())?;
        let Some(signature) = &footer.signature else {
            return Err(format!("it is not signed, and should be by the key {}", self.id()));
        };
        if signature.key_id() != self.id() {
            return Err(format!("it is signed with the key {}, not with {}", signature.key_id(), self.id()));
        }
        if !self.signed(file, signature) {
            return Err(format!("its signature is not one of the key {} over these bytes", self.id()));
        }
        let wanted = trusted_comment(name, version, &footer.triple);
        if signature.trusted_comment != wanted {
            return Err(format!(
                "its signature is of something else: `{}` instead of `{wanted}`",
                signature.trusted_comment
            ));
        }
        Ok(())
    }
}

/// The id in a key or a signature, after its algorithm.
fn id(bytes: &[u8]) -> String {
    bytes.get(2..10).unwrap_or_default().iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

/// Whether a text has exactly the four lines of a `.minisig` file, with nothing before, between or behind them, and
/// base64 in its one canonical form: minisign's library reads over a changed padding.
fn is_canonical(minisig: &str) -> bool {
    let is_base64 =
        |line: &str, length: usize| BASE64_STANDARD.decode(line).is_ok_and(|bytes| bytes.len() == length);
    let text = minisig.strip_suffix('\n').unwrap_or(minisig);
    let lines: Vec<&str> = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    matches!(lines.as_slice(), [untrusted, signature, trusted, global]
        if untrusted.starts_with("untrusted comment: ")
            && trusted.starts_with("trusted comment: ")
            && is_base64(signature, 74)
            && is_base64(global, 64))
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({})", self.id())
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Key {}

/// What the trusted comment of a plugin file's signature says.
pub fn trusted_comment(name: &str, version: &str, target: &str) -> String {
    format!("name:{name} version:{version} target:{target}")
}

#[cfg(test)]
mod tests {
    use minisign::KeyPair;

    use super::*;

    /// Anybody can make a key with any id, so an id never stands for a key, in whatever form it is typed.
    #[test]
    fn a_key_id_is_told_from_a_key_in_both_forms() {
        for id in ["00000000000F00D1", "F00D1", "f00d1"] {
            let failure = Key::given(id).expect_err("no key");
            assert!(failure.causes[0].contains("it is the id of a key"), "{id}: {failure:?}");
            assert!(failure.help[0].contains("the whole key"), "{id}: {failure:?}");
        }
        let failure = Key::given("/nowhere/x.pub").expect_err("no key");
        assert_eq!(failure.causes, ["it has another form"]);
    }

    #[test]
    fn no_character_of_a_signature_can_be_changed() {
        let pair = KeyPair::generate_unencrypted_keypair().expect("a key");
        let signed =
            minisign::sign(None, &pair.sk, std::io::Cursor::new(b"text"), Some("comment"), Some("first"));
        let good = signed.expect("signed").into_string();
        let key = Key::parse(&pair.pk.to_base64()).expect("a key");
        assert_eq!(key.verified(b"text", &good).as_deref(), Some("comment"));
        let first = good.find('\n').expect("lines");
        for at in first..good.trim_end().len() {
            for change in 0..8 {
                let mut bytes = good.clone().into_bytes();
                bytes[at] ^= 1 << change;
                if let Ok(text) = String::from_utf8(bytes) {
                    assert_eq!(key.verified(b"text", &text), None, "byte {at} bit {change}: {text}");
                }
            }
        }
        for text in [format!("{good}\n"), format!("\n{good}"), good.replace('\n', "\n\n"), String::new()] {
            assert_eq!(key.verified(b"text", &text), None, "{text:?}");
        }
    }
}
