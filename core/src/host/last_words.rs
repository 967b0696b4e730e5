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
    // SAFETY: writes initialised bytes that stay; `write` is async-signal-safe.
    unsafe { libc::write(2, words.as_ptr().cast(), words.len()) };
    true
}
