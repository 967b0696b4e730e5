//! `cargo xtask`: the project's own commands. Everything that CI does can be run at a desk.

#![forbid(unsafe_code)]

mod audit;
mod bench;
mod closure;
mod features;
mod first_sdk;
mod fuzz;
mod install;
mod layers;
mod product_words;
mod quickstart;
mod sdk;
mod shell;
mod test;
mod tidy;
mod tools;
mod torture;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <COMMAND>

  quickstart               build, install below target/, start a sandbox, show the main job
  test [--install]         everything that CI checks; --install gets missing system packages
  install --root DIR       DIR/bin/astro, and in DIR/lib/astro-host the first-party plugins and the SDK
  bench [--check]          measure against the floor and against other tools; --check ends 1 over a limit
  fuzz [TARGET] [--seconds N]
                           fuzz what reads bytes, each target for N seconds (30)
  torture [NAME] [--times N]
                           kill, interrupt and fail the delivery of tokens, N times as often as in a test (13)
  audit                    known vulnerabilities of the dependencies (needs the advisory database)
  tidy                     the rules of the repository
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["quickstart"] => quickstart::run(),
        ["test", rest @ ..] => test::run(rest),
        ["install", "--root", root] => install::run(root.as_ref(), install::Profile::Release),
        ["install", "--root", root, "--quick"] => install::run(root.as_ref(), install::Profile::Quick),
        ["bench", rest @ ..] => bench::run(rest),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["torture", rest @ ..] => torture::run(rest),
        ["audit"] => audit::run(),
        ["tidy"] => tidy::run(),
        [] | ["help" | "--help" | "-h"] => {
            shell::say(HELP);
            Ok(())
        }
        other => Err(format!("unknown command: {}\n\n{HELP}", other.join(" "))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            shell::say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
