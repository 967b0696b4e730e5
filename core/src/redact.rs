//! What must not be read by anybody: known secrets and whatever looks like a token, taken out of every text that
//! goes to stderr or the log.

#![forbid(unsafe_code)]

use std::{
    borrow::Cow,
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

/// What stands in the place of a secret.
const HIDDEN: &str = "[secret]";
/// A shorter text would hide too much.
const SHORTEST: usize = 8;

static SECRETS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Hides a value from now on.
pub fn hide(secret: &str) {
    let mut secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    if secret.len() >= SHORTEST && !secrets.iter().any(|known| known == secret) {
        secrets.push(secret.to_owned());
    }
}

/// The text without secrets: the values that were hidden, and JSON web tokens (RFC 7519), which begin with `eyJ`.
pub fn redacted(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for secret in SECRETS.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        if text.contains(secret.as_str()) {
            text = Cow::Owned(text.replace(secret.as_str(), HIDDEN));
        }
    }
    if text.contains("eyJ") { Cow::Owned(without_tokens(&text)) } else { text }
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
        io::stderr().write_all(redacted(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
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
