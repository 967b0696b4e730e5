//! `astro plugin`: what is installed, and plugins under development.
//!
//! * [`install`]: what changes the store. * [`find`]: looking in indexes, and comparing what is installed. * [`index`]:
//!   the indexes themselves. * [`exec`]: one command of one plugin. * [`author`]: for those who write plugins.

pub(super) mod author;
pub(super) mod exec;
pub(super) mod find;
pub(super) mod index;
pub(super) mod install;
mod outcome;

use std::path::Path;

use astro_plugin_cli::catalogue;
use astro_plugin_protocol::{
    effect::Effect,
    manifest::Manifest,
    service::{Column, ColumnKind, View},
};
use serde_json::{Value, json};

use super::{Request, column, command, dynamic, file, positional, switch};
use crate::{
    author::develop,
    base::{
        error::{Result, ResultExt, code, failed, with_causes},
        files, hash,
        time::timestamp,
    },
    check,
    commands::Builtin,
    console::report,
    env::Env,
    install::{Installer, Options, resolve},
    output::Format,
    program::APP,
    run::link,
    store::{self, Kind, lookup::Owner, record, user},
    trust::{
        Key,
        verify::{Comparison, Judge, Verdict},
    },
};

pub(super) fn commands() -> Vec<Builtin> {
    let mut list = command(
        "plugin list",
        Effect::Read,
        "List the installed plugins",
        vec![
            switch("outdated", "Ask the indexes, and list those that have a newer version"),
            switch("offline", "With --outdated: use the indexes as they were read last"),
        ],
        &[
            ("astro plugin list", "List the installed plugins"),
            ("astro plugin list --outdated", "List those that have a newer version"),
        ],
        list,
    );
    list.aliases = vec!["ls".to_owned()];
    let library =
        file(positional("file", "The library a build made, such as target/debug/libhello.so", true));
    let what = dynamic(positional("plugin", "Name of an installed plugin, or a plugin file", true));
    let mut remove = command(
        "plugin remove",
        Effect::Write,
        "Remove a plugin of your own",
        vec![dynamic(positional("name", "Name of the plugin", true))],
        &[("astro plugin remove hello", "Remove a plugin")],
        remove,
    );
    remove.aliases = vec!["rm".to_owned(), "unlink".to_owned()];
    let mut link = command(
        "plugin link",
        Effect::Write,
        "Use a plugin that is being developed",
        vec![library],
        &[("astro plugin link target/debug/libhello.so", "Use a build")],
        link,
    );
    link.long_about = "Use a plugin that is being developed.\n\nThe library stays where it is; after the next build the plugin is described again. Linking runs code of the library, in a process of its own, to ask for its manifest.".to_owned();
    let installed = vec![
        list,
        command(
            "plugin info",
            Effect::Read,
            "Show what a plugin is and brings, without loading it",
            vec![what],
            &[
                ("astro plugin info lint", "Show an installed plugin"),
                ("astro plugin info hello.astro-plugin", "Show a plugin file"),
            ],
            info,
        ),
        link,
        remove,
    ];
    let rooms = [install::commands, find::commands, exec::commands, index::commands, author::commands];
    installed.into_iter().chain(rooms.into_iter().flat_map(|room| room())).collect()
}

pub(super) fn list(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    if request.flag("outdated") {
        return outdated(request, format);
    }
    let (owners, unreadable) = request.env.stores.plugins();
    let judge = Judge::new(request.env.dirs.as_ref().ok(), Comparison::Remembered);
    let mut rows = Vec::new();
    for owner in &owners {
        let verdict = judge.verdict(&owner.store, &owner.facts);
        rows.push(row(owner, &verdict));
        if let Verdict::Refused(failure) = &verdict {
            report::warning(&request.env.console, failure);
        }
    }
    for failure in &unreadable {
        report::warning(&request.env.console, failure);
    }
    let view = View {
        list: Some("plugins".to_owned()),
        columns: vec![
            column("name", ColumnKind::Id),
            column("version", ColumnKind::Id),
            column("source", ColumnKind::Id),
            column("status", ColumnKind::Text),
            Column { optional: true, ..column("path", ColumnKind::Text) },
        ],
        clean: ["name", "version", "source", "status", "path"].map(str::to_owned).to_vec(),
        empty: Some("No plugins are installed.".to_owned()),
        ..View::default()
    };
    request.emit(format, view, rows)
}

