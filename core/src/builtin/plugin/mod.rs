//! `astro plugin`: what is installed, and plugins under development. [`author`]: for those who write them.

pub(super) mod author;

use std::path::Path;

use astro_plugin_protocol::{
    check,
    manifest::{Arity, Command, Manifest, ValueKind},
    service::{Column, ColumnKind, View},
};
use serde_json::{Value, json};

use super::{Request, command, positional};
use crate::{
    author::develop,
    cli::report,
    error::{Result, failed, plugin},
    store::{Kind, build::broken, link, lookup::Owner, record},
};

pub(super) fn commands() -> Vec<Command> {
    let mut list = command(
        "plugin list",
        "List the installed plugins",
        Vec::new(),
        &[("astro plugin list", "List the installed plugins")],
    );
    list.aliases = vec!["ls".to_owned()];
    let mut file = positional("file", "The library a build made, such as target/debug/libhello.so", true);
    file.kind = ValueKind::File;
    let mut what = positional("plugin", "Name of an installed plugin, or a plugin file", true);
    what.arity = Arity::Positional;
    let mut remove = command(
        "plugin remove",
        "Remove a plugin of your own",
        vec![positional("name", "Name of the plugin", true)],
        &[("astro plugin remove hello", "Remove a plugin")],
    );
    remove.aliases = vec!["rm".to_owned(), "unlink".to_owned()];
    let mut link = command(
        "plugin link",
        "Use a plugin that is being developed",
        vec![file],
        &[("astro plugin link target/debug/libhello.so", "Use a build")],
    );
    link.long_about = "Use a plugin that is being developed.\n\nThe library stays where it is; after the next build the plugin is described again. Linking runs code of the library, in a process of its own, to ask for its manifest.".to_owned();
    let installed = vec![
        list,
        command(
            "plugin info",
            "Show what a plugin is and brings, without loading it",
            vec![what],
            &[
                ("astro plugin info deployment-token", "Show an installed plugin"),
                ("astro plugin info hello.astro-plugin", "Show a plugin file"),
            ],
        ),
        link,
        remove,
    ];
    installed.into_iter().chain(author::commands()).collect()
}

pub(super) fn list(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let (owners, unreadable) = request.app.stores.plugins();
    let rows = owners.iter().map(row).collect();
    for owner in &owners {
        if let Some(reason) = &owner.facts.broken {
            report::warning(&request.app.console, &broken(&owner.facts, reason));
        }
    }
    for reason in unreadable {
        report::warning(&request.app.console, &plugin(reason));
    }
    let column =
        |key: &str, kind, optional| Column { key: key.into(), title: key.to_uppercase(), kind, optional };
    let view = View {
        list: Some("plugins".to_owned()),
        columns: vec![
            column("name", ColumnKind::Id, false),
            column("version", ColumnKind::Id, false),
            column("source", ColumnKind::Id, false),
            column("status", ColumnKind::Text, false),
            column("path", ColumnKind::Text, true),
        ],
        clean: ["name", "version", "source", "status", "path"].map(str::to_owned).to_vec(),
        empty: Some("No plugins are installed.".to_owned()),
        ..View::default()
    };
    request.emit(format, view, rows)
}

fn row(owner: &Owner) -> Value {
    let facts = &owner.facts;
    let source = match (owner.store.kind, facts.linked) {
        (_, true) => "linked",
        (Kind::System, _) => "bundled",
        (Kind::User, _) => "installed",
    };
    let path = owner.store.file_of(&facts.path);
    let status = match &facts.broken {
        Some(reason) => format!("unusable: {reason}"),
        None if !path.is_file() => "its file is missing".to_owned(),
        None if facts.linked && !facts.is_current(&owner.store) => {
            "built again since it was last used".to_owned()
        }
        None => "ready".to_owned(),
    };
    json!({
        "name": facts.name, "version": facts.version, "source": source, "status": status, "path": path,
        "abi": facts.abi, "protocol": facts.protocol, "triple": facts.triple,
        "glibc": facts.glibc.map(|(major, minor)| format!("{major}.{minor}")), "hash": facts.hash,
    })
}

pub(super) fn info(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let wanted = request.required("plugin")?;
    let (owners, _) = request.app.stores.plugins();
    let installed = owners.iter().find(|owner| owner.facts.name == wanted);
    let (mut facts, manifest): (Value, Manifest) = match installed {
        Some(owner) => {
            let found = owner.store.known().0.into_iter().find(|plugin| plugin.facts.name == wanted);
            let found = found.ok_or_else(|| failed(format!("the plugin `{wanted}` was just removed")))?;
            (row(owner), found.manifest)
        }
        None if Path::new(wanted).is_file() => {
            let described = record::read_plugin_file(Path::new(wanted))?;
            let manifest = described.manifest;
            let mut facts = json!({ "name": manifest.name, "version": manifest.version, "source": "file", "path": wanted, "abi": manifest.abi, "protocol": manifest.protocol });
            let footer = described.footer;
            facts["triple"] = footer.triple.into();
            facts["abi"] = footer.abi.into();
            facts["key_id"] = footer.signature.map(|signature| signature.key_id()).into();
            facts["glibc"] = footer.glibc.map(|(major, minor)| format!("{major}.{minor}")).into();
            let problems = check::problems(&manifest);
            facts["status"] = if problems.is_empty() {
                "acceptable".into()
            } else {
                format!("refused: {}", problems.join("; ")).into()
            };
            (facts, manifest)
        }
        None => {
            return Err(failed(format!("no plugin and no file is called `{wanted}`"))
                .help("see the installed plugins with `astro plugin list`"));
        }
    };
    facts["about"] = manifest.about.into();
    facts["publisher"] = manifest.publisher.into();
    facts["license"] = manifest.license.into();
    facts["homepage"] = manifest.homepage.into();
    facts["config"] = manifest.config.iter().map(|key| key.key.clone()).collect();
    facts["commands"] = manifest.commands.iter().map(|command| command.path.clone()).collect();
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
        "config",
        "key_id",
    ];
    let view = View {
        columns: columns
            .iter()
            .map(|key| Column { key: (*key).into(), title: key.to_uppercase(), ..Column::default() })
            .collect(),
        clean: columns.map(str::to_owned).to_vec(),
        ..View::default()
    };
    request.emit(format, view, vec![facts])
}

pub(super) fn link(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let app = request.app;
    app.dirs.clone()?;
    let record = link::link(&app.stores, Path::new(request.required("file")?))?;
    develop::tell_linked(app, &record);
    if link::comes_with_astro(&app.stores, &record.name) {
        app.console.notice("It takes the place of the plugin of that name that came with astro.");
    }
    request.done(format, &record.name, "linked")
}

pub(super) fn remove(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let app = request.app;
    app.dirs.clone()?;
    let name = request.required("name")?;
    link::remove(&app.stores, name)?;
    app.console.notice(&format!("Removed the plugin `{name}`."));
    request.done(format, name, "removed")
}
