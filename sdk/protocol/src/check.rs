//! What a host accepts of a manifest. Total: any manifest gives a list of problems, empty when it is good.
//!
//! clap decides some of these only in debug builds and by panicking, others never (an option that reuses a
//! global's name takes the value away silently), so they are decided here, before clap sees anything.

use std::collections::{BTreeMap, BTreeSet};

pub use crate::command_effect::undeclared;
use crate::{
    command_effect, http,
    manifest::{Arg, Arity, Command, Manifest, ValueKind},
    names::{
        self, BUILTIN_WORDS, GLOBALS, RESERVED_BUT_LENT, RESERVED_LONGS, RESERVED_WORDS, SECRET_OPTIONS,
        SEVERAL_OPTIONS, Vocabulary,
    },
    text::{shown, shown_up_to},
    unstable,
};

/// Every problem of a manifest for a program with these names of its own, each a sentence fragment that names the object.
pub fn problems(manifest: &Manifest, vocabulary: &Vocabulary) -> Vec<String> {
    let mut found: Vec<String> = manifest.problems.iter().map(|problem| shown_up_to(500, problem)).collect();
    if !names::is_name(&manifest.name) {
        found.push(format!("the plugin name `{}` is not a letter or digit followed by letters, digits, `-`, `_` or `.`, at most 64 in all", shown(&manifest.name)));
    }
    if !names::is_version(&manifest.version) {
        found.push(format!("the version `{}` is not of the form 1.2.3", shown(&manifest.version)));
    }
    if manifest.protocol.min == 0 || manifest.protocol.min > manifest.protocol.max {
        found.push(format!(
            "the protocol range {} to {} is empty",
            manifest.protocol.min, manifest.protocol.max
        ));
    }
    if manifest.commands.is_empty() {
        found.push("it brings no command".to_owned());
    }
    for group in &manifest.groups {
        path_problems(&group.path, &group.aliases, vocabulary, &mut found);
        line_problems(&format!("the help line of `{}`", shown(&group.path)), &group.about, &mut found);
    }
    let min_host = manifest.min_host.as_deref();
    if let Some(version) = min_host.filter(|version| !names::is_version(version)) {
        found.push(format!("the minimum host `{}` is not of the form 1.2.3", shown(version)));
    }
    if let Some(product) = manifest.product.as_deref().filter(|product| !names::is_name(product)) {
        found.push(format!("`{}` cannot be the name of a program", shown(product)));
    }
    found.extend(unstable::unknown(manifest).map(|feature| {
        format!("it uses the unstable feature `{}`, which this version does not have", shown(feature))
    }));
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for command in &manifest.commands {
        path_problems(&command.path, &command.aliases, vocabulary, &mut found);
        for spelling in spellings(&command.path, &command.aliases) {
            if let Some(other) = owners.insert(spelling.clone(), &command.path) {
                found.push(format!(
                    "`{spelling}` is claimed by the commands `{other}` and `{}`",
                    command.path
                ));
            }
        }
        line_problems(&format!("the help line of `{}`", shown(&command.path)), &command.about, &mut found);
        command_problems(command, vocabulary, &mut found);
    }
    config_problems(manifest, &mut found);
    for command in &manifest.commands {
        for above in ancestors(&command.path) {
            if owners.contains_key(above) {
                found.push(format!("`{above}` is a command and a word above `{}`", command.path));
            }
        }
    }
    found
}

/// The full paths a command answers to: its own, then one for each alias of its last word.
pub fn spellings(path: &str, aliases: &[String]) -> Vec<String> {
    let above = path.rfind(' ').map_or("", |at| &path[..=at]);
    std::iter::once(path.to_owned()).chain(aliases.iter().map(|alias| format!("{above}{alias}"))).collect()
}

/// The paths above a path, shortest first: `a b c` gives `a` and `a b`.
pub fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices(' ').map(|(at, _)| &path[..at])
}

fn config_problems(manifest: &Manifest, found: &mut Vec<String>) {
    let mut keys = BTreeSet::new();
    for key in &manifest.config {
        let name = shown(&key.key);
        if !is_long(&key.key) {
            found.push(format!("the configuration key `{name}` is not of the form [a-z][a-z0-9-]*"));
        }
        if !keys.insert(&key.key) {
            found.push(format!("the configuration key `{name}` is there twice"));
        }
        line_problems(&format!("the help line of the configuration key `{name}`"), &key.help, found);
        if let Some(reason) =
            Some(&key.default).filter(|value| !value.is_null()).and_then(|value| key.refuses(value))
        {
            found.push(format!("the default of the configuration key `{name}` {}", shown(&reason)));
        }
    }
}

