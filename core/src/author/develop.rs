//! Build, check, link; with `--watch` again after every change.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use notify::{Event, EventKind, RecursiveMode, Watcher};

use super::cargo::{self, Build};
use crate::{
    app::App,
    cli::report,
    error::{Result, While, code},
    store::{link, record::Installed},
};

/// How long a tree has to be quiet before it is built: editors write a file in several steps.
const QUIET: Duration = Duration::from_millis(150);

/// Builds and links once. Answers the record.
pub(crate) fn once(app: &App, dir: &Path, build: Build) -> Result<Installed> {
    let library = cargo::build(dir, build)?;
    let record = link::link(&app.stores, &library)?;
    app.console.notice(&format!("Linked the plugin `{}` {}.", record.name, record.version));
    for command in record.manifest.commands.iter().filter(|command| !command.hidden) {
        app.console.notice(&format!("  astro {}", command.path));
    }
    Ok(record)
}

/// The same after every change, until it is interrupted. What goes wrong is told, and the build before stays linked.
pub(crate) fn watch(app: &App, dir: &Path, build: Build) -> Result<i32> {
    let what = || format!("`{}` cannot be watched", dir.display());
    let (sender, events) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(sender).while_doing(code::FAILED, what)?;
    // The directory itself for Cargo.toml and build.rs; below it everything but what builds write.
    watcher.watch(dir, RecursiveMode::NonRecursive).while_doing(code::FAILED, what)?;
    let mut watched = BTreeSet::new();
    loop {
        for below in directories(dir).into_iter().filter(|below| !watched.contains(below)).collect::<Vec<_>>()
        {
            watcher.watch(&below, RecursiveMode::Recursive).while_doing(code::FAILED, what)?;
            watched.insert(below);
        }
        if let Err(failure) = once(app, dir, build) {
            report::failure(&app.console, &failure);
        }
        app.console.notice("Waiting for changes; Ctrl-C ends it.");
        // Whatever changed while it was built is in the channel: it is built again.
        loop {
            let Ok(event) = events.recv() else { return Ok(0) };
            if is_change(&event.while_doing(code::FAILED, what)?, dir) {
                break;
            }
        }
        while let Ok(event) = events.recv_timeout(QUIET) {
            event.while_doing(code::FAILED, what)?;
        }
    }
}

/// Whether something of the sources is another one now. That a build reads them is none.
fn is_change(event: &Event, dir: &Path) -> bool {
    !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|path| is_source(path, dir))
}

fn directories(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let below = entries.map(|entry| entry.path()).filter(|path| path.is_dir() && is_source(path, dir));
    below.collect()
}

/// Whether a path belongs to the sources: not to what a build writes, and not hidden.
fn is_source(path: &Path, dir: &Path) -> bool {
    let below = path.strip_prefix(dir).unwrap_or(path);
    let first = below.components().next().map(|first| first.as_os_str().to_string_lossy().into_owned());
    first.is_some_and(|first| {
        !matches!(first.as_str(), "target" | "dist" | "Cargo.lock")
            && !first.starts_with('.')
            && !first.ends_with('~')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_writes_is_no_source() {
        let dir = Path::new("/x");
        for (path, is) in [
            ("/x/src/lib.rs", true),
            ("/x/Cargo.toml", true),
            ("/x/target/debug/libx.so", false),
            ("/x/Cargo.lock", false),
            ("/x/.git/index", false),
            ("/x/dist/x.astro-plugin", false),
            ("/x", false),
        ] {
            assert_eq!(is_source(Path::new(path), dir), is, "{path}");
        }
    }
}
