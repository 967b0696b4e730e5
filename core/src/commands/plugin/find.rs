//! `astro plugin search|verify`, and what indexes know of the installed plugins.

use std::collections::BTreeSet;

use astro_plugin_protocol::{
    effect::Effect,
    service::{ColumnKind, View},
};
use serde_json::{Value, json};

use crate::{
    base::error::{Failure, Result, failed, plugin},
    commands::{Builtin, Request, column, command, dynamic, positional, switch},
    console::report,
    install::{Installer, Options, indexes, resolve},
    program::APP,
    store::{Kind, Store, lookup::Owner, record::Source},
    trust::verify::{Comparison, Judge, Verdict},
};

pub(super) fn commands() -> Vec<Builtin> {
    let mut search = command(
        "plugin search",
        Effect::Read,
        "Look for plugins in the indexes",
        vec![
            positional("term", "A part of a name, a description or a command; all plugins without it", false),
            switch("offline", "Use the indexes as they were read last"),
        ],
        &[("astro plugin search lint", "Look for plugins")],
        search,
    );
    search.see_also = ["plugin install", "plugin index add"].map(str::to_owned).to_vec();
    let mut verify = command(
        "plugin verify",
        Effect::Read,
        "Compare the installed plugins with what was installed",
        vec![dynamic(positional("name", "Name of one plugin; all without it", false))],
        &[("astro plugin verify", "Compare all plugins")],
        verify_all,
    );
    verify.long_about = format!("Compare the installed plugins with what was installed.\n\nEvery file is read again: its hash, its publisher's signature, owners and modes of its directories, the trust policy, and whether this {APP} can use it. An index of a store that no longer fits its files is named, and written again where that is possible. No plugin code is run and nothing is asked of the network.").to_owned();
    vec![search, verify]
}

pub(in crate::commands) fn search(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let env = request.env;
    let term = request.text("term").unwrap_or_default().to_lowercase();
    let options = Options { offline: request.flag("offline"), ..Options::default() };
    let installer = Installer::new(env, options, request.parsed.globals.timeout)?;
    let sources = indexes::configured(env.dirs.as_ref().map_err(Clone::clone)?)?;
    if sources.is_empty() {
        return Err(failed("there is no index to look in")
            .help(format!("add one: {APP} plugin index add NAME LOCATION --key KEY")));
    }
    let owners = env.stores.plugins().0;
    let (mut rows, mut failures): (Vec<Value>, Vec<Failure>) = (Vec::new(), Vec::new());
    for source in &sources {
        let opened = match installer.index(source) {
            Ok(opened) => opened,
            Err(failure) => {
                failures.push(failure);
                continue;
            }
        };
        for plugin in &opened.document.plugins {
            let commands: Vec<String> =
                plugin.versions.first().map(|version| version.commands.clone()).unwrap_or_default();
            let texts = [plugin.name.clone(), plugin.about.clone(), commands.join("\n")];
            if !texts.iter().any(|text| text.to_lowercase().contains(&term)) {
                continue;
            }
            let newest = resolve::choose(plugin, None);
            let installed = owners.iter().find(|owner| owner.facts.name == plugin.name);
            rows.push(json!({
                "name": plugin.name,
                "version": newest.as_ref().ok().map(|(version, _, _)| version.version.clone()),
                "about": plugin.about,
                "index": source.name,
                "installed": installed.map(|owner| owner.facts.version.clone()),
                "commands": commands,
                "unusable": newest.err().map(|failure| failure.message),
                "versions": plugin.versions.iter().map(|version| json!({
                    "version": version.version, "yanked": version.yanked, "revoked": version.revoked,
                })).collect::<Vec<_>>(),
            }));
        }
    }
    let view = View {
        list: Some("plugins".to_owned()),
        columns: vec![
            column("name", ColumnKind::Id),
            column("version", ColumnKind::Id),
            column("index", ColumnKind::Id),
            column("installed", ColumnKind::Id),
            column("about", ColumnKind::Text),
        ],
        clean: ["name", "version", "index", "installed", "about"].map(str::to_owned).to_vec(),
        empty: Some("No plugin matches.".to_owned()),
        ..View::default()
    };
    // An index that cannot be read takes nothing from the others; the command has not done all it was asked.
    if failures.len() < sources.len() {
        request.emit(format, view, rows)?;
    }
    let last = failures.pop();
    for failure in &failures {
        report::failure(&env.console, failure);
    }
    last.map_or(Ok(0), Err)
}

