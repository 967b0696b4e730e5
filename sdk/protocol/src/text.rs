//! What text may do to whoever reads it.

/// C0, DEL, C1, the controls that change direction or line (Unicode UAX #9, U+2028, U+2029), and what is
/// invisible without joining letters.
pub fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{180e}' | '\u{e0000}'..='\u{e007f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// The beginning of a text that somebody else wrote, for a message: a hostile name must not reach a terminal as it is.
pub fn shown(text: &str) -> String {
    shown_up_to(80, text)
}

/// The same with another number of characters.
pub fn shown_up_to(most: usize, text: &str) -> String {
    text.chars().take(most).flat_map(char::escape_debug).collect()
}
