//! table: for people. Two passes over compact cells: widths while rows arrive, lines at the end.
//!
//! Off a terminal nothing is cut or wrapped. On one the table fits: optional columns go first, then text is
//! shortened, and where even that is too wide each row becomes a block of `name  value` lines.

use astro_plugin_protocol::{
    service::{Column, ColumnKind, Secret, View},
    time::minute,
};
use serde_json::Value;

use super::{
    format::{Rows, Spec},
    number,
};
use crate::{
    error::Result,
    escape::{escaped, width},
    style::{Style, styled},
};

/// What text columns are shortened to at the least.
const NARROWEST: usize = 8;
/// Columns between two columns.
const GAP: usize = 2;

/// What a table is drawn on.
#[derive(Debug, Clone, Default)]
pub struct TableLayout {
    /// Columns of the terminal; none off a terminal.
    pub width: Option<usize>,
    /// Escape codes are allowed.
    pub color: bool,
    /// The current time as RFC 3339 UTC with seconds (`2026-01-31T12:00:00Z`), for expiry columns.
    pub now: String,
}

/// The format `table`.
pub(super) struct TableFormat;

impl Spec for TableFormat {
    fn name(&self) -> &'static str {
        "table"
    }

    fn about(&self) -> &'static str {
        "table is for people: aligned, fitted to the terminal, neither cut nor wrapped off a terminal."
    }

    fn is_for_people(&self) -> bool {
        true
    }

    fn begin(&self, view: &View) -> Box<dyn Rows> {
        Box::new(Table::new(view))
    }

    fn secret(&self, secret: &Secret, with_value: bool, layout: &TableLayout) -> Result<Vec<u8>> {
        let mut table = Table::new(&secret.view);
        table.push(&secret.record, layout);
        let mut text = table.records(layout);
        if with_value {
            text.push('\n');
            text.push_str(&secret.value);
            text.push('\n');
        }
        Ok(text.into_bytes())
    }
}

impl Rows for Table {
    fn push(&mut self, row: &Value, _: &View, layout: &TableLayout) -> Result<Vec<u8>> {
        Self::push(self, row, layout);
        Ok(Vec::new())
    }

    fn end(self: Box<Self>, view: &View, layout: &TableLayout) -> Result<Vec<u8>> {
        let text = match (&view.list, &view.sentence) {
            (Some(_), _) => self.list(layout),
            (None, Some(sentence)) => format!("{}\n", escaped(sentence)),
            (None, None) => self.records(layout),
        };
        Ok(text.into_bytes())
    }
}

/// Rows of a table, kept as one text and the places where cells end.
pub struct Table {
    columns: Vec<Column>,
    cells: String,
    ends: Vec<usize>,
    widths: Vec<usize>,
}

impl Table {
    /// An empty table with the columns of a view.
    pub fn new(view: &View) -> Self {
        let widths = view.columns.iter().map(|column| width(&column.title)).collect();
        Self { columns: view.columns.clone(), cells: String::new(), ends: Vec::new(), widths }
    }

    /// Adds a row.
    pub fn push(&mut self, row: &Value, layout: &TableLayout) {
        for (index, column) in self.columns.iter().enumerate() {
            let start = self.cells.len();
            push_cell(&mut self.cells, row.get(&column.key), column.kind, &layout.now);
            self.widths[index] = self.widths[index].max(width(&self.cells[start..]));
            self.ends.push(self.cells.len());
        }
    }

    fn rows(&self) -> usize {
        self.ends.len() / self.columns.len().max(1)
    }

    fn cell(&self, row: usize, column: usize) -> &str {
        let at = row * self.columns.len() + column;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.cells[start..self.ends[at]]
    }

    /// All rows below a heading, or as blocks where the terminal is too narrow.
    pub fn list(&self, layout: &TableLayout) -> String {
        match self.fit(layout.width) {
            Some(columns) => self.grid(&columns, layout),
            None => self.records(layout),
        }
    }

    /// Each row as lines of `name  value`, rows separated by an empty line. Values are not cut.
    pub fn records(&self, layout: &TableLayout) -> String {
        let mut text = String::new();
        let left = self.columns.iter().map(|column| width(&column.title)).max().unwrap_or(0);
        for row in 0..self.rows() {
            if row > 0 {
                text.push('\n');
            }
            for (index, column) in self.columns.iter().enumerate() {
                let pad = " ".repeat(left - width(&column.title) + GAP);
                text.push_str(&styled(Style::Heading, &column.title, layout.color));
                text.push_str(&pad);
                text.push_str(self.cell(row, index));
                text.push('\n');
            }
        }
        text
    }

