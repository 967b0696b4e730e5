//! `astro plugin exec`: a command of one very plugin, also of a version that is not in use, or of a file that is not
//! installed at all.

use std::path::Path;

use astro_plugin_protocol::{
    effect::Effect,
    manifest::{Arg, ValueKind},
    plugin_index::MAX_FILE,
};

use super::install::several;
use crate::{
    base::error::{Result, failed, plugin, usage},
    commands::{Builtin, Request, command, dynamic, option, positional},
    globals::Globals,
    install::{
        candidate::{Candidate, Expected, Origin, nothing_at},
        indexes, known_keys,
        resolve::revoked,
        same_publisher,
        source::PluginSpec,
    },
    program::APP,
    run::line,
    store::{
        Kind, Store,
        build::Known,
        lookup::{Found, Owner},
        record::{Installed, Source},
        user,
    },
    tree::CommandSet,
    trust::Policy,
};

pub(super) fn commands() -> Vec<Builtin> {
    let file = Arg {
        kind: ValueKind::File,
        ..option(
            "allow-unsigned",
            "FILE",
            "Run this plugin file although it is not signed by a trusted publisher",
        )
    };
    let mut exec = command(
        "plugin exec",
        Effect::Destructive,
        "Run a command from a specific plugin version or file",
        vec![
            dynamic(positional(
                "plugin",
                "NAME or NAME@VERSION of an installed plugin, or a signed ./FILE",
                false,
            )),
            several("words", "The command and its arguments, after `--`"),
            file,
        ],
        &[
            ("astro plugin exec lint@1.1.0 -- airflow lint", "Run a command of the version before"),
            ("astro plugin exec --allow-unsigned ./lint.astro-plugin -- airflow lint", "Try a file"),
        ],
        exec,
    );
    exec.long_about = "Run a command from a specific plugin version or file.\n\nA version that is kept for `plugin rollback` can be tried before anything is changed. A file runs when it is signed with a key of a publisher that is trusted already; any other only with `--allow-unsigned`, which holds for this one command and is said on stderr. A trust policy that wants signatures is not in the way of that: it is about what is installed.".to_owned();
    vec![exec]
}

pub(in crate::commands) fn exec(request: &Request<'_>) -> Result<i32> {
    let env = request.env;
    let mut words: Vec<String> = request.texts("words").into_iter().map(str::to_owned).collect();
    let (known, store) = match (request.text("allow-unsigned"), request.text("plugin")) {
        (Some(path), first) => {
            words.splice(0..0, first.map(str::to_owned));
            of_file(request, Path::new(path), true)?
        }
        (None, Some(what)) => match PluginSpec::parse(what)? {
            PluginSpec::File(path) => of_file(request, &path, false)?,
            PluginSpec::Named(named) if named.index.is_none() => {
                installed(request, &named.name, named.version.as_deref())?
            }
            _ => {
                return Err(usage(format!("`{what}` is neither an installed plugin nor a file"))
                    .help("write NAME, NAME@VERSION or ./FILE"));
            }
        },
        (None, None) => {
            return Err(usage(format!("`{APP} plugin exec` needs a plugin"))
                .help(format!("see `{APP} plugin exec --help`")));
        }
    };
    let Known { facts, manifest } = known;
    // A manifest that is not accepted has nothing that may be shown or typed.
    if let Some(failure) = facts.failure() {
        return Err(failure);
    }
    let owner = Owner { facts, store };
    let found = Found {
        owners: vec![owner; manifest.commands.len()],
        set: CommandSet { groups: manifest.groups, commands: manifest.commands },
    };
    let words = [typed(&request.parsed.globals), words].concat();
    line::line_of_plugin(env, &words, &found)
}

/// A plugin of either store; of a version that is kept, the user's own.
fn installed(request: &Request<'_>, name: &str, version: Option<&str>) -> Result<(Known, Store)> {
    let stores = &request.env.stores;
    for store in &stores.all {
        let known = store.known().0.into_iter().find(|known| known.facts.name == name);
        if let Some(known) = known.filter(|known| version.is_none_or(|wanted| known.facts.version == wanted))
        {
            return Ok((known, store.clone()));
        }
    }
    let kept: Vec<Installed> = stores.user().map(|store| store.versions(name)).unwrap_or_default();
    let wanted = version.and_then(|version| kept.iter().find(|record| record.version == version));
    match (wanted, version, stores.user()) {
        (Some(record), _, Some(store)) => Ok((store.look_at(record.clone()), store.clone())),
        (None, Some(version), _) if !kept.is_empty() => {
            let all: Vec<&str> = kept.iter().map(|record| record.version.as_str()).collect();
            Err(failed(format!("`{name}` {version} is not kept here"))
                .help(format!("kept are: {}", all.join(", ")))
                .help(format!("to use it: {APP} plugin install {name}@{version}")))
        }
        _ => Err(user::not_installed(stores, name)),
    }
}

