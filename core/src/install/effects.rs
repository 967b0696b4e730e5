//! What a plugin may change, in words: told before it takes its place.

use std::collections::BTreeMap;

use astro_plugin_protocol::{
    effect::Effect,
    manifest::{Command, Manifest},
};

/// What a plugin may change, one sentence.
pub(super) fn of_plugin(manifest: &Manifest) -> String {
    declares(&format!("`{}`", manifest.name), manifest)
}

/// What a version adds to what the one before may change; nothing when it adds nothing.
pub(super) fn added(before: &Manifest, after: &Manifest) -> Option<String> {
    let (name, old, new) = (&after.name, &before.version, &after.version);
    if is_silent(before) && !is_silent(after) {
        return Some(declares(&format!("`{name}` {new}, unlike {old},"), after));
    }
    let parts = in_words(all(after).filter(|part| !part.is_in(before)));
    (!parts.is_empty()).then(|| format!("`{name}` {new} may do more than {old}: {parts}."))
}

/// It is older than effects, at least in part.
fn is_silent(manifest: &Manifest) -> bool {
    manifest.commands.iter().any(|command| command.effect == Effect::Unknown)
}

fn declares(who: &str, manifest: &Manifest) -> String {
    match in_words(all(manifest)) {
        parts if parts.is_empty() => format!("{who} declares that its commands only read."),
        parts => format!("{who} declares what it may do: {parts}."),
    }
}

/// Something that a command or one of its options may do beside reading.
struct Part<'m> {
    command: &'m Command,
    option: Option<&'m str>,
    may: May<'m>,
}

/// What it may do. The least first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum May<'m> {
    Change(Effect),
    RunPrograms,
    Reach(&'m str),
}

impl Part<'_> {
    /// The other manifest says this, too, or more.
    fn is_in(&self, other: &Manifest) -> bool {
        let Some(known) = other.commands.iter().find(|known| known.path == self.command.path) else {
            return false;
        };
        let mut options = known.raising_options();
        match self.may {
            May::RunPrograms => known.needs.process,
            May::Reach(host) => known.needs.hosts.iter().any(|known| known == host),
            May::Change(effect) => {
                let raised = self.option.and_then(|long| options.find(|(known, _)| *known == long));
                effect <= raised.map_or(known.effect, |(_, effect)| effect)
            }
        }
    }
}

fn all(manifest: &Manifest) -> impl Iterator<Item = Part<'_>> {
    manifest.commands.iter().flat_map(|command| {
        let part = move |option, may| Part { command, option, may };
        let own = (command.effect != Effect::Read).then(|| part(None, May::Change(command.effect)));
        let runs = command.needs.process.then(|| part(None, May::RunPrograms));
        let reaches = command.needs.hosts.iter().map(move |host| part(None, May::Reach(host)));
        let options =
            command.raising_options().map(move |(long, effect)| part(Some(long), May::Change(effect)));
        own.into_iter().chain(options).chain(runs).chain(reaches)
    })
}

/// The least first: ``write: `lint fix`; destructive: `lint purge`; runs programs: `lint` ``.
fn in_words<'m>(parts: impl Iterator<Item = Part<'m>>) -> String {
    let mut of_kinds: BTreeMap<May<'m>, Vec<String>> = BTreeMap::new();
    for Part { command, option, may } in parts {
        of_kinds.entry(may).or_default().push(match option {
            Some(long) => format!("`{} --{long}`", command.path),
            None => format!("`{}`", command.path),
        });
    }
    let labelled = of_kinds.iter().map(|(may, spelled)| {
        let label = match may {
            May::Change(effect) => effect.name().to_owned(),
            May::RunPrograms => "runs programs".to_owned(),
            May::Reach(host) => format!("reaches {host}"),
        };
        format!("{label}: {}", spelled.join(", "))
    });
    labelled.collect::<Vec<_>>().join("; ")
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
        assert_eq!(of_plugin(&all), format!("`lint` declares what it may do: {parts}."));
        assert_eq!(added(&reads, &all), Some(format!("`lint` 1.3.0 may do more than 1.0.0: {parts}.")));
        assert_eq!(added(&all, &reads), None);
        assert_eq!(added(&all, &all), None);
    }

    #[test]
    fn what_was_not_known_is_told_once_it_is() {
        let unknown = plugin("0.9.0", &[("lint", Effect::Unknown)]);
        assert_eq!(of_plugin(&unknown), "`lint` declares what it may do: unknown: `lint`.");
        assert_eq!(added(&unknown, &unknown), None);
        let rows = [
            (Effect::Read, "declares that its commands only read."),
            (Effect::Destructive, "declares what it may do: destructive: `lint`."),
        ];
        for (effect, told) in rows {
            let known = plugin("1.0.0", &[("lint", effect)]);
            assert_eq!(added(&unknown, &known), Some(format!("`lint` 1.0.0, unlike 0.9.0, {told}")));
            let lost = "`lint` 0.9.0 may do more than 1.0.0: unknown: `lint`.";
            assert_eq!(added(&known, &unknown).as_deref(), Some(lost));
        }
    }

    #[test]
    fn an_option_that_raises_the_effect_is_named() {
        let mut before = plugin("1.0.0", &[("lint", Effect::Read)]);
        let mut after = before.clone();
        after.version = "1.1.0".into();
        after.commands[0].args = vec![Arg {
            id: "prune".into(),
            long: Some("prune".into()),
            effect: Some(Effect::Destructive),
            ..Arg::default()
        }];
        let told = "`lint` 1.1.0 may do more than 1.0.0: destructive: `lint --prune`.";
        assert_eq!(added(&before, &after).as_deref(), Some(told));
        let whole = plugin("1.2.0", &[("lint", Effect::Destructive)]);
        let told = "`lint` 1.2.0 may do more than 1.1.0: destructive: `lint`.";
        assert_eq!(added(&after, &whole).as_deref(), Some(told), "it needs no option any more");
        before.commands[0].effect = Effect::Destructive;
        assert_eq!(added(&before, &after), None);
    }

    #[test]
    fn running_programs_is_told() {
        let reads = plugin("1.0.0", &[("lint", Effect::Read)]);
        let mut runs = plugin("1.1.0", &[("lint", Effect::Read)]);
        runs.commands[0].needs.process = true;
        assert_eq!(of_plugin(&runs), "`lint` declares what it may do: runs programs: `lint`.");
        let told = "`lint` 1.1.0 may do more than 1.0.0: runs programs: `lint`.";
        assert_eq!(added(&reads, &runs).as_deref(), Some(told));
        assert_eq!(added(&runs, &runs), None);
    }

    #[test]
    fn the_other_apis_that_it_reaches_are_told() {
        let reads = plugin("1.0.0", &[("lint", Effect::Read), ("lint fix", Effect::Write)]);
        let mut reaches = plugin("1.1.0", &[("lint", Effect::Read), ("lint fix", Effect::Write)]);
        for command in &mut reaches.commands {
            command.needs.hosts = vec!["rules.example.com".into()];
        }
        let told = "write: `lint fix`; reaches rules.example.com: `lint`, `lint fix`.";
        assert_eq!(of_plugin(&reaches), format!("`lint` declares what it may do: {told}"));
        let told = "`lint` 1.1.0 may do more than 1.0.0: reaches rules.example.com: `lint`, `lint fix`.";
        assert_eq!(added(&reads, &reaches).as_deref(), Some(told));
    }
}
