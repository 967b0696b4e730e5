//! What a person must know should the process end at once: a token that was made and not delivered. It is prepared
//! while there is time, and written by whoever ends the process, from a signal handler if need be.

use std::{
    ptr::null_mut,
    sync::atomic::{AtomicPtr, Ordering},
};

/// The text; whoever takes it out writes it. A former one is never freed: a handler may be reading it.
static WORDS: AtomicPtr<String> = AtomicPtr::new(null_mut());

/// From now on these are written when the process ends at once.
pub fn set(text: String) {
    WORDS.store(Box::into_raw(Box::new(text + "\n")), Ordering::Release);
}

/// It was said, or there is no reason for it any more.
pub fn clear() {
    WORDS.store(null_mut(), Ordering::Release);
}

/// Writes them to stderr, once; answers whether there were any. Async-signal-safe.
pub(super) fn write() -> bool {
    let words = WORDS.swap(null_mut(), Ordering::AcqRel);
    // SAFETY: it came from `Box::into_raw` in `set` and is never freed.
    let Some(words) = (unsafe { words.as_ref() }) else { return false };
    write_all(words.as_bytes());
    true
}

/// Writes to stderr as much as a reader takes within some seconds. Async-signal-safe.
pub(super) fn write_all(mut bytes: &[u8]) {
    const TURNS: usize = 50;
    const TURN_MS: libc::c_int = 100;
    let mut waited = 0;
    while !bytes.is_empty() {
        // SAFETY: writes initialised bytes; `write`, `poll` and errno are async-signal-safe.
        let count = unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
        if let Ok(count @ 1..) = usize::try_from(count) {
            bytes = &bytes[count..];
            continue;
        }
        // SAFETY: as above.
        match unsafe { *libc::__errno_location() } {
            libc::EINTR => {}
            // A pipe that its other user made non-blocking.
            libc::EAGAIN if waited < TURNS => {
                waited += 1;
                let mut fd = libc::pollfd { fd: 2, events: libc::POLLOUT, revents: 0 };
                // SAFETY: one structure on the stack.
                unsafe { libc::poll(&raw mut fd, 1, TURN_MS) };
            }
            _ => return,
        }
    }
}
