//! `astro plugin install|upgrade|rollback|pin|sync`: what changes the user's store.

use std::{collections::BTreeSet, path::PathBuf};

use astro_plugin_protocol::{
    effect::Effect,
    manifest::{Arg, Arity, ValueKind},
    names,
    plugin_index::is_sha256,
};

use crate::{
    base::error::{Failure, Result, ResultExt, code, failed, usage},
    commands::{
        Builtin, Request, command, dynamic, file, option, plugin::outcome::finish, positional, switch,
    },
    context::directory,
    install::{
        Choice, Installer, Options, change, lock_file,
        source::{Named, PluginSpec},
    },
    program::APP,
    store::{
        Store,
        record::{Installed, Source},
    },
    trust::Key,
};

pub(super) fn commands() -> Vec<Builtin> {
    vec![install_command(), upgrade_command(), rollback_command(), pin_command(), sync_command()]
}

/// A positional that may be repeated.
pub(super) fn several(id: &str, help: &str) -> Arg {
    Arg { arity: Arity::Positional, repeated: true, ..positional(id, help, false) }
}

fn offline() -> Arg {
    switch("offline", "Ask nothing of the network")
}

fn dry_run() -> Arg {
    switch("dry-run", "Show what would be done, and do not do it")
}

fn accept_key() -> Arg {
    file(option(
        "accept-key",
        "KEY",
        "Take a plugin whose publisher's key has changed to this one, or to that of this file",
    ))
}

fn install_command() -> Builtin {
    let mut install = command(
        "plugin install",
        Effect::Write,
        "Install plugins",
        vec![
            dynamic(several(
                "plugins",
                "NAME, INDEX/NAME or NAME@VERSION of an index, ./FILE, ./DIRECTORY, or a URL",
            )),
            option("sha256", "HASH", "The SHA-256 that the file must have"),
            file(option(
                "public-key",
                "KEY",
                "The minisign key that must have signed it, or the file it is in",
            )),
            accept_key(),
            switch("downgrade", "Take a file that is older than the installed version"),
            offline(),
            dry_run(),
        ],
        &[
            ("astro plugin install lint", "Install the newest version that works here"),
            ("astro plugin install corp/lint@1.2.0", "Install this version of that index, and stay at it"),
            ("astro plugin install ./lint.astro-plugin", "Install a file"),
        ],
        install,
    );
    install.aliases = vec!["add".to_owned()];
    install.long_about = "Install plugins.\n\nNothing of a plugin is run to install it. Its file must have the size and SHA-256 that the index says, and the signature of its publisher where the index names one; the key is remembered, and a later version with another one is refused. A version that was named is pinned: `plugin upgrade` leaves it alone until it is named there. The version that was in use stays for `plugin rollback`.\n\nPlugins run with your full permissions; a signature says who made one, not that it is safe.".to_owned();
    install.see_also = ["plugin search", "plugin upgrade", "plugin rollback"].map(str::to_owned).to_vec();
    install
}

fn upgrade_command() -> Builtin {
    let mut upgrade = command(
        "plugin upgrade",
        Effect::Write,
        "Upgrade plugins that came from an index",
        vec![
            dynamic(several("plugins", "Names of installed plugins; all that are not pinned without any")),
            accept_key(),
            offline(),
            dry_run(),
        ],
        &[
            ("astro plugin upgrade", "Upgrade all that are not pinned"),
            ("astro plugin upgrade lint", "Upgrade one, also when it is pinned"),
        ],
        upgrade,
    );
    upgrade.see_also = ["plugin list", "plugin pin", "plugin rollback"].map(str::to_owned).to_vec();
    upgrade
}

fn rollback_command() -> Builtin {
    let mut rollback = command(
        "plugin rollback",
        Effect::Write,
        "Go back to the version of a plugin that was in use before",
        vec![
            dynamic(positional("name", "Name of the plugin", true)),
            switch("undo", "Undo a rollback: use the version again that was in use before it"),
            dry_run(),
        ],
        &[
            ("astro plugin rollback lint", "Use the version before"),
            ("astro plugin rollback lint --undo", "Undo that"),
        ],
        rollback,
    );
    rollback.long_about = format!("Go back to the version of a plugin that was in use before.\n\nIt needs no network. The plugin is pinned at that version, so that no upgrade brings the trouble back; `{APP} plugin upgrade NAME` moves on. One version is kept to go back to: a second rollback is refused, and `--undo` uses the newer version again, as it was.").to_owned();
    rollback
}