/// Help lines stand in lists: one line, not blank.
fn line_problems(what: &str, line: &str, found: &mut Vec<String>) {
    if line.trim().is_empty() || line.chars().any(char::is_control) {
        found.push(format!("{what} is not one line of text"));
    }
}

fn path_problems(path: &str, aliases: &[String], vocabulary: &Vocabulary, found: &mut Vec<String>) {
    let words: Vec<&str> = path.split(' ').collect();
    for word in words.iter().copied().chain(aliases.iter().map(String::as_str)) {
        if !names::is_word(word) {
            found.push(format!(
                "the word `{}` of the command `{}` is not of the form [a-z][a-z0-9-]{{0,31}}",
                shown(word),
                shown(path)
            ));
        }
    }
    // `cl list` would be a word of its own beside `cluster`, of which `cl` is another spelling.
    let mut at = String::new();
    for word in &words {
        let spelled = if at.is_empty() { (*word).to_owned() } else { format!("{at} {word}") };
        match vocabulary.well_known_alias(&at, word) {
            Some(known) => {
                found.push(format!("`{}` is another spelling of `{}`", shown(&spelled), known.path));
                break;
            }
            None => at = spelled,
        }
    }
    let above = path.rfind(' ').map_or("", |end| &path[..end]);
    for alias in aliases {
        let spelled = if above.is_empty() { alias.clone() } else { format!("{above} {alias}") };
        let known = vocabulary.well_known(&spelled).or_else(|| vocabulary.well_known_alias(above, alias));
        if let Some(known) = known.filter(|known| known.path != path) {
            found.push(format!(
                "the alias `{}` of `{}` belongs to `{}`",
                shown(alias),
                shown(path),
                known.path
            ));
        }
    }
    if words.len() > 8 {
        found.push(format!("the command `{}` has more than 8 words", shown(path)));
    }
    let firsts = words
        .first()
        .copied()
        .into_iter()
        .chain(aliases.iter().map(String::as_str).filter(|_| words.len() == 1));
    for first in firsts {
        if BUILTIN_WORDS.contains(&first) {
            found.push(format!("the word `{first}` belongs to the host itself"));
        } else if RESERVED_WORDS.contains(&first) || vocabulary.reserved.contains(&first) {
            found.push(format!("the word `{first}` is reserved for the host"));
        }
    }
}

fn command_problems(command: &Command, vocabulary: &Vocabulary, found: &mut Vec<String>) {
    let path = &command.path;
    command_effect::problems(command, found);
    let (mut ids, mut longs, mut shorts) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut positionals_end = None;
    for arg in &command.args {
        let name = arg.long.as_deref().unwrap_or(&arg.id);
        let mut say =
            |what: &str| found.push(format!("the argument `{}` of `{}` {what}", shown(name), shown(path)));
        if arg.id.is_empty() || !ids.insert(arg.id.as_str()) {
            say("has the id of another one or none");
        }
        let is_id = |global: &names::Global| global.long == arg.id;
        if GLOBALS.iter().any(is_id) || vocabulary.dimension(&arg.id).is_some() {
            say("has the id of a global option");
        }
        for long in arg.long.iter().chain(&arg.aliases) {
            if !is_long(long) {
                say("has a long name that is not of the form [a-z][a-z0-9-]*");
            }
            if vocabulary.is_global(long) {
                say("takes the name of a global option");
            }
            if SECRET_OPTIONS.iter().chain(SEVERAL_OPTIONS).any(|option| option.long == long.as_str()) {
                say("takes the name of an option that the host gives to commands with a one-time secret");
            }
            if RESERVED_LONGS.contains(&long.as_str()) && !RESERVED_BUT_LENT.contains(&long.as_str()) {
                say("takes a name that is reserved for the host");
            }
            if !longs.insert(long.as_str()) {
                say("has the long name of another one");
            }
        }
        if let Some(short) = arg.short {
            if !short.is_ascii_alphabetic() {
                say("has a short name that is not a letter");
            }
            if GLOBALS.iter().any(|global| global.short == Some(short)) {
                say("takes the short name of a global option");
            }
            if !shorts.insert(short) {
                say("has the short name of another one");
            }
        }
        arity_problems(arg, &mut say, &mut positionals_end);
        if arg.means.as_deref().is_some_and(|means| !is_global_setting(means)) {
            say("stands for something that is not a global option");
        }
    }
    if let Some(output) = &command.output {
        let keys = output.columns.iter().map(|column| &column.key).chain(&output.clean).chain(&output.list);
        if keys.into_iter().any(|key| key.is_empty() || key.chars().any(char::is_control)) {
            found.push(format!("the output of `{}` has a key that is not a line of text", shown(path)));
        }
    }
    for host in command.needs.hosts.iter().filter(|host| !http::is_host(host)) {
        found.push(format!(
            "the host `{}` of `{}` is not a name like status.example.com",
            shown(host),
            shown(path)
        ));
    }
    for code in &command.exit_codes {
        if !(10..=99).contains(&code.code) || code.meaning.is_empty() {
            found.push(format!(
                "the exit code {} of `{}` is not a number from 10 to 99 with a meaning",
                code.code,
                shown(path)
            ));
        }
    }
}

