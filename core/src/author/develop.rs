//! Build, check, link; with `--watch` again after every change.

use std::{
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use notify_debouncer_mini::{DebounceEventResult, new_debouncer, notify::RecursiveMode};

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
    let (sender, changes) = mpsc::channel::<DebounceEventResult>();
    let mut debouncer = new_debouncer(QUIET, sender).while_doing(code::FAILED, what)?;
    // The directory itself for Cargo.toml and build.rs; below it everything but what builds write.
    let watcher = debouncer.watcher();
    watcher.watch(dir, RecursiveMode::NonRecursive).while_doing(code::FAILED, what)?;
    for below in directories(dir) {
        watcher.watch(&below, RecursiveMode::Recursive).while_doing(code::FAILED, what)?;
    }
    loop {
        if let Err(failure) = once(app, dir, build) {
            report::failure(&app.console, &failure);
        }
        app.console.notice("Waiting for changes; Ctrl-C ends it.");
        // Whatever changed while it was built is in the channel: it is built again.
        loop {
            let Ok(change) = changes.recv() else { return Ok(0) };
            let events = change.while_doing(code::FAILED, what)?;
            if events.iter().any(|event| is_source(&event.path, dir)) {
                break;
            }
        }
    }
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
