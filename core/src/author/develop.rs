//! Build, check, link; with `--watch` again after every change.

use std::{
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use notify::{Event, EventKind, RecursiveMode, Watcher};

use super::cargo::{self, Build};
use crate::{
    base::error::{Result, ResultExt, code},
    console::report,
    env::Env,
    program::APP,
    run::link,
    store::record::Installed,
};

/// How long a tree has to be quiet before it is built: editors write a file in several steps.
const QUIET: Duration = Duration::from_millis(150);

/// Builds and links once. Answers the record.
pub(crate) fn once(env: &Env, dir: &Path, build: Build) -> Result<Installed> {
    let library = cargo::build(dir, build)?;
    let record = link::link(&env.stores, &library)?;
    tell_linked(env, &record);
    Ok(record)
}

/// Tells what was linked, and what can be typed now.
pub(crate) fn tell_linked(env: &Env, record: &Installed) {
    env.console.notice(&format!("Linked the plugin `{}` {}.", record.name, record.version));
    for command in record.manifest.commands.iter().filter(|command| !command.hidden) {
        env.console.notice(&format!("  {APP} {}", command.path));
    }
}

/// The same after every change, until it is interrupted. What goes wrong is told, and the build before stays linked.
pub(crate) fn watch(env: &Env, dir: &Path, build: Build) -> Result<i32> {
    let what = || format!("`{}` cannot be watched", dir.display());
    // Where builds write, when that is below the crate and not called `target`.
    let mut output = None;
    loop {
        // Anew each time: a directory that was removed and made again is another one.
        let (sender, events) = mpsc::channel();
        let mut watcher = notify::recommended_watcher(sender).context(code::FAILED, what)?;
        // The directory itself for Cargo.toml and build.rs; below it everything but what builds write.
        watcher.watch(dir, RecursiveMode::NonRecursive).context(code::FAILED, what)?;
        for below in directories(dir, output.as_deref()) {
            watcher.watch(&below, RecursiveMode::Recursive).context(code::FAILED, what)?;
        }
        match once(env, dir, build) {
            Ok(record) => output = first_below(&record.path, dir),
            Err(failure) => drop(report::failure(&env.console, &failure)),
        }
        env.console.notice("Waiting for changes; Ctrl-C ends it.");
        // Whatever changed while it was built is in the channel: it is built again.
        loop {
            let Ok(event) = events.recv() else { return Ok(0) };
            if is_change(&event.context(code::FAILED, what)?, dir, output.as_deref()) {
                break;
            }
        }
        while let Ok(event) = events.recv_timeout(QUIET) {
            event.context(code::FAILED, what)?;
        }
    }
}

/// The entry of a directory that a path is in.
fn first_below(path: &Path, dir: &Path) -> Option<PathBuf> {
    let dir = dir.canonicalize().ok()?;
    path.strip_prefix(&dir).ok()?.components().next().map(|first| PathBuf::from(first.as_os_str()))
}

/// Whether something of the sources is another one now. That a build reads them is none.
fn is_change(event: &Event, dir: &Path, output: Option<&Path>) -> bool {
    use notify::event::ModifyKind;
    let tells_nothing = matches!(
        event.kind,
        EventKind::Access(_) | EventKind::Other | EventKind::Modify(ModifyKind::Metadata(_))
    );
    !tells_nothing && event.paths.iter().any(|path| is_source(path, dir, output))
}

fn directories(dir: &Path, output: Option<&Path>) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let below = entries.map(|entry| entry.path());
    below.filter(|path| path.is_dir() && is_source(path, dir, output)).collect()
}

/// Whether a path belongs to the sources: not to what a build writes, and nothing that editors leave beside a file.
/// `output` is where builds write, below the directory.
fn is_source(path: &Path, dir: &Path, output: Option<&Path>) -> bool {
    let below = path.strip_prefix(dir).unwrap_or(path);
    let mut words = below.components().map(|word| word.as_os_str().to_string_lossy());
    let Some(first) = words.next() else { return false };
    let is_left = |word: &str| {
        (word.starts_with('.') && word != ".cargo") || word.ends_with('~') || word.ends_with(".swp")
    };
    !matches!(&*first, "target" | "dist" | "Cargo.lock")
        && output != Some(Path::new(&*first))
        && !is_left(&first)
        && !words.any(|word| is_left(&word))
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
            ("/x/src/.lib.rs.swp", false),
            ("/x/src/lib.rs~", false),
            ("/x/.cargo/config.toml", true),
            ("/x/build/debug/libx.so", false),
            ("/x", false),
        ] {
            assert_eq!(is_source(Path::new(path), dir, Some(Path::new("build"))), is, "{path}");
        }
    }
}
