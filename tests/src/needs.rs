//! What a test needs and a machine may not have. A test that is left out is never silent: it prints why, and
//! `cargo xtask test` counts it and fails in CI.

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

/// The file in which `cargo xtask test` collects what was skipped.
const SKIPS: &str = "ASTRO_E2E_SKIPS";

/// Shells in which completion and signals are tested.
const SHELLS: &[&str] = &["bash", "zsh", "fish"];

/// Says that this test, or a part of it, is left out, and why. The reason ends with what to do about it.
pub fn skip(reason: &str) {
    let thread = thread::current();
    let line = format!("{}: {reason}\n", thread.name().unwrap_or("a test"));
    // Not with `eprintln!`, which libtest shows for failed tests only.
    let _ = std::io::stderr().write_all(format!("skipped: {line}").as_bytes());
    if let Some(path) = std::env::var_os(SKIPS) {
        append(path.as_ref(), &line);
    }
}

/// One write, so that lines of tests that run side by side stay whole.
fn append(path: &Path, line: &str) {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Whether this process may mount things in a mount namespace of its own: root may. Skips where it may not.
pub fn may_mount() -> bool {
    let may =
        Command::new("unshare").args(["-m", "true"]).output().is_ok_and(|output| output.status.success());
    if !may {
        skip("it mounts file systems; run it as root");
    }
    may
}

/// Whether a program that the test starts is installed. Skips where it is not.
pub fn has_service(program: &str) -> bool {
    let has = is_on_path(program);
    if !has {
        skip(&format!("{program} not found; cargo xtask test --install"));
    }
    has
}

/// The directory of the programs of `tests/xtask/python.txt`.
pub fn python() -> PathBuf {
    std::env::var_os("ASTRO_E2E_PYTHON")
        .map_or_else(|| crate::workspace().join("target/tools/python/bin"), PathBuf::from)
}

/// Whether they are installed. Skips where they are not.
pub fn has_python_packages() -> bool {
    let has = python().with_file_name("installed").is_file();
    if !has {
        skip("the packages of tests/xtask/python.txt are not installed; cargo xtask test --install");
    }
    has
}

/// The directory of the packages of `tests/node`, where they are installed. Skips where they are not.
pub fn node_packages() -> Option<PathBuf> {
    let dir = std::env::var_os("ASTRO_E2E_NODE")
        .map_or_else(|| crate::workspace().join("target/tools/node"), PathBuf::from);
    let has = is_on_path("node") && dir.join("installed").is_file();
    if !has {
        skip("the packages of tests/node are not installed; cargo xtask test --install");
    }
    has.then_some(dir)
}

/// The shells that are there to test in. Skips those that are not.
pub fn shells() -> Vec<String> {
    let (found, missing): (Vec<_>, Vec<_>) = SHELLS.iter().copied().partition(|shell| is_on_path(shell));
    for shell in missing {
        skip(&format!("{shell} not found; cargo xtask test --install"));
    }
    found.into_iter().map(str::to_owned).collect()
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_skip_is_a_line_of_its_own() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("skips");
        thread::scope(|scope| {
            for number in 0..8 {
                let path = &path;
                scope.spawn(move || (0..50).for_each(|_| append(path, &format!("test {number}: why\n"))));
            }
        });
        let text = std::fs::read_to_string(&path).expect("written");
        assert_eq!(text.lines().count(), 400);
        assert!(text.lines().all(|line| line.starts_with("test ") && line.ends_with(": why")), "{text}");
    }
}
