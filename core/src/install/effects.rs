//! What a plugin may change, in words: told before it takes its place.

use astro_plugin_protocol::{
    effect::Effect,
    manifest::{Command, Manifest},
};

/// What a plugin may change, one sentence.
pub(super) fn of_plugin(manifest: &Manifest) -> String {
    let name = &manifest.name;
    match by_effect(manifest.commands.iter()) {
        parts if parts.is_empty() => format!("`{name}` declares that its commands only read."),
        parts => format!("`{name}` declares what it may change: {parts}."),
    }
}

/// What a version adds to what the one before may change; nothing when it adds nothing.
pub(super) fn added(before: &Manifest, after: &Manifest) -> Option<String> {
    let known = |path: &str| before.commands.iter().find(|command| command.path == path);
    let more = after.commands.iter().filter(|command| {
        let effect = Effect::at_most(command);
        effect > known(&command.path).map_or(Effect::Read, Effect::at_most)
    });
    let parts = by_effect(more);
    (!parts.is_empty()).then(|| {
        format!("`{}` {} may change more than {}: {parts}.", after.name, after.version, before.version)
    })
}

/// Commands by what they change, those that only read left out.
fn by_effect<'m>(commands: impl Iterator<Item = &'m Command> + Clone) -> String {
    let of = |effect: Effect| {
        let paths = commands.clone().filter(move |command| Effect::at_most(command) == effect);
        let paths: Vec<String> = paths.map(|command| format!("`{}`", command.path)).collect();
        (!paths.is_empty()).then(|| format!("{effect}: {}", paths.join(", ")))
    };
    let parts: Vec<String> =
        [Effect::Write, Effect::Destructive, Effect::Unknown].into_iter().filter_map(of).collect();
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use astro_plugin_protocol::manifest::Arg;

    use super::*;

    fn plugin(version: &str, commands: &[(&str, Effect)]) -> Manifest {
        let commands = commands.iter().map(|(path, effect)| Command {
            path: (*path).to_owned(),
            effect: *effect,
            ..Command::default()
        });
        Manifest {
            name: "lint".into(),
            version: version.into(),
            commands: commands.collect(),
            ..Manifest::default()
        }
    }

    #[test]
    fn what_changes_is_told_by_effect() {
        let reads = plugin("1.0.0", &[("lint", Effect::Read)]);
        assert_eq!(of_plugin(&reads), "`lint` declares that its commands only read.");
        let all = [
            ("lint", Effect::Read),
            ("lint fix", Effect::Write),
            ("lint purge", Effect::Destructive),
            ("lint rm", Effect::Destructive),
        ];
        let all = plugin("1.3.0", &all);
        let parts = "write: `lint fix`; destructive: `lint purge`, `lint rm`";
        assert_eq!(of_plugin(&all), format!("`lint` declares what it may change: {parts}."));
        assert_eq!(added(&reads, &all), Some(format!("`lint` 1.3.0 may change more than 1.0.0: {parts}.")));
        assert_eq!(added(&all, &reads), None);
        assert_eq!(added(&all, &all), None);
        let unknown = plugin("0.9.0", &[("lint", Effect::Unknown)]);
        assert_eq!(of_plugin(&unknown), "`lint` declares what it may change: unknown: `lint`.");
        assert_eq!(added(&unknown, &reads), None, "it is known at last");
    }

    #[test]
    fn an_option_that_raises_the_effect_counts() {
        let mut before = plugin("1.0.0", &[("lint", Effect::Read)]);
        let mut after = before.clone();
        after.version = "1.1.0".into();
        after.commands[0].args = vec![Arg {
            id: "prune".into(),
            long: Some("prune".into()),
            effect: Some(Effect::Destructive),
            ..Arg::default()
        }];
        assert_eq!(Effect::in_words(&after.commands[0]), "read; destructive with --prune");
        let told = "`lint` 1.1.0 may change more than 1.0.0: destructive: `lint`.";
        assert_eq!(added(&before, &after).as_deref(), Some(told));
        before.commands[0].effect = Effect::Destructive;
        assert_eq!(added(&before, &after), None);
    }
}
