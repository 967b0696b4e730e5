//! Whether stdout was open when the process began.
//!
//! std opens the null device in the place of a standard descriptor that is closed, before `main`
//! (rust-lang/rust#57931). From then on nothing tells `>&-` from `> /dev/null`, and only one of them is an error.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Called by the loader before the start of std's runtime.
// SAFETY: the section is a list of functions that the C runtime calls once, on the one thread there is, with the
// arguments of `main`, which a C function may ignore. `look` does one system call and writes an atomic: it needs nothing
// that is set up later, and does not unwind.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    let is_closed = rustix::io::fcntl_getfd(rustix::stdio::stdout()) == Err(Errno::BADF);
    WAS_CLOSED.store(is_closed, Ordering::Relaxed);
}

/// The process was started with stdout closed.
pub(crate) fn was_closed() -> bool {
    WAS_CLOSED.load(Ordering::Relaxed)
}
