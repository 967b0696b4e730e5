//! Did you mean.

/// The candidate nearest to a typed word, if one is near enough to be a slip.
pub fn nearest<'a>(typed: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bare = typed.trim_start_matches('-').split('=').next().unwrap_or_default();
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(bare, candidate.trim_start_matches('-')), candidate))
        .filter(|(distance, candidate)| {
            *distance <= (candidate.trim_start_matches('-').len() / 3).clamp(1, 3)
        })
        .filter(|(distance, _)| *distance < bare.chars().count().max(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word() {
        let words = ["deployment", "plugin", "profile"];
        assert_eq!(nearest("deploymnet", words.into_iter()), Some("deployment"));
        assert_eq!(nearest("plugins", words.into_iter()), Some("plugin"));
        assert_eq!(nearest("--nmae", ["--name"].into_iter()), Some("--name"));
        assert_eq!(nearest("zebra", words.into_iter()), None);
        assert_eq!(nearest("x", words.into_iter()), None);
    }
}
