//! The plugin of the first SDK, built from its sources as somebody who published it then did.

use std::{fs, path::PathBuf, process::Command};

use crate::shell::{Result, cargo, root, run, target};

/// Builds it, in a target directory of its own; with the versions of `Cargo.lock`, which are there already.
pub(crate) fn build() -> Result<PathBuf> {
    let from = root().join("tests/fixtures/first-sdk");
    let dir = root().join(target()).join("first-sdk");
    let plugin = dir.join("first");
    fs::create_dir_all(plugin.join("src")).map_err(|error| format!("{}: {error}", dir.display()))?;
    run(Command::new("tar").arg("-xzf").arg(from.join("sources.tar.gz")).arg("-C").arg(&dir))?;
    for (name, to) in [
        ("workspace.toml", dir.join("Cargo.toml")),
        ("plugin.toml", plugin.join("Cargo.toml")),
        ("plugin.rs", plugin.join("src/lib.rs")),
    ] {
        copy(from.join(name), to)?;
    }
    copy(root().join("Cargo.lock"), dir.join("Cargo.lock"))?;
    let target = dir.join("target");
    // What it needs was downloaded for everything else.
    run(cargo()
        .args(["build", "--offline", "--quiet", "-p", "first"])
        .current_dir(&dir)
        .env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join("debug/libfirst.so"))
}

/// Copies what differs, so that nothing is built again.
fn copy(from: PathBuf, to: PathBuf) -> Result {
    let text = fs::read(&from).map_err(|error| format!("{}: {error}", from.display()))?;
    if fs::read(&to).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(&to, text).map_err(|error| format!("{}: {error}", to.display()))
}