fn arity_problems<'a>(arg: &'a Arg, say: &mut impl FnMut(&str), positionals_end: &mut Option<&'a str>) {
    match arg.arity {
        Arity::Unknown => say("has an arity that this host does not know"),
        Arity::Positional | Arity::Trailing => {
            if arg.long.is_some() || arg.short.is_some() {
                say("has a name and a place");
            }
            if let Some(last) = positionals_end {
                say(&format!("stands after `{}`, which takes everything", shown(last)));
            }
            if arg.arity == Arity::Trailing || arg.repeated {
                *positionals_end = Some(&arg.id);
            }
        }
        Arity::Flag | Arity::One | Arity::OptionalWithEquals => {
            if arg.long.is_none() {
                say("is an option without a long name");
            }
            if arg.kind == ValueKind::Bool && arg.arity == Arity::Flag {
                say("is a flag and takes a value");
            }
        }
    }
}

fn is_global_setting(means: &str) -> bool {
    let Some(text) = means.strip_prefix("--") else { return false };
    let (long, value) = text.split_once('=').map_or((text, None), |(long, value)| (long, Some(value)));
    GLOBALS.iter().any(|global| {
        global.long == long
            && global.value.is_some() == value.is_some()
            && value.is_none_or(|value| global.choices.is_empty() || global.choices.contains(&value))
    })
}

