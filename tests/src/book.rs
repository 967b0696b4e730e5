//! Pages of the book that are sessions: their commands are run, and what they show is compared.
//!
//! A block ```` ```console ```` holds lines that begin with `$ ` and below each what it prints, both streams as on a
//! terminal. A block ```` ```rust,src/lib.rs ```` (any language) is the whole text of that file, in the directory in which
//! the session is by then. Other blocks are only read.

use std::{fmt::Write, path::PathBuf, process::Stdio};

use crate::{TestEnv, Transcript};

/// Runs a page in the home of a user and answers it as it should be.
pub fn played(env: &TestEnv, page: &str) -> String {
    let mut transcript = env.transcript();
    let mut dir = env.home().to_owned();
    let mut shown = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let _ = writeln!(shown, "{line}");
        let Some(kind) = line.strip_prefix("```").filter(|kind| !kind.is_empty()) else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match kind.split_once(',') {
            Some((_, file)) => {
                std::fs::write(dir.join(file), format!("{}\n", block.join("\n"))).expect("written");
                push_lines(&mut shown, &block);
            }
            None if kind == "console" => {
                for command in block.iter().filter_map(|line| line.strip_prefix("$ ")) {
                    let _ = writeln!(shown, "$ {command}");
                    shown.push_str(&said(env, &mut transcript, &mut dir, command));
                }
            }
            None => push_lines(&mut shown, &block),
        }
        shown.push_str("```\n");
    }
    shown
}

fn push_lines(shown: &mut String, lines: &[&str]) {
    for line in lines {
        let _ = writeln!(shown, "{line}");
    }
}

/// What a command prints, both streams in the order of a terminal.
fn said(env: &TestEnv, transcript: &mut Transcript<'_>, dir: &mut PathBuf, command: &str) -> String {
    if let Some(to) = command.strip_prefix("cd ") {
        *dir = dir.join(to);
        return String::new();
    }
    let mut shell = env.on_path("bash");
    shell.args(["-c", &format!("exec 2>&1; {command}")]).current_dir(&*dir).stdin(Stdio::null());
    let ran = env.ran(&mut shell);
    let text = transcript.redacted(&ran.stdout);
    match ran.code {
        Some(0) => text,
        // What a shell's prompt shows to many.
        code => format!(
            "{text}[exit code {}]\n",
            code.map_or_else(|| "signal".to_owned(), |code| code.to_string())
        ),
    }
}

/// The commands of a page, in order.
pub fn commands(page: &str) -> Vec<&str> {
    page.lines().filter_map(|line| line.strip_prefix("$ ")).collect()
}
