//! Another program of the same field, such as the official CLI of the API: it gets the lines whose words no plugin has.
//!
//! [`notice`]: what is said once per shell.

mod notice;

use std::{
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    base::{
        error::{Failure, Result, ResultExt, code, plain_io},
        files,
    },
    config::{Config, Dirs},
    env::Env,
    product::product,
    program::APP,
    sys::process::this_binary,
    tree::CommandSet,
};

/// The deepest word that is known, as a path, and the word after it that is not; none when the words are a command or a
/// group, or ask for help.
pub(crate) fn unknown_below<'w>(set: &CommandSet, words: &[&'w str]) -> Option<(String, &'w str)> {
    let (path, taken) = set.locate(words);
    let word = words.get(taken).copied().filter(|word| *word != "help")?;
    set.command(&path).is_none().then_some((path, word))
}

/// Becomes that program, when one is configured, for a line in which `word` is not known below `path`: unless it is
/// one slip away from a word that is. It gets the arguments and the environment as they are, with `ASTRO_API_TOKEN`,
/// which it reads itself; nothing that is stored here is handed over, and nothing comes back.
pub(crate) fn exec_fallback(
    env: &Env,
    args: &[String],
    set: &CommandSet,
    path: &str,
    word: &str,
) -> Result<()> {
    let Some(command) = configured(&env.dirs) else { return Ok(()) };
    if is_slip(set, path, word) {
        return Ok(());
    }
    let program = checked(&command)?;
    notice::say_once(env, &program);
    let error = Command::new(&program).args(args).exec();
    Err(crate::base::error::config(format!("cannot run `{}` (`official.command`)", program.display()))
        .cause(plain_io(&error.to_string())))
}

/// Adds to the failure for an unknown word what the other program has to do with it.
pub(crate) fn explained(
    mut failure: Failure,
    dirs: &Result<Dirs>,
    args: &[String],
    path: &str,
    word: &str,
) -> Failure {
    if let Some(command) = configured(dirs) {
        let program = command.to_string_lossy();
        let line = shlex::try_join(std::iter::once(&*program).chain(args.iter().map(String::as_str)));
        return match line {
            Ok(line) => failure.help(format!("to run it with {}: {line}", title())),
            Err(_) => failure,
        };
    }
    let words = product().fallback.map_or(&[][..], |fallback| fallback.words);
    if words.iter().any(|(above, words)| *above == path && words.contains(&word)) {
        let line = if path.is_empty() { word.to_owned() } else { format!("{path} {word}") };
        let advice = [
            format!("`{line}` is a command of {}, a separate program", title()),
            format!(
                "to hand such commands to it: {APP} config set official.command /PATH/OF/THE/OFFICIAL/{APP}"
            ),
        ];
        failure.help.retain(|help| !help.starts_with("did you mean"));
        failure.help.splice(0..0, advice);
    }
    failure
}

/// What a help page says of words that are not on it; none where no other program is configured.
pub(crate) fn more_commands(dirs: &Result<Dirs>, path: &str) -> Option<String> {
    let program = configured(dirs)?;
    let words = std::iter::once(program.to_str()?).chain(path.split_whitespace()).chain(["--help"]);
    let line = shlex::try_join(words).ok()?;
    Some(format!("Every other word goes to {}; see its commands with `{line}`", title()))
}

/// What it is called.
pub(crate) fn title() -> &'static str {
    product().fallback.map_or("the other program", |fallback| fallback.title)
}

/// What is configured. A configuration that cannot be read is reported by the commands that need it.
fn configured(dirs: &Result<Dirs>) -> Option<PathBuf> {
    product().fallback?;
    Config::load(dirs.as_ref().ok()?).ok()?.official.command
}

/// The other program: a whole path, so that no directory on the PATH decides what runs.
pub(crate) fn checked(path: &Path) -> Result<PathBuf> {
    let refused = |reason: &str| {
        crate::base::error::config(format!("`official.command` cannot be `{}`: {reason}", path.display()))
            .help(format!("set it to the whole path of {}: {APP} config set official.command PATH", title()))
    };
    if !path.is_absolute() {
        return Err(refused("it is not an absolute path"));
    }
    let found = path.canonicalize().map_err(|error| refused(&plain_io(&error.to_string())))?;
    if !found.is_file() || rustix::fs::access(&found, rustix::fs::Access::EXEC_OK).is_err() {
        return Err(refused("it is not a program"));
    }
    let metadata = found.metadata().map_err(|error| refused(&plain_io(&error.to_string())))?;
    let owners = [0, rustix::process::geteuid().as_raw()];
    if !owners.contains(&metadata.uid()) || !files::is_closed(&metadata) {
        return Err(refused("another user may change it"));
    }
    if this_binary().and_then(|own| own.canonicalize().context(code::CONFIG, String::new)).ok() == Some(found)
    {
        return Err(refused("that is this program"));
    }
    Ok(path.to_owned())
}

/// Whether a word is one slip of the fingers away from a word below this path: one letter more, less, wrong or swapped
/// with its neighbour, in any case. Short aliases do not count: `de` would hold back `dev`.
fn is_slip(set: &CommandSet, path: &str, word: &str) -> bool {
    const SHORTEST_ALIAS: usize = 4;
    let typed = word.to_lowercase();
    set.children(path).iter().any(|child| {
        let aliases = child.aliases.iter().map(String::as_str).filter(|alias| alias.len() >= SHORTEST_ALIAS);
        std::iter::once(child.word)
            .chain(aliases)
            .any(|known| strsim::damerau_levenshtein(&typed, &known.to_lowercase()) <= 1)
    })
}

#[cfg(test)]
mod tests {
    use astro_plugin_protocol::manifest::{Command, Group};

    use super::*;

    fn set() -> CommandSet {
        let command = |path: &str| Command { path: path.to_owned(), ..Command::default() };
        CommandSet {
            groups: vec![Group {
                path: "deployment".to_owned(),
                about: String::new(),
                aliases: vec!["de".to_owned(), "deployments".to_owned()],
            }],
            commands: ["deployment list", "deployment inspect", "deployment token create"]
                .map(command)
                .to_vec(),
        }
    }

    #[test]
    fn the_deepest_known_word_decides() {
        for (line, expected) in [
            ("deployment logs", Some(("deployment", "logs"))),
            ("de logs x", Some(("deployment", "logs"))),
            ("deployments token workspace-token list", Some(("deployment token", "workspace-token"))),
            ("dev start", Some(("", "dev"))),
            ("deployment", None),
            ("deployment token", None),
            ("deployment list logs", None),
            ("deployment token create x", None),
            ("deployment help", None),
            ("deployment token help create", None),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let found = unknown_below(&set(), &words);
            assert_eq!(found.as_ref().map(|(path, word)| (path.as_str(), *word)), expected, "{line}");
        }
    }

    #[test]
    fn one_slip_is_not_another_programs_word() {
        for (path, word, expected) in [
            ("deployment", "lsit", true),
            ("deployment", "lis", true),
            ("deployment", "LIST", true),
            ("deployment", "Inspekt", true),
            ("deployment", "tokens", true),
            ("", "deploymet", true),
            ("", "deploymnets", true),
            ("", "deploy", false),
            ("", "dev", false),
            ("", "deplyomnet", false),
            ("deployment", "logs", false),
            ("deployment", "team", false),
            ("deployment token", "update", false),
            ("deployment token", "delete", false),
        ] {
            assert_eq!(is_slip(&set(), path, word), expected, "{path} {word}");
        }
    }
}
