//! What time it is, by this machine's clock and by that of the servers it talks to.
//!
//! A token's expiry is a time of the server's clock, and this machine's clock may be wrong. So nothing is refused because
//! of what this clock says alone: the server decides, and the `Date` of its answers (RFC 9110, section 6.6.1) tells how
//! far the two clocks are apart.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap};

use crate::base::{
    failpoint,
    time::{since_1970, unix_now},
};

/// A smaller difference is what answers take on their way, in seconds.
const TOLERANCE: i64 = 60;

/// The last time that a server said, and when that was.
static SERVER: Mutex<Option<Reading>> = Mutex::new(None);

/// A server's time and the moment it was read. From then on the monotonic clock counts: this machine's clock may be set
/// while a command runs.
#[derive(Debug, Clone, Copy)]
struct Reading {
    server: i64,
    local: i64,
    at: Instant,
}

/// Milliseconds since 1970: by the clock of the server that was talked to when it differs from this machine's, so that
/// its times can be compared with it.
pub fn unix_ms() -> i64 {
    let local = i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX);
    let offset = failpoint::clock_offset().saturating_sub(skew().unwrap_or(0));
    local.saturating_add(offset.saturating_mul(1000))
}

/// Takes down the time that an answer carries.
pub(crate) fn observe(headers: &HeaderMap) {
    let Some(server) = headers.get(DATE).and_then(|value| parsed(value.as_bytes())) else { return };
    let reading = Reading { server, local: unix_now(), at: Instant::now() };
    *SERVER.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
}

/// Seconds since 1970 by the server's clock, where one is known, else by this machine's.
pub(crate) fn server_now() -> i64 {
    let reading = *SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    reading.map_or_else(unix_now, |reading| reading.server.saturating_add(elapsed(reading.at)))
}

/// How far this machine's clock is ahead of the server's, in seconds; nothing where they agree or none is known.
pub(crate) fn skew() -> Option<i64> {
    let reading = *SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    let ahead = reading.map(|reading| reading.local.saturating_sub(reading.server))?;
    (ahead.abs() > TOLERANCE).then_some(ahead)
}

/// The same in words: `the clock of this machine is 1 day ahead of the server's`.
pub(crate) fn skew_in_words() -> Option<String> {
    let ahead = skew()?;
    let side = if ahead > 0 { "ahead of" } else { "behind" };
    Some(format!("the clock of this machine is {} {side} the server's", span(ahead.abs())))
}

/// Seconds that have passed by the monotonic clock.
pub(crate) fn elapsed(since: Instant) -> i64 {
    i64::try_from(since.elapsed().as_secs()).unwrap_or(i64::MAX)
}

/// A time of HTTP in seconds since 1970. Of its three forms servers send the first (`Sun, 06 Nov 1994 08:49:37 GMT`).
fn parsed(text: &[u8]) -> Option<i64> {
    Some(DateTimeParser::new().parse_timestamp(text).ok()?.as_second())
}

/// The largest unit that is in it: `90` seconds are `2 minutes`.
pub(crate) fn span(seconds: i64) -> String {
    let (number, unit) = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")]
        .into_iter()
        .find(|(length, _)| seconds >= *length)
        .map_or((seconds, "second"), |(length, unit)| ((seconds + length / 2) / length, unit));
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_of_http_is_read() {
        for (text, seconds) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parsed(text.as_bytes()), seconds, "{text}");
        }
    }

    #[test]
    fn spans_are_said_in_one_unit() {
        for (seconds, text) in [
            (0, "0 seconds"),
            (61, "1 minute"),
            (3600, "1 hour"),
            (5 * 3600 + 1800, "6 hours"),
            (86_400, "1 day"),
            (100 * 86_400, "100 days"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
