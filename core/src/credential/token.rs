//! What a token looks like, wherever one is taken from.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// Why a text is not a token, as the end of a sentence; nothing of the text is in it.
pub fn flaw(text: &str) -> Option<&'static str> {
    let is_quote =
        |c: char| matches!(c, '"' | '\'' | '`' | '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}');
    let is_prefixed = text.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("bearer"))
        && text[6..].starts_with(char::is_whitespace);
    if text.trim().is_empty() {
        Some("holds no token")
    } else if is_prefixed {
        Some("begins with `Bearer`, which is not part of the token")
    } else if text.starts_with(is_quote) || text.ends_with(is_quote) {
        Some("holds a token in quotes")
    } else if text.trim_end().contains(['\n', '\r']) {
        Some("holds more than one line")
    } else if text.contains(char::is_whitespace) {
        Some("holds blanks beside the token")
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("holds characters that no token has")
    } else {
        None
    }
}

/// The text of a file or of a program's output: it ends with a line break, which is not part of the token.
pub fn without_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// The payload of a JWT (RFC 7519), not verified. `None` when the text is no JWT whose payload is an object.
pub fn payload(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let payload = parts.nth(1)?;
    parts.next()?;
    if parts.next().is_some() {
        return None;
    }
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    Some(payload).filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flaw_is_named_and_the_value_is_not_shown() {
        for (text, expected) in [
            ("eyJ.sEcret.x", ""),
            ("opaque", ""),
            ("bearer", ""),
            ("", "no token"),
            (" \n", "no token"),
            ("Bearer sEcret", "`Bearer`"),
            ("bearer\tsEcret", "`Bearer`"),
            ("\"sEcret\"", "quotes"),
            ("'sEcret", "quotes"),
            ("\u{201c}sEcret\u{201d}", "quotes"),
            ("sEcret\nsEcret", "more than one line"),
            ("sEcret\r\nsEcret\n", "more than one line"),
            (" sEcret", "blanks"),
            ("sEcret\n\n", "blanks"),
            ("sEcret\r", "blanks"),
            ("sE cret", "blanks"),
            ("sE\u{a0}cret", "blanks"),
            ("sE\u{7f}cret", "characters"),
            ("sEcr\u{e9}t", "characters"),
        ] {
            let found = flaw(text).unwrap_or_default();
            assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{text:?}: {found}");
            assert!(!found.contains("sE"), "{text:?}: {found}");
        }
        for text in ["x", "x\n", "x\r\n"] {
            assert_eq!(without_line_break(text), "x");
        }
    }
}