/// Those with a newer version than the installed one.
fn outdated(request: &Request<'_>, format: Format) -> Result<i32> {
    let options = Options { offline: request.flag("offline"), ..Options::default() };
    let installer = Installer::new(request.env, options, request.parsed.globals.timeout)?;
    let mut rows = Vec::new();
    let mut failure = None;
    for owner in request.env.stores.plugins().0 {
        let facts = &owner.facts;
        match find::latest(&installer, request, &owner) {
            Ok(Some(latest)) if resolve::is_newer(&latest, &facts.version) => rows.push(json!({
                "name": facts.name, "version": facts.version, "latest": latest, "pinned": facts.pinned,
            })),
            Ok(_) => {}
            Err(reason) => failure = Some(reason),
        }
    }
    let view = View {
        list: Some("plugins".to_owned()),
        columns: vec![
            column("name", ColumnKind::Id),
            column("version", ColumnKind::Id),
            column("latest", ColumnKind::Id),
            column("pinned", ColumnKind::Text),
        ],
        clean: ["name", "version", "latest", "pinned"].map(str::to_owned).to_vec(),
        empty: Some("No plugin has a newer version in its index.".to_owned()),
        ..View::default()
    };
    // What could not be asked is not said to be up to date.
    match failure {
        Some(failure) if rows.is_empty() => return Err(failure),
        _ => request.emit(format, view, rows)?,
    };
    failure.map_or(Ok(0), Err)
}

fn row(owner: &Owner, verdict: &Verdict) -> Value {
    let facts = &owner.facts;
    let source = facts.source.name();
    let path = owner.store.file_of(&facts.path);
    let status = match verdict {
        Verdict::Refused(failure) => {
            // Name and version stand beside it.
            let loading = format!("cannot load plugin `{}` {}: ", facts.name, facts.version);
            let reason = with_causes(failure);
            format!("unusable: {}", reason.strip_prefix(&loading).unwrap_or(&reason))
        }
        Verdict::BuiltAgain => "built again since it was last used".to_owned(),
        Verdict::Usable(_) if facts.pinned => "ready, pinned".to_owned(),
        Verdict::Usable(_) => "ready".to_owned(),
    };
    let verified = match verdict {
        Verdict::Usable(how) => Some(how),
        _ => None,
    };
    let key = facts.publisher_key.as_deref().and_then(Key::parse);
    json!({
        "name": facts.name, "version": facts.version, "source": source, "status": status, "path": path,
        "abi": facts.abi, "protocol": facts.protocol, "triple": facts.triple,
        "glibc": facts.glibc.map(|(major, minor)| format!("{major}.{minor}")), "hash": facts.hash,
        "pinned": facts.pinned, "key_id": key.map(|key| key.id()), "usable": verdict.is_usable(),
        "verified": verified,
    })
}

pub(super) fn info(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let wanted = request.required("plugin")?;
    let (owners, _) = request.env.stores.plugins();
    let installed = owners.iter().find(|owner| owner.facts.name == wanted);
    let (mut facts, manifest): (Value, Manifest) = match installed {
        Some(owner) => of_installed(request.env, owner, wanted)?,
        None if Path::new(wanted).is_file() => of_file(Path::new(wanted))?,
        None => {
            return Err(failed(format!("no plugin and no file is called `{wanted}`"))
                .help(format!("see the installed plugins with `{APP} plugin list`")));
        }
    };
    facts["about"] = manifest.about.into();
    facts["publisher"] = manifest.publisher.into();
    facts["license"] = manifest.license.into();
    facts["homepage"] = manifest.homepage.into();
    facts["config"] = manifest.config.iter().map(|key| key.key.clone()).collect();
    facts["unstable"] = manifest.unstable.into();
    facts["commands"] = manifest.commands.iter().map(|command| command.path.clone()).collect();
    let effects = manifest.commands.iter();
    facts["effects"] = match format.is_document() {
        true => effects.map(catalogue::effects).collect(),
        false => effects.map(|command| format!("{}: {}", command.path, command.effect_in_words())).collect(),
    };
    request.emit(format, info_view(), vec![facts])
}

