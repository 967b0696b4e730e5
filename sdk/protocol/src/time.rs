//! The one form in which times are shown to people.

/// `2026-01-31T12:34:56.789Z` to the minute: `2026-01-31 12:34Z`. Anything else stays as it is.
pub fn minute(text: &str) -> String {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b':'));
    match (text.get(..10), text.get(10..11), text.get(11..16), text.ends_with('Z')) {
        (Some(day), Some("T"), Some(time), true) if digits(day) && digits(time) => format!("{day} {time}Z"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_to_the_minute() {
        for (text, shown) in [
            ("2026-01-31T12:34:56.789Z", "2026-01-31 12:34Z"),
            ("2026-01-31T12:34:56Z", "2026-01-31 12:34Z"),
            ("2026-01-31T12:34:56+02:00", "2026-01-31T12:34:56+02:00"),
            ("not a time, ThisIs Z", "not a time, ThisIs Z"),
            ("never", "never"),
            ("", ""),
            ("2026-01-3ü", "2026-01-3ü"),
        ] {
            assert_eq!(minute(text), shown);
        }
    }
}
