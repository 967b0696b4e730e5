//! clap definitions to manifest: the data from which the host shows help, completes and parses.

use astro_plugin_protocol::manifest::{Arg, Arity, Choice, Command, ValueKind};
use clap::ArgAction;

use crate::{View, plugin::Entry};

/// The manifest of one command.
pub(crate) fn command(entry: &Entry) -> Command {
    let word = entry.path.rsplit(' ').next().unwrap_or_default();
    let mut clap = entry.spec.apply((entry.clap)(word));
    clap.build();
    let spec = &entry.spec;
    let about = text(clap.get_about());
    let long_about = text(clap.get_long_about());
    Command {
        path: entry.path.to_owned(),
        aliases: spec.aliases.clone(),
        effect: entry.effect,
        long_about: if long_about == about { String::new() } else { long_about },
        about,
        note: spec.note.clone(),
        sections: spec.sections.clone(),
        args: clap.get_arguments().filter(|arg| !is_clap_own(arg)).map(|clap| arg(clap, entry)).collect(),
        examples: spec.examples.clone(),
        output: spec.output.as_ref().map(View::to_protocol),
        see_also: spec.see_also.clone(),
        exit_codes: spec.exit_codes.clone(),
        needs: spec.needs.clone(),
        several_profiles: spec.several_profiles,
        hidden: spec.hidden,
    }
}

/// Declarations that cannot be right: about arguments that the clap struct does not have, a check that would never happen, and
/// two about one thing, of which the first would be lost.
pub(crate) fn problems(entry: &Entry) -> Vec<String> {
    let twice = entry.spec.twice.iter().map(|what| format!("`{}` declares {what} twice", entry.path));
    let clap = (entry.clap)("");
    let ids: Vec<&str> = clap.get_arguments().map(|arg| arg.get_id().as_str()).collect();
    let unknown = entry.spec.args.iter().filter(|arg| !ids.contains(&arg.id.as_str()));
    unknown
        .map(|arg| {
            format!(
                "`{}` declares something about an argument `{}` that it does not have",
                entry.path, arg.id
            )
        })
        .chain(twice)
        .collect()
}

fn arg(clap: &clap::Arg, entry: &Entry) -> Arg {
    let declared = entry.spec.args.iter().find(|arg| arg.id == clap.get_id().as_str());
    let kind = declared.map(|arg| arg.kind.clone()).unwrap_or_default();
    let arity = arity(clap);
    let choices = match kind {
        ValueKind::Bool => Vec::new(),
        _ if arity == Arity::Flag => Vec::new(),
        _ => clap.get_possible_values().iter().filter(|value| !value.is_hide_set()).map(choice).collect(),
    };
    let help = text(clap.get_help());
    let long_help = text(clap.get_long_help());
    let takes_value = !matches!(arity, Arity::Flag);
    Arg {
        id: clap.get_id().to_string(),
        long: clap.get_long().map(str::to_owned),
        short: clap.get_short(),
        aliases: clap.get_all_aliases().unwrap_or_default().into_iter().map(str::to_owned).collect(),
        arity,
        repeated: matches!(clap.get_action(), ArgAction::Append | ArgAction::Count),
        required: clap.is_required_set(),
        value_name: clap
            .get_value_names()
            .and_then(|names| names.first())
            .filter(|_| takes_value)
            .map(|name| name.to_string())
            .or_else(|| takes_value.then(|| clap.get_id().as_str().to_ascii_uppercase())),
        kind,
        choices,
        range: declared.and_then(|arg| arg.range.clone()),
        default: clap
            .get_default_values()
            .first()
            .filter(|_| takes_value)
            .map(|value| value.to_string_lossy().into_owned()),
        long_help: if long_help == help { String::new() } else { long_help },
        help,
        hidden: clap.is_hide_set(),
        means: declared.and_then(|arg| arg.means.clone()),
        effect: declared.and_then(|arg| arg.effect),
    }
}

fn arity(clap: &clap::Arg) -> Arity {
    let values = clap.get_num_args().unwrap_or_else(|| clap::builder::ValueRange::new(0..=1));
    match clap.get_action() {
        ArgAction::SetTrue | ArgAction::SetFalse | ArgAction::Count => Arity::Flag,
        _ if clap.is_positional() && (clap.is_trailing_var_arg_set() || clap.is_last_set()) => {
            Arity::Trailing
        }
        _ if clap.is_positional() => Arity::Positional,
        _ if clap.is_require_equals_set() && values.min_values() == 0 && values.max_values() == 1 => {
            Arity::OptionalWithEquals
        }
        _ if values.min_values() == 1 && values.max_values() == 1 => Arity::One,
        _ => Arity::Unknown,
    }
}

fn choice(value: &clap::builder::PossibleValue) -> Choice {
    Choice { value: value.get_name().to_owned(), help: text(value.get_help()) }
}

fn is_clap_own(arg: &clap::Arg) -> bool {
    matches!(
        arg.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    )
}

fn text(styled: Option<&clap::builder::StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}
