//! What an author waits for and ships: the size of the smallest plugin file, and the time from a saved file to a command that
//! ran.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::shell::{Result, read, say};

/// The most bytes of the minimal template's plugin file.
const MOST_BYTES: u64 = 1_000_000;
/// The most seconds from a changed line to the end of the command, with everything else built.
const MOST_SECONDS: f64 = 5.0;
/// How often it is done; the median counts.
const TIMES: usize = 5;

/// Makes a plugin from the minimal template and measures it. Answers what is over its limit.
pub(super) fn measure(astro: &Path, dir: &Path) -> Result<Vec<&'static str>> {
    let dir = dir.join("author");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let run = |args: &[&str]| {
        let mut command = Command::new(astro);
        // What was built for an earlier measurement is not built again.
        command.env("ASTRO_HOME", &dir).env("CARGO_TARGET_DIR", dir.with_file_name("author-target"));
        read(command.env("CARGO_TERM_QUIET", "true").args(args).current_dir(&dir).stderr(Stdio::inherit()))
    };
    run(&["plugin", "new", "-q", "hello"])?;
    let packed = run(&["plugin", "pack", "hello", "-q", "-o", "clean"])?;
    let file = packed.trim();
    let size = fs::metadata(file).map_err(|error| format!("{file}: {error}"))?.len();

    let source = dir.join("hello/src/lib.rs");
    let text = fs::read_to_string(&source).map_err(|error| format!("{}: {error}", source.display()))?;
    run(&["plugin", "dev", "hello", "-q"])?;
    let mut times: Vec<Duration> = Vec::new();
    for number in 0..TIMES {
        let changed = text.replace("\"Hello {}!\"", &format!("\"Hello {number} {{}}!\""));
        fs::write(&source, changed).map_err(|error| format!("{}: {error}", source.display()))?;
        let started = Instant::now();
        run(&["plugin", "dev", "hello", "-q"])?;
        let said = run(&["hello", "-o", "clean"])?;
        times.push(started.elapsed());
        if said != format!("Hello {number} world!\n") {
            return Err(format!("the build that ran is not the one that was made: {said}"));
        }
    }
    times.sort();
    let seconds = times[TIMES / 2].as_secs_f64();

    let mut missed = Vec::new();
    let mut verdict = |is_missed: bool, what: &'static str| match is_missed {
        true => {
            missed.push(what);
            "  MISSED"
        }
        false => "",
    };
    let over = verdict(size > MOST_BYTES, "size of the smallest plugin file");
    say(&format!("smallest plugin file, packed: {size} bytes (limit {MOST_BYTES}){over}"));
    let over = verdict(seconds > MOST_SECONDS, "from a saved file to a command that ran");
    say(&format!("from a saved file to a command that ran: {seconds:.2} s (limit {MOST_SECONDS}){over}"));
    Ok(missed)
}
