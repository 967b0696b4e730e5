//! `cargo xtask fuzz`: each target of `tests/fuzz` for some seconds. Not part of `test`: it needs a nightly
//! toolchain and a C++ compiler.

use std::fs;

use crate::{
    shell::{Result, program, root, run as run_program, say, target},
    tools,
};

const TARGETS: &[&str] =
    &["plugin_file", "manifest", "message", "command_line", "files", "answer", "plugin_index"];

pub(crate) fn run(args: &[&str]) -> Result {
    let (targets, seconds) = match args {
        [] => (TARGETS, "30"),
        ["--seconds", seconds] => (TARGETS, *seconds),
        [one, rest @ ..] => {
            let known = TARGETS.iter().position(|target| target == one);
            let at = known.ok_or_else(|| format!("no target `{one}`; there are {}", TARGETS.join(", ")))?;
            match rest {
                [] => (&TARGETS[at..=at], "30"),
                ["--seconds", seconds] => (&TARGETS[at..=at], *seconds),
                other => return Err(format!("unknown argument of fuzz: {}", other.join(" "))),
            }
        }
    };
    let fuzz = tools::get(&tools::FUZZ)?;
    let built = root().join(target()).join("fuzz");
    for target in targets {
        say(&format!("==> {target}, {seconds} s"));
        let corpus = built.join("corpus").join(target);
        fs::create_dir_all(&corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
        run_program(
            program(&fuzz)
                .args(["run", "--fuzz-dir", "tests/fuzz", "--target-dir"])
                .arg(&built)
                .arg(target)
                .arg(&corpus)
                // The stored inputs are read, too; what is new goes to the first.
                .arg(root().join("tests/fuzz/corpus").join(target))
                .args(["--", &format!("-max_total_time={seconds}"), "-verbosity=0"])
                .env("RUSTUP_TOOLCHAIN", "nightly"),
        )?;
    }
    Ok(())
}
