//! What must not be read by anybody: known secrets and whatever looks like a token, taken out of every text that
//! goes to stderr or the log.

#![forbid(unsafe_code)]

use std::{
    borrow::Cow,
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD as STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD},
};

use crate::base::stderr;

/// What stands in the place of a secret.
const HIDDEN: &str = "[secret]";
/// A shorter text would hide too much.
const SHORTEST: usize = 8;

/// So much of a secret, in any of its forms, is hidden wherever it stands: programs wrap what they encode.
const FRAGMENT: usize = 16;

static SECRETS: Mutex<Vec<Hidden>> = Mutex::new(Vec::new());

/// A secret and what it looks like when a program encodes it.
struct Hidden {
    value: String,
    forms: Vec<String>,
}

impl Hidden {
    fn of(secret: &str) -> Self {
        let bytes = secret.as_bytes();
        let mut forms = vec![secret.to_owned()];
        // Inside a longer text the first byte may be any of three of a group; what its neighbours decide is left out.
        for before in 0..3 {
            let padded = [&[0; 3][..before], bytes].concat();
            let first = (before * 8_usize).div_ceil(6);
            let whole = padded.len() * 8 / 6;
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                forms.push(engine.encode(&padded)[first..whole].to_owned());
            }
        }
        forms.push(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        forms.push(bytes.iter().map(|byte| format!("{byte:02X}")).collect());
        let percent = |byte: &u8| match byte.is_ascii_alphanumeric() {
            true => char::from(*byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        forms.push(bytes.iter().map(percent).collect());
        forms.dedup();
        Self { value: secret.to_owned(), forms }
    }
}

/// Hides a value from now on.
pub fn hide(secret: &str) {
    let mut secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    if secret.len() >= SHORTEST && !secrets.iter().any(|known| known.value == secret) {
        secrets.push(Hidden::of(secret));
    }
}

/// The text without secrets: the values that were hidden, also in base64, in hexadecimal digits and percent-encoded, and
/// JSON web tokens (RFC 7519), which begin with `eyJ`.
pub fn redacted(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    let secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    for secret in secrets.iter() {
        if text.contains(&secret.value) {
            text = Cow::Owned(text.replace(&secret.value, HIDDEN));
        }
    }
    // Before fragments: tokens of one issuer share some, and what is left of another token would no longer look like one.
    if text.contains("eyJ") {
        text = Cow::Owned(without_tokens(&text));
    }
    for secret in secrets.iter() {
        if let Some(safe) = without_fragments(&text, &secret.forms) {
            text = Cow::Owned(safe);
        }
    }
    text
}

/// The text without pieces of these forms; none where there is no piece.
fn without_fragments(text: &str, forms: &[String]) -> Option<String> {
    let is_of_form = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/_=%.-".contains(byte);
    let bytes = text.as_bytes();
    // What is hidden, byte by byte: all of it is ASCII, so that the rest stays text.
    let mut hidden = vec![false; bytes.len()];
    let mut at = 0;
    for run in bytes.split(|byte| !is_of_form(byte)) {
        for (offset, window) in run.windows(FRAGMENT).enumerate() {
            let window = std::str::from_utf8(window).unwrap_or_default();
            if forms.iter().any(|form| form.contains(window)) {
                hidden[at + offset..at + offset + FRAGMENT].fill(true);
            }
        }
        at += run.len() + 1;
    }
    if !hidden.contains(&true) {
        return None;
    }
    let mut safe = String::with_capacity(text.len());
    let mut was_hidden = false;
    for (at, c) in text.char_indices() {
        match (hidden[at], was_hidden) {
            (false, _) => safe.push(c),
            (true, false) => safe.push_str(HIDDEN),
            (true, true) => {}
        }
        was_hidden = hidden[at];
    }
    Some(safe)
}

fn without_tokens(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("eyJ") {
        let (before, from) = rest.split_at(at);
        safe.push_str(before);
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '=' | '.');
        let end = from.find(|c: char| !part(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        let is_token = word.trim_end_matches('.').split('.').count() >= 3;
        safe.push_str(if is_token { HIDDEN } else { word });
        rest = after;
    }
    safe.push_str(rest);
    safe
}

/// stderr for the log: each event is written at once, and without secrets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        stderr::write_all(redacted(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_and_hidden_values_are_taken_out() {
        hide("opaque-value-1");
        for (text, expected) in [
            ("plain", "plain"),
            ("a opaque-value-1 b", "a [secret] b"),
            ("Bearer eyJhbGci.eyJzdWIi.c2ln, next", "Bearer [secret], next"),
            ("\"eyJhbGci.eyJzdWIi.c2ln\"", "\"[secret]\""),
            ("eyJ is how they begin", "eyJ is how they begin"),
            ("two eyJa.b.c eyJd.e.f", "two [secret] [secret]"),
        ] {
            assert_eq!(redacted(text), expected);
        }
    }

    #[test]
    fn encoded_values_are_taken_out_wherever_they_begin_and_are_wrapped() {
        let secret = "opaque-value~that/is+long.enough-to_be?wrapped:by;programs";
        hide(secret);
        for before in ["", "a", "ab", "abc"] {
            let inside = format!("{before}{secret}\n");
            for encoded in [
                STANDARD_NO_PAD.encode(&inside),
                URL_SAFE_NO_PAD.encode(&inside),
                inside.bytes().map(|byte| format!("{byte:02x}")).collect(),
            ] {
                for width in [30, 76, 1000] {
                    let lines: Vec<_> =
                        encoded.as_bytes().chunks(width).map(String::from_utf8_lossy).collect();
                    let shown = redacted(&lines.join("\n")).into_owned();
                    let left = shown.replace(HIDDEN, " ");
                    let longest = left.split_whitespace().map(str::len).max().unwrap_or(0);
                    assert!(longest < FRAGMENT + 4, "{width}: {shown}");
                }
            }
        }
        let percent = "opaque%2Dvalue%7Ethat%2Fis%2Blong%2Eenough";
        assert_eq!(redacted(percent), HIDDEN);
        assert_eq!(
            redacted("a-public-text-that-is-as-long-as-a-secret"),
            "a-public-text-that-is-as-long-as-a-secret"
        );
    }

    #[test]
    fn a_token_that_shares_parts_with_a_secret_is_taken_out_whole() {
        let token = |claims: &str| {
            format!(
                "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2V4YW1wbGUuY29tLyI{claims}.c2lnbmF0dXJl"
            )
        };
        hide(&token("one-of-two"));
        assert_eq!(redacted(&format!("about {}, next", token("another-one"))), "about [secret], next");
    }

    proptest! {
        #[test]
        fn no_token_survives(before in ".*", header in "[A-Za-z0-9_-]{1,20}", payload in "[A-Za-z0-9_-]{1,40}",
            signature in "[A-Za-z0-9_-]{1,40}", after in ".*") {
            let token = format!("eyJ{header}.{payload}.{signature}");
            let shown = redacted(&format!("{before}{token}{after}")).into_owned();
            prop_assert!(!shown.contains(&token), "{}", shown);
        }
    }
}
