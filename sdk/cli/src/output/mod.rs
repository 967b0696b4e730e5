//! Results in three formats. A plugin sends records and a view; this room renders them.
//!
//! * `table` for people, `json` for programs, `clean` for scripts.
//! * `table` and `json` are written when the last row is there: widths need all rows, and a document that
//!   was begun and not ended would not be one. `clean` is written as it arrives.

mod clean;
mod json;
mod table;

use astro_plugin_protocol::service::{Emit, Secret, View};
use serde_json::Value;

use crate::{
    error::{Failure, Result, code, config, failed},
    globals::Globals,
    program::{APP, ENV},
};

pub use clean::line as clean_line;
pub use table::{Table, TableLayout};

/// How results are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// Bare values, tab-separated.
    Clean,
}

impl Format {
    /// Reads the name a user types.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "table" => Some(Self::Table),
            "json" => Some(Self::Json),
            "clean" => Some(Self::Clean),
            _ => None,
        }
    }

    /// The format where no profile has a say: the flag's, else that of the variable `ASTRO_OUTPUT`, else the table.
    pub fn without_context(globals: &Globals, variable: Option<String>) -> Result<Self> {
        match globals.output.clone().or(variable) {
            None => Ok(Self::Table),
            Some(name) => Self::parse(&name).ok_or_else(|| {
                config(format!("the output format `{name}` from {ENV}_OUTPUT is not known"))
                    .help("use one of: table, json, clean")
            }),
        }
    }

    /// The name a user types.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Clean => "clean",
        }
    }
}

/// Turns messages of `output.emit` into bytes, in order.
#[derive(Default)]
pub struct Renderer {
    format: Format,
    sheet: TableLayout,
    state: State,
    /// Nothing is written: view and rows are taken out at the end.
    collected: Option<Collected>,
}

/// A result that was not rendered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Collected {
    /// How to show it.
    pub view: View,
    /// All of its rows.
    pub rows: Vec<Value>,
    /// It came to its end.
    pub is_whole: bool,
}

#[derive(Default)]
enum State {
    #[default]
    Idle,
    Open(Box<Open>),
    Ended,
}

struct Open {
    view: View,
    table: Table,
    json: Vec<u8>,
    rows: usize,
}

/// What to do after a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Bytes for the result.
    pub bytes: Vec<u8>,
    /// A line for the conversation: the list was empty.
    pub notice: Option<String>,
}

impl Renderer {
    /// A renderer for one command.
    pub fn new(format: Format, sheet: TableLayout) -> Self {
        Self { format, sheet, ..Self::default() }
    }

    /// One that collects what it gets.
    pub fn collecting() -> Self {
        Self { collected: Some(Collected::default()), ..Self::default() }
    }

    /// What was collected.
    pub fn take_collected(&mut self) -> Option<Collected> {
        self.collected.take()
    }

    /// A result that is there as a whole.
    pub fn whole(format: Format, sheet: TableLayout, view: View, rows: Vec<Value>) -> Result<Step> {
        let mut renderer = Self::new(format, sheet);
        let mut whole = Step::default();
        for emit in [Emit::Begin { view }, Emit::Rows { rows }, Emit::End] {
            let step = renderer.step(emit)?;
            whole.bytes.extend(step.bytes);
            whole.notice = step.notice.or(whole.notice);
        }
        Ok(whole)
    }

    /// Takes one message. Out of order ones are refused.
    pub fn step(&mut self, emit: Emit) -> Result<Step> {
        if let Some(collected) = &mut self.collected {
            match &emit {
                Emit::Begin { view } => collected.view = view.clone(),
                Emit::Rows { rows } => collected.rows.extend(rows.iter().cloned()),
                Emit::End => collected.is_whole = true,
                Emit::Unknown => {}
            }
        }
        match (emit, std::mem::take(&mut self.state)) {
            (Emit::Begin { view }, State::Idle) => {
                let table = Table::new(&view);
                self.state = State::Open(Box::new(Open { view, table, json: Vec::new(), rows: 0 }));
                Ok(Step::default())
            }
            (Emit::Rows { rows }, State::Open(mut open)) => {
                let bytes = self.rows(&mut open, &rows)?;
                self.state = State::Open(open);
                Ok(Step { bytes, notice: None })
            }
            (Emit::End, State::Open(open)) => {
                self.state = State::Ended;
                self.end(*open)
            }
            (Emit::Unknown, state) => {
                self.state = state;
                Err(Failure::new(
                    code::UNIMPLEMENTED,
                    format!("this {APP} does not know that step of a result"),
                ))
            }
            (_, State::Ended) => {
                self.state = State::Ended;
                Err(failed("a command has one result, and this one was ended"))
            }
            (_, state) => {
                self.state = state;
                Err(failed("a result is `begin`, any number of `rows`, `end`"))
            }
        }
    }

