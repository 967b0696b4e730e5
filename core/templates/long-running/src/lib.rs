use std::path::PathBuf;

use astro_plugin_sdk::prelude::*;

/// {{about}}
///
/// The files that are given, or those that git knows below the working directory. A file with too many lines is told, and
/// then the command ends with 20.
#[derive(Args)]
struct {{struct}} {
    /// The files
    files: Vec<PathBuf>,
    /// The most lines that a file may have
    #[arg(long, default_value_t = 1000)]
    limit: u32,
}

impl Command for {{struct}} {
    const PATH: &'static str = "{{command}}";
    const EFFECT: Effect = Effect::Read;
    // The result is text as it comes.
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.streams_text()
            .runs_programs()
            .file("files")
            .range("limit", 1u32..=1_000_000, "lines")
            .exit_code(20, "a file has too many lines")
            .example("astro {{command}}", "Every file that git knows")
            .example("astro {{command}} dags/etl.py --limit 200", "One file");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let files = match self.files.is_empty() {
            true => files_of_git(&ctx).await?,
            false => self.files,
        };
        let mut too_long = 0;
        let mut progress = ctx.progress("Counting lines", Some(files.len() as u64)).await?;
        for file in files {
            progress.label(file.display().to_string()).await?;
            let path = file.clone();
            // On a thread of its own: Ctrl-C acts while a large file is read.
            let lines = ctx.blocking(move || lines_of(&path)).await?;
            if lines > self.limit as usize {
                too_long += 1;
                ctx.text(format!("{}: {lines} lines, more than {}\n", file.display(), self.limit)).await?;
            }
            progress.advance(1).await?;
        }
        drop(progress);
        match too_long {
            0 => ctx.notice("No file has too many lines.").await,
            _ => Err(Error::exit(20)),
        }
    }
}

async fn files_of_git(ctx: &Context) -> Result<Vec<PathBuf>> {
    let listed = ctx.process("git").args(["ls-files", "-z"]).capture().await.map_err(|error| {
        error.context("the files are not known").help("name some: astro {{command}} FILE")
    })?;
    Ok(listed.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect())
}

fn lines_of(file: &std::path::Path) -> Result<usize> {
    let text = std::fs::read(file)
        .map_err(|error| Error::from(error).context(format!("cannot read `{}`", file.display())))?;
    let ends = text.iter().filter(|byte| **byte == b'\n').count();
    // The last line may have no end.
    Ok(ends + usize::from(!text.is_empty() && !text.ends_with(b"\n")))
}

export_plugin!(crate_plugin!(){{group}}.command::<{{struct}}>());

#[cfg(test)]
mod tests;
