//! Results: records and the columns to show them in. The host renders table, json and clean.

use astro_plugin_protocol::service::{self, Column, ColumnKind, Emit, Secret};
use serde::Serialize;
use serde_json::{Value, value::RawValue};

use crate::{Context, Error, Result};

/// Rows handed over in one message.
const ROWS_AT_ONCE: usize = 1000;

/// How records are shown: columns for people, keys for scripts. Column keys are those of the serialized record.
///
/// ```
/// # use astro_plugin_sdk::View;
/// let view = View::list("runs")
///     .id("id", "ID")
///     .text("dag", "DAG")
///     .text("state", "STATE").never_truncate()
///     .time("started_at", "STARTED")
///     .expiry("kept_until", "KEPT UNTIL")
///     .number("tasks", "TASKS")
///     .duration("seconds", "TOOK")
///     .size("log_bytes", "LOG")
///     .flag("manual", "MANUAL")
///     .optional_text("note", "NOTE")
///     .clean(["id", "dag"])
///     .empty_message("No runs.");
/// let one = View::record().id("id", "ID");
/// let told = View::sentence("Paused the DAG `etl`.").clean(["dag"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct View {
    view: service::View,
}

impl View {
    /// A list; `key` is the array's key in json, a plural such as `tokens`.
    pub fn list(key: &str) -> Self {
        Self { view: service::View { list: Some(key.to_owned()), ..service::View::default() } }
    }

    /// A single record.
    pub fn record() -> Self {
        Self::default()
    }

    /// A single record that a table shows as one sentence.
    pub fn sentence(text: impl Into<String>) -> Self {
        Self { view: service::View { sentence: Some(text.into()), ..service::View::default() } }
    }

    /// A column of text; shortened where the terminal is narrow.
    ///
    /// # Errors
    /// `closed` when nobody reads any more. The command does not declare [`crate::Spec::streams_text`].
    #[must_use]
    pub fn text(self, key: &str, title: &str) -> Self {
        self.column(key, title, ColumnKind::Text, false)
    }

    /// A column of text that is shown only where every other column fits.
    #[must_use]
    pub fn optional_text(self, key: &str, title: &str) -> Self {
        self.column(key, title, ColumnKind::Text, true)
    }

    /// A column of IDs: text that is never shortened.
    #[must_use]
    pub fn id(self, key: &str, title: &str) -> Self {
        self.column(key, title, ColumnKind::Id, false)
    }

    /// A column of RFC 3339 times.
    #[must_use]
    pub fn time(self, key: &str, title: &str) -> Self {
        self.column(key, title, ColumnKind::Time, false)
    }

    /// A column of RFC 3339 times after which the row is expired; absent means never.
    #[must_use]
    pub fn expiry(self, key: &str, title: &str) -> Self {
        self.column(key, title, ColumnKind::Expiry, false)
    }

    /// A column of numbers, to the right.
    #[must_use]
    pub fn number(self, key: &str, title: &str) -> Self {
        self.column(key, title, ColumnKind::Number, false)
    }

    /// A column of true and false, shown as yes and no.
    #[must_use]
    pub fn flag(self, key: &str, title: &str) -> Self {
        self.column(key, title, ColumnKind::Bool, false)
    }

    /// A column of whole numbers of bytes, shown as `1.2 MiB`; json and clean have the number.
    #[must_use]
    pub fn size(self, key: &str, title: &str) -> Self {
        self.column(key, title, ColumnKind::Size, false)
    }

    /// A column of numbers of seconds, shown as `2h 5m`; json and clean have the number.
    #[must_use]
    pub fn duration(self, key: &str, title: &str) -> Self {
        self.column(key, title, ColumnKind::Duration, false)
    }

    /// The column declared last is never shortened: `.text("status", "STATUS").never_truncate()`.
    #[must_use]
    pub fn never_truncate(mut self) -> Self {
        if let Some(last) = self.view.columns.last_mut() {
            last.whole = true;
        }
        self
    }

    /// The keys of the clean format, in order; those of the columns without this. Only ever append to them: scripts count
    /// columns.
    #[must_use]
    pub fn clean<'k>(mut self, keys: impl IntoIterator<Item = &'k str>) -> Self {
        self.view.clean = keys.into_iter().map(str::to_owned).collect();
        self
    }

    /// What a person reads, on stderr, when the list is empty.
    #[must_use]
    pub fn empty_message(mut self, text: impl Into<String>) -> Self {
        self.view.empty = Some(text.into());
        self
    }

    /// The view as it travels.
    pub(crate) fn to_protocol(&self) -> service::View {
        self.clone().with_clean().view
    }

    /// Whether it is that of a list.
    pub(crate) fn is_list(&self) -> bool {
        self.view.list.is_some()
    }

    /// What is shown depends on the keys of a record, since nothing was declared.
    fn needs_a_row(&self) -> bool {
        self.view.columns.is_empty()
    }

    /// Where no columns are declared, those of the record's keys.
    fn or_of(mut self, record: &Value) -> Self {
        let keys = || record.as_object().into_iter().flat_map(|fields| fields.keys());
        if self.view.columns.is_empty() && self.view.sentence.is_none() {
            for key in keys() {
                self = self.text(key, &key.replace('_', " ").to_uppercase());
            }
        }
        self = self.with_clean();
        if self.view.clean.is_empty() {
            self.view.clean = keys().cloned().collect();
        }
        self
    }

    /// What a script gets is what was declared: a field that the record gets later is not part of it.
    fn with_clean(mut self) -> Self {
        if self.view.clean.is_empty() {
            self.view.clean = self.view.columns.iter().map(|column| column.key.clone()).collect();
        }
        self
    }

    fn column(mut self, key: &str, title: &str, kind: ColumnKind, optional: bool) -> Self {
        self.view.columns.push(Column {
            key: key.to_owned(),
            title: title.to_owned(),
            kind,
            optional,
            ..Column::default()
        });
        self
    }
}