    fn rows(&self, open: &mut Open, rows: &[Value]) -> Result<Vec<u8>> {
        if rows.iter().any(|row| !row.is_object()) {
            return Err(failed("a row is a JSON object"));
        }
        open.rows += rows.len();
        if self.collected.is_some() {
            return Ok(Vec::new());
        }
        if open.view.list.is_none() && open.rows > 1 {
            return Err(failed("a single record has one row"));
        }
        let mut bytes = Vec::new();
        for row in rows {
            match self.format {
                Format::Table => open.table.push(row, &self.sheet),
                Format::Json => json::push(&mut open.json, row)?,
                Format::Clean => {
                    bytes.extend(clean::line(row, &open.view.clean, self.sheet.width.is_some()).into_bytes())
                }
            }
        }
        Ok(bytes)
    }

    fn end(&self, open: Open) -> Result<Step> {
        let Open { view, table, json, rows } = open;
        if self.collected.is_some() {
            return Ok(Step::default());
        }
        if view.list.is_none() && rows == 0 {
            return Err(failed("a single record has one row"));
        }
        let bytes = match (self.format, &view.list) {
            (Format::Table, Some(_)) if rows == 0 => {
                return Ok(Step { bytes: Vec::new(), notice: view.empty.clone() });
            }
            (Format::Table, Some(_)) => table.list(&self.sheet).into_bytes(),
            (Format::Table, None) => match &view.sentence {
                Some(sentence) => format!("{}\n", crate::escape::escaped(sentence)).into_bytes(),
                None => table.records(&self.sheet).into_bytes(),
            },
            (Format::Json, Some(key)) => json::list(key, &json)?,
            (Format::Json, None) => json::record(json),
            (Format::Clean, _) => Vec::new(),
        };
        Ok(Step { bytes, notice: None })
    }

    /// The bytes of a one-time secret with its record, or of the record alone when the secret goes elsewhere. Whatever goes wrong here, the secret exists: each failure
    /// is one of delivery.
    pub fn secret(&mut self, secret: &Secret, with_value: bool) -> Result<Vec<u8>> {
        let refused =
            |reason: &str| Failure::new(code::DELIVERY, "the token exists but was not written").cause(reason);
        if !matches!(self.state, State::Idle) {
            return Err(refused("the command had begun another result"));
        }
        self.state = State::Ended;
        // A line break would end the token for a script, an escape sequence would act on a terminal.
        if secret.value.is_empty() || !secret.value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refused("its value is not one word of visible characters"));
        }
        Ok(match self.format {
            Format::Clean => format!("{}\n", secret.value).into_bytes(),
            Format::Json => {
                let mut fields = match &secret.record {
                    Value::Object(fields) => fields.clone(),
                    _ => serde_json::Map::new(),
                };
                if with_value {
                    fields.insert(secret.key.clone(), Value::String(secret.value.clone()));
                }
                let mut bytes = Vec::new();
                json::push(&mut bytes, &Value::Object(fields))?;
                json::record(bytes)
            }
            Format::Table => {
                let mut table = Table::new(&secret.view);
                table.push(&secret.record, &self.sheet);
                let mut text = table.records(&self.sheet);
                if with_value {
                    text.push('\n');
                    text.push_str(&secret.value);
                    text.push('\n');
                }
                text.into_bytes()
            }
        })
    }
}

#[cfg(test)]
mod tests;
