//! Questions to the person at the terminal. Where the host cannot prompt, each is an error that names the option which answers it.

use astro_plugin_protocol::{
    message::code,
    service::{self, AskText},
};

use crate::{Context, Result};

/// A yes-or-no question being put together; from [`Context::confirm`].
///
/// ```
/// # use astro_plugin_sdk::prelude::*;
/// # async fn example(ctx: Context) -> Result<()> {
/// ctx.confirm("Pause the DAG?").details(["runs  3".to_owned()]).detail("next  in 5 min").or_exit().await?;
/// # Ok(()) }
/// ```
#[must_use = "a question is asked by `ask` or `or_exit`"]
pub struct Confirm<'a> {
    ctx: &'a Context,
    confirm: service::Confirm,
}

impl Confirm<'_> {
    /// What is about to happen, one line, shown before the question.
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.confirm.details.push(line.into());
        self
    }

    /// The same for several lines.
    pub fn details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.confirm.details.extend(lines);
        self
    }

    /// Asks; `--yes` answers true.
    ///
    /// # Errors
    /// Where the host cannot prompt: exit code 2, naming `--yes`.
    pub async fn ask(self) -> Result<bool> {
        match self.or_exit().await {
            Ok(()) => Ok(true),
            Err(error) if error.code() == code::DECLINED => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Asks; a no ends the command with exit code 130.
    ///
    /// # Errors
    /// A no, which is passed on, and what [`Confirm::ask`] says.
    pub async fn or_exit(self) -> Result<()> {
        self.ctx.call::<bool>(service::PROMPT_CONFIRM, self.confirm).await.map(drop)
    }
}

/// A question with a list of answers being put together; from [`Context::select`].
///
/// ```
/// # use astro_plugin_sdk::prelude::*;
/// # async fn example(ctx: Context) -> Result<()> {
/// let question = ctx.select("Which DAG?", "--dag <DAG>").items(["etl\tada", "reports\tbob"]);
/// let index = question.help("see them with `astro dag list`").ask().await?;
/// # let _ = index; Ok(()) }
/// ```
#[must_use = "a question is asked by `ask`"]
pub struct Select<'a> {
    ctx: &'a Context,
    select: service::Select,
}

impl Select<'_> {
    /// The choices. What stands between tabs is shown in columns, times as in a table.
    pub fn items<I: Into<String>>(mut self, items: impl IntoIterator<Item = I>) -> Self {
        self.select.items.extend(items.into_iter().map(Into::into));
        self
    }

    /// What to do where the host cannot prompt, one line.
    pub fn help(mut self, line: impl Into<String>) -> Self {
        self.select.help.push(line.into());
        self
    }

    /// Asks, and answers the index of the choice.
    ///
    /// # Errors
    /// Where the host cannot prompt: exit code 2, naming the option. Nothing chosen: exit code 130.
    pub async fn ask(self) -> Result<usize> {
        self.ctx.call(service::PROMPT_SELECT, self.select).await
    }
}

impl Context {
    /// Asks yes or no. Before a DELETE the user has to agree: where the plugin asks nothing, the host does.
    ///
    /// ```
    /// # use astro_plugin_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// ctx.confirm("Delete the DAG `etl`?").detail("runs  1200").or_exit().await?;
    /// if ctx.confirm("Its logs, too?").ask().await? {
    ///     ctx.http().delete(["dags", "etl", "logs"]).send().await?;
    /// }
    /// # Ok(()) }
    /// ```
    pub fn confirm(&self, question: impl Into<String>) -> Confirm<'_> {
        Confirm { ctx: self, confirm: service::Confirm { details: Vec::new(), question: question.into() } }
    }

    /// Asks for a line of text, which is not empty; `option` answers it without asking (`--name <NAME>`).
    ///
    /// # Errors
    /// Where the host cannot prompt: exit code 2, naming the option.
    ///
    /// ```
    /// # use astro_plugin_sdk::prelude::*;
    /// # async fn example(ctx: Context, name: Option<String>) -> Result<()> {
    /// let name = match name {
    ///     Some(name) => name,
    ///     None => ctx.prompt("Name of the DAG", "--name <NAME>").await?,
    /// };
    /// # Ok(()) }
    /// ```
    pub async fn prompt(&self, question: &str, option: &str) -> Result<String> {
        let ask = AskText { question: question.to_owned(), flag: option.to_owned(), help: Vec::new() };
        self.call(service::PROMPT_TEXT, ask).await
    }

    /// Asks to pick one of a list; `option` answers it without asking.
    ///
    /// ```
    /// # use astro_plugin_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let dags = ["etl", "reports"];
    /// let picked = ctx.select("Which DAG?", "--dag <DAG>").items(dags).ask().await?;
    /// let dag = dags[picked];
    /// # Ok(()) }
    /// ```
    pub fn select(&self, question: &str, option: &str) -> Select<'_> {
        let select = service::Select {
            question: question.to_owned(),
            flag: option.to_owned(),
            ..service::Select::default()
        };
        Select { ctx: self, select }
    }
}
