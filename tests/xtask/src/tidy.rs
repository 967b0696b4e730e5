//! The rules of the repository, as code: what a reviewer should not have to look for.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    closure, features, layers, product_words,
    shell::{Result, root, say},
};

/// Where unsafe code lives. Everything else forbids it.
const UNSAFE_ROOMS: &[&str] = &[
    "core/src/host/",
    "core/src/sys/",
    "sdk/abi/",
    "sdk/src/lib.rs",
    "sdk/src/bridge.rs",
    // The boundary as it was published: neither uses what the rooms above are today.
    "tests/fixtures/plugins/protocol-1/",
    "tests/fixtures/hosts/protocol-1/",
    // Plugins that do what the language does not let them.
    "tests/fixtures/plugins/misbehaving/src/damage.rs",
    "tests/fixtures/plugins/raw/",
];
/// A file that needs scrolling to understand wants to be two. Tables of cases may be longer.
const MAX_LINES: usize = 450;

/// Idioms that were taken out of what users read: each has a standard term, which the glossary names.
const IDIOMS: &[&str] = &[
    "begin anew",
    "as they should be",
    "as it should be",
    "stands in it",
    "vouched for",
    "vouches for",
    "nobody can be asked",
    "nobody is at",
    "nobody owns",
    "nobody signed in",
    "is none of",
    "not over these bytes",
    "one very ",
    "Would have went",
    "broke off",
    "an answer that is none",
    "came about",
    "power of your account",
    "holding back news",
    "and wins here",
];

pub(crate) fn run() -> Result {
    let mut problems = Vec::new();
    for path in rust_files(&root()) {
        let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        // The sources of other people's crates.
        if name.contains("/templates/") {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        check(&name, &text, &mut problems);
        problems.extend(product_words::check(&name, &text));
        let is_installed = ["core/", "sdk/", "plugins/"].iter().any(|dir| name.starts_with(dir));
        if is_installed && !name.contains("/tests") {
            idioms(&name, &texts(&text), &mut problems);
        }
        if name.starts_with("sdk/") && !name.contains("/tests/") {
            problems.extend(closure::too_new(&name, &text));
        }
        if let Ok(path) = Path::new(&name).strip_prefix("core/src") {
            problems.extend(layers::check(path, &text));
        }
    }
    for path in pages(&root().join("docs/src")) {
        let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        idioms(&name, &text, &mut problems);
    }
    packages(&mut problems)?;
    problems.extend(features::check()?);
    problems.extend(closure::check()?);
    problems.iter().for_each(|problem| say(problem));
    if problems.is_empty() { Ok(()) } else { Err(format!("{} rules are broken", problems.len())) }
}

fn check(name: &str, text: &str, problems: &mut Vec<String>) {
    if !text.starts_with("//!") {
        problems.push(format!("{name}: has no module documentation at the top"));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES && !name.contains("/tests") {
        problems.push(format!("{name}: has {lines} lines, more than {MAX_LINES}"));
    }
    // In two pieces, so that this file does not find itself.
    let word = concat!("uns", "afe ");
    let uses_unsafe = text.lines().any(|line| {
        let code = line.split("//").next().unwrap_or_default();
        code.contains(&format!("{word}{{"))
            || code.contains(&format!("{word}fn"))
            || code.contains(&format!("{word}impl"))
    });
    if uses_unsafe && !UNSAFE_ROOMS.iter().any(|room| name.starts_with(room)) {
        problems.push(format!("{name}: has code that belongs into {}", UNSAFE_ROOMS.join(", ")));
    }
    for left in [concat!("TO", "DO"), concat!("FIX", "ME")] {
        if text.contains(left) {
            problems.push(format!("{name}: leaves a {left}"));
        }
    }
}

/// What users read: pages of the manual, and the texts in the sources of what is installed.
fn idioms(name: &str, text: &str, problems: &mut Vec<String>) {
    for (line, text) in text.lines().enumerate() {
        if let Some(idiom) = IDIOMS.iter().find(|idiom| text.contains(**idiom)) {
            problems
                .push(format!("{name}:{}: says \"{idiom}\", which the glossary has a term for", line + 1));
        }
    }
}

/// The texts of a source, line by line, without comments and tests.
fn texts(source: &str) -> String {
    let code = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines()
        .map(|line| if line.trim_start().starts_with("//") { "" } else { line })
        .collect::<Vec<_>>()
        .join("\n")
}

/// The pages of the manual, without the list of changes, the decisions, and the glossary, which names the idioms.
fn pages(dir: &Path) -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "decisions" {
            pages.extend(self::pages(&path));
        } else if path.extension().is_some_and(|extension| extension == "md")
            && !["changelog.md", "glossary.md"].iter().any(|name| entry.file_name() == *name)
        {
            pages.push(path);
        }
    }
    pages.sort();
    pages
}

/// The host never leans on the authors' crate; the protocol leans on nothing of ours.
fn packages(problems: &mut Vec<String>) -> Result {
    for (package, never) in [
        ("core", &["astro-plugin-sdk"][..]),
        ("sdk/protocol", &["astro-plugin-sdk", "astro-plugin-abi", "astro-plugin-cli", "astro-host"]),
        ("sdk/cli", &["astro-plugin-sdk", "astro-plugin-abi", "astro-host"]),
        ("sdk/abi", &["astro-plugin-sdk", "astro-plugin-cli", "astro-plugin-protocol", "astro-host"]),
        ("sdk", &["astro-host"]),
    ] {
        let path = root().join(package).join("Cargo.toml");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for name in never {
            if text.lines().any(|line| {
                line.trim_start().starts_with(&format!("{name}."))
                    || line.trim_start().starts_with(&format!("{name} ="))
            }) {
                problems.push(format!(
                    "{package}/Cargo.toml: depends on {name}, which comes after it in the order"
                ));
            }
        }
    }
    Ok(())
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idiom_in_a_text_is_found_and_in_a_comment_is_not() {
        let found = |source: &str| {
            let mut problems = Vec::new();
            idioms("x.rs", &texts(source), &mut problems);
            problems.len()
        };
        assert_eq!(found("let x = \"nobody can be asked here\";\n"), 1);
        assert_eq!(found("// nobody can be asked here\nlet x = \"cannot prompt here\";\n"), 0);
        assert_eq!(found("#[cfg(test)]\nmod tests { const X: &str = \"nobody owns it\"; }\n"), 0);
    }
}
