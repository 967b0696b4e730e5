//! Questions to the person at the terminal. Where nobody can be asked, each is an error that names the flag.

use astro_plugin_protocol::service::{self, AskText, Confirm, Select};

use crate::{Context, Result};

impl Context {
    /// Asks yes or no after showing what is about to happen. `--yes` answers it; a no ends the command with
    /// exit code 130.
    pub async fn confirm(&self, details: Vec<String>, question: impl Into<String>) -> Result<()> {
        self.call::<bool>(service::PROMPT_CONFIRM, Confirm { details, question: question.into() }).await?;
        Ok(())
    }

    /// Asks for a line of text, which is not empty; `flag` answers it without asking (`--name <NAME>`). Where nobody can
    /// be asked it is an error that names the flag, exit code 2.
    ///
    /// ```
    /// # use astro_plugin_sdk::prelude::*;
    /// # async fn example(ctx: Context, name: Option<String>) -> Result<()> {
    /// let name = match name {
    ///     Some(name) => name,
    ///     None => ctx.ask("Name of the DAG", "--name <NAME>").await?,
    /// };
    /// ctx.confirm(vec![format!("dag  {name}")], format!("Pause the DAG `{name}`?")).await?;
    /// # Ok(()) }
    /// ```
    pub async fn ask(&self, question: &str, flag: &str) -> Result<String> {
        let ask = AskText { question: question.to_owned(), flag: flag.to_owned(), help: Vec::new() };
        self.call(service::PROMPT_TEXT, ask).await
    }

    /// Asks to pick one of a list and answers its index; `flag` answers it without asking. What stands between tabs in the
    /// items is shown in columns, times as in a table. `help` is said, one line each,
    /// where nobody can be asked (exit code 2).
    pub async fn select(
        &self,
        question: &str,
        items: Vec<String>,
        flag: &str,
        help: Vec<String>,
    ) -> Result<usize> {
        let select = Select { question: question.to_owned(), items, flag: flag.to_owned(), help };
        self.call(service::PROMPT_SELECT, select).await
    }
}
