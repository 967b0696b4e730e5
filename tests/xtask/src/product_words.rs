//! Words of one product in what every product is made of. `cargo xtask tidy` fails on each that is not in the list below.

/// What the framework does not know: whose API it is, and what the commands of one product act on.
const WORDS: &[&str] = &["astronomer", "deployment", "workspace", "organization"];

/// Where they may not be.
const PLACES: &[&str] = &["core/src/", "sdk/abi/src/", "sdk/protocol/src/", "sdk/cli/src/", "sdk/src/"];

/// In how many lines they are, all the same: revision 1 of the protocol has fields of these names.
const OF_REVISION_1: &[(&str, usize)] = &[
    ("sdk/protocol/src/invocation.rs", 12),
    ("sdk/protocol/src/manifest.rs", 2),
    ("sdk/protocol/src/selection.rs", 9),
];

/// Checks one source. Tests may act on what they like.
pub(crate) fn check(name: &str, source: &str) -> Vec<String> {
    if !PLACES.iter().any(|place| name.starts_with(place))
        || name.contains("/tests")
        || name.ends_with("/tests.rs")
    {
        return Vec::new();
    }
    let code = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let found: Vec<String> = code
        .lines()
        .enumerate()
        .filter_map(|(at, line)| {
            let line = line.to_lowercase();
            let word = WORDS.iter().find(|word| line.contains(**word))?;
            Some(format!("{name}:{}: says \"{word}\", which belongs to one product", at + 1))
        })
        .collect();
    let allowed = OF_REVISION_1.iter().find(|(path, _)| *path == name).map_or(0, |(_, lines)| *lines);
    match allowed {
        0 => found,
        lines if lines == found.len() => Vec::new(),
        lines => vec![format!(
            "{name}: {} lines have words of one product; the fields of revision 1 are in {lines}",
            found.len()
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_one_product_is_found_in_code_texts_and_comments() {
        for line in [
            "let deployment = 1;",
            "// of the Organization",
            "const X: &str = \"WORKSPACE_ID\";",
            "/// [`Astronomer`]",
        ] {
            assert_eq!(check("core/src/api/x.rs", &format!("\n{line}\n")).len(), 1, "{line}");
            assert_eq!(check("core/astro/src/x.rs", line).len(), 0, "{line}");
        }
        let in_a_test = "fn f() {}\n#[cfg(test)]\nmod tests { const X: &str = \"deployment\"; }\n";
        assert_eq!(check("sdk/src/x.rs", in_a_test).len(), 0);
    }

    #[test]
    fn the_fields_of_revision_1_do_not_grow_in_number() {
        let (name, lines) = OF_REVISION_1[0];
        let fields = "deployment\n".repeat(lines);
        assert_eq!(check(name, &fields).len(), 0);
        assert_eq!(check(name, &format!("{fields}workspace\n")).len(), 1);
        assert_eq!(check(name, "").len(), 1);
    }
}
