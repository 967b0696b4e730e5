//! What became of plugins that were installed, upgraded or changed: a sentence for each on stderr, a row for each in the
//! result.

use astro_plugin_protocol::service::{ColumnKind, View};
use serde_json::{Value, json};

use crate::{
    base::error::{Failure, Result, code},
    commands::{Request, column},
    console::report,
    install::{Action, Outcome},
    output::Format,
    program::APP,
};

/// Tells what became of each plugin, and ends with the failures' own code.
pub(super) fn finish(
    request: &Request<'_>,
    format: Format,
    done: &[Outcome],
    failures: Vec<Failure>,
    dry_run: bool,
) -> Result<i32> {
    let console = &request.env.console;
    for outcome in done {
        console.notice(&describe_outcome(outcome, dry_run));
    }
    for outcome in done.iter().filter(|outcome| outcome.replaces_bundled && !dry_run) {
        console.notice(&format!("It takes the place of the plugin `{}` that came with {APP}.", outcome.name));
    }
    for (outcome, link) in done.iter().filter_map(|outcome| Some((outcome, outcome.replaces_link.as_ref()?)))
    {
        let told = if dry_run { "It would take" } else { "It takes" };
        console.notice(&format!(
            "{told} the place of the linked {}; to use that again: {APP} plugin rollback {}",
            link.display(),
            outcome.name
        ));
    }
    if done.iter().any(|outcome| outcome.action == Action::Installed) && !dry_run {
        console.notice("Plugins run with your full permissions and are not reviewed.");
    }
    let rows: Vec<Value> = done.iter().map(|outcome| row(outcome, dry_run)).collect();
    if !format.is_for_people() && (!rows.is_empty() || failures.is_empty()) {
        request.emit(format, view(), rows)?;
    }
    let count = failures.len();
    match count {
        0 => Ok(0),
        1 => Err(failures.into_iter().next().unwrap_or_default()),
        _ => {
            let first = failures[0].code.clone();
            let is_common = failures.iter().all(|failure| failure.code == first);
            for failure in &failures {
                report::failure(console, failure);
            }
            let kind = if is_common { first } else { code::FAILED.to_owned() };
            Err(Failure::new(&kind, format!("{count} plugins failed; see the errors above")))
        }
    }
}

/// What was done to a plugin, or would be, as a sentence.
fn describe_outcome(outcome: &Outcome, dry_run: bool) -> String {
    let Outcome { name, version, before, voucher, .. } = outcome;
    let before = before.as_deref().unwrap_or_default();
    let place = outcome.origin.as_deref().unwrap_or_default();
    let from = outcome.origin.as_deref().map(|origin| format!(" from {origin}")).unwrap_or_default();
    let did = |done: &str, would: &str, what: String| {
        let done = if dry_run { format!("Would have {would}") } else { done.to_owned() };
        let pinned =
            if outcome.pinned { "; it stays there until it is named in `plugin upgrade`" } else { "" };
        format!("{done} the plugin `{name}` {what}{pinned}.")
    };
    match outcome.action {
        Action::Installed => did("Installed", "installed", format!("{version}{from}, {voucher}")),
        Action::Upgraded => did("Upgraded", "upgraded", format!("from {before} to {version}, {voucher}")),
        Action::Downgraded => {
            did("Downgraded", "downgraded", format!("from {before} to {version}, {voucher}"))
        }
        Action::Replaced => did("Replaced", "replaced", format!("{version}{from}, {voucher}")),
        Action::RolledBack => did("Rolled back", "rolled back", format!("from {before} to {version}")),
        Action::RolledForward => {
            did("Undid the rollback of", "undone the rollback of", format!("from {before} to {version}"))
        }
        Action::Repaired => did("Repaired", "repaired", format!("{version}: its file had been changed")),
        Action::Moved => {
            let comes = if dry_run { "it would come" } else { "from now on it comes" };
            format!("The plugin `{name}` {version} is already installed; {comes} from {place}.")
        }
        Action::Verified => {
            let is = if dry_run { "it would be" } else { "from now on it is" };
            format!("The plugin `{name}` {version} is already installed; {is} known to be {voucher}.")
        }
        Action::Pinned => format!("The plugin `{name}` stays at {version}."),
        Action::Unpinned => format!("Unpinned the plugin `{name}` ({version})."),
        Action::StillPinned => format!("The plugin `{name}` is already pinned and stays at {version}."),
        Action::NotPinned => format!("The plugin `{name}` {version} is not pinned; upgrades move it."),
        Action::Unchanged => format!("The plugin `{name}` {version} is already up to date."),
    }
}

fn row(outcome: &Outcome, dry_run: bool) -> Value {
    json!({
        "name": outcome.name, "version": outcome.version, "action": outcome.action.name(), "before": outcome.before,
        "source": outcome.source.name(), "origin": outcome.origin, "sha256": outcome.sha256,
        "key_id": outcome.key_id, "pinned": outcome.pinned, "dry_run": dry_run,
    })
}

fn view() -> View {
    View {
        list: Some("plugins".to_owned()),
        columns: ["name", "version", "action"].map(|key| column(key, ColumnKind::Id)).to_vec(),
        clean: ["name", "version", "action", "sha256"].map(str::to_owned).to_vec(),
        ..View::default()
    }
}
