//! What a plugin exports: its root module.

use abi_stable::{
    StableAbi, library::RootModule, package_version_strings, sabi_types::VersionStrings, std_types::RVec,
};
use async_ffi::FfiFuture;

use crate::HostPort;

/// The root module of a plugin, revision 1. See the crate documentation for what may change: nothing.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModuleRef)))]
#[sabi(missing_field(panic))]
pub struct PluginModule {
    /// [`crate::ABI_REVISION`] of the plugin.
    pub abi_revision: u32,
    /// Answers the plugin's manifest: UTF-8 JSON, the `Manifest` of `astro-plugin-protocol`.
    ///
    /// Pure: no input, no output, no side effect. The host calls it when a plugin is linked or packed, in a
    /// child process, and never when a command runs.
    pub describe: extern "C" fn() -> RVec<u8>,
    /// Runs one message (kind `run`) and resolves to its answer, both UTF-8 JSON.
    ///
    /// The future is polled and dropped by the host on one thread; it may be woken from any thread. Polling
    /// and dropping it never unwinds.
    pub invoke: extern "C" fn(HostPort, RVec<u8>) -> FfiFuture<RVec<u8>>,
    /// The plugin's door for what messages cannot carry: null for every id in revision 1. The last field for
    /// good.
    #[sabi(last_prefix_field)]
    pub query: extern "C" fn(id: u64) -> *const (),
}

impl RootModule for PluginModuleRef {
    abi_stable::declare_root_module_statics! {PluginModuleRef}

    const BASE_NAME: &'static str = "astro_plugin";
    const NAME: &'static str = "astro_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}
