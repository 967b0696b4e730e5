//! `astro profile use`: for every shell that chose nothing, for a directory, or for one shell.

use astro_plugin_protocol::effect::Effect;

use super::no_profile;
use crate::{
    base::error::{Result, ResultExt, code, usage},
    commands::{Builtin, Request, switch},
    config::{self, Config, environment},
    context::{Directory, directory},
    product::product,
    program::{APP, ENV, dimensions},
};

pub(super) fn command() -> Builtin {
    let mut command = super::command(
        "profile use",
        Effect::Write,
        "Choose the profile of this directory, this shell, or every shell",
        vec![
            super::existing("Name of the profile"),
            switch(
                "here",
                &format!("For this directory and those below it: writes `{}`", product().directory_file),
            ),
            switch("shell", "For this shell: prints the line that chooses it, for `eval`"),
        ],
        &[
            ("astro profile use prod", "Choose the default of shells and directories that chose nothing"),
            ("astro profile use prod --here", "Choose for this directory"),
            (
                &super::with("astro profile use prod --here", dimensions().last(), "Reports"),
                "Choose for this directory, and what its commands act on",
            ),
            (&format!("eval \"$({APP} profile use prod --shell)\""), "Choose for this shell"),
        ],
        use_profile,
    );
    command.long_about = format!("Choose a profile.\n\nWithout an option it becomes the default of shells and directories that chose nothing. No other shell is switched: one with {ENV}_PROFILE or {ENV}_API_TOKEN, or in a directory with `{}`, keeps its own.", product().directory_file).to_owned();
    command.see_also = vec!["context".to_owned(), "profile list".to_owned()];
    command
}

pub(in crate::commands) fn use_profile(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let env = request.env;
    let name = request.required("name")?;
    let dirs = env.dirs.clone()?;
    let config = Config::load(&dirs)?;
    if !config.profiles.contains_key(name) {
        return Err(no_profile(name, &config));
    }
    let globals = &request.parsed.globals;
    let ids: Vec<(&str, Option<&str>)> =
        dimensions().iter().map(|dimension| (dimension.name, globals.setting(dimension.name))).collect();
    if let Some((key, Some(value))) = ids.iter().find(|(_, value)| value.is_some() && !request.flag("here")) {
        return Err(usage(format!("`--{key}` has no effect here: a default holds no {key}"))
            .help(format!("for this directory: {APP} profile use {name} --here --{key} {value}"))
            .help(format!("for the profile itself: {APP} profile edit {name} --{key} {value}")));
    }
    match (request.flag("here"), request.flag("shell")) {
        (true, true) => return Err(usage("`--here` and `--shell` cannot be used together")),
        (false, true) => {
            let line = format!("export {ENV}_PROFILE={name}\n");
            return if format.is_document() {
                let row = serde_json::json!({ "name": name, "action": "printed", "line": line.trim() });
                request.emit(format, astro_plugin_protocol::service::View::default(), vec![row])
            } else {
                env.print(&line)
            };
        }
        (true, false) => {
            let dir = directory::working()
                .context(code::CONFIG, || "the working directory is not known".to_owned())?;
            if let Some(reason) = directory::refusal_at(&dir, Some(&dirs)) {
                return Err(crate::base::error::config(format!(
                    "cannot choose a profile for `{}`: its file would not be used",
                    dir.display()
                ))
                .cause(reason)
                .help(format!("for this shell: export {ENV}_PROFILE={name}")));
            }
            let chosen =
                [("profile", Some(name))].into_iter().chain(ids).filter(|(_, value)| value.is_some());
            let path = directory::set(&dir, &chosen.collect::<Vec<_>>())?;
            env.console.notice(&format!("`{}` now chooses the profile `{name}`.", path.display()));
            if let Ok(Some(file)) = Directory::of_process(Some(&dirs)) {
                for (_, ids) in file.settings.chosen() {
                    env.console.notice(&format!("`{}` from {} stays in effect.", ids.value, ids.origin));
                }
            }
        }
        (false, false) => {
            config::edit(&dirs, |document| {
                document["default_profile"] = toml_edit::value(name);
                Ok(())
            })?;
            env.console.notice(&format!("The default profile is now `{name}`."));
            if let Some(profile) =
                Directory::of_process(Some(&dirs)).ok().flatten().and_then(|file| file.profile)
            {
                env.console.notice(&format!(
                    "{} chooses `{}` and takes precedence here.",
                    profile.origin, profile.value
                ));
            }
        }
    }
    for variable in [environment::PROFILE, environment::API_TOKEN] {
        match environment::variable(variable) {
            Ok(None) => {}
            Ok(Some(_)) => {
                env.console.notice(&format!("{variable} is set in this shell and takes precedence here."))
            }
            // Here it selects nothing, and the next command will not run with it.
            Err(failure) => {
                env.console.notice(&format!("{} in this shell: unset {variable}", failure.message))
            }
        }
    }
    request.done(format, name, "chosen")
}