fn pin_command() -> Builtin {
    command(
        "plugin pin",
        Effect::Write,
        "Keep a plugin at its version",
        vec![
            dynamic(positional("name", "Name of the plugin", true)),
            switch("remove", "Let upgrades move it again"),
        ],
        &[
            ("astro plugin pin lint", "Keep a plugin at its version"),
            ("astro plugin pin lint --remove", "Let upgrades move it again"),
        ],
        pin,
    )
}

fn sync_command() -> Builtin {
    let file = Arg {
        kind: ValueKind::File,
        ..option(
            "lock-file",
            "FILE",
            &format!("The lock file; {} in the working directory without this", lock_file::name()),
        )
    };
    let mut sync = command(
        "plugin sync",
        Effect::Write,
        "Bring a lock file and the installed plugins together",
        vec![
            several("plugins", "Names of installed plugins that are put into the file"),
            switch("locked", "Install exactly what the file says and do not change the file"),
            file,
            accept_key(),
            offline(),
            dry_run(),
        ],
        &[
            ("astro plugin sync lint", "Put a plugin into the lock file"),
            ("astro plugin sync --locked", "Install exactly what the lock file says"),
        ],
        sync,
    );
    sync.long_about = "Bring a lock file and the installed plugins together.\n\nThe file holds each plugin's version and the hashes of its files for all targets; keep it under version control. Without `--locked` the versions that are installed here are written into it, and what it names and is missing here is installed. Plugins that it does not name are left alone. It says which index a plugin comes from, by that index's key, and never where that is.".to_owned();
    sync
}

/// What all commands that install may be asked for.
fn options(request: &Request<'_>) -> Result<Options> {
    let accept_key = request.text("accept-key").map(Key::given).transpose()?;
    Ok(Options {
        offline: request.flag("offline"),
        dry_run: request.flag("dry-run"),
        accept_key,
        ..Options::default()
    })
}

/// And what a file must be.
fn options_for_files(request: &Request<'_>) -> Result<Options> {
    let sha256 = request.text("sha256").map(str::to_ascii_lowercase);
    if let Some(bad) = sha256.as_ref().filter(|text| !is_sha256(text)) {
        return Err(usage(format!("`--sha256 {bad}` is not a SHA-256"))
            .help("it has 64 hexadecimal digits, as `sha256sum FILE` prints them"));
    }
    let public_key = request.text("public-key").map(Key::given).transpose()?;
    Ok(Options { sha256, public_key, downgrade: request.flag("downgrade"), ..options(request)? })
}

fn installer<'a>(request: &Request<'a>, options: Options) -> Result<Installer<'a>> {
    Installer::new(request.env, options, request.parsed.globals.timeout)
}

pub(in crate::commands) fn install(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let typed = request.texts("plugins");
    if typed.is_empty() {
        return Err(usage(format!("`{APP} plugin install` needs a plugin"))
            .help(format!("see what there is with `{APP} plugin search`")));
    }
    let wanted: Vec<PluginSpec> = typed.iter().map(|text| PluginSpec::parse(text)).collect::<Result<_>>()?;
    let options = options_for_files(request)?;
    if typed.len() > 1 && (options.sha256.is_some() || options.accept_key.is_some()) {
        return Err(usage("`--sha256` and `--accept-key` are for one plugin at a time"));
    }
    let dry_run = options.dry_run;
    let installer = installer(request, options)?;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for wanted in &wanted {
        failed.extend(installer.install(wanted, &mut done));
    }
    finish(request, format, &done, failed, dry_run)
}

