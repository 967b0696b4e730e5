//! `cargo xtask torture`: the torture tests of the normal run, many times over.

use crate::{
    install::{self, Fixture},
    shell::{Result, cargo_with_signals, run as run_program, say},
};

/// `torture [NAME] [--times N]`: the tests whose name holds NAME, each with N times the runs of a normal test run.
pub(crate) fn run(args: &[&str]) -> Result {
    let (name, times) = match args {
        [] => ("torture", "13"),
        ["--times", times] => ("torture", *times),
        [name] => (*name, "13"),
        [name, "--times", times] => (*name, *times),
        other => return Err(format!("unknown argument of torture: {}", other.join(" "))),
    };
    install::run_quietly(&install::quick_root(), install::Profile::Quick)?;
    let (bad, marked) = (Fixture::Library("fixture-misbehaving"), Fixture::Library("fixture-marked"));
    install::build_fixtures(&[bad, marked])?;
    let (bad, marked) = (bad.path(), marked.path());
    say(&format!("{times} times the runs of `cargo xtask test`"));
    run_program(
        cargo_with_signals()
            .args([
                "test",
                "--locked",
                "--profile",
                "quick",
                // As in `cargo xtask test`: the same features, so that nothing is compiled again.
                "--workspace",
                "--exclude",
                "floor",
                "--test",
                "e2e",
                "--",
                "--nocapture",
            ])
            .arg(name)
            .env("ASTRO_TORTURE", times)
            .env("ASTRO_E2E_ROOT", install::quick_root())
            .env("ASTRO_E2E_MISBEHAVING", bad)
            .env("ASTRO_E2E_MARKED", marked),
    )
}
