//! `cargo xtask install --root DIR`: the host and the first-party plugins, as a package would lay them out.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    sdk,
    shell::{Result, cargo, program, root, run as run_program, say, target},
};

/// The plugins that come with the host, in the order they are installed.
pub(crate) const PLUGINS: &[&str] = &["platform", "deployment-token", "sandbox"];

/// How it is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// For quickstart and tests.
    Quick,
    /// For use.
    Release,
}

impl Profile {
    /// Its name in `Cargo.toml`, which is also the directory below `target`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Release => "release",
        }
    }
}

/// Builds and installs below a directory. What has not changed is left alone.
pub(crate) fn run_quietly(dir: &Path, profile: Profile) -> Result<PathBuf> {
    build(profile, "astro-host")?;
    // Each plugin by its own build: one build of all would unify their features and make other files.
    for plugin in PLUGINS {
        build(profile, plugin)?;
    }
    let built = target().join(profile.name());
    let binary = dir.join("bin/astro");
    copy_if_changed(&built.join("astro"), &binary)?;
    let store = dir.join("lib/astro-host/plugins");
    fs::create_dir_all(&store).map_err(|error| format!("cannot make {}: {error}", store.display()))?;
    for plugin in PLUGINS {
        let library = built.join(format!("lib{}.so", plugin.replace('-', "_")));
        run_program(program(&binary).arg("__bundle").arg(library).arg(&store))?;
    }
    run_program(program(&binary).arg("__index").arg(&store))?;
    sdk::install(&dir.join("lib/astro-host/sdk"))?;
    Ok(binary)
}

/// The command.
pub(crate) fn run(dir: &Path, profile: Profile) -> Result {
    let dir = std::path::absolute(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let binary = run_quietly(&dir, profile)?;
    say(&format!("Installed {}", binary.display()));
    Ok(())
}

fn build(profile: Profile, package: &str) -> Result {
    run_program(cargo().args(["build", "--locked", "--profile", profile.name(), "-p", package]))
}

/// A running binary cannot be written to, but its name can be given to another file.
fn copy_if_changed(from: &Path, to: &Path) -> Result {
    let cannot =
        |error: std::io::Error| format!("cannot copy {} to {}: {error}", from.display(), to.display());
    let bytes = fs::read(from).map_err(cannot)?;
    if fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let dir = to.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(dir).map_err(cannot)?;
    let temporary = dir.join(".astro.new");
    fs::copy(from, &temporary).map_err(cannot)?;
    fs::rename(&temporary, to).map_err(cannot)
}

/// The installed tree that quickstart and the tests share: built once for both.
pub(crate) fn quick_root() -> PathBuf {
    target().join("quickstart/root")
}

/// A program of the tests, built.
pub(crate) fn build_program(package: &str) -> Result<PathBuf> {
    build(Profile::Quick, package)?;
    Ok(root().join(target()).join("quick").join(package))
}

/// Where the fixture plugins of the tests are built.
pub(crate) fn build_fixture(package: &str) -> Result<PathBuf> {
    build(Profile::Quick, package)?;
    Ok(root().join(target()).join("quick").join(format!("lib{}.so", package.replace('-', "_"))))
}
