//! The time by this machine's clock, and how times are written.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use astro_plugin_cli::time::timestamp;

use super::failpoint;

/// Seconds since 1970 by this machine's clock.
pub fn unix_now() -> i64 {
    i64::try_from(since_1970().as_secs()).unwrap_or(i64::MAX).saturating_add(failpoint::clock_offset())
}

/// The time since 1970 by this machine's clock, without the offset of a test.
pub(crate) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The day of a time in seconds since 1970, as `2026-11-28`.
pub fn day(seconds: i64) -> String {
    timestamp(seconds).split('T').next().unwrap_or_default().to_owned()
}
