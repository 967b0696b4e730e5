//! Links the unwinder of the C compiler into host and plugins instead of loading `libgcc_s.so.1` at every start: both sides
//! depend on this package.
//!
//! rustc asks the linker for `-lgcc_s`; a linker script of that name, found first, names the static archive in its place.
//! Nothing unwinds across the boundary, so each side may have an unwinder of its own. Where the archive is not there the
//! shared library is used.

use std::{env, fs, path::PathBuf, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_ENV").as_deref() != Ok("gnu") || env::var("HOST") != env::var("TARGET") {
        return;
    }
    let found = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    let archive = found.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let archive =
        archive.map(|path| PathBuf::from(path.trim())).filter(|path| path.is_absolute() && path.is_file());
    let (Some(_), Some(out)) = (archive, env::var_os("OUT_DIR").map(PathBuf::from)) else { return };
    if fs::write(out.join("libgcc_s.so"), "INPUT(-lgcc_eh -lgcc)\n").is_ok() {
        println!("cargo::rustc-link-search=native={}", out.display());
    }
}
