//! Whether a product can be run as it is.

use std::collections::BTreeSet;

use astro_plugin_protocol::names;
use reqwest::Url;

use super::Product;

impl Product {
    /// What is wrong with its values, each as a fragment that names the field; nothing when it can be run.
    pub fn problems(&self) -> Vec<String> {
        let program = &self.program;
        let word = "a word of small letters, digits and hyphens";
        let mut found: Vec<String> = [
            of_value("program.name", program.name, names::is_word, word),
            of_value("program.prefix", program.prefix, is_prefix, "capital letters, digits and underscores"),
            of_value("version", self.version, names::is_version, "of the form 1.2.3"),
            of_value("folder", self.folder, is_file_name, "the name of a file"),
            of_value("directory_file", self.directory_file, is_file_name, "the name of a file"),
            of_value("lock_file", self.lock_file, is_file_name, "the name of a file"),
            of_value("extension", self.extension, is_extension, "letters, digits and hyphens"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut longs: BTreeSet<&str> = names::GLOBALS.iter().map(|global| global.long).collect();
        for dimension in program.vocabulary.dimensions {
            let name = dimension.name;
            found.extend(of_value("a dimension", name, names::is_word, word));
            if !name.is_empty() && !longs.insert(name) {
                found.push(format!("the dimension `{name}` has the name of another global option"));
            }
        }
        found.extend(self.problems_of_api());
        found
    }

    fn problems_of_api(&self) -> Option<String> {
        let base = self.api.base_path;
        if !base.is_empty() && (!base.starts_with('/') || base.ends_with('/')) {
            return Some(format!("`api.base_path` is `{base}`, which is not of the form /v1"));
        }
        let address = self.api.default_address?;
        let is_base = Url::parse(address).is_ok_and(|url| {
            let is_local =
                url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
            (url.scheme() == "https" || url.scheme() == "http" && is_local)
                && url.path().trim_end_matches('/') == base
        });
        (!is_base).then(|| {
            format!("`api.default_address` is `{address}`, which is not of the form https://HOST{base}")
        })
    }
}

/// What is wrong with one value.
fn of_value(field: &str, value: &str, is_fine: fn(&str) -> bool, what: &str) -> Option<String> {
    match value {
        "" => Some(format!("`{field}` is empty")),
        value if is_fine(value) => None,
        value => Some(format!("`{field}` is `{}`, which is not {what}", value.escape_debug())),
    }
}

fn is_extension(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_prefix(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The name of something in a directory: nothing that leads to another one, or that a shell would have to quote.
fn is_file_name(text: &str) -> bool {
    !matches!(text, "." | "..")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use astro_plugin_protocol::names::{Dimension, Vocabulary};

    use super::*;
    use crate::product::{Api, Program};

    const GOOD: Product = Product {
        program: Program { name: "orbit", prefix: "ORBIT", vocabulary: Vocabulary::NONE },
        version: "1.0.0",
        folder: "orbit",
        directory_file: ".orbit.toml",
        lock_file: "orbit-plugins.lock",
        extension: "orbit-plugin",
        ..Product::STANDARD
    };

    fn dimensions(dimensions: &'static [Dimension]) -> Product {
        let vocabulary = Vocabulary { dimensions, ..Vocabulary::NONE };
        Product { program: Program { vocabulary, ..GOOD.program }, ..GOOD }
    }

    fn dimension(name: &'static str) -> Dimension {
        Dimension::new(name, &["teams"], "/team", |_| true)
    }

    #[test]
    fn each_value_that_cannot_work_is_named() {
        let named = |name| Product { program: Program { name, ..GOOD.program }, ..GOOD };
        let api = |default_address, base_path| Product {
            api: Api { default_address, base_path, ..Api::NONE },
            ..GOOD
        };
        let leaked = |names: &[&'static str]| -> &'static [Dimension] {
            Box::leak(names.iter().map(|name| dimension(name)).collect())
        };
        let rows = [
            (GOOD, ""),
            (named(""), "`program.name` is empty"),
            (named("or bit"), "`program.name` is `or bit`"),
            (
                Product { program: Program { prefix: "or-bit", ..GOOD.program }, ..GOOD },
                "`program.prefix` is `or-bit`",
            ),
            (Product { version: "one", ..GOOD }, "`version` is `one`"),
            (Product { folder: "../orbit", ..GOOD }, "`folder` is `../orbit`"),
            (Product { lock_file: "..", ..GOOD }, "`lock_file` is `..`"),
            (Product { extension: "a.b", ..GOOD }, "`extension` is `a.b`"),
            (dimensions(leaked(&["team"])), ""),
            (dimensions(leaked(&[""])), "`a dimension` is empty"),
            (dimensions(leaked(&["My Team"])), "`a dimension` is `My Team`"),
            (dimensions(leaked(&["output"])), "the dimension `output` has the name of another"),
            (dimensions(leaked(&["team", "team"])), "the dimension `team` has the name of another"),
            (api(None, "v1/"), "`api.base_path` is `v1/`"),
            (api(Some("orbit.example"), ""), "`api.default_address` is `orbit.example`"),
            (
                api(Some("http://orbit.example/v1"), "/v1"),
                "`api.default_address` is `http://orbit.example/v1`",
            ),
            (api(Some("https://orbit.example"), "/v1"), "not of the form https://HOST/v1"),
            (api(Some("https://orbit.example/v1"), "/v1"), ""),
        ];
        for (product, expected) in rows {
            let found = product.problems().join("; ");
            assert_eq!(found.is_empty(), expected.is_empty(), "{expected}: {found}");
            assert!(found.contains(expected), "{expected}: {found}");
        }
    }
}
