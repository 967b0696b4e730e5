//! `astro help` and `astro version`.

use super::{Request, command, dynamic, positional};
use astro_plugin_protocol::{effect::Effect, names};

use crate::{
    base::error::{Failure, Result, code},
    cli::help,
    commands::{Builtin, pages},
    config::environment,
    fallback,
    output::Format,
    product::product,
    program::{APP, ENV, dimensions},
    run::line,
};

/// What is explained besides commands.
pub(super) const TOPICS: &[&str] = &["globals", "exit-codes", "environment", "output", "automation"];

pub(super) fn commands() -> Vec<Builtin> {
    let mut words =
        dynamic(positional("word", &format!("A command or a topic: {}", TOPICS.join(", ")), false));
    words.repeated = true;
    vec![
        command("version", Effect::Read, "Show the version", Vec::new(), &[], version),
        command(
            "help",
            Effect::Read,
            "Explain a command or a topic",
            vec![words],
            &[
                ("astro help plugin install", "Explain a command"),
                ("astro help globals", "Explain the global options"),
            ],
            help,
        ),
    ]
}

pub(super) fn version(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let view = astro_plugin_protocol::service::View {
        sentence: Some(format!("{APP} {}", crate::VERSION)),
        clean: vec!["version".to_owned()],
        ..Default::default()
    };
    let row = serde_json::json!({
        "version": crate::VERSION,
        "triple": crate::trust::verify::TRIPLE,
        "abi": astro_plugin_abi::ABI_REVISION,
        "protocol": { "min": crate::trust::verify::OLDEST_PROTOCOL, "max": astro_plugin_protocol::PROTOCOL_REVISION },
    });
    request.emit(format, view, vec![row])
}

pub(super) fn help(request: &Request<'_>) -> Result<i32> {
    request.format()?;
    let env = request.env;
    let layout = env.layout();
    let words: Vec<&str> =
        request.parsed.matches.get_many::<String>("word").into_iter().flatten().map(String::as_str).collect();
    let page = match words.as_slice() {
        [] => return pages::print_root_page(env),
        ["globals"] => help::globals(layout),
        ["exit-codes"] => help::exit_codes(layout),
        ["environment"] => help::prose(&environment_text(), layout),
        ["output"] => help::prose(&output_text(), layout),
        ["automation"] => help::prose(&automation_text(), layout),
        words => command_page(request, words)?,
    };
    env.print(&page)
}

fn command_page(request: &Request<'_>, words: &[&str]) -> Result<String> {
    let env = request.env;
    let builtins = super::commands();
    let found = match builtins.locate(&words[..1]).0.is_empty() {
        true => env.stores.word(words[0]),
        false => None,
    };
    let (set, found) = match &found {
        Some(found) => (&found.set, Some(found)),
        None => (builtins, None),
    };
    let (path, taken) = set.locate(words);
    if taken < words.len() {
        let line: Vec<String> = ["help"].iter().chain(words).map(|word| (*word).to_owned()).collect();
        match (found, path.as_str()) {
            (Some(found), _) => fallback::exec_fallback(env, &line, &found.set, &path, words[taken])?,
            (None, "") => fallback::exec_fallback(env, &line, &pages::first_words(env), "", words[taken])?,
            // The host's own words have nothing below them that is another program's.
            (None, _) => {}
        }
        let line = words.join(" ");
        return Err(Failure::new(
            code::UNKNOWN_COMMAND,
            format!("no command and no topic is called `{line}`"),
        )
        .help(format!("see all commands with `{APP} --help`; topics: {}", TOPICS.join(", "))));
    }
    Ok(match (set.command(&path), found) {
        (Some(command), found) => {
            let owners = found.map(|found| found.owners_below(&path)).unwrap_or_default();
            help::command(&env.binary, command, &owners, env.layout())
        }
        (None, Some(found)) => line::group_page(env, &path, found),
        (None, None) => {
            let about = set.groups.iter().find(|group| group.path == path).map_or("", |group| &group.about);
            help::group(&env.binary, &path, about, set, &[], None, env.layout())
        }
    })
}

fn environment_text() -> String {
    let folder = product().folder;
    let base_path = product().api.base_path;
    let line = |dimension: &names::Dimension| {
        let variable = environment::of_dimension(dimension).to_string();
        let width = format!("{ENV}_").len() + 18;
        format!("  {variable:<width$}the {}\n", dimension.name)
    };
    let settings: String = dimensions().iter().map(line).collect();
    let domain = match product().api.of_domain {
        Some(of_domain) => {
            let hosted = product().api.default_address.unwrap_or_default();
            let example = hosted.strip_prefix("https://api.").and_then(|rest| rest.split('/').next());
            let example = example.unwrap_or("example.com");
            format!("  {ENV}_DOMAIN            a domain, {example} means {}\n", of_domain(example))
        }
        None => String::new(),
    };
    let formats = names::FORMATS.join(", ");
    format!("\
A flag beats a variable, a variable beats a profile. `{APP} context` shows what is in effect and why.

  {ENV}_PROFILE           the profile to use
  {ENV}_API_TOKEN         a token; with it no profile is in use
  {ENV}_API_URL           the API's base, ending in {base_path}
{domain}{settings}  {ENV}_OUTPUT            {formats}
  {ENV}_HOME              keep everything below ${ENV}_HOME/.{folder}
  {ENV}_LOG               what to log on stderr: info, debug, PLUGIN=trace
  NO_COLOR                no colours

A variable that is set and empty is refused with exit code 2, so that a missing secret does not select another customer; an empty {ENV}_LOG or NO_COLOR counts as not set.")
}

fn output_text() -> String {
    let about: Vec<&str> = Format::all().iter().map(|format| format.about()).collect();
    format!("\
stdout is the result and nothing else; stderr is everything else.

{}

Columns of clean and keys of json are only ever appended. Under json and clean nothing but errors goes to stderr; under json an error is one JSON line.", about.join("\n\n"))
}

fn automation_text() -> String {
    format!("\
In a pipeline set {ENV}_API_TOKEN and the id variables (`{APP} help environment`), and use -o json or -o clean. Nothing is ever asked there: a missing answer is exit code 2 and names the flag.

Check the exit code before you go on: 7 means that a one-time secret exists and could not be delivered, 6 that it is not known whether the request was done.

Recipes for GitHub Actions, GitLab and cron: guide/automation.md of the documentation. For secret managers: guide/secret-managers.md.")
}
