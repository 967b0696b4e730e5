//! Running other programs. The host runs them, so that no credential of its own reaches them and Ctrl-C does what it does
//! in a shell.

use astro_plugin_protocol::service::{self, ProcessEnd};

use crate::{Context, Error, Result};

/// A program being put together; from [`Context::process`].
pub struct Process<'a> {
    ctx: &'a Context,
    process: service::Process,
}

impl Context {
    /// A program to run, by its name on the PATH or by its path. The command must declare
    /// [`crate::Spec::runs_programs`]. It has the terminal, and the environment without the host's credentials.
    ///
    /// ```
    /// # use astro_plugin_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let branch = ctx.process("git").args(["branch", "--show-current"]).capture().await?;
    /// let ended = ctx.process("pytest").arg("dags").run().await?;
    /// if ended.code != Some(0) {
    ///     return Err(Error::new(format!("the tests of {} failed", branch.trim())));
    /// }
    /// # Ok(()) }
    /// ```
    pub fn process(&self, program: impl Into<String>) -> Process<'_> {
        let process = service::Process { program: program.into(), ..service::Process::default() };
        Process { ctx: self, process }
    }
}

impl Process<'_> {
    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.process.args.push(arg.into());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.process.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// The directory it runs in.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<String>) -> Self {
        self.process.directory = Some(directory.into());
        self
    }

    /// A variable of its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.process.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Runs it. What it writes to stdout is the command's result as it comes (to stderr under json, since it is no
    /// JSON). How it ended is for the caller to judge.
    ///
    /// # Errors
    /// A program that cannot be run. The command does not declare [`crate::Spec::runs_programs`]. How the program ended is no error.
    pub async fn run(self) -> Result<ProcessEnd> {
        self.ctx.call(service::PROCESS_RUN, self.process).await
    }

    /// Runs it and answers what it wrote to stdout, at most 16 MiB. Anything but an end with 0 is an error.
    ///
    /// # Errors
    /// As [`Process::run`], and more than 16 MiB of output.
    pub async fn capture(mut self) -> Result<String> {
        self.process.capture = true;
        let program = self.process.program.clone();
        let ended: ProcessEnd = self.ctx.call(service::PROCESS_RUN, self.process).await?;
        match (ended.code, ended.signal) {
            (Some(0), _) => Ok(ended.stdout),
            (Some(code), _) => Err(Error::new(format!("`{program}` ended with {code}"))),
            (None, signal) => {
                Err(Error::new(format!("`{program}` was ended by signal {}", signal.unwrap_or_default())))
            }
        }
    }
}
