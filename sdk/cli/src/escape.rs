//! Text from servers and plugins, made safe for a terminal. Names and descriptions are written by other
//! people: escape sequences, carriage returns and bidirectional controls must not act.

use std::borrow::Cow;

pub use astro_plugin_protocol::text::is_control;
use unicode_width::UnicodeWidthChar;

/// The text with every control character shown as an escape (`\u{1b}`), bidirectional controls included.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_control) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_control(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Columns a text takes on a terminal.
pub fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_do_not_act() {
        assert_eq!(escaped("a\u{1b}[31mb\rc\u{202e}d"), "a\\u{1b}[31mb\\rc\\u{202e}d");
        assert_eq!(escaped("plain ü 日本"), "plain ü 日本");
        assert_eq!(width("日本a"), 5);
    }

    proptest! {
        #[test]
        fn nothing_escaped_controls_a_terminal(text in any::<String>()) {
            prop_assert!(!escaped(&text).chars().any(is_control));
        }
    }
}
