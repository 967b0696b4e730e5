//! What a plugin's author does with `astro plugin`: a new crate, build and link, test, check, pack.
//!
//! * [`scaffold`]: a crate from a template. * [`cargo`]: what is asked of cargo. * [`develop`]: build and link, again and
//!   again. * [`pack`]: a plugin file from a build. * [`sign`]: its signature. * [`check`]: the rules for a finished file.
//! * [`index`]: a plugin index to publish files with.

#![forbid(unsafe_code)]

pub(crate) mod cargo;
pub(crate) mod check;
pub(crate) mod develop;
pub(crate) mod index;
pub(crate) mod pack;
pub(crate) mod scaffold;
pub(crate) mod sign;
