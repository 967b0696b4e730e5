//! Results. A plugin sends records and a view; this module renders them in the [`Format`] that was asked for.
//!
//! * `table` for people, `json` for programs, `clean` for scripts.
//! * `table` and `json` are written when the last row is there: widths need all rows, and a document that
//!   was begun and not ended would not be one. `clean` is written as it arrives.

mod clean;
mod format;
mod json;
mod number;
mod table;

use astro_plugin_protocol::service::{Emit, Secret, View};
use serde_json::Value;

use self::format::Rows;
use crate::{
    error::{Failure, Result, code, failed},
    program::APP,
};

pub use clean::line as clean_line;
pub use format::Format;
pub use json::text as json_text;
pub use number::size;
pub use table::{Table, TableLayout};

/// Turns messages of `output.emit` into bytes, in order.
#[derive(Default)]
pub struct Renderer {
    format: Format,
    layout: TableLayout,
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
    rows: Box<dyn Rows>,
    count: usize,
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
    pub fn new(format: Format, layout: TableLayout) -> Self {
        Self { format, layout, ..Self::default() }
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
    pub fn whole(format: Format, layout: TableLayout, view: View, rows: Vec<Value>) -> Result<Step> {
        let mut renderer = Self::new(format, layout);
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
                let rows = self.format.begin(&view);
                self.state = State::Open(Box::new(Open { view, rows, count: 0 }));
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
        open.count += rows.len();
        if self.collected.is_some() {
            return Ok(Vec::new());
        }
        if open.view.list.is_none() && open.count > 1 {
            return Err(failed("a single record has one row"));
        }
        let mut bytes = Vec::new();
        for row in rows {
            bytes.append(&mut open.rows.push(row, &open.view, &self.layout)?);
        }
        Ok(bytes)
    }

    fn end(&self, open: Open) -> Result<Step> {
        let Open { view, rows, count } = open;
        if self.collected.is_some() {
            return Ok(Step::default());
        }
        if view.list.is_none() && count == 0 {
            return Err(failed("a single record has one row"));
        }
        // People are told that there is nothing; a program sees an empty list.
        if self.format.is_for_people() && view.list.is_some() && count == 0 {
            return Ok(Step { bytes: Vec::new(), notice: view.empty });
        }
        Ok(Step { bytes: rows.end(&view, &self.layout)?, notice: None })
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
        self.format.secret(secret, with_value, &self.layout)
    }
}

#[cfg(test)]
mod tests;
