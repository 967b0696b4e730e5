//! One `tracing-subscriber` for the host and its plugins: off by default, stderr only.

#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock, PoisonError},
};

use tracing::{
    Event, Level, Metadata,
    callsite::{Callsite, Identifier},
    field::FieldSet,
    metadata::Kind,
    subscriber::Interest,
};
use tracing_subscriber::{
    filter::{LevelFilter, ParseError, Targets},
    layer::SubscriberExt,
};

use crate::{base::redact::Stderr, config::environment, console::escaped};

/// Starts logging when a flag or `ASTRO_LOG` asks for it. `-v` is info, `-vv` debug, `-vvv` trace; the
/// variable takes filters such as `debug` or `PLUGIN=trace`. It selects no profile, so an empty one counts
/// as not set: see [`crate::config::environment`].
pub fn start(verbose: u8) -> Result<(), String> {
    let by_flag = match verbose {
        0 => None,
        1 => Some("info"),
        2 => Some("debug"),
        _ => Some("trace"),
    };
    let by_variable = std::env::var(environment::LOG.to_string()).ok().filter(|value| !value.is_empty());
    let Some(directives) = by_flag.map(str::to_owned).or(by_variable) else { return Ok(()) };
    // Targets and levels: filters by span or field would bring a regex engine.
    let filter: Targets = directives.parse().map_err(|error: ParseError| error.to_string())?;
    let lines = tracing_subscriber::fmt::layer().with_writer(|| Stderr).with_ansi(false).without_time();
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    // Only the first of a process counts.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// The most detailed level that is logged: 0 nothing, 1 error … 5 trace.
pub fn level() -> u32 {
    match LevelFilter::current() {
        LevelFilter::OFF => 0,
        LevelFilter::ERROR => 1,
        LevelFilter::WARN => 2,
        LevelFilter::INFO => 3,
        LevelFilter::DEBUG => 4,
        LevelFilter::TRACE => 5,
    }
}

/// An event of a plugin, with the plugin as target: `tracing` wants its metadata to live for ever, so there
/// is one call site for each plugin and level, made when it is first needed.
pub fn plugin_event(plugin: &str, level: u32, target: &str, text: &str) {
    if self::level() < level {
        return;
    }
    let site = site(plugin, level);
    let metadata = site.metadata();
    let text = match target {
        target if target == plugin || target.replace('_', "-") == plugin => escaped(text).into_owned(),
        target => format!("{}: {}", escaped(target), escaped(text)),
    };
    tracing::dispatcher::get_default(|dispatch| {
        if !dispatch.enabled(metadata) {
            return;
        }
        let Some(message) = metadata.fields().field("message") else { return };
        let value = tracing::field::display(&text);
        let values = [(&message, Some(&value as &dyn tracing::Value))];
        dispatch.event(&Event::new(metadata, &metadata.fields().value_set(&values)));
    });
}

struct Site {
    metadata: OnceLock<Metadata<'static>>,
}

impl Callsite for Site {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        self.metadata.get_or_init(|| unreachable!("a call site gets its metadata before it is shared"))
    }
}

fn site(plugin: &str, level: u32) -> &'static Site {
    static SITES: Mutex<BTreeMap<(String, u32), &'static Site>> = Mutex::new(BTreeMap::new());
    let mut sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
    sites.entry((plugin.to_owned(), level)).or_insert_with(|| {
        let site: &'static Site = Box::leak(Box::new(Site { metadata: OnceLock::new() }));
        let target: &'static str = Box::leak(plugin.to_owned().into_boxed_str());
        let level = match level {
            1 => Level::ERROR,
            2 => Level::WARN,
            3 => Level::INFO,
            4 => Level::DEBUG,
            _ => Level::TRACE,
        };
        let fields = FieldSet::new(&["message"], Identifier(site));
        site.metadata.get_or_init(|| {
            Metadata::new("plugin event", target, level, None, None, None, fields, Kind::EVENT)
        });
        site
    })
}
