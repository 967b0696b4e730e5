//! `astro plugin search|verify`, and what indexes know of the installed plugins.

use astro_plugin_protocol::{
    manifest::Command,
    service::{ColumnKind, View},
};
use serde_json::{Value, json};

use super::super::{Request, column, command, dynamic, positional, switch};
use crate::{
    cli::report,
    error::{Failure, Result, failed, plugin, with_causes},
    host::verify,
    indexes,
    install::{Installer, Options, resolve},
    store::{Kind, lookup::Owner, record::Source},
};

pub(super) fn commands() -> Vec<Command> {
    let mut search = command(
        "plugin search",
        "Look for plugins in the indexes",
        vec![
            positional("term", "A part of a name, a description or a command; all plugins without it", false),
            switch("offline", "Use the indexes as they were read last"),
        ],
        &[("astro plugin search lint", "Look for plugins")],
    );
    search.see_also = ["plugin install", "plugin index add"].map(str::to_owned).to_vec();
    let mut verify = command(
        "plugin verify",
        "Compare the installed plugins with what was installed",
        vec![dynamic(positional("name", "Name of one plugin; all without it", false))],
        &[("astro plugin verify", "Compare all plugins")],
    );
    verify.long_about = "Compare the installed plugins with what was installed.\n\nEvery file is read again: its hash, its publisher's signature, owners and modes of its directories, the trust policy, and whether this astro can use it. No plugin code is run and nothing is asked of the network.".to_owned();
    vec![search, verify]
}

pub(in crate::builtin) fn search(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let app = request.app;
    let term = request.text("term").unwrap_or_default().to_lowercase();
    let options = Options { offline: request.flag("offline"), ..Options::default() };
    let installer = Installer::new(app, options, request.parsed.globals.timeout)?;
    let sources = indexes::configured(app.dirs.as_ref().map_err(Clone::clone)?)?;
    if sources.is_empty() {
        return Err(failed("there is no index to look in")
            .help("add one: astro plugin index add NAME LOCATION --key KEY"));
    }
    let owners = app.stores.plugins().0;
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
        report::failure(&app.console, failure);
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
    let dirs = request.app.dirs.as_ref().map_err(Clone::clone)?;
    let index = installer.index(&indexes::named(dirs, record.origin.as_deref().unwrap_or_default())?)?;
    let Some(plugin) = index.document.plugin(&owner.facts.name) else { return Ok(None) };
    Ok(resolve::choose(plugin, None).ok().map(|(version, _, _)| version.version))
}

pub(in crate::builtin) fn verify_all(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let app = request.app;
    let wanted = request.text("name");
    let (owners, unreadable) = app.stores.plugins();
    if let Some(name) = wanted.filter(|name| !owners.iter().any(|owner| owner.facts.name == *name)) {
        return Err(failed(format!("no plugin `{name}` is installed"))
            .help("see the installed plugins with `astro plugin list`"));
    }
    let mut bad = 0;
    let mut rows = Vec::new();
    for owner in owners.iter().filter(|owner| wanted.is_none_or(|name| owner.facts.name == name)) {
        let facts = &owner.facts;
        let found = match &facts.broken {
            Some(reason) => Err(plugin(reason.clone())),
            None if facts.is_linked() && !facts.is_current(&owner.store) => {
                Ok("linked, and built again since it was last used".to_owned())
            }
            None => verify::reverify(&owner.store, facts, app.dirs.as_ref().ok()),
        };
        bad += i32::from(found.is_err());
        let (state, detail) = match found {
            Ok(detail) => ("intact", detail),
            Err(failure) => ("refused", with_causes(&failure)),
        };
        let path = owner.store.file_of(&facts.path);
        rows.push(json!({
            "name": facts.name, "version": facts.version, "state": state, "detail": detail, "path": path,
            "sha256": facts.hash,
        }));
    }
    for reason in unreadable {
        bad += 1;
        report::warning(&app.console, &plugin(reason));
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
    match bad {
        0 => Ok(0),
        1 => Err(plugin("one plugin is not used as it is").help("install it again, or remove it")),
        _ => Err(plugin(format!("{bad} plugins are not used as they are"))
            .help("install them again, or remove them")),
    }
}
