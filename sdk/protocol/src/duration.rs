//! Lengths of time as they are typed. One reader for the options of the host and of plugins.

use std::time::Duration;

/// Which units an option takes. Minutes and days are never accepted by the same option: `2m` could as well mean months.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// `30s`, `2m`, `1h`; a bare number is seconds.
    Seconds,
    /// `36h`, `14d`, `2w`; a bare number is days.
    Days,
}

impl Scale {
    /// The units with their seconds; the first is that of a bare number.
    const fn units(self) -> [(&'static str, u64); 3] {
        match self {
            Self::Seconds => [("s", 1), ("m", 60), ("h", 3600)],
            Self::Days => [("d", 86_400), ("h", 3600), ("w", 604_800)],
        }
    }

    /// What the value must be, for a message and for help.
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Seconds => "a duration such as `30s`, `2m` or `1h` (a bare number is seconds)",
            Self::Days => "a duration such as `36h`, `14d` or `2w` (a bare number is days)",
        }
    }

    /// Reads a whole number with a unit; nothing when it is not one.
    pub fn read(self, text: &str) -> Option<Duration> {
        let (number, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
            Some(at) => text.split_at(at),
            None => (text, self.units()[0].0),
        };
        let (_, seconds) = self.units().into_iter().find(|(known, _)| *known == unit)?;
        number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scale_takes_its_own_units() {
        const HOUR: u64 = 3600;
        for (scale, text, seconds) in [
            (Scale::Seconds, "30", 30),
            (Scale::Seconds, "30s", 30),
            (Scale::Seconds, "2m", 120),
            (Scale::Seconds, "1h", HOUR),
            (Scale::Days, "2", 48 * HOUR),
            (Scale::Days, "14d", 14 * 24 * HOUR),
            (Scale::Days, "36h", 36 * HOUR),
            (Scale::Days, "2w", 14 * 24 * HOUR),
            (Scale::Days, "0", 0),
        ] {
            assert_eq!(scale.read(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for (scale, text) in [
            (Scale::Seconds, "1d"),
            (Scale::Seconds, "2w"),
            (Scale::Days, "2m"),
            (Scale::Days, "30s"),
            (Scale::Days, ""),
            (Scale::Days, "d"),
            (Scale::Days, "-1"),
            (Scale::Days, "+1"),
            (Scale::Days, "1.5d"),
            (Scale::Days, "2W"),
            (Scale::Days, "1w2d"),
            (Scale::Days, "1 d"),
            (Scale::Days, "99999999999999999999d"),
            (Scale::Days, "18446744073709551615w"),
        ] {
            assert_eq!(scale.read(text), None, "{text}");
        }
    }
}
