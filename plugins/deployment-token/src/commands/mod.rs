//! The verbs, in the order of the help page.

mod create;
mod delete;
mod list;
mod rotate;
mod update;

pub(crate) use create::Create;
pub(crate) use delete::Delete;
pub(crate) use list::List;
pub(crate) use rotate::Rotate;
pub(crate) use update::Update;

use astro_plugin_sdk::Spec;

/// Said on every page.
const NOTE: &str = "This command works only on Astro, Astronomer's managed service.";

/// Limits that the API publishes for updates (UpdateApiTokenRequest); create applies them, too.
const NAME_LENGTH: std::ops::RangeInclusive<usize> = 1..=256;
const DESCRIPTION_LENGTH: std::ops::RangeInclusive<usize> = 0..=500;

/// What every verb declares.
fn common(spec: &mut Spec, alias: &str) {
    spec.alias(alias).availability(NOTE).needs_api();
}

/// What the verbs that deliver a token declare: `-c/--clean-output`, and that they do.
fn clean_output(spec: &mut Spec) {
    spec.optional_bool("clean_output").sets_global("clean_output", "--output=clean").delivers_secret();
}

/// How a delivered token gets into a process that needs it.
fn automated_process(spec: &mut Spec) {
    spec.section(
        "To use the token in an automated process",
        "Create it with `--clean-output`, so that the output is the token and nothing else, and hand it to the process as ASTRO_API_TOKEN. \
         Check the exit code first: 7 means that the token exists and its value could not be written. \
         See `astro help automation`, and guide/automation.md of the documentation for recipes (GitHub Actions, GitLab, cron). \
         guide/secret-managers.md has the command lines of secret managers, from kubectl to Vault.",
    );
}
