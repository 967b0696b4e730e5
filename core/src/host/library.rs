//! Loading a verified file and talking to its root module. A library is never unloaded: destructors of its
//! thread-locals would run into nothing.

use std::{
    mem::ManuallyDrop,
    os::fd::{AsRawFd, OwnedFd},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use abi_stable::library::AbiHeaderRef;
use astro_plugin_abi::{LOADER_SYMBOL, PluginModuleRef, RVec};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::{ResponseFuture, Services, Transport, port::OpenPort};
use crate::{
    base::error::{Failure, Result, plugin},
    program::{APP, ENV},
    trust::verify::Verified,
};

/// A plugin in this process.
pub struct Loaded {
    module: PluginModuleRef,
    /// /proc is not mounted: the file was loaded by its path and compared afterwards.
    pub without_proc: bool,
}

/// Loads a verified file through the very descriptor that was verified.
pub fn load(verified: Verified, identity: &str) -> Result<Loaded> {
    let refused = |reason: &str| plugin(format!("cannot load plugin {identity}: {reason}"));
    let path = match loading_path(&verified.fd) {
        Some(path) => path,
        None if verified.sealed => {
            return Err(refused("/proc is not mounted, and a sealed copy cannot be loaded without it")
                .help("mount /proc, or unset `trust.verify`"));
        }
        None => verified.path.clone(),
    };
    // SAFETY: loading runs the library's initializers. That is what installing a plugin consents to; its
    // bytes were verified, and it stays loaded for the life of the process.
    let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) };
    let library = match library {
        Ok(library) => ManuallyDrop::new(library),
        Err(error) => return Err(explain(&verified, identity, &error)),
    };
    let without_proc = !path.starts_with("/proc");
    same_file(&verified.fd, &path)
        .map_err(|reason| refused(reason).help("mount /proc: then nothing can come in between"))?;
    // glibc matches loaded objects by name, and the name holds the descriptor's number: a number that is
    // used again would return this library instead of the next. So the descriptor stays open.
    let Verified { path: file, layout_known, .. } = &verified;
    // SAFETY: the symbol's name is abi_stable's own, which mangles the type; it is copied out, not kept.
    let header = unsafe { library.get::<AbiHeaderRef>(LOADER_SYMBOL.as_bytes()).map(|symbol| *symbol) };
    let header = header.map_err(|_| {
        refused(&format!("it is not a plugin of {APP}"))
            .cause(format!("`{}` does not export a root module", file.display()))
    })?;
    let header = header.upgrade().map_err(|_| refused("it was built with an incompatible abi_stable"))?;
    let module = catch_unwind(AssertUnwindSafe(|| {
        if *layout_known {
            // SAFETY: this very file's layout was checked in an earlier run of this host; the record that
            // says so is of the same device, inode, size and times, and of this host's version.
            unsafe { header.init_root_module_with_unchecked_layout::<PluginModuleRef>() }
        } else {
            header.init_root_module::<PluginModuleRef>()
        }
    }));
    let module = match module {
        Ok(Ok(module)) => module,
        // abi_stable's own text is a dump of types; it goes to the log.
        Ok(Err(error)) => {
            tracing::debug!("{error}");
            return Err(refused("its root module does not have the layout of this ABI")
                .help("build it again with the current astro-plugin-sdk"));
        }
        Err(_) => return Err(refused("its root module could not be made")),
    };
    let abi = module.abi_revision();
    if abi != astro_plugin_abi::ABI_REVISION {
        return Err(refused(&format!(
            "its library says ABI {abi}, its file said {}",
            astro_plugin_abi::ABI_REVISION
        )));
    }
    if !layout_known {
        verified.remember();
    }
    std::mem::forget(verified);
    Ok(Loaded { module, without_proc })
}

/// A path below /proc that leads to this very descriptor, so that a rename between verifying and loading changes
/// nothing.
///
/// The process number comes first, because a debugger resolves `self` in its own process. But /proc may belong to
/// another PID namespace than this process (`unshare -p` and sandboxes that mount no new one): there this process's
/// number is that of another process, whose descriptors are other files. So the number is only used where /proc itself
/// gives it to this process, and either path only while it leads to the descriptor's file.
fn loading_path(fd: &OwnedFd) -> Option<PathBuf> {
    let number = fd.as_raw_fd();
    let own = std::process::id().to_string();
    let is_own = std::fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == own.as_str());
    let by_number = is_own.then(|| format!("/proc/{own}/fd/{number}"));
    let mut paths = by_number.into_iter().chain([format!("/proc/self/fd/{number}")]).map(PathBuf::from);
    paths.find(|path| same_file(fd, path).is_ok())
}

/// Whether a path leads to the file that was verified.
fn same_file(verified: &OwnedFd, path: &Path) -> std::result::Result<(), &'static str> {
    match (rustix::fs::fstat(verified), rustix::fs::stat(path)) {
        (Ok(verified), Ok(now)) if (verified.st_dev, verified.st_ino) == (now.st_dev, now.st_ino) => Ok(()),
        _ => Err("its file was replaced while it was loaded"),
    }
}

fn explain(verified: &Verified, identity: &str, error: &libloading::Error) -> Failure {
    let failure = plugin(format!("cannot load plugin {identity}"));
    let no_exec = rustix::fs::fstatvfs(&verified.fd)
        .is_ok_and(|fs| fs.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC));
    if no_exec {
        let dir = verified.path.parent().unwrap_or(Path::new("/"));
        return failure
            .cause(format!(
                "the file system of `{}` does not allow running programs (mounted noexec)",
                dir.display()
            ))
            .help(format!("set {ENV}_HOME or XDG_DATA_HOME to a directory on another file system"));
    }
    let text = match error {
        libloading::Error::DlOpen { source } => source.to_string(),
        other => other.to_string(),
    };
    // The loader names the descriptor; a person knows the file.
    let text = text
        .split_once("/fd/")
        .and_then(|(_, rest)| rest.split_once(": "))
        .map_or(text.as_str(), |(_, reason)| reason);
    failure.cause(format!("`{}`: {text}", verified.path.display()))
}

impl Transport for Loaded {
    fn describe(&self) -> Result<Vec<u8>> {
        let describe = self.module.describe();
        Ok(describe().into_vec())
    }

    fn invoke(&self, services: Arc<dyn Services>, request: Vec<u8>) -> ResponseFuture {
        let port = OpenPort::new(services);
        let invoke = self.module.invoke();
        let answering = invoke(port.port(), RVec::from(request));
        Box::pin(async move {
            let answer = answering.await;
            // Closed when the answer is here or the future is dropped, whichever comes first.
            drop(port);
            answer.into_vec()
        })
    }
}
