//! What runs a plugin's code: a command ([`one`]), the same for several profiles ([`many`]), the values of an argument
//! ([`candidates`]), and what `plugin link` asks of a library ([`describe`], [`link`]). [`mod@line`] is a line as it was typed,
//! [`ask`] sends a message and waits.

#![forbid(unsafe_code)]

pub(crate) mod ask;
pub(crate) mod bundle;
pub(crate) mod candidates;
pub(crate) mod describe;
pub(crate) mod line;
pub(crate) mod link;
pub(crate) mod many;
pub(crate) mod one;
