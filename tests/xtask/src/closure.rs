//! What a plugin is compiled with: few crates, and nothing that an older compiler does not know. Which functions of the standard library are
//! too new, clippy tells by `rust-version`; what it does not tell is looked for here.

use std::collections::BTreeSet;

use crate::shell::{Result, cargo, read};

/// The most crates of a plugin with one command, its own and the SDK's included.
const MOST: usize = 60;

/// Too many crates.
pub(crate) fn check() -> Result<Option<String>> {
    let tree = ["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let tree = read(cargo().args(tree).args(["-p", "fixture-hello"]))?;
    let crates: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    let count = crates.len();
    Ok((count > MOST)
        .then(|| format!("sdk/Cargo.toml: a plugin is compiled of {count} crates, more than {MOST}")))
}

/// Syntax that is newer than the SDK's `rust-version`, 1.85: chains of `let` came with 1.88.
pub(crate) fn too_new(name: &str, text: &str) -> Vec<String> {
    let is_chain = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        code.contains("&& let ") || code.split_once("if let ").is_some_and(|(_, rest)| has_and_outside(rest))
    };
    let found = text.lines().enumerate().filter(|(_, line)| is_chain(line));
    found
        .map(|(at, _)| format!("{name}:{}: chains `let`, which the SDK's compiler does not know", at + 1))
        .collect()
}

/// Whether `&&` stands outside of parentheses: inside it belongs to a closure or a call.
fn has_and_outside(code: &str) -> bool {
    let mut depth = 0;
    let mut before = ' ';
    for letter in code.chars() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '&' if before == '&' && depth == 0 => return true,
            _ => {}
        }
        before = letter;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_of_let_are_found() {
        for (line, is_found) in [
            ("if let Some(x) = y", false),
            ("    && let Some(z) = x {", true),
            ("if let Some(x) = y && z {", true),
            ("if let Some(x) = y.filter(|y| a && b) {", false),
            ("if a && b {", false),
            ("// && let Some(z) = x", false),
        ] {
            assert_eq!(!too_new("sdk/x.rs", line).is_empty(), is_found, "{line}");
        }
    }
}
