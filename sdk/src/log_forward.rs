//! `tracing` events of the plugin's own copy of `tracing`, handed to the host's log.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::bridge::current_port;

static LEVEL: AtomicU32 = AtomicU32::new(0);

/// Makes `tracing` macros of this plugin arrive in the host, up to a level (0 none, 1 error … 5 trace).
pub(crate) fn install(level: u32) {
    LEVEL.store(level, Ordering::Relaxed);
    if level > 0 {
        // A second invocation in one process finds the subscriber in place; that is fine.
        let _ = tracing::subscriber::set_global_default(Forward { spans: AtomicU64::new(1) });
    }
}

pub(crate) fn number(level: &Level) -> u32 {
    match *level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

struct Forward {
    spans: AtomicU64,
}

impl Subscriber for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && number(metadata.level()) <= LEVEL.load(Ordering::Relaxed)
    }

    fn event(&self, event: &Event<'_>) {
        let Some(port) = current_port() else { return };
        let mut text = Text(String::new());
        event.record(&mut text);
        port.log(number(event.metadata().level()), event.metadata().target(), &text.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed).max(1))
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// An event as one line: the message, then `key=value`.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let before = if self.0.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{before}{value:?}"),
            name => write!(self.0, "{before}{name}={value:?}"),
        };
    }
}
