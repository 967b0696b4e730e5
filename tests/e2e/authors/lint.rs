//! `astro airflow lint`: the source that its author writes in the journey.

use astro_plugin_sdk::prelude::*;

/// Check DAG files
///
/// Finds what makes a DAG hard to follow. A file in which something is found is told, and then the command ends with 20.
#[derive(Args)]
struct Lint {
    /// The files
    #[arg(required = true)]
    files: Vec<String>,
}

/// `[plugins.airflow-lint]` of the configuration.
#[derive(Deserialize)]
struct Config {
    strict: bool,
    rules: String,
}

/// Something that was found.
#[derive(Serialize)]
struct Found {
    file: String,
    line: usize,
    rule: &'static str,
}

impl Command for Lint {
    const PATH: &'static str = "airflow lint";
    const EFFECT: Effect = Effect::Read;
    // Each finding is shown when it is found.
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.streams_text()
            .file("files")
            .exit_code(20, "something was found")
            .example("astro airflow lint dags/etl.py", "Check a file");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let config: Config = ctx.config().await?;
        let mut count = 0;
        for file in self.files {
            let found = ctx.blocking(move || lint(&file)).await?;
            for one in found.iter().filter(|one| config.rules == "all" || one.rule == "star-import") {
                count += 1;
                ctx.text(format!("{}:{}: {}\n", one.file, one.line, one.rule)).await?;
            }
        }
        if count > 0 || config.strict { Err(Error::exit(20)) } else { Ok(()) }
    }
}

fn lint(file: &str) -> Result<Vec<Found>> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::from(error).context(format!("cannot read `{file}`")))?;
    let rules = [("import *", "star-import"), ("import os", "plain-import")];
    let lines = text.lines().enumerate().flat_map(|(index, line)| {
        let fitting = rules.into_iter().filter(move |(part, _)| line.contains(part));
        fitting.map(move |(_, rule)| Found { file: file.to_owned(), line: index + 1, rule })
    });
    Ok(lines.collect())
}

export_plugin!(
    crate_plugin!()
        .publisher("Somebody Else")
        .group("airflow", "Work with Airflow code")
        .config(ConfigKey::flag("strict", "End with 20 in any case"))
        .config(ConfigKey::text("rules", "Which rules apply").one_of(["all", "errors"]).default_value("all"))
        .command::<Lint>()
);

#[cfg(test)]
mod tests;