pub(in crate::commands) fn upgrade(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let options = options(request)?;
    let dry_run = options.dry_run;
    let names = request.texts("plugins");
    if options.accept_key.is_some() && names.len() != 1 {
        return Err(usage("`--accept-key` is for one plugin: name it"));
    }
    let installer = installer(request, options)?;
    let store = crate::store::user::user_store(&request.env.stores)?;
    let (mut done, mut failures) = (Vec::new(), Vec::new());
    let wanted = match names.is_empty() {
        true => {
            let records = store.records().0.into_iter();
            records.filter(|record| record.source == Source::Index && !record.pinned).collect()
        }
        false => {
            let mut records = Vec::new();
            for name in names.iter().collect::<BTreeSet<_>>() {
                let name = Named::parse(name)?.name;
                match store.installed(&name)? {
                    Some(record) => records.push(record),
                    None => failures.push(crate::store::user::not_installed(&request.env.stores, &name)),
                }
            }
            records
        }
    };
    for record in wanted {
        let before = Some(record.clone());
        let name = record.name;
        let upgraded = match record.source {
            Source::Index => {
                let named = Named { index: record.origin, name, version: None };
                installer.install_named(&named, Choice::Newest)
            }
            Source::Link => {
                Err(failed(format!("the plugin `{name}` is linked: it is whatever was built last")))
            }
            _ => Err(failed(format!("the plugin `{name}` came from {}", record.origin.unwrap_or_default()))
                .help("install a newer file in the same way")),
        };
        match upgraded {
            Ok(outcome) => done.push(outcome),
            Err(failure) => failures.push(with_ways_out(store, failure, before.as_ref())),
        }
    }
    if done.is_empty() && failures.is_empty() {
        request.env.console.notice("No plugin came from an index, or all that did are pinned.");
    }
    // Whoever upgrades at night is told what does not run any more, in every format and by the exit code.
    if !dry_run {
        for (what, failure) in installer.revoked_in_use()? {
            if !failures.iter().any(|known| known.message.contains(&what)) {
                failures.push(failure);
            }
        }
    }
    finish(request, format, &done, failures, dry_run)
}

pub(in crate::commands) fn rollback(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let dry_run = request.flag("dry-run");
    let outcome = match request.flag("undo") {
        true => change::undo_rollback(request.env, named(request)?, dry_run)?,
        false => change::rollback(request.env, named(request)?, dry_run)?,
    };
    finish(request, format, &[outcome], Vec::new(), dry_run)
}

pub(in crate::commands) fn pin(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let outcome = change::pin(request.env, named(request)?, !request.flag("remove"))?;
    finish(request, format, &[outcome], Vec::new(), false)
}

/// The name of an installed plugin.
fn named<'r>(request: &'r Request<'_>) -> Result<&'r str> {
    let name = request.required("name")?;
    match (names::is_name(name), name.split_once('@')) {
        (true, _) => Ok(name),
        (false, Some((name, version))) if names::is_version(version) => {
            Err(usage(format!("`{name}@{version}` is not the name of an installed plugin"))
                .help(format!("to use that version: {APP} plugin install {name}@{version}")))
        }
        _ => Err(usage(format!("`{name}` is not the name of a plugin"))
            .help(format!("see the installed plugins with `{APP} plugin list`"))),
    }
}

pub(in crate::commands) fn sync(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let options = options(request)?;
    let dry_run = options.dry_run;
    let path = match request.text("lock-file") {
        Some(path) => PathBuf::from(path),
        None => directory::working()
            .context(code::FAILED, || "the working directory is not known".to_owned())?
            .join(lock_file::name()),
    };
    let names = request.texts("plugins");
    let is_locked = request.flag("locked");
    if is_locked && !names.is_empty() {
        return Err(usage("`--locked` installs what the file says; plugins are named without it"));
    }
    let installer = installer(request, options)?;
    let synced = if is_locked { installer.sync_locked(&path)? } else { installer.sync(&path, &names)? };
    let console = &request.env.console;
    if dry_run && synced.changes {
        console.notice(&format!("Would have written {}.", path.display()));
    } else if synced.written {
        console.notice(&format!("Wrote {}.", path.display()));
    } else if !is_locked && !dry_run {
        console.notice(&format!("{} is already up to date.", path.display()));
    }
    finish(request, format, &synced.outcomes, synced.failures, dry_run)
}

/// The failure of an upgrade of a revoked plugin names what can be done without a newer version.
fn with_ways_out(store: &Store, failure: Failure, record: Option<&Installed>) -> Failure {
    let Some((record, revoked)) = record.zip(store.revoked().ok()) else { return failure };
    if !revoked.contains_key(&record.hash) {
        return failure;
    }
    let upgrade = format!("{APP} plugin upgrade {}", record.name);
    let ways = store.ways_out(record, &revoked).into_iter().filter(|way| !way.ends_with(&upgrade));
    ways.fold(failure, Failure::help)
}
