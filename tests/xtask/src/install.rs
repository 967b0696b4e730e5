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
    match profile {
        // Each plugin by its own build: one build of all would unify their features and make larger files.
        Profile::Release => {
            build(profile, &["astro"])?;
            PLUGINS.iter().try_for_each(|plugin| build(profile, &[plugin]))?;
        }
        // One build of all compiles each crate once.
        Profile::Quick => build(profile, &[&["astro"], PLUGINS].concat())?,
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

fn build(profile: Profile, packages: &[&str]) -> Result {
    // With the features that tests need, too: see tests/unify.
    let unify = if profile == Profile::Quick { &["-p", "unify"][..] } else { &[] };
    let packages = packages.iter().flat_map(|package| ["-p", package]);
    run_program(cargo().args(["build", "--locked", "--profile", profile.name()]).args(packages).args(unify))
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

/// What is built beside the host and its plugins for the tests.
#[derive(Clone, Copy)]
pub(crate) enum Fixture {
    /// A plugin's library.
    Library(&'static str),
    /// A program.
    Program(&'static str),
}

impl Fixture {
    fn package(self) -> &'static str {
        match self {
            Self::Library(package) | Self::Program(package) => package,
        }
    }

    /// Where it is built.
    pub(crate) fn path(self) -> PathBuf {
        let dir = root().join(target()).join(Profile::Quick.name());
        match self {
            Self::Library(package) => dir.join(format!("lib{}.so", package.replace('-', "_"))),
            Self::Program(package) => dir.join(package),
        }
    }
}

/// Builds fixtures, in one build with everything that quickstart built: the same features, so that each crate is there.
pub(crate) fn build_fixtures(fixtures: &[Fixture]) -> Result {
    let fixtures = fixtures.iter().map(|fixture| fixture.package());
    let packages: Vec<&str> = ["astro"].iter().chain(PLUGINS).copied().chain(fixtures).collect();
    build(Profile::Quick, &packages)
}
