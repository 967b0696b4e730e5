//! What a command, its options and one line of it may change.

use crate::{
    effect::Effect,
    manifest::{Arity, Command, Manifest, ValueKind, read_bool},
    text::shown,
};

impl Command {
    /// The effect of one line: that of the command, raised by the options that were given. `args` are the canonical
    /// arguments: `--long`, `--long=value`.
    ///
    /// A word that this side does not know raises nothing: it is no leave for anything.
    pub fn effect_of(&self, args: &[String]) -> Effect {
        let options = args.iter().take_while(|arg| *arg != "--").filter_map(|arg| arg.strip_prefix("--"));
        let raised = options.filter_map(|option| {
            let (long, value) =
                option.split_once('=').map_or((option, None), |(long, value)| (long, Some(value)));
            let arg = self.args.iter().find(|arg| arg.long.as_deref() == Some(long))?;
            // `--force=false` is not given.
            let is_off = arg.kind == ValueKind::Bool
                && arg.arity != Arity::Flag
                && value.is_some_and(|value| read_bool(value) == Some(false));
            arg.effect.filter(|effect| !is_off && *effect != Effect::Unknown)
        });
        raised.fold(self.effect, Effect::max)
    }

    /// The options that raise the effect above that of the command, by their long names.
    pub fn raising_options(&self) -> impl Iterator<Item = (&str, Effect)> {
        self.args.iter().filter_map(|arg| {
            let effect = arg.effect.filter(|effect| *effect > self.effect)?;
            Some((arg.long.as_deref()?, effect))
        })
    }

    /// What it may change and do beyond the profile's API, as one phrase: `read; destructive with --prune; runs programs; reaches
    /// status.example.com`.
    pub fn effect_in_words(&self) -> String {
        let raised = self.raising_options().map(|(long, effect)| format!("{effect} with --{long}"));
        let runs = self.needs.process.then(|| "runs programs".to_owned());
        let hosts = &self.needs.hosts;
        let reaches = (!hosts.is_empty()).then(|| format!("reaches {}", hosts.join(", ")));
        let parts: Vec<String> =
            [self.effect.to_string()].into_iter().chain(raised).chain(runs).chain(reaches).collect();
        parts.join("; ")
    }
}

/// What a manifest does not say about what its commands change. An installed plugin that is older than effects says nothing,
/// and one of a newer SDK may use words of its own; a new plugin may do neither.
pub fn undeclared(manifest: &Manifest) -> Vec<String> {
    let mut found = Vec::new();
    for command in &manifest.commands {
        let path = shown(&command.path);
        if command.effect == Effect::Unknown {
            found.push(format!("the command `{path}` declares no effect"));
        }
        for arg in command.args.iter().filter(|arg| arg.effect == Some(Effect::Unknown)) {
            let long = arg.long.as_deref().unwrap_or(&arg.id);
            found.push(format!(
                "the argument `{}` of `{path}` declares an effect that this host does not know",
                shown(long)
            ));
        }
    }
    found
}

/// What a command declares and its effect rules out.
pub(crate) fn problems(command: &Command, found: &mut Vec<String>) {
    let path = shown(&command.path);
    if command.effect == Effect::Read && command.needs.secret {
        found.push(format!("`{path}` delivers a one-time secret and declares the effect `read`"));
    }
    if command.effect == Effect::Read && command.needs.profile {
        found.push(format!("`{path}` changes profiles and declares the effect `read`"));
    }
    let raised = command.raising_options().map(|(_, effect)| effect);
    if command.several_profiles
        && raised.chain([command.effect]).any(|effect| matches!(effect, Effect::Write | Effect::Destructive))
    {
        found.push(format!("`{path}` may run for several profiles and does not only read"));
    }
    for arg in command.args.iter().filter(|arg| arg.effect.is_some() && arg.long.is_none()) {
        found.push(format!(
            "the argument `{}` of `{path}` raises the effect and is no option",
            shown(&arg.id)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Arg, Needs};

    fn option(long: &str, arity: Arity, kind: ValueKind) -> Arg {
        Arg {
            id: long.into(),
            long: Some(long.into()),
            arity,
            kind,
            effect: Some(Effect::Destructive),
            ..Arg::default()
        }
    }

    #[test]
    fn an_option_raises_the_effect_of_a_line() {
        let mut command = Command {
            effect: Effect::Read,
            args: vec![
                option("prune", Arity::Flag, ValueKind::Text),
                option("force", Arity::OptionalWithEquals, ValueKind::Bool),
                option("mode", Arity::One, ValueKind::Text),
                Arg { effect: Some(Effect::Unknown), ..option("newer", Arity::Flag, ValueKind::Text) },
            ],
            ..Command::default()
        };
        let of = |command: &Command, line: &str| {
            command.effect_of(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        for (line, expected) in [
            ("", Effect::Read),
            ("--prune", Effect::Destructive),
            ("--force=true", Effect::Destructive),
            ("--force=False", Effect::Read),
            ("--mode=false", Effect::Destructive),
            ("--other", Effect::Read),
            ("--newer", Effect::Read),
            ("--newer --prune", Effect::Destructive),
            ("-- --prune", Effect::Read),
        ] {
            assert_eq!(of(&command, line), expected, "{line}");
        }
        command.effect = Effect::Unknown;
        assert_eq!(of(&command, "--prune"), Effect::Unknown);
    }

    #[test]
    fn what_a_command_may_change_is_one_phrase() {
        let mut command = Command { effect: Effect::Read, ..Command::default() };
        assert_eq!(command.effect_in_words(), "read");
        command.args = vec![option("prune", Arity::Flag, ValueKind::Text)];
        command.needs = Needs { process: true, ..Needs::default() };
        assert_eq!(command.effect_in_words(), "read; destructive with --prune; runs programs");
        command.effect = Effect::Destructive;
        command.needs.hosts = vec!["a.example".into(), "b.example".into()];
        assert_eq!(command.effect_in_words(), "destructive; runs programs; reaches a.example, b.example");
    }

    #[test]
    fn what_is_not_declared_is_named() {
        let newer = Arg { effect: Some(Effect::Unknown), ..option("newer", Arity::Flag, ValueKind::Text) };
        let command = |path: &str, effect| Command { path: path.into(), effect, ..Command::default() };
        let manifest = Manifest {
            commands: vec![
                command("fine", Effect::Read),
                command("silent", Effect::Unknown),
                Command { args: vec![newer], ..command("new", Effect::Read) },
            ],
            ..Manifest::default()
        };
        assert_eq!(
            undeclared(&manifest),
            [
                "the command `silent` declares no effect",
                "the argument `newer` of `new` declares an effect that this host does not know"
            ]
        );
    }
}
