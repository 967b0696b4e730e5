//! A line whose first word belongs to a plugin: its help, or its command.

use astro_plugin_protocol::manifest::Command;

use super::{link, one};
use crate::{
    base::error::{Result, plugin, usage},
    cli::help,
    env::Env,
    fallback,
    output::Format,
    parse::{self, Parsed},
    program::APP,
    scan,
    store::lookup::{Found, Owner},
    tree::CommandSet,
    trust::verify,
};

/// Runs a line with the commands of one plugin alone, whoever else has some of their words.
pub(crate) fn line_of_plugin(env: &Env, args: &[String], found: &Found) -> Result<i32> {
    if scan::words(args).is_empty() {
        let all: Vec<&str> = found.set.commands.iter().map(|command| command.path.as_str()).collect();
        return Err(usage("a command of the plugin is needed")
            .help(format!("its commands are: {}", all.join(", ")))
            .help("write it after `--`"));
    }
    let stale =
        found.owners.iter().find(|owner| owner.facts.is_linked() && !owner.facts.is_current(&owner.store));
    if let Some(owner) = stale {
        return Err(plugin(format!("`{}` was built again since it was linked", owner.facts.name))
            .help(format!("link it again: {APP} plugin link {}", owner.facts.path.display())));
    }
    line(env, args, found)
}

pub(crate) fn line(env: &Env, args: &[String], found: &Found) -> Result<i32> {
    let parsed = parse::parse(args, &found.set)?;
    if parsed.globals.version {
        return env.print_version();
    }
    let Some(command) = parsed.command else {
        env.start_conversation(&parsed.globals, Format::TABLE)?;
        return env.print(&group_page(env, &parsed.path, found));
    };
    let owners = found.owners_below(&command.path);
    if parsed.globals.help {
        env.start_conversation(&parsed.globals, Format::TABLE)?;
        return env.print(&help::command(&env.binary, command, &owners, env.layout()));
    }
    let Some(owner) = found.owner(&command.path) else {
        return Err(plugin(format!("no installed plugin provides `{APP} {}`", command.path)));
    };
    let is_known = owner.facts.is_current(&owner.store)
        || verify::is_remembered(&owner.store, &owner.facts, env.dirs.as_ref().ok());
    if !is_known {
        return again(env, args, owner);
    }
    invoke_usable(env, command, &parsed, owner)
}

/// The plugin's file is not the one the index was made from: it is looked at again, once. A linked one is
/// described again, any other is refused by its hash if its bytes changed.
fn again(env: &Env, args: &[String], owner: &Owner) -> Result<i32> {
    let words = scan::words(args);
    let first = words.first().copied().unwrap_or_default();
    let found = link::word_again(&env.stores, first, owner)?;
    let found = found.ok_or_else(|| parse::unknown_word(&CommandSet::default(), "", &words))?;
    let parsed = parse::parse(args, &found.set)?;
    match (parsed.command, parsed.command.and_then(|command| found.owner(&command.path))) {
        (Some(command), Some(owner)) => invoke_usable(env, command, &parsed, owner),
        _ => env.print(&group_page(env, &parsed.path, &found)),
    }
}

fn invoke_usable(env: &Env, command: &Command, parsed: &Parsed<'_>, owner: &Owner) -> Result<i32> {
    // Before anything is found out about the context, which does not matter then.
    match owner.facts.failure() {
        Some(failure) => Err(failure),
        None => one::invoke(env, command, parsed, owner),
    }
}

pub(crate) fn group_page(env: &Env, path: &str, found: &Found) -> String {
    let about = found.set.groups.iter().find(|group| group.path == path).map_or("", |group| &group.about);
    let more = fallback::more_commands(&env.dirs, path);
    let owners = found.owners_below(path);
    help::group(&env.binary, path, about, &found.set, &owners, more.as_deref(), env.layout())
}
