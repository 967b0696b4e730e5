//! The line of bash up to the cursor, as it was typed: quotes and backslashes are still in it. bash hands over words as
//! well, but cut at `=` and `:`, so that `--output=json` is three of them.

/// How the word at the cursor is quoted, which is how the rest of it has to be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Everything that acts in bash gets a backslash.
    #[default]
    Backslash,
    /// Behind an open `"`: four characters still act.
    Double,
    /// Behind an open `'`: nothing acts, and a `'` cannot be written.
    Single,
}

/// A line that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// What the words before the cursor mean, the program's name first; redirections are left out.
    pub(super) before: Vec<String>,
    /// What the word at the cursor means so far.
    pub(super) current: String,
    /// How it is quoted.
    pub(super) quoting: Quoting,
    /// The part of `current` that bash leaves as it is: what is inserted follows it.
    pub(super) kept: String,
    /// The word is the file of a redirection.
    pub(super) is_redirected: bool,
}

/// Reads a line. `breaks` are the characters at which the shell's own completion begins a new word
/// (`COMP_WORDBREAKS`).
pub(super) fn read(text: &str, breaks: &str) -> Line {
    let mut line = Line::default();
    // No word has begun: a blank or the line's beginning is before the cursor.
    let mut begun = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (line.quoting, c) {
            (Quoting::Single, '\'') | (Quoting::Double, '"') => {
                line.quoting = Quoting::Backslash;
                line.kept.clone_from(&line.current);
            }
            (Quoting::Single, c) => line.current.push(c),
            (Quoting::Double, '\\') => match chars.next() {
                Some(next) if "\"$`\\".contains(next) => line.current.push(next),
                next => {
                    line.current.push('\\');
                    line.current.extend(next);
                }
            },
            (Quoting::Double, c) => line.current.push(c),
            (Quoting::Backslash, '\'' | '"') => {
                begun = true;
                line.quoting = if c == '"' { Quoting::Double } else { Quoting::Single };
                line.kept.clone_from(&line.current);
            }
            (Quoting::Backslash, '\\') => {
                begun = true;
                line.current.extend(chars.next());
            }
            (Quoting::Backslash, ' ' | '\t' | '\n' | '<' | '>' | '&' | '|') => {
                let is_redirection = matches!(c, '<' | '>');
                // `2>` is one sign, and its number no word.
                let is_number = is_redirection && line.current.bytes().all(|byte| byte.is_ascii_digit());
                if begun && !is_number {
                    line.end_word();
                }
                begun = false;
                line.current.clear();
                line.kept.clear();
                line.is_redirected |= is_redirection;
            }
            (Quoting::Backslash, c) => {
                begun = true;
                line.current.push(c);
                if breaks.contains(c) {
                    line.kept.clone_from(&line.current);
                }
            }
        }
    }
    line
}

impl Line {
    fn end_word(&mut self) {
        let word = std::mem::take(&mut self.current);
        if !std::mem::take(&mut self.is_redirected) {
            self.before.push(word);
        }
    }
}

impl Quoting {
    /// A text in this form; none when it cannot be written so.
    pub(super) fn quoted(self, text: &str) -> Option<String> {
        let needs = |c: char| match self {
            Self::Single => false,
            Self::Double => "\"$`\\".contains(c),
            Self::Backslash => !(c.is_alphanumeric() || "-_./@%+,".contains(c)),
        };
        // What cannot be written so: a quote inside its own kind, the history's sign, which acts inside `"`, and what
        // bash would take for a pattern of file names.
        let unwritable = match self {
            Self::Single => "'*?[",
            Self::Double => "!*?[",
            Self::Backslash => "",
        };
        if text.contains(|c| unwritable.contains(c)) {
            return None;
        }
        let mut quoted = String::with_capacity(text.len());
        for c in text.chars() {
            if needs(c) {
                quoted.push('\\');
            }
            quoted.push(c);
        }
        Some(quoted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of bash where nothing changes them.
    const BREAKS: &str = " \t\n\"'@><=;|&(:";

    /// Words, the word at the cursor, what stays of it.
    #[test]
    fn a_line_is_read_as_bash_will() {
        for (text, before, current, kept) in [
            ("astro ", "astro", "", ""),
            ("astro dep", "astro", "dep", ""),
            ("astro --output=js", "astro", "--output=js", "--output="),
            ("astro use co:lo", "astro|use", "co:lo", "co:"),
            ("astro use co\\:lo", "astro|use", "co:lo", ""),
            ("astro use 'co:lo", "astro|use", "co:lo", ""),
            ("astro -w Ingest\\ S", "astro|-w", "Ingest S", ""),
            ("astro -w 'Ingest S' x", "astro|-w|Ingest S", "x", ""),
            ("astro -w \"a\\\"b\\c", "astro|-w", "a\"b\\c", ""),
            ("astro --workspace='Data P", "astro", "--workspace=Data P", "--workspace="),
            ("astro a\\", "astro", "a", ""),
            ("astro '' ", "astro|", "", ""),
            ("astro list 2>file -", "astro|list", "-", ""),
            ("astro list >a", "astro|list", "a", ""),
        ] {
            let line = read(text, BREAKS);
            assert_eq!(line.before.join("|"), before, "{text}");
            assert_eq!((line.current.as_str(), line.kept.as_str()), (current, kept), "{text}");
        }
        assert!(read("astro list > a", BREAKS).is_redirected);
        assert!(!read("astro list > a ", BREAKS).is_redirected);
        // Whoever took `:` and `=` out of the variable gets whole words.
        assert_eq!(read("astro --output=js", " \t\n").kept, "");
    }

    #[test]
    fn a_value_is_written_as_the_word_was_begun() {
        for (word, value, written) in [
            ("Ing", "Ingest Staging", Some("Ingest\\ Staging")),
            ("", "$(touch x)`y`;'\"", Some("\\$\\(touch\\ x\\)\\`y\\`\\;\\'\\\"")),
            ("'Ing", "Ingest Staging", Some("Ingest Staging")),
            ("'it", "it's", None),
            ("\"hh", "hh!!", None),
            ("hh", "hh!!", Some("hh\\!\\!")),
            ("'gl", "gl*b", None),
            ("\"Ing", "Ingest $HOME", Some("Ingest \\$HOME")),
            ("co:", "co:lon", Some("co\\:lon")),
        ] {
            let line = read(&format!("astro {word}"), BREAKS);
            assert_eq!(line.quoting.quoted(value).as_deref(), written, "{word} {value}");
        }
    }
}
