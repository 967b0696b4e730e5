//! Lengths of time as option values.

use std::time::Duration;

use astro_plugin_protocol::duration::Scale;

/// A length of time that was typed: `14d`, `2w`, `30s`. Which units an option takes is declared with
/// [`crate::Spec::duration`].
///
/// ```
/// # use std::time::Duration;
/// # use astro_plugin_sdk::Period;
/// let period: Period = "2w".parse().expect("a length of time");
/// assert_eq!(period.duration(), Duration::from_secs(14 * 24 * 3600));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub(crate) Duration);

impl Period {
    /// As a duration.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl std::str::FromStr for Period {
    type Err = String;

    /// Reads any unit there is; which ones an option takes is declared.
    fn from_str(text: &str) -> Result<Self, String> {
        let read = Scale::Days.read(text).or_else(|| Scale::Seconds.read(text));
        read.map(Self).ok_or_else(|| "is not a duration".to_owned())
    }
}