/// The newest version that an index has of an installed plugin, for `plugin list --outdated`.
pub(super) fn latest(
    installer: &Installer<'_>,
    request: &Request<'_>,
    owner: &Owner,
) -> Result<Option<String>> {
    if owner.facts.source != Source::Index || owner.store.kind != Kind::User {
        return Ok(None);
    }
    let Some(record) = owner.store.installed(&owner.facts.name)? else { return Ok(None) };
    let dirs = request.env.dirs.as_ref().map_err(Clone::clone)?;
    let index = installer.index(&indexes::named(dirs, record.origin.as_deref().unwrap_or_default())?)?;
    let Some(plugin) = index.document.plugin(&owner.facts.name) else { return Ok(None) };
    Ok(resolve::choose(plugin, None).ok().map(|(version, _, _)| version.version))
}

pub(in crate::commands) fn verify_all(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let env = request.env;
    let wanted = request.text("name");
    // Looked at first: it is written again where that is possible.
    let stale: Vec<(&Store, String)> =
        env.stores.all.iter().filter_map(|store| Some((store, store.stale()?))).collect();
    for (store, _) in &stale {
        store.rebuild();
    }
    let (owners, unreadable) = env.stores.plugins();
    if let Some(name) = wanted.filter(|name| !owners.iter().any(|owner| owner.facts.name == *name)) {
        return Err(failed(format!("no plugin `{name}` is installed"))
            .help(format!("see the installed plugins with `{APP} plugin list`")));
    }
    let judge = Judge::new(env.dirs.as_ref().ok(), Comparison::Afresh);
    let (mut bad, mut helps) = (0, Vec::new());
    let mut rows = Vec::new();
    for owner in owners.iter().filter(|owner| wanted.is_none_or(|name| owner.facts.name == name)) {
        let facts = &owner.facts;
        let verdict = judge.verdict(&owner.store, facts);
        let detail = verdict.detail();
        let state = match verdict {
            Verdict::Usable(_) => "intact",
            Verdict::BuiltAgain => "built again",
            Verdict::Refused(failure) => {
                bad += 1;
                helps.extend(failure.help);
                "refused"
            }
        };
        let path = owner.store.file_of(&facts.path);
        rows.push(json!({
            "name": facts.name, "version": facts.version, "state": state, "detail": detail, "path": path,
            "sha256": facts.hash,
        }));
    }
    for failure in &unreadable {
        bad += 1;
        report::warning(&env.console, failure);
    }
    for (store, reason) in stale {
        report::warning(&env.console, &not_current(store, &reason));
    }
    let view = View {
        list: Some("plugins".to_owned()),
        columns: vec![
            column("name", ColumnKind::Id),
            column("version", ColumnKind::Id),
            column("state", ColumnKind::Id),
            column("detail", ColumnKind::Text),
        ],
        clean: ["name", "version", "state", "detail", "path"].map(str::to_owned).to_vec(),
        empty: Some("No plugins are installed.".to_owned()),
        ..View::default()
    };
    request.emit(format, view, rows)?;
    let failure = match bad {
        0 => return Ok(0),
        1 => plugin("1 plugin failed verification and is not loaded"),
        _ => plugin(format!("{bad} plugins are not used as they are")),
    };
    let mut known = BTreeSet::new();
    helps.retain(|help| known.insert(help.clone()));
    Err(Failure { help: helps, ..failure })
}

/// That an index was not used as it was, and whether it is made again now.
fn not_current(store: &Store, reason: &str) -> Failure {
    let dir = store.dir.display();
    match store.stale() {
        None => plugin(format!(
            "the index of the plugin store `{dir}` was stale, and was written again: {reason}"
        )),
        Some(_) => plugin(format!(
            "the index of the plugin store `{dir}` is stale, which costs time in every command: {reason}"
        ))
        .help(format!("to write it again, as its owner: {APP} plugin verify")),
    }
}
