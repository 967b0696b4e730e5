//! Who owns files, who may change them, and what keeps this user from reading them.
//!
//! * [`Way`]: whether only the user and root may change a file and every directory above it. * [`Denied`]: which step of a
//!   path cannot be read, and what to do about it.
//!
//! # Unmapped owners
//!
//! In a user namespace (`bwrap`, `unshare --user`, flatpak) the kernel shows every owner that the namespace does not map as the
//! overflow uid, 65534: `/` and `/usr` of the real root look like the files of an unknown user. Such an owner counts as the
//! system where all of this is true:
//!
//! - No process of the namespace can have that uid: `/proc/self/uid_map` does not map the overflow uid. In the initial
//!   namespace, and in containers with a whole range of ids, it is mapped, and is the user `nobody`.
//! - It can be root: uid 0 outside is not mapped either. Where it is mapped, root is shown as itself.
//! - The path is one that only root owns on a Linux system ([`is_system`]), or one that leads to the running binary or its
//!   plugins: its owner could replace the binary just as well.
//!
//! Other users of the machine look the same as root, so an unmapped owner of any other path is refused. Whoever creates the
//! namespace and its mounts already runs programs as this user and gains nothing. An unmapped owner is accepted, and never
//! counts as root: the bytes of such a plugin are compared with what was installed.

#![forbid(unsafe_code)]

mod denied;
mod way;

use std::path::Path;

pub(crate) use denied::Denied;
pub(crate) use way::Way;

/// Directories that belong to root on every Linux system, themselves and not what is below them.
const SYSTEM: &[&str] = &[
    "/",
    "/boot",
    "/dev",
    "/dev/shm",
    "/gnu",
    "/home",
    "/media",
    "/mnt",
    "/nix",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/run/user",
    "/snap",
    "/srv",
    "/sys",
    "/sysroot",
    "/tmp",
    "/var",
    "/var/home",
    "/var/lib",
    "/var/opt",
    "/var/tmp",
];

/// Directories that belong to root with everything below them.
const SYSTEM_TREES: &[&str] =
    &["/bin", "/etc", "/gnu/store", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/sbin", "/usr"];

/// Whether a path belongs to the system, so that no user is ever advised to change its owner or mode.
pub(crate) fn is_system(path: &Path) -> bool {
    SYSTEM.iter().any(|known| Path::new(known) == path)
        || SYSTEM_TREES.iter().any(|tree| path.starts_with(tree))
}

/// A user, in words.
pub(crate) fn user(uid: u32) -> String {
    if uid == 0 { "root".to_owned() } else { format!("uid {uid}") }
}

/// Paths as arguments of a shell command.
fn quoted<'p>(paths: impl IntoIterator<Item = &'p Path>) -> String {
    let quote = |path: &Path| {
        let text = path.display().to_string();
        shlex::try_quote(&text).map_or_else(|_| text.clone(), std::borrow::Cow::into_owned)
    };
    paths.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}
