//! Words and flags that belong to the host, as data: the SDK, `plugin link` and the installer refuse a
//! manifest that takes one of them, and the host builds its own command line from the same tables.

/// A global option: accepted in any position before `--`, resolved once by the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Global {
    /// Long name without dashes.
    pub long: &'static str,
    /// Short name.
    pub short: Option<char>,
    /// Other long names that mean the same.
    pub aliases: &'static [&'static str],
    /// Name of its value; `None` for a flag.
    pub value: Option<&'static str>,
    /// May be given several times.
    pub repeatable: bool,
    /// The values it accepts, when they can be listed.
    pub choices: &'static [&'static str],
    /// The environment variable that gives the same value; a flag beats it.
    pub env: Option<&'static str>,
    /// One line of help, imperative, without full stop.
    pub help: &'static str,
}

const FLAG: Global = Global {
    long: "",
    short: None,
    aliases: &[],
    value: None,
    repeatable: false,
    choices: &[],
    env: None,
    help: "",
};

/// The names of the formats of results, which an option of a plugin may stand for: `--output=json`. The first one is used where
/// nothing else is chosen.
pub const FORMATS: &[&str] = &["table", "json", "clean"];

/// The global options of every program, in the order `astro help globals` shows them. Those of its dimensions stand after
/// the first two ([`Vocabulary`]).
pub const GLOBALS: &[Global] = &[
    Global {
        long: "profile",
        value: Some("NAME"),
        env: Some("ASTRO_PROFILE"),
        help: "Use this profile; it beats the token, address and id variables for everything it sets",
        ..FLAG
    },
    Global {
        long: "output",
        short: Some('o'),
        value: Some("FORMAT"),
        choices: FORMATS,
        env: Some("ASTRO_OUTPUT"),
        help: "Write the result as a table for people, as json, or as clean values for scripts",
        ..FLAG
    },
    Global { long: "yes", short: Some('y'), help: "Answer yes to every question", ..FLAG },
    Global { long: "no-input", help: "Never ask; a missing answer is an error that names the flag", ..FLAG },
    Global {
        long: "color",
        value: Some("WHEN"),
        choices: &["auto", "always", "never"],
        env: Some("NO_COLOR"),
        help: "Colour the output: auto, always or never",
        ..FLAG
    },
    Global {
        long: "timeout",
        value: Some("DURATION"),
        help: "Give up on a request after this time: `30s`, `2m`, a bare number is seconds",
        ..FLAG
    },
    Global {
        long: "debug",
        help: "Show each request on stderr: method, path, status, request id, time",
        ..FLAG
    },
    Global { long: "quiet", short: Some('q'), help: "Show no notices and no progress", ..FLAG },
    Global {
        long: "verbose",
        short: Some('v'),
        repeatable: true,
        env: Some("ASTRO_LOG"),
        help: "Log what happens on stderr; twice for more",
        ..FLAG
    },
    Global { long: "help", short: Some('h'), help: "Show help", ..FLAG },
    Global { long: "version", short: Some('V'), help: "Show the version", ..FLAG },
];

/// The host's options of commands that deliver a one-time secret: where it goes.
pub const SECRET_OPTIONS: &[Global] = &[
    Global {
        long: "token-file",
        value: Some("PATH"),
        help: "Write the token to this file, readable by you alone; the result then holds everything but the token",
        ..FLAG
    },
    Global {
        long: "token-exec",
        value: Some("COMMAND"),
        help: "Run this program with the token, and nothing else, on its standard input. The variables ASTRO_SECRET_NAME, ASTRO_SECRET_ID and so on say what it belongs to; `{name}`, `{id}` and so on put the same into its words. Use it for secret managers: a program tells by its exit code that it stored the token",
        ..FLAG
    },
    Global {
        long: "token-exec-newline",
        help: "End the token with a newline, for programs that read a line",
        ..FLAG
    },
    Global {
        long: "token-verify",
        value: Some("COMMAND"),
        help: "Afterwards run this program, which prints the stored value, and compare it with the token: only then it counts as delivered",
        ..FLAG
    },
    Global {
        long: "keep-recovery",
        help: "Keep the recovery file also after the token was delivered; `astro recover discard` removes it",
        ..FLAG
    },
    Global {
        long: "no-recovery",
        help: "Keep no recovery file: a token that cannot be delivered is lost",
        ..FLAG
    },
];

/// The host's option of commands that may run for several profiles at once.
pub const SEVERAL_OPTIONS: &[Global] = &[Global {
    long: "all-profiles",
    help: "Run for every profile at once, each row telling its profile; or pass `--profile` several times",
    ..FLAG
}];

/// Long options that no plugin may take because the host will, one day, mean something by them.
pub const RESERVED_LONGS: &[&str] = &[
    "dry-run",
    "offline",
    "isolate",
    "columns",
    "sort",
    "no-header",
    "query",
    "no-pager",
    "config",
    "template",
];

/// Reserved longs that a command may declare until the host does, because they already mean the same
/// thing there: `--sort` orders the rows of a list.
pub const RESERVED_BUT_LENT: &[&str] = &["sort"];

/// First words the host answers itself.
pub const BUILTIN_WORDS: &[&str] = &[
    "profile",
    "context",
    "whoami",
    "config",
    "login",
    "logout",
    "credential",
    "plugin",
    "recover",
    "commands",
    "completion",
    "version",
    "help",
];

/// First words kept for the host.
pub const RESERVED_WORDS: &[&str] = &[
    "alias",
    "api",
    "auth",
    "cache",
    "doctor",
    "env",
    "exec",
    "index",
    "init",
    "man",
    "mcp",
    "run",
    "self",
    "server",
    "store",
    "telemetry",
    "update",
    "upgrade",
];