/// What is known of an installed plugin.
fn of_installed(env: &Env, owner: &Owner, name: &str) -> Result<(Value, Manifest)> {
    let found = owner.store.known().0.into_iter().find(|plugin| plugin.facts.name == name);
    let found = found.ok_or_else(|| failed(format!("the plugin `{name}` was just removed")))?;
    let judge = Judge::new(env.dirs.as_ref().ok(), Comparison::Remembered);
    let verdict = judge.verdict(&owner.store, &owner.facts);
    if let Verdict::Refused(failure) = &verdict {
        report::warning(&env.console, failure);
    }
    let mut facts = row(owner, &verdict);
    let record = (owner.store.kind == Kind::User).then(|| owner.store.installed(name)).transpose()?;
    let record = record.flatten();
    facts["origin"] = record.as_ref().and_then(|record| record.origin.clone()).into();
    facts["installed_at"] = record.as_ref().map(|record| timestamp(record.installed_at)).into();
    facts["previous"] = record.and_then(|record| record.previous).into();
    Ok((facts, found.manifest))
}

/// What a plugin file says of itself.
fn of_file(path: &Path) -> Result<(Value, Manifest)> {
    let described = record::read_plugin_file(path)?;
    let manifest = described.manifest;
    let mut facts = json!({ "name": manifest.name, "version": manifest.version, "source": "file", "path": path, "abi": manifest.abi, "protocol": manifest.protocol });
    let footer = described.footer;
    let file = files::open(path).and_then(hash::sha256);
    facts["hash"] = file.context(code::FAILED, || format!("cannot read `{}`", path.display()))?.into();
    facts["triple"] = footer.triple.into();
    facts["abi"] = footer.abi.into();
    facts["key_id"] = footer.signature.map(|signature| signature.key_id()).into();
    facts["glibc"] = footer.glibc.map(|(major, minor)| format!("{major}.{minor}")).into();
    let unsuited = store::unsuited(manifest.product.as_deref(), manifest.min_host.as_deref());
    let unsuited = unsuited.map(|(reason, _)| reason);
    let problems: Vec<String> = unsuited.into_iter().chain(check::problems_of_new(&manifest)).collect();
    facts["status"] = if problems.is_empty() {
        "acceptable".into()
    } else {
        format!("refused: {}", problems.join("; ")).into()
    };
    Ok((facts, manifest))
}

fn info_view() -> View {
    let columns = [
        "name",
        "version",
        "about",
        "publisher",
        "license",
        "homepage",
        "source",
        "status",
        "path",
        "triple",
        "glibc",
        "abi",
        "commands",
        "effects",
        "unstable",
        "config",
        "key_id",
        "hash",
        "origin",
        "installed_at",
        "previous",
        "pinned",
        "verified",
    ];
    View {
        columns: columns
            .iter()
            .map(|key| Column {
                key: (*key).into(),
                title: key.to_uppercase().replace('_', " "),
                kind: if *key == "installed_at" { ColumnKind::Time } else { ColumnKind::Text },
                ..Column::default()
            })
            .collect(),
        clean: columns.map(str::to_owned).to_vec(),
        ..View::default()
    }
}

pub(super) fn link(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let env = request.env;
    env.dirs.clone()?;
    let record = link::link(&env.stores, Path::new(request.required("file")?))?;
    develop::tell_linked(env, &record);
    if env.stores.bundled_version(&record.name).is_some() {
        env.console.notice(&format!("It takes the place of the plugin of that name that came with {APP}."));
    }
    request.done(format, &record.name, "linked")
}

pub(super) fn remove(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let env = request.env;
    env.dirs.clone()?;
    let name = request.required("name")?;
    env.console.notice(&match user::remove(&env.stores, name)? {
        None => format!("Removed the plugin `{name}`."),
        Some(version) => format!("Removed the link; the installed `{name}` {version} is in use again."),
    });
    request.done(format, name, "removed")
}
