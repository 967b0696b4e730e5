//! Sizes and lengths of time, for people.

use astro_plugin_protocol::service::ColumnKind;
use serde_json::Number;

/// Whether the values of a column stand to the right.
pub(super) fn is_right(kind: ColumnKind) -> bool {
    matches!(kind, ColumnKind::Number | ColumnKind::Size | ColumnKind::Duration)
}

/// A number of bytes or seconds as a person says it; one that is neither as it is.
pub(super) fn in_words(number: &Number, kind: ColumnKind) -> String {
    match (kind, number.as_u64(), number.as_f64()) {
        (ColumnKind::Size, Some(bytes), _) => size(bytes),
        (ColumnKind::Duration, Some(seconds), _) => duration(seconds),
        (ColumnKind::Duration, None, Some(seconds)) if (0.0..60.0).contains(&seconds) => {
            format!("{seconds:.1}s")
        }
        (ColumnKind::Duration, None, Some(seconds)) if (60.0..1e12).contains(&seconds) => {
            // Below a second nothing is shown beside minutes.
            duration(seconds.trunc().to_string().parse().unwrap_or(u64::MAX))
        }
        _ => number.to_string(),
    }
}

/// A number of bytes for people: `640 KiB`, `1.2 MiB` (IEC 80000-13).
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u32); 5] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];
    for (unit, shift) in UNITS {
        let whole = bytes >> shift;
        if shift == 0 || whole >= 1024 || whole >= 10 && shift == 10 {
            return format!("{whole} {unit}");
        }
        if whole > 0 {
            let tenths = ((bytes - (whole << shift)) * 10) >> shift;
            return format!("{whole}.{tenths} {unit}");
        }
    }
    String::new()
}

/// Seconds in their two largest units: `1d 2h`, `2h 5m`, `3m 20s`, `5s`.
fn duration(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let first = units.iter().position(|(length, _)| seconds >= *length).unwrap_or(units.len() - 1);
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (length, unit) in units.iter().skip(first).take(2) {
        let count = rest / length;
        rest %= length;
        if count > 0 || parts.is_empty() {
            parts.push(format!("{count}{unit}"));
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_lengths_of_time_are_for_people() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (20_480, "20 KiB"),
            (1_258_291, "1.1 MiB"),
            (3_221_225_472, "3.0 GiB"),
            (u64::MAX, "16777215 TiB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
        for (seconds, shown) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (200, "3m 20s"),
            (7_500, "2h 5m"),
            (3_600, "1h"),
            (93_600, "1d 2h"),
            (86_460, "1d"),
        ] {
            assert_eq!(duration(seconds), shown);
        }
        let number = |value: f64| Number::from_f64(value).expect("finite");
        for (value, shown) in [(1.25, "1.2s"), (200.9, "3m 20s"), (-1.5, "-1.5")] {
            assert_eq!(in_words(&number(value), ColumnKind::Duration), shown);
        }
        assert_eq!(in_words(&number(1.5), ColumnKind::Size), "1.5");
    }
}
