//! The network, the same for the API, the issuer and the indexes.
//!
//! * `client`: the one way an HTTP client is built, and why a request got no answer. [`tls`]: which servers are
//!   trusted. `proxy`: what `HTTPS_PROXY` and its relatives say.
//! * [`address`]: where an API is. [`clock`]: what time it is here and on the servers. `runtime`: the host's tokio.

#![forbid(unsafe_code)]

pub mod address;
pub(crate) mod client;
pub mod clock;
pub(crate) mod proxy;
pub(crate) mod runtime;
pub mod tls;
