//! The order of the modules of the host: each uses only those above it. `cargo xtask tidy` fails on any other import, however
//! it is spelled (`use`, a path in an expression, `crate::`, `super::`), so that cycles cannot come back.

use std::path::Path;

/// The top-level modules of `core/src`, from those that everything may use to the one that nothing may use.
pub(crate) const ORDER: &[&str] = &[
    "base",
    "product",
    "sys",
    "config",
    "console",
    "net",
    "credential",
    "context",
    "api",
    "store",
    "trust",
    "cli",
    "env",
    "host",
    "delivery",
    "services",
    "fallback",
    "run",
    "install",
    "author",
    "commands",
    "completion",
    "app",
];

/// What is wrong with the imports of one file. `path` is relative to `core/src`.
pub(crate) fn check(path: &Path, text: &str) -> Vec<String> {
    let module = module_of(path);
    let Some(top) = module.first() else { return Vec::new() };
    let name = path.display();
    let Some(place) = ORDER.iter().position(|known| known == top) else {
        return vec![format!("core/src/{name}: `{top}` is not in the order of tests/xtask/src/layers.rs")];
    };
    let mut problems = Vec::new();
    for (line, used) in paths(&module, text) {
        let target = used.first().and_then(|first| ORDER.iter().position(|known| known == first));
        if target.is_some_and(|target| target > place) {
            let used = used.join("::");
            problems.push(format!(
                "core/src/{name}:{line}: `{top}` uses `{used}`, which comes after it in the order"
            ));
        }
    }
    problems
}

/// The module that a file is: `store/lookup.rs` is `store::lookup`, `lib.rs` is the crate itself.
fn module_of(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> =
        path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

/// Every path of this crate that is named outside of tests, from the crate's root, with its line.
fn paths(module: &[String], text: &str) -> Vec<(usize, Vec<String>)> {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((line, token)) = tokens.get(at) {
        let begins = ["crate", "super", "self"].contains(&token.as_str());
        let follows = at.checked_sub(1).is_some_and(|before| tokens[before].1 == "::");
        if begins && !follows && tokens.get(at + 1).is_some_and(|(_, next)| next == "::") {
            let mut spelled = Vec::new();
            at = tree(&tokens, at, &[], &mut spelled);
            found.extend(spelled.iter().map(|path| (*line, resolved(module, path))));
        } else {
            at += 1;
        }
    }
    found
}

/// Reads a path, or the tree of a `use`, that begins at a token. Answers the token after it.
fn tree(tokens: &[(usize, String)], mut at: usize, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let token = |at: usize| tokens.get(at).map_or("", |(_, token)| token.as_str());
    let mut path = prefix.to_vec();
    loop {
        if token(at) == "{" {
            at += 1;
            while !["}", ""].contains(&token(at)) {
                at = tree(tokens, at, &path, found);
                // `, ` and what an `as` renames.
                while ![",", "}", ""].contains(&token(at)) {
                    at += 1;
                }
                at += usize::from(token(at) == ",");
            }
            return at + 1;
        }
        path.push(token(at).to_owned());
        at += 1;
        if token(at) != "::" {
            found.push(path);
            return at;
        }
        at += 1;
        // A turbofish ends a path.
        if token(at) == "<" {
            found.push(path);
            return at;
        }
    }
}

fn resolved(module: &[String], path: &[String]) -> Vec<String> {
    let mut from: Vec<String> = module.to_vec();
    let mut rest = path;
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "crate" => from.clear(),
            "super" => drop(from.pop()),
            "self" => {}
            _ => break,
        }
        rest = others;
    }
    from.extend_from_slice(rest);
    from
}

/// Words and signs of a source text with their lines, without comments, texts and characters.
fn tokens(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(raw) = rest.strip_prefix("r#\"") {
            raw.find("\"#").map_or(rest.len(), |end| end + 5)
        } else if c == '"' {
            text_length(rest)
        } else if c == '\'' {
            character_length(rest)
        } else if c.is_alphanumeric() || c == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            found.push((line, rest[..end].to_owned()));
            end
        } else if rest.starts_with("::") {
            found.push((line, "::".to_owned()));
            2
        } else {
            if !c.is_whitespace() {
                found.push((line, c.to_string()));
            }
            c.len_utf8()
        };
        line += rest[..taken].matches('\n').count();
        rest = &rest[taken..];
    }
    found
}

fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// A character, or the sign of a lifetime.
fn character_length(rest: &str) -> usize {
    let mut inside = rest.char_indices().skip(1);
    match (inside.next(), inside.next()) {
        (Some((_, '\\')), _) => rest[3..].find('\'').map_or(1, |end| end + 4),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> usize {
        check(Path::new(path), text).len()
    }

    #[test]
    fn an_upward_import_is_found_however_it_is_spelled() {
        for text in [
            "use crate::app::main;\n",
            "use crate::{\n    base::files,\n    commands::{self, pages},\n};\n",
            "use super::super::app;\n",
            "pub(crate) use super::super::{app as above, base};\n",
            "fn f() { crate::run::line::line(1) }\n",
            "fn f() { super::super::services::dispatch::<u8>() }\n",
            "const SIGN: char = '\"'; fn f<'a>(x: &'a str) { crate::app::g() }\n",
            "const TEXT: &str = \"\\\"\"; fn f() { crate::app::g() }\n",
        ] {
            assert_ne!(problems("store/lookup.rs", text), 0, "{text}");
        }
    }

    #[test]
    fn what_is_below_or_beside_is_fine() {
        for text in [
            "use crate::{base::error::{Result, code}, sys, VERSION};\n",
            "use super::index::{self, Facts};\n",
            "use self::inner::app;\n",
            "use std::env;\n",
            "// crate::app\n/* crate::app */ const X: &str = \"crate::app\"; const Y: &str = r#\"crate::app\"#;\n",
            "pub(in crate::store) fn f() {}\n",
            "#[cfg(test)]\nmod tests {\n    use crate::app;\n}\n",
        ] {
            assert_eq!(problems("store/lookup.rs", text), 0, "{text}");
        }
        assert_eq!(problems("lib.rs", "mod app;\npub use crate::app::main;\n"), 0);
        assert_eq!(problems("elsewhere/mod.rs", ""), 1, "a module without a place in the order");
    }
}
