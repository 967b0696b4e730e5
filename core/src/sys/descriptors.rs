//! Descriptors that whoever started this process left open.

/// From now on no program that is started inherits them, except the standard three. What a plugin starts by itself must not
/// hold a pipe of the caller open: `$(astro … 3>&1)` would wait for it.
pub(crate) fn close_on_exec() {
    // SAFETY: marks descriptors; none is closed. Before Linux 5.11 it fails, and nothing changes.
    unsafe { libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed()) };
}