fn is_long(text: &str) -> bool {
    text.len() <= 64
        && text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::names::{Dimension, WellKnown};
    use crate::{
        manifest::{ConfigKey, ConfigKind, ExitCode, Group, Revisions},
        service::View,
    };

    const TEAM: Dimension =
        Dimension { name: "team", claim: None, list: &["teams"], is_id: |text| text.starts_with('t') };
    const VOCABULARY: Vocabulary = Vocabulary {
        dimensions: &[TEAM],
        words: &[
            WellKnown { path: "cluster", aliases: &["clusters", "cl"], about: "Work with clusters" },
            WellKnown { path: "cluster token", aliases: &["to"], about: "Manage the tokens of a cluster" },
        ],
        reserved: &["billing"],
    };

    fn good() -> Manifest {
        Manifest {
            name: "hello".into(),
            version: "1.0.0".into(),
            abi: 1,
            protocol: Revisions { min: 1, max: 1 },
            commands: vec![Command {
                path: "airflow lint".into(),
                about: "Check files".into(),
                args: vec![Arg {
                    id: "name".into(),
                    long: Some("name".into()),
                    arity: Arity::One,
                    ..Arg::default()
                }],
                ..Command::default()
            }],
            ..Manifest::default()
        }
    }

    #[test]
    fn a_good_manifest_has_no_problems() {
        assert_eq!(problems(&good(), &VOCABULARY), Vec::<String>::new());
    }

    /// Each row spoils the good manifest in one way and names a part of the message it must get.
    #[test]
    fn each_rule_has_its_message() {
        type Spoil = fn(&mut Manifest);
        let rows: &[(&str, Spoil)] = &[
            ("plugin name `../x`", |m| m.name = "../x".into()),
            ("version `1.0`", |m| m.version = "1.0".into()),
            ("protocol range", |m| m.protocol.min = 2),
            ("no command", |m| m.commands.clear()),
            ("`Lint`", |m| m.commands[0].path = "airflow Lint".into()),
            ("belongs to the host", |m| m.commands[0].path = "profile list".into()),
            ("reserved for the host", |m| m.commands[0].path = "mcp".into()),
            ("belongs to the host", |m| {
                m.commands[0].path = "x".into();
                m.commands[0].aliases = vec!["help".into()];
            }),
            ("claimed by the commands", |m| {
                let mut twin = m.commands[0].clone();
                twin.path = "airflow check".into();
                twin.aliases = vec!["lint".into()];
                m.commands.push(twin);
            }),
            ("is a command and a word above", |m| {
                let mut twin = m.commands[0].clone();
                twin.path = "airflow".into();
                m.commands.push(twin);
            }),
            ("name of a global", |m| m.commands[0].args[0].long = Some("team-id".into())),
            ("name of a global", |m| m.commands[0].args[0].aliases = vec!["team".into()]),
            ("id of a global", |m| m.commands[0].args[0].id = "profile".into()),
            ("id of a global", |m| m.commands[0].args[0].id = "team".into()),
            ("reserved for the host", |m| m.commands[0].path = "billing list".into()),
            ("short name of a global", |m| m.commands[0].args[0].short = Some('o')),
            ("not a letter", |m| m.commands[0].args[0].short = Some('1')),
            ("reserved for the host", |m| m.commands[0].args[0].long = Some("dry-run".into())),
            ("one-time secret", |m| m.commands[0].args[0].long = Some("token-file".into())),
            ("without a long name", |m| m.commands[0].args[0].long = None),
            ("arity", |m| m.commands[0].args[0].arity = Arity::Unknown),
            ("id of another", |m| {
                let twin = m.commands[0].args[0].clone();
                m.commands[0].args.push(twin);
            }),
            ("takes everything", |m| {
                for id in ["rest", "more"] {
                    m.commands[0].args.push(Arg { id: id.into(), arity: Arity::Trailing, ..Arg::default() });
                }
            }),
            ("not a global option", |m| m.commands[0].args[0].means = Some("--output=yaml".into())),
            ("exit code 3", |m| m.commands[0].exit_codes = vec![ExitCode { code: 3, meaning: "x".into() }]),
            ("the host `https://x` of `airflow lint`", |m| {
                m.commands[0].needs.hosts = vec!["https://x".into()];
            }),
            ("key `A` is not", |m| {
                m.config = vec![ConfigKey { key: "A".into(), help: "x".into(), ..ConfigKey::default() }]
            }),
            ("`strict` is there twice", |m| {
                let key = ConfigKey { key: "strict".into(), help: "x".into(), ..ConfigKey::default() };
                m.config = vec![key.clone(), key];
            }),
            ("default of the configuration key `strict` must be true or false", |m| {
                m.config = vec![ConfigKey {
                    key: "strict".into(),
                    kind: ConfigKind::Bool,
                    default: 1.into(),
                    help: "x".into(),
                    ..ConfigKey::default()
                }];
            }),
            ("output of `airflow lint` has a key", |m| {
                m.commands[0].output = Some(View { clean: vec![String::new()], ..View::default() });
            }),
            ("the unstable feature `http.stream`", |m| m.unstable = vec!["http.stream".into()]),
            ("not one line", |m| m.commands[0].about = " ".into()),
            ("not one line", |m| m.commands[0].about = "a\nb".into()),
            ("minimum host `new`", |m| m.min_host = Some("new".into())),
            ("cannot be the name of a program", |m| m.product = Some("my cli".into())),
            ("no argument `expiraton`", |m| m.problems = vec!["there is no argument `expiraton`".into()]),
            ("`cl` is another spelling of `cluster`", |m| m.commands[0].path = "cl frob".into()),
            ("`cluster to` is another spelling", |m| m.commands[0].path = "cluster to frob".into()),
            ("the alias `cluster` of `air` belongs to", |m| {
                m.groups =
                    vec![Group { path: "air".into(), about: "x".into(), aliases: vec!["cluster".into()] }];
            }),
            ("`Air`", |m| m.groups = vec![Group { path: "Air".into(), ..Group::default() }]),
        ];
        for (expected, spoil) in rows {
            let mut manifest = good();
            spoil(&mut manifest);
            let found = problems(&manifest, &VOCABULARY);
            assert!(found.iter().any(|problem| problem.contains(expected)), "{expected}: {found:?}");
        }
    }

    proptest! {
        #[test]
        fn hostile_names_never_reach_the_terminal_raw(name in ".*", path in ".*", long in ".*") {
            let mut manifest = good();
            manifest.name = name;
            manifest.commands[0].path = path;
            manifest.commands[0].args[0].long = Some(long);
            for problem in problems(&manifest, &VOCABULARY) {
                prop_assert!(!problem.chars().any(char::is_control), "{:?}", problem);
            }
        }
    }
}
