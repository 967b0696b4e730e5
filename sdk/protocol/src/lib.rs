//! The data that crosses the boundary between `astro` and its plugins: no IO, no features, no behaviour
//! beyond reading, writing and checking these types.
//!
//! * [`message`]: the envelope of a request and of an answer, and the error that travels.
//! * [`invocation`]: what the host asks of a plugin (`run`).
//! * [`service`]: what a plugin asks of the host, one type for each service; [`http`] those of requests.
//! * [`manifest`]: what a plugin says about itself, and [`check`]: what a host accepts of it.
//! * [`effect`]: what a command may change. [`gate`]: what it must have declared before a service is answered.
//! * [`unstable`]: what may still change, and is asked for by name.
//! * [`names`]: words and flags that belong to the host. [`naming`]: the names of things that have IDs.
//! * [`mod@text`] and [`duration`]: what text may hold, and how lengths of time are typed.
//! * [`plugin_file`]: the layout of a `NAME.astro-plugin` file; [`plugin_index`]: the document that lists such files.
//! * [`time`]: how times are shown to people.
//!
//! Everything is UTF-8 JSON, and where a message says so bytes after it ([`message::with_bytes`]). Unknown fields are ignored and
//! unknown enum values become `Unknown`, so that either side may be the newer one. Other first bytes than `{` and 1 are reserved.

#![forbid(unsafe_code)]

pub mod check;
mod command_effect;
mod config_key;
pub mod duration;
pub mod effect;
pub mod gate;
pub mod http;
pub mod invocation;
pub mod manifest;
pub mod message;
pub mod names;
pub mod naming;
mod one_time;
pub mod plugin_file;
pub mod plugin_index;
mod selection;
pub mod service;
pub mod text;
pub mod time;
pub mod unstable;

/// The revision of the messages that this package describes. It is separate from every product version.
///
/// It grows when a message gets a meaning that an older side cannot ignore.
pub const PROTOCOL_REVISION: u32 = 1;

/// The largest message in either direction, in bytes (64 MiB). Larger things travel in pieces.
pub const MAX_MESSAGE: usize = 64 * 1024 * 1024;
