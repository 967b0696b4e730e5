//! cargo-deny: bans, licences and sources in every test run, advisories on request, because their database
//! is not in a package registry.

use crate::{
    shell::{Result, program, run as run_program},
    tools,
};

/// `cargo xtask audit`
pub(crate) fn run() -> Result {
    check(&["advisories"])
}

/// Some of cargo-deny's checks.
pub(crate) fn check(what: &[&str]) -> Result {
    run_program(
        program(tools::get(&tools::DENY)?)
            .args(["--locked", "--config", ".cargo/deny.toml", "check"])
            .args(what),
    )
}