    /// The columns to show and how wide, or none when no selection fits.
    fn fit(&self, terminal: Option<usize>) -> Option<Vec<(usize, usize)>> {
        let mut shown: Vec<(usize, usize)> = self.widths.iter().copied().enumerate().collect();
        let Some(terminal) = terminal else { return Some(shown) };
        let total = |shown: &[(usize, usize)]| {
            shown.iter().map(|(_, width)| width + GAP).sum::<usize>().saturating_sub(GAP)
        };
        if total(&shown) > terminal {
            shown.retain(|(index, _)| !self.columns[*index].optional);
        }
        while total(&shown) > terminal {
            let widest = shown
                .iter_mut()
                .filter(|(index, width)| {
                    let column = &self.columns[*index];
                    column.kind == ColumnKind::Text && !column.whole && *width > self.narrowest(*index)
                })
                .max_by_key(|(_, width)| *width)?;
            widest.1 -= 1;
        }
        Some(shown)
    }

    /// A heading is never cut.
    fn narrowest(&self, column: usize) -> usize {
        width(&self.columns[column].title).max(NARROWEST)
    }

    fn grid(&self, columns: &[(usize, usize)], layout: &TableLayout) -> String {
        let line: usize = columns.iter().map(|(_, width)| width + GAP).sum();
        let mut text = String::with_capacity((line + 1) * (self.rows() + 1));
        let heading: Vec<&str> =
            columns.iter().map(|(index, _)| self.columns[*index].title.as_str()).collect();
        let start = text.len();
        self.push_line(&mut text, heading.into_iter(), columns);
        if layout.color {
            let plain = text.split_off(start);
            text.push_str(&styled(Style::Heading, plain.trim_end_matches('\n'), true));
            text.push('\n');
        }
        for row in 0..self.rows() {
            self.push_line(&mut text, columns.iter().map(|(index, _)| self.cell(row, *index)), columns);
        }
        text
    }

    fn push_line<'a>(
        &self,
        text: &mut String,
        cells: impl Iterator<Item = &'a str>,
        columns: &[(usize, usize)],
    ) {
        let last = columns.len().saturating_sub(1);
        for (place, (cell, (index, room))) in cells.zip(columns).enumerate() {
            let is_right = number::is_right(self.columns[*index].kind);
            if is_right {
                text.extend(std::iter::repeat_n(' ', room.saturating_sub(width(cell))));
            }
            let taken = push_shortened(text, cell, *room);
            if place < last {
                let pad = if is_right { 0 } else { room - taken };
                text.extend(std::iter::repeat_n(' ', pad + GAP));
            }
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
}

/// Appends a cell, shortened with `…` to the room; answers the columns it took.
fn push_shortened(text: &mut String, cell: &str, room: usize) -> usize {
    let whole = width(cell);
    if whole <= room {
        text.push_str(cell);
        return whole;
    }
    let mut taken = 0;
    for c in cell.chars() {
        let next = width(c.encode_utf8(&mut [0; 4]));
        if taken + next + 1 > room {
            break;
        }
        taken += next;
        text.push(c);
    }
    text.push('…');
    taken + 1
}

fn push_cell(cells: &mut String, value: Option<&Value>, kind: ColumnKind, now: &str) {
    match (value, kind) {
        (None | Some(Value::Null), ColumnKind::Expiry) => cells.push_str("never"),
        (None | Some(Value::Null), _) => cells.push('-'),
        (Some(Value::String(text)), _) if text.trim().is_empty() => cells.push('-'),
        (Some(Value::Array(items)), _) if items.is_empty() => cells.push('-'),
        (Some(Value::String(text)), ColumnKind::Time) => cells.push_str(&escaped(&minute(text))),
        (Some(Value::String(text)), ColumnKind::Expiry) => {
            cells.push_str(&escaped(&minute(text)));
            // RFC 3339 times in UTC order like text.
            if !now.is_empty() && text.ends_with('Z') && text.as_str() < now {
                cells.push_str(" (expired)");
            }
        }
        (Some(Value::String(text)), _) => cells.push_str(&escaped(text)),
        (Some(Value::Bool(is_true)), ColumnKind::Bool) => cells.push_str(if *is_true { "yes" } else { "no" }),
        (Some(Value::Number(number)), ColumnKind::Size | ColumnKind::Duration) => {
            cells.push_str(&number::in_words(number, kind));
        }
        (Some(Value::Array(items)), _) => {
            let texts: Vec<String> = items
                .iter()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
                .collect();
            cells.push_str(&escaped(&texts.join(", ")));
        }
        (Some(other), _) => cells.push_str(&escaped(&other.to_string())),
    }
}