/// A word that several plugins share: its text and aliases do not depend on who was installed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WellKnown {
    /// The path, words separated by one space.
    pub path: &'static str,
    /// Other spellings of the last word.
    pub aliases: &'static [&'static str],
    /// One line of help.
    pub about: &'static str,
}

/// A level of what a program's commands act on, such as a team or a cluster of it. It is a global option (`--team`, also
/// `--team-id`), a variable (`ASTRO_TEAM_ID`), a key of profiles and directory files, and a value of the context.
#[derive(Debug, Clone, Copy)]
pub struct Dimension {
    /// What it is called: a word.
    pub name: &'static str,
    /// Where a token's payload says it, as a JSON pointer (RFC 6901).
    pub claim: Option<&'static str>,
    /// The path of the API's list of them, below its base. `{team}` stands for the ID of a wider dimension; the last
    /// segment is also the key of the rows in the response, which have `id` and `name`.
    pub list: &'static [&'static str],
    /// Whether a text looks like an ID and not like a name: an ID is never looked up before it is used.
    pub is_id: fn(&str) -> bool,
}

impl Dimension {
    /// A dimension that tokens may have a claim for. An API without names says that every text is an ID.
    pub const fn new(
        name: &'static str,
        list: &'static [&'static str],
        claim: &'static str,
        is_id: fn(&str) -> bool,
    ) -> Self {
        Self { name, claim: Some(claim), list, is_id }
    }

    /// The key of the rows of its list.
    pub fn plural(&self) -> &'static str {
        self.list.last().copied().unwrap_or(self.name)
    }
}

/// The names that a program adds to those of every host.
#[derive(Debug, Clone, Copy, Default)]
pub struct Vocabulary {
    /// What its commands act on, from the widest to the narrowest; each is a part of the one before it. A credential
    /// belongs to one of the first.
    pub dimensions: &'static [Dimension],
    /// Words that several of its plugins share.
    pub words: &'static [WellKnown],
    /// First words that no plugin may take.
    pub reserved: &'static [&'static str],
}

impl Vocabulary {
    /// That of a program without names of its own.
    pub const NONE: Self = Self { dimensions: &[], words: &[], reserved: &[] };

    /// The dimension with this name.
    pub fn dimension(&self, name: &str) -> Option<&'static Dimension> {
        self.dimensions.iter().find(|dimension| dimension.name == name)
    }

    /// The shared word at a path.
    pub fn well_known(&self, path: &str) -> Option<&'static WellKnown> {
        self.words.iter().find(|word| word.path == path)
    }

    /// The shared word of which `word` is another spelling, below the path `above` (`""` for first words).
    pub fn well_known_alias(&self, above: &str, word: &str) -> Option<&'static WellKnown> {
        self.words.iter().find(|known| {
            known.path.rsplit_once(' ').map_or("", |(parent, _)| parent) == above
                && known.aliases.contains(&word)
        })
    }

    /// Whether a long name without dashes is a global option, or another spelling of one.
    pub fn is_global(&self, long: &str) -> bool {
        let of_dimension = |long: &str| self.dimension(long.strip_suffix("-id").unwrap_or(long)).is_some();
        GLOBALS.iter().any(|global| global.long == long || global.aliases.contains(&long))
            || of_dimension(long)
    }
}

/// Whether a word may stand in a command path: `[a-z][a-z0-9-]{0,31}`.
pub fn is_word(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && text.len() <= 32
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Whether a text may name a profile, a credential or a plugin: a letter or digit, then letters, digits,
/// `-`, `_` and `.`, at most 64 bytes. None of them can leave a directory or hide in a terminal.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.len() <= 64
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// Whether a text is a version of semver.org (`1.2.3`, `1.2.3-rc.1+build`), at most 64 bytes. Others have no order: `2026.08.01`
/// is none, because of the zero.
pub fn is_version(text: &str) -> bool {
    let is_number = |part: &str| {
        !part.is_empty()
            && part.len() <= 18
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let is_identifier = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (rest, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
    text.len() <= 64
        && core.split('.').count() == 3
        && core.split('.').all(is_number)
        && pre.is_none_or(|pre| {
            pre.split('.').all(|part| is_identifier(part) && (!is_digits(part) || is_number(part)))
        })
        && build.is_none_or(|build| build.split('.').all(is_identifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_semver() {
        for fine in ["0.0.0", "1.2.3", "1.2.3-rc.1", "1.2.3-0a.-", "1.2.3+001.x", "10.20.30-a-b+c-d"] {
            assert!(is_version(fine), "{fine}");
        }
        for bad in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "01.2.3",
            "2026.08.01",
            "1.2.3-",
            "1.2.3+",
            "1.2.3-01",
            "1.2.3-a..b",
            "1.2.x",
            "v1.2.3",
            "1.2.3 ",
            "1.2.3-ä",
        ] {
            assert!(!is_version(bad), "{bad}");
        }
    }

    #[test]
    fn words_and_names() {
        for good in ["a", "deployment", "token-2", "a2345678901234567890123456789012"] {
            assert!(is_word(good), "{good}");
        }
        for bad in ["", "A", "2a", "-a", "a_b", "a b", "ä", "a23456789012345678901234567890123"] {
            assert!(!is_word(bad), "{bad}");
        }
        for bad in ["", "..", ".a", "-a", "a/b", "a b", "ä", "a\n"] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn no_global_is_defined_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for global in GLOBALS {
            for name in std::iter::once(&global.long).chain(global.aliases) {
                assert!(seen.insert((*name).to_owned()), "{name}");
            }
            if let Some(short) = global.short {
                assert!(seen.insert(format!("-{short}")), "-{short}");
            }
            assert!(!RESERVED_LONGS.contains(&global.long));
        }
    }
}
