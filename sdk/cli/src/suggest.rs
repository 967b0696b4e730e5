//! Did you mean.

use crate::tree::{Child, CommandSet};

/// The candidate nearest to a typed word, if one is near enough to be a slip. Case makes no difference.
pub fn nearest<'a>(typed: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bare = typed.trim_start_matches('-').split('=').next().unwrap_or_default().to_lowercase();
    candidates
        .map(|candidate| {
            let other = candidate.trim_start_matches('-').to_lowercase();
            (strsim::damerau_levenshtein(&bare, &other), candidate)
        })
        .filter(|(distance, candidate)| {
            *distance <= (candidate.trim_start_matches('-').len() / 3).clamp(1, 3)
        })
        .filter(|(distance, _)| *distance < bare.chars().count().max(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The most commands that are suggested; where more would fit, none is.
const MOST: usize = 3;

/// What may be meant by words of which the first is none below a path: a slip or another case of one that is, the
/// beginning of one, or a word further down, each with as many of the further words as fit.
pub fn commands(set: &CommandSet, path: &str, words: &[&str]) -> Vec<String> {
    let [first, rest @ ..] = words else { return Vec::new() };
    let below = if path.is_empty() { String::new() } else { format!("{path} ") };
    let children = set.children(path);
    let spellings = |child: &Child<'_>| {
        std::iter::once(child.word.to_owned()).chain(child.aliases.iter().cloned()).collect::<Vec<_>>()
    };
    let visible: Vec<_> = children.iter().filter(|child| !child.hidden).collect();
    let all: Vec<String> = visible.iter().flat_map(|child| spellings(child)).collect();
    let slip = nearest(first, all.iter().map(String::as_str));
    let typed = first.to_lowercase();
    let mut found: Vec<String> = match slip {
        Some(slip) => vec![slip.to_owned()],
        None => visible
            .iter()
            .map(|child| child.word)
            .filter(|word| word.starts_with(&typed))
            .map(str::to_owned)
            .collect(),
    };
    if typed.is_empty() {
        found.clear();
    }
    let mut found: Vec<String> = found.iter().map(|word| set.locate(&words_of(&below, word)).0).collect();
    if found.is_empty() {
        found = further_down(set, &below, &typed);
    }
    if found.len() > MOST {
        return Vec::new();
    }
    let rest: Vec<String> = rest.iter().map(|word| word.to_lowercase()).collect();
    let longer = found.iter().map(|path| {
        let whole: Vec<&str> = path.split(' ').chain(rest.iter().map(String::as_str)).collect();
        let (longer, _) = set.locate(&whole);
        // A command takes what follows it as arguments.
        longer
    });
    longer.collect()
}

fn words_of<'w>(below: &'w str, word: &'w str) -> Vec<&'w str> {
    below.split(' ').filter(|word| !word.is_empty()).chain(std::iter::once(word)).collect()
}

/// Paths more than one word below whose last word is the typed one, or else a slip of it.
fn further_down(set: &CommandSet, below: &str, typed: &str) -> Vec<String> {
    let mut paths: Vec<&str> = Vec::new();
    let all = set.commands.iter().filter(|command| !command.hidden).map(|command| command.path.as_str());
    for path in all {
        let ends = path.match_indices(' ').map(|(at, _)| &path[..at]).chain(std::iter::once(path));
        for path in ends.filter(|path| path.strip_prefix(below).is_some_and(|rest| rest.contains(' '))) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    let last = |path: &str| path.rsplit(' ').next().unwrap_or_default().to_owned();
    let exact: Vec<String> =
        paths.iter().filter(|path| last(path) == typed).map(|path| (*path).to_owned()).collect();
    if !exact.is_empty() {
        return exact;
    }
    let slips = paths.iter().filter(|path| nearest(typed, std::iter::once(last(path).as_str())).is_some());
    slips.map(|path| (*path).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use astro_plugin_protocol::manifest::{Command, Group};

    use super::*;

    #[test]
    fn a_slip_finds_its_word() {
        let words = ["deployment", "plugin", "profile"];
        assert_eq!(nearest("deploymnet", words.into_iter()), Some("deployment"));
        assert_eq!(nearest("plugins", words.into_iter()), Some("plugin"));
        assert_eq!(nearest("--nmae", ["--name"].into_iter()), Some("--name"));
        assert_eq!(nearest("zebra", words.into_iter()), None);
        assert_eq!(nearest("x", words.into_iter()), None);
        assert_eq!(nearest("Plugin", words.into_iter()), Some("plugin"));
        assert_eq!(nearest("--NAME", ["--name"].into_iter()), Some("--name"));
    }

    #[test]
    fn the_command_that_is_meant_is_found_at_any_depth() {
        let command = |path: &str| Command { path: path.to_owned(), ..Command::default() };
        let set = CommandSet {
            groups: vec![
                Group { path: "deployment".into(), aliases: vec!["de".into()], ..Group::default() },
                Group { path: "deployment token".into(), ..Group::default() },
            ],
            commands: [
                "deployment list",
                "deployment token create",
                "deployment token list",
                "profile list",
                "profile add",
                "plugin list",
            ]
            .map(command)
            .to_vec(),
        };
        for (path, words, expected) in [
            ("", "deploymnet", "deployment"),
            ("", "DEPLOYMENT List", "deployment list"),
            ("", "dep list", "deployment list"),
            ("", "dep list x", "deployment list"),
            ("", "dep token lst", "deployment token"),
            ("", "d", "deployment"),
            ("", "p", "profile|plugin"),
            ("", "token", "deployment token"),
            ("", "tokens list", "deployment token list"),
            ("", "create", "deployment token create"),
            ("", "add", "profile add"),
            // Too many to be of use.
            ("", "list", ""),
            ("", "zebra", ""),
            ("", "", ""),
            ("deployment", "create", "deployment token create"),
            ("deployment", "tokn create", "deployment token create"),
            ("profile", "create", ""),
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            assert_eq!(commands(&set, path, &words).join("|"), expected, "{path}: {words:?}");
        }
    }
}
