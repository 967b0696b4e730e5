//! Which C library this process runs with.

/// The version of the C library, from the loaded library itself.
pub(crate) fn glibc() -> Option<(u32, u32)> {
    let version = glibc_version()?;
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}

/// The running C library's version, such as `2.36`.
fn glibc_version() -> Option<String> {
    // SAFETY: returns a pointer to a constant NUL-terminated text of the C library.
    let text = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    text.to_str().ok().map(str::to_owned)
}
