//! The golden test of the boundary: a failure here means that every plugin in the world would break.
//!
//! Do not adapt the numbers. If the surface really has to change, it gets a new revision beside this one.

use std::mem::{align_of, offset_of, size_of};

use astro_plugin_abi::{
    ABI_REVISION, FfiFuture, HostPort, LOADER_SYMBOL, PluginModule, RStr, RVec, RootModule,
};

const WORD: usize = size_of::<usize>();

#[test]
fn plugin_module_is_pinned() {
    assert_eq!(offset_of!(PluginModule, abi_revision), 0);
    assert_eq!(offset_of!(PluginModule, describe), WORD);
    assert_eq!(offset_of!(PluginModule, invoke), 2 * WORD);
    assert_eq!(offset_of!(PluginModule, query), 3 * WORD);
    assert_eq!((size_of::<PluginModule>(), align_of::<PluginModule>()), (4 * WORD, WORD));
}

#[test]
fn host_port_is_pinned() {
    // Where its private fields are is pinned beside them, at compile time.
    assert_eq!((size_of::<HostPort>(), align_of::<HostPort>()), (8 + 3 * WORD, 8));
    fn is_plain<T: Copy + Send + Sync + 'static>() {}
    is_plain::<HostPort>();
}

#[test]
fn what_travels_is_pinned() {
    assert_eq!((size_of::<RVec<u8>>(), align_of::<RVec<u8>>()), (4 * WORD, WORD));
    assert_eq!((size_of::<RStr<'_>>(), align_of::<RStr<'_>>()), (2 * WORD, WORD));
    assert_eq!((size_of::<FfiFuture<RVec<u8>>>(), align_of::<FfiFuture<RVec<u8>>>()), (3 * WORD, WORD));
}

#[test]
fn revision_and_names_are_pinned() {
    assert_eq!(ABI_REVISION, 1);
    assert_eq!(env!("CARGO_PKG_VERSION_MAJOR"), "1");
    assert_eq!(<astro_plugin_abi::PluginModuleRef as RootModule>::NAME, "astro_plugin");
    assert!(LOADER_SYMBOL.ends_with('\0'));
}

/// The packages whose types are part of the surface: another major or minor is another surface.
#[test]
fn dependencies_are_pinned_to_their_minor_version() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock"))
        .expect("the workspace has a lock file");
    for (package, minor) in [("abi_stable", "0.11."), ("async-ffi", "0.5.")] {
        let versions: Vec<&str> = lock
            .split("[[package]]")
            .filter(|entry| entry.contains(&format!("name = \"{package}\"\n")))
            .filter_map(|entry| entry.lines().find_map(|line| line.strip_prefix("version = \"")))
            .collect();
        assert_eq!(versions.len(), 1, "exactly one {package} in the workspace: {versions:?}");
        assert!(versions[0].starts_with(minor), "{package} {}", versions[0]);
    }
}