/// A plugin file where it lies. Its bytes are examined now, and the host compares them again with what was found before it
/// loads them.
fn of_file(request: &Request<'_>, path: &Path, allowed: bool) -> Result<(Known, Store)> {
    let env = request.env;
    let dirs = env.dirs.as_ref().map_err(Clone::clone)?;
    let place = path.display().to_string();
    let bytes = indexes::read_file(path, MAX_FILE)?.ok_or_else(|| nothing_at(&place))?;
    let policy = Policy::load(dirs)?;
    let origin = Origin { source: Source::File, place: place.clone(), is_chosen: true };
    let known = |name: &str| known_keys(env, &policy, name);
    let candidate = Candidate::examine(bytes, origin, &Expected::default(), known)?;
    let store = Store { dir: dirs.plugins(), kind: Kind::User };
    if let Some(reason) = store.revoked()?.get(&candidate.hash) {
        return Err(revoked(&candidate.manifest.name, &candidate.manifest.version, reason));
    }
    if !allowed {
        same_publisher(&store, &candidate, None)?;
    }
    if candidate.key.is_none() && !allowed {
        return Err(plugin(format!(
            "`{place}` is not signed by a trusted publisher: it is {}",
            candidate.voucher()
        ))
        .help(format!("to run it once all the same: {APP} plugin exec --allow-unsigned {place} -- …")));
    }
    let path = path
        .canonicalize()
        .map_err(|error| failed(format!("cannot find `{place}`")).cause(error.to_string()))?;
    let mut record = Installed::new(candidate.manifest.clone(), Source::File, path, candidate.hash.clone());
    record.publisher_key = candidate.key.as_ref().map(|key| key.text().to_owned());
    let mut known = store.look_at(record);
    known.facts.allowed_unsigned = allowed && candidate.key.is_none();
    if known.facts.allowed_unsigned {
        // Said in every format and also with --quiet: it must not be done without being seen.
        let said = format!(
            "`{}` {} is run by --allow-unsigned: it is {} (SHA-256 {})",
            candidate.manifest.name,
            candidate.manifest.version,
            candidate.voucher(),
            candidate.hash
        );
        request.format()?;
        env.console.stderr_line(&match env.console.conversation().json_errors {
            true => serde_json::json!({ "warning": said }).to_string(),
            false => format!("warning: {said}"),
        });
    }
    Ok((known, store))
}

/// The global options that stood before the words, so that they hold for the command, too.
fn typed(globals: &Globals) -> Vec<String> {
    let mut words = Vec::new();
    for (name, value) in
        [("profile", &globals.profile), ("output", &globals.output), ("color", &globals.color)]
    {
        words.extend(value.as_ref().map(|value| format!("--{name}={value}")));
    }
    words.extend(globals.settings.iter().map(|(name, value)| format!("--{name}={value}")));
    words.extend(globals.timeout.map(|timeout| format!("--timeout={}s", timeout.as_secs())));
    for (name, given) in [
        ("yes", globals.yes),
        ("no-input", globals.no_input),
        ("debug", globals.debug),
        ("quiet", globals.quiet),
    ] {
        words.extend(given.then(|| format!("--{name}")));
    }
    words.extend((0..globals.verbose).map(|_| "--verbose".to_owned()));
    words
}

#[cfg(test)]
mod tests {
    use crate::{globals, parse};

    /// One that was forgotten would be dropped without a word.
    #[test]
    fn every_global_option_is_handed_on() {
        crate::product::set_neutral();
        let on_its_own = |long: &str| ["help", "version"].contains(&long);
        let words = globals::all().iter().filter(|global| !on_its_own(global.long)).map(|global| {
            match (global.value, global.choices.first(), global.long) {
                (None, ..) => format!("--{}", global.long),
                (Some(_), None, "timeout") => "--timeout=5s".to_owned(),
                (Some(_), None, long) => format!("--{long}=x"),
                (Some(_), Some(choice), long) => format!("--{long}={choice}"),
            }
        });
        let mut words: Vec<String> = words.collect();
        let typed = [words.as_slice(), &["context".to_owned()]].concat();
        let set = crate::commands::commands();
        let parsed = parse::parse(&typed, set).expect("a line");
        let mut handed_on = super::typed(&parsed.globals);
        words.sort();
        handed_on.sort();
        assert_eq!(handed_on, words);
    }
}