/// [`Emit::Rows`] with rows that are encoded as they are.
#[derive(Serialize)]
struct Rows<'r, R> {
    op: &'static str,
    rows: &'r [R],
}

impl Context {
    /// The value that a command gave, encoded, shown as it declared. The rows travel as the text that they are.
    pub(crate) async fn emit_output(&self, view: Option<View>, output: &RawValue) -> Result<()> {
        let is_list = view.as_ref().is_some_and(View::is_list);
        match output.get().as_bytes().first() {
            Some(b'n') => Ok(()),
            Some(b'[') if is_list => {
                let rows: Vec<&RawValue> = serde_json::from_str(output.get())?;
                self.emit_list(view.unwrap_or_default(), rows).await
            }
            Some(b'{') if !is_list => self.emit(view.unwrap_or_default(), &output).await,
            Some(b'[') => {
                Err(Error::plugin("its command gives a list and declares no `View::list` with `spec.output`"))
            }
            Some(b'{') => {
                Err(Error::plugin("its command gives a record and declares a list with `spec.output`"))
            }
            _ => Err(Error::plugin("its command gives neither a record nor a list of records")),
        }
    }

    /// The result: one record, for a command whose `Output` is `()`. A command has one result; a second one is an error.
    ///
    /// # Errors
    /// As [`Context::emit_list`].
    ///
    /// ```
    /// # use astro_plugin_sdk::{prelude::*, serde_json::json};
    /// # async fn example(ctx: Context) -> Result<()> {
    /// ctx.emit(View::sentence("Paused the DAG `etl`.").clean(["dag"]), &json!({"dag": "etl"})).await
    /// # }
    /// ```
    pub async fn emit(&self, view: View, record: &impl Serialize) -> Result<()> {
        self.emit_list(view, std::iter::once(record)).await
    }

    /// The result: a list of records, for a command whose `Output` is `()`. They travel in pieces of 1000, each awaited
    /// before the next, so that a long list is never held as a whole. When the reader is gone (`| head`) it is the error
    /// `closed`; pass it on, it is a quiet end.
    ///
    /// # Errors
    /// `closed` when nobody reads any more; a second result; a record that cannot be encoded.
    pub async fn emit_list<R: Serialize>(&self, view: View, rows: impl IntoIterator<Item = R>) -> Result<()> {
        let mut rows = rows.into_iter();
        let mut piece: Vec<R> = rows.by_ref().take(ROWS_AT_ONCE).collect();
        let view = match view.needs_a_row() {
            true => view.or_of(&piece.first().map(serde_json::to_value).transpose()?.unwrap_or_default()),
            false => view.with_clean(),
        };
        self.call::<()>(service::OUTPUT_EMIT, Emit::Begin { view: view.view }).await?;
        while !piece.is_empty() {
            self.call::<()>(service::OUTPUT_EMIT, Rows { op: "rows", rows: &piece }).await?;
            piece = rows.by_ref().take(ROWS_AT_ONCE).collect();
        }
        self.call(service::OUTPUT_EMIT, Emit::End).await
    }

    /// The result: a record with a one-time secret. In a table the secret stands alone on the last line, in
    /// clean it is all there is, in json it is the record's `key`.
    ///
    /// # Errors
    /// `delivery` (exit code 7) when it cannot be delivered: pass it on, the host keeps the secret. The command does not declare
    /// [`crate::Spec::delivers_secret`].
    pub async fn emit_secret(
        &self,
        view: View,
        record: &impl Serialize,
        key: &str,
        value: String,
    ) -> Result<()> {
        let record = serde_json::to_value(record)?;
        self.call(service::OUTPUT_SECRET, Secret { view: view.view, record, key: key.to_owned(), value })
            .await
    }

    /// The result: streamed text (a linter, logs). The command must declare
    /// [`crate::Spec::streams_text`]; under json each piece becomes a record.
    pub async fn text(&self, text: impl Into<String>) -> Result<()> {
        self.call(service::OUTPUT_TEXT, service::Text { text: text.into() }).await
    }
}
