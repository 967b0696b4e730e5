//! Features that only tests switch on. Cargo compiles a crate, and all that uses it, once for each set of features, so that one
//! line that is missing in `tests/unify` costs a build of the host.

use std::collections::{BTreeMap, BTreeSet};

use crate::shell::{Result, cargo};

/// What the build of the profile `quick` is made of; see `install.rs`.
const BUILT: &[&str] =
    &["-p", "astro", "-p", "platform", "-p", "deployment-token", "-p", "sandbox", "-p", "unify"];
/// What `cargo test` builds.
const TESTED: &[&str] = &["--workspace", "--exclude", "floor"];

/// Each crate with the sets of features that it is compiled with.
type Features = BTreeMap<String, BTreeSet<String>>;

/// The crates of the build that the tests would compile again.
pub(crate) fn check() -> Result<Vec<String>> {
    Ok(again(&features(BUILT, "normal,build")?, &features(TESTED, "normal,build,dev")?))
}

fn again(built: &Features, tested: &Features) -> Vec<String> {
    let mut found = Vec::new();
    for (package, sets) in tested {
        let Some(known) = built.get(package) else { continue };
        for set in sets.difference(known) {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            found.push(format!(
                "tests/unify/Cargo.toml: tests compile `{package}` again, with `{set}` instead of `{}`",
                known.join("` or `")
            ));
        }
    }
    found
}

fn features(packages: &[&str], edges: &str) -> Result<Features> {
    let mut command = cargo();
    command.args(["tree", "--locked", "--prefix", "none", "--format", "{p}|{f}", "--edges", edges]);
    let output = command.args(packages).output().map_err(|error| format!("cargo tree: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(read(&String::from_utf8_lossy(&output.stdout)))
}

/// Crates of this workspace are left out: tests use the SDK's test kit, which no build of a plugin does.
fn read(tree: &str) -> Features {
    let mut found = Features::new();
    for line in tree.lines() {
        let Some((package, features)) = line.split_once('|') else { continue };
        if !package.contains('/') {
            let set = features.trim_end_matches(" (*)").to_owned();
            found.entry(package.to_owned()).or_default().insert(set);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_that_only_tests_switch_on_is_found() {
        let built =
            read("num v1.0.0|std\nserde v1.0.0|derive\nserde v1.0.0|derive,std (*)\nastro v0.1.0 (/x)|\n");
        let same = read("serde v1.0.0|derive\nproptest v1.0.0|std\nastro v0.1.0 (/x)|testing\n");
        assert_eq!(again(&built, &same).len(), 0);
        let found = again(&built, &read("num v1.0.0|default,std\n"));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("`num v1.0.0` again, with `default,std` instead of `std`"), "{found:?}");
    }
}
