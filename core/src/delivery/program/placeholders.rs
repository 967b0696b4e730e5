//! Placeholders in a command (`{name}`): where they may stand, what may take their place, and the script that does without.

use crate::{program::ENV, suggest::nearest};

/// They run the word after `-c` as a script.
const SHELLS: &[&str] =
    &["sh", "ash", "bash", "csh", "dash", "fish", "ksh", "mksh", "rbash", "tcsh", "yash", "zsh"];
/// Options of shells that take the next word.
const SHELL_OPTIONS: &[&str] = &["--init-file", "--rcfile"];
/// They hand their words to a shell, here or on another machine.
pub(super) const SHELL_CALLERS: &[&str] =
    &["flock", "parallel", "rsh", "runuser", "screen", "script", "ssh", "su", "tmux", "watch", "xargs"];
/// Commands of a script that run none of their arguments.
const WORDS_ARE_WORDS: &[&str] = &[
    "aws",
    "az",
    "bao",
    "cat",
    "cp",
    "echo",
    "gcloud",
    "gh",
    "keyctl",
    "kubectl",
    "mkdir",
    "mv",
    "pass",
    "secret-tool",
    "tee",
    "touch",
    "vault",
];
/// What else a text may consist of that takes the place of a placeholder, besides letters and digits: nothing that a shell,
/// make or another language gives a meaning to.
const PLAIN: &str = "._@:+-";

pub(super) fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Which words another program reads as code: scripts after `-c` of a shell, and everything that is handed to one.
pub(super) fn code_words(words: &[String]) -> Vec<bool> {
    let mut code = vec![false; words.len()];
    for (at, word) in words.iter().enumerate() {
        let program = base_name(word);
        if SHELL_CALLERS.contains(&program) {
            code[at + 1..].fill(true);
        }
        if SHELLS.contains(&program) {
            let is_option = |word: &String| word.starts_with('-') || word.starts_with('+');
            let takes_script =
                |word: &String| word.starts_with('-') && !word.starts_with("--") && word.contains('c');
            let options =
                (at + 1..words.len()).filter(|at| takes_script(&words[*at]) || words[*at] == "--command");
            for option in options.collect::<Vec<_>>() {
                let mut script = option + 1;
                while let Some(word) = words.get(script).filter(|word| is_option(word)) {
                    // `-o pipefail`, `+O extglob`, `--rcfile FILE`
                    let takes_next = !word.starts_with("--") && word.ends_with(['o', 'O'])
                        || SHELL_OPTIONS.contains(&word.as_str());
                    script += 1 + usize::from(takes_next);
                }
                if let Some(code) = code.get_mut(script) {
                    *code = true;
                }
            }
        }
    }
    code
}

/// Whether a word has a placeholder of this field. `${name}` is a shell's.
pub(super) fn holds(word: &str, field: &str) -> bool {
    let placeholder = format!("{{{field}}}");
    word.match_indices(&placeholder).any(|(at, _)| !word[..at].ends_with('$'))
}

/// Whether the text around placeholders is that of a path or a `key=value`: no blank, quote or bracket, which begin
/// another language (JSON, SQL, a script).
pub(super) fn is_plain_around(word: &str) -> bool {
    word.chars().all(|c| c.is_alphanumeric() || "{}_./:=@%+,-".contains(c))
}

/// A script with variables in place of its placeholders, quoted as the place wants it. None where that cannot be told.
pub(super) fn in_script(script: &str, fields: &[&str]) -> Option<String> {
    // In quotes a variable is safe for the shell that reads the script, and for nothing that reads it next: `eval`, another
    // shell, `sed`, a test in brackets. So every command of the script is one that takes words for words.
    let commands = script.split([';', '&', '\n']).map(str::trim_start);
    let is_known = |command: &str| {
        let word = command.split(char::is_whitespace).next().unwrap_or_default();
        word.is_empty() || WORDS_ARE_WORDS.contains(&word)
    };
    let is_nested = ["<<", "`", "$(", "|", "[", "{ "].iter().any(|sign| script.contains(sign));
    if is_nested || !commands.clone().all(is_known) {
        return None;
    }
    let mut placed = String::new();
    let mut quote = None;
    let mut rest = script;
    while let Some(c) = rest.chars().next() {
        let field = fields.iter().find(|field| {
            rest[1..].strip_prefix(**field).is_some_and(|after| after.starts_with('}')) && c == '{'
        });
        if let Some(field) = field.filter(|_| !placed.ends_with('$')) {
            let variable = format!("${{{ENV}_SECRET_{}}}", field.to_uppercase());
            placed.push_str(&match quote {
                None => format!("\"{variable}\""),
                Some('"') => variable,
                Some(_) => format!("'\"{variable}\"'"),
            });
            rest = &rest[field.len() + 2..];
            continue;
        }
        let mut taken = c.len_utf8();
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"') | None, '\\') => taken += rest[1..].chars().next().map_or(0, char::len_utf8),
            (None, '\'' | '"') => quote = Some(c),
            _ => {}
        }
        placed.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    Some(placed)
}

/// A placeholder that looks like one of the fields: `{nam}`.
pub(super) fn misspelt<'w>(word: &'w str, fields: &[&str]) -> Option<(&'w str, String)> {
    word.split('{').skip(1).find_map(|part| {
        let (typed, _) = part.split_once('}')?;
        let is_name = !typed.is_empty() && typed.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if !is_name || fields.contains(&typed) {
            return None;
        }
        Some((typed, nearest(typed, fields.iter().copied())?.to_owned()))
    })
}

/// A word with its placeholders replaced, in one pass: the text of one may look like another.
pub(super) fn filled(word: &str, fields: &[(&str, &str)], may_have_blanks: bool) -> Result<String, String> {
    let mut full = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        full.push_str(before);
        let found = fields.iter().find(|(key, _)| {
            from[1..].strip_prefix(key).is_some_and(|after| after.starts_with('}')) && !before.ends_with('$')
        });
        match found {
            Some((key, value)) => {
                let is_alone = word.len() == key.len() + 2;
                check_text(key, value, is_alone, is_alone && may_have_blanks)?;
                full.push_str(value);
                rest = &from[key.len() + 2..];
            }
            None => {
                full.push('{');
                rest = &from[1..];
            }
        }
    }
    full.push_str(rest);
    Ok(full)
}

/// Refuses a text that could change what the word around it means, or be code where the word is. `is_alone`: there is
/// nothing around it.
fn check_text(key: &str, value: &str, is_alone: bool, may_have_blanks: bool) -> Result<(), String> {
    let is_path = match is_alone {
        true => value.starts_with(['/', '~']) || value.split('/').any(|part| part == ".."),
        false => value.contains('/') || value == "." || value == "..",
    };
    let is_plain = |c: char| c.is_alphanumeric() || PLAIN.contains(c) || is_alone && c == '/';
    let reason = match value {
        "" => "is empty".to_owned(),
        value if value.starts_with('-') => "begins with `-`, which would make it an option".to_owned(),
        value if value.chars().any(char::is_control) => "has a control character".to_owned(),
        _ if is_path => "would lead to another path".to_owned(),
        value => match value.chars().find(|c| !(is_plain(*c) || may_have_blanks && *c == ' ')) {
            Some(' ') => {
                "has a blank, which only the value of an option may have (`--label {name}`)".to_owned()
            }
            Some(c) => format!("has the character `{c}`, which may be code where the word is read"),
            None => return Ok(()),
        },
    };
    Err(format!("`{{{key}}}` cannot be replaced by {value:?}: it {reason}"))
}
