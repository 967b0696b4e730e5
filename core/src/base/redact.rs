//! Redacts secrets, known ones and whatever looks like a token, from every text that goes to stderr or the log.

#![forbid(unsafe_code)]

use std::{
    borrow::Cow,
    collections::HashSet,
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

/// So much of a secret is known in its encoded forms, in bytes.
const LONGEST: usize = 16 * 1024;

static SECRETS: Mutex<Vec<Hidden>> = Mutex::new(Vec::new());

/// A secret and what it looks like when a program encodes it.
struct Hidden {
    value: String,
    /// Every piece of [`FRAGMENT`] bytes of its forms.
    pieces: HashSet<[u8; FRAGMENT]>,
    /// Every piece of its hexadecimal digits, in small letters.
    digits: HashSet<[u8; FRAGMENT]>,
}

impl Hidden {
    fn of(secret: &str) -> Self {
        let bytes = secret.as_bytes();
        // No token is longer; of anything else the beginning is enough to know it by.
        let bytes = &bytes[..bytes.len().min(LONGEST)];
        let mut forms = vec![String::from_utf8_lossy(bytes).into_owned()];
        // Inside a longer text the first byte may be any of three of a group; what its neighbours decide is left out.
        for before in 0..3 {
            let padded = [&[0; 3][..before], bytes].concat();
            let first = (before * 8_usize).div_ceil(6);
            let whole = padded.len() * 8 / 6;
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                forms.push(engine.encode(&padded)[first..whole].to_owned());
            }
        }
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let percent = |byte: &u8| match byte.is_ascii_alphanumeric() {
            true => char::from(*byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        forms.push(bytes.iter().map(percent).collect());
        let pieces = forms.iter().flat_map(|form| pieces(form.as_bytes())).collect();
        Self { value: secret.to_owned(), pieces, digits: pieces_of_digits(&digits) }
    }
}

fn pieces(form: &[u8]) -> impl Iterator<Item = [u8; FRAGMENT]> {
    form.windows(FRAGMENT).filter_map(|window| window.try_into().ok())
}

fn pieces_of_digits(digits: &str) -> HashSet<[u8; FRAGMENT]> {
    pieces(digits.as_bytes()).collect()
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
        if let Some(safe) = without_fragments(&text, secret) {
            text = Cow::Owned(safe);
        }
    }
    text
}

/// The text without pieces of this secret; none where there is no piece.
fn without_fragments(text: &str, secret: &Hidden) -> Option<String> {
    let bytes = text.as_bytes();
    // What is hidden, byte by byte: all of it is ASCII, so that the rest stays text.
    let mut hidden = vec![false; bytes.len()];
    let is_of_form = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/_=%.-".contains(byte);
    let mut at = 0;
    for run in bytes.split(|byte| !is_of_form(byte)) {
        for (offset, piece) in pieces(run).enumerate() {
            if secret.pieces.contains(&piece) {
                hidden[at + offset..at + offset + FRAGMENT].fill(true);
            }
        }
        at += run.len() + 1;
    }
    for run in digits_of(bytes) {
        let digits: Vec<u8> = run.iter().map(|at| bytes[*at].to_ascii_lowercase()).collect();
        for (offset, piece) in pieces(&digits).enumerate() {
            if secret.digits.contains(&piece) {
                hidden[run[offset]..=run[offset + FRAGMENT - 1]].fill(true);
            }
        }
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

/// Where the hexadecimal digits of each line are, however they are grouped: `65 79`, `65:79`, `0x65, 0x79`, `\x65\x79`. Another
/// letter ends a run.
fn digits_of(bytes: &[u8]) -> Vec<Vec<usize>> {
    let mut runs = vec![Vec::new()];
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let is_prefix = matches!(byte, b'0' | b'\\') && matches!(bytes.get(at + 1), Some(b'x' | b'X'));
        match byte {
            _ if is_prefix => at += 1,
            byte if byte.is_ascii_hexdigit() => {
                runs.iter_mut().last().into_iter().for_each(|run| run.push(at))
            }
            byte if byte.is_ascii_alphanumeric() || *byte == b'\n' || !byte.is_ascii() => {
                runs.push(Vec::new())
            }
            _ => {}
        }
        at += 1;
    }
    runs.retain(|run| run.len() >= FRAGMENT);
    runs
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
    fn digits_are_taken_out_however_they_are_grouped() {
        let secret = "opaque-value-that-od-and-xxd-print-in-hexadecimal-digits";
        hide(secret);
        let each = |bytes: &[u8], one: fn(&u8) -> String, between: &str| {
            bytes.iter().map(one).collect::<Vec<_>>().join(between)
        };
        let plain: fn(&u8) -> String = |byte| format!("{byte:02x}");
        for (separator, one) in [
            (" ", plain),
            (":", |byte: &u8| format!("{byte:02X}")),
            (", ", |byte: &u8| format!("0x{byte:02x}")),
            ("", |byte: &u8| format!("\\x{byte:02x}")),
        ] {
            for line in secret.as_bytes().chunks(16).filter(|line| line.len() >= FRAGMENT) {
                let shown = redacted(&format!("000010: {}", each(line, one, separator))).into_owned();
                let left = shown.replace(HIDDEN, "");
                assert!(left.len() < 24, "{separator:?}: {shown}");
            }
        }
        // What other tests hide counts here, too: this is a text that none does.
        let ordinary = each(b"no secret of any test", plain, " ");
        assert_eq!(redacted(&ordinary), ordinary);
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
