//! Whether a plugin was built for this host and this machine: ABI and protocol revisions, target, C library.

#![forbid(unsafe_code)]

use astro_plugin_abi::ABI_REVISION;
use astro_plugin_protocol::{PROTOCOL_REVISION, manifest::Revisions};

use crate::{
    base::error::{Result, plugin},
    program::APP,
    sys::libc_version,
};

/// The oldest protocol revision this host serves.
pub const OLDEST_PROTOCOL: u32 = 1;
/// The target this host was built for.
pub const TRIPLE: &str = env!("ASTRO_TARGET_TRIPLE");

/// ABI and protocol revisions, with words for both readers: the user and the author.
pub fn check_revisions(name: &str, version: &str, abi: u32, protocol: Revisions) -> Result<()> {
    let newer_host =
        format!("upgrade {APP}, or install an older version: {APP} plugin install {name}@VERSION");
    let newer_plugin = format!("install a newer version: {APP} plugin upgrade {name}");
    if abi != ABI_REVISION {
        let failure = plugin(format!(
            "cannot load plugin `{name}` {version}: it was built for plugin ABI {abi}, this {APP} speaks ABI {ABI_REVISION}"
        ));
        return Err(failure.help(if abi > ABI_REVISION { newer_host } else { newer_plugin }));
    }
    if protocol.max < OLDEST_PROTOCOL || protocol.min > PROTOCOL_REVISION {
        let failure = plugin(format!(
            "cannot load plugin `{name}` {version}: it speaks protocol {} to {}, this {APP} serves {OLDEST_PROTOCOL} to {PROTOCOL_REVISION}",
            protocol.min, protocol.max
        ));
        return Err(failure.help(if protocol.min > PROTOCOL_REVISION { newer_host } else { newer_plugin }));
    }
    Ok(())
}

/// Target and glibc of a plugin file; an empty target is that of a library which was built here.
pub fn check_target(name: &str, version: &str, triple: &str, glibc: Option<(u32, u32)>) -> Result<()> {
    let refused = |reason: String| plugin(format!("cannot load plugin `{name}` {version}: {reason}"));
    if !triple.is_empty() && triple != TRIPLE {
        return Err(refused(format!("it was built for {triple}, this {APP} for {TRIPLE}"))
            .help(format!("install the build for {TRIPLE}")));
    }
    match (glibc, libc_version::glibc()) {
        (Some(needed), Some(here)) if needed > here => Err(refused(format!(
            "it needs glibc {}.{}, this system has {}.{}",
            needed.0, needed.1, here.0, here.1
        ))
        .help("install a build for an older glibc, or use a newer system")),
        _ => Ok(()),
    }
}
