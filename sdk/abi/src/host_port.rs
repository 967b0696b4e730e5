//! What the host hands to a plugin with every invocation.

use abi_stable::{
    StableAbi,
    std_types::{RStr, RVec},
};
use async_ffi::FfiFuture;

/// A plugin's line to the host for one invocation.
///
/// A plain value: it may be copied, sent to any thread and kept; it stays valid for the life of the
/// process. `call` and `log` may be used from any thread at any time; they never unwind and never block.
/// After the invocation ended, `call` answers the error `closed` and `log` still works.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
pub struct HostPort {
    ctx: u64,
    /// Sends one request to the host; the future resolves to the answer. Both are UTF-8 JSON.
    call: extern "C" fn(ctx: u64, request: RVec<u8>) -> FfiFuture<RVec<u8>>,
    /// Hands one event to the host's log: context, level (1 error … 5 trace), target, text.
    log: extern "C" fn(ctx: u64, level: u32, target: RStr<'_>, text: RStr<'_>),
    /// The host's door for what messages cannot carry: null for every id in revision 1.
    query: extern "C" fn(id: u64) -> *const (),
}

impl HostPort {
    /// Makes a port. `ctx` names the invocation and is never used again for another one.
    pub const fn new(
        ctx: u64,
        call: extern "C" fn(ctx: u64, request: RVec<u8>) -> FfiFuture<RVec<u8>>,
        log: extern "C" fn(ctx: u64, level: u32, target: RStr<'_>, text: RStr<'_>),
        query: extern "C" fn(id: u64) -> *const (),
    ) -> Self {
        Self { ctx, call, log, query }
    }

    /// The same host without an invocation: `call` answers `closed`, `log` works. No invocation has the number 0.
    #[must_use]
    pub const fn of_no_invocation(self) -> Self {
        Self { ctx: 0, ..self }
    }

    /// The number of the invocation this port belongs to.
    pub const fn ctx(&self) -> u64 {
        self.ctx
    }

    /// Sends a request; the future can be polled, moved and dropped on any thread, inside any runtime or
    /// none.
    pub fn call(&self, request: RVec<u8>) -> FfiFuture<RVec<u8>> {
        (self.call)(self.ctx, request)
    }

    /// Writes one event to the host's log. Levels: 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub fn log(&self, level: u32, target: &str, text: &str) {
        (self.log)(self.ctx, level, target.into(), text.into());
    }

    /// Asks the host for something messages cannot carry; null when it is not there.
    pub fn query(&self, id: u64) -> *const () {
        (self.query)(id)
    }
}

/// The fields are private, so their places are pinned here. Do not adapt the numbers; see `tests/layout.rs`.
const _: () = {
    use std::mem::offset_of;
    const WORD: usize = size_of::<usize>();
    assert!(offset_of!(HostPort, ctx) == 0);
    assert!(offset_of!(HostPort, call) == 8);
    assert!(offset_of!(HostPort, log) == 8 + WORD);
    assert!(offset_of!(HostPort, query) == 8 + 2 * WORD);
};
