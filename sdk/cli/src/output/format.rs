//! The formats of results. One more is a module beside this one, a line of [`FORMATS`], and its name in the contract, which a
//! test asks for: everything else, here and in the host, asks a format what it is for.

use std::fmt;

use astro_plugin_protocol::{
    names,
    service::{Secret, View},
};
use serde_json::Value;

use super::{TableLayout, clean::Clean, json::Json, table::TableFormat};
use crate::{
    error::{Result, config},
    program::ENV,
};

/// All formats, in the order in which help lists them. The first one is used where nothing else is chosen.
static FORMATS: &[Format] = &[Format::TABLE, Format::JSON, Format::CLEAN];

/// What a format is.
pub(super) trait Spec: Sync {
    /// What a user types: `json`.
    fn name(&self) -> &'static str;

    /// Its paragraph in the help page about output.
    fn about(&self) -> &'static str;

    /// People read it: questions may be asked, and notices are shown beside it.
    fn is_for_people(&self) -> bool {
        false
    }

    /// The result is one document that a program parses. Nothing may stand beside it, and errors are JSON.
    fn is_document(&self) -> bool {
        false
    }

    /// The values alone, which says nothing of what each one means: a one-time secret is just the secret.
    fn is_bare(&self) -> bool {
        false
    }

    /// Begins a result.
    fn begin(&self, view: &View) -> Box<dyn Rows>;

    /// A one-time secret with its record, or the record alone when the secret goes elsewhere.
    fn secret(&self, secret: &Secret, with_value: bool, layout: &TableLayout) -> Result<Vec<u8>>;

    /// Text that a command streams. On a terminal a linter's colours are its own; a script gets what was written.
    fn text(&self, text: String) -> Vec<u8> {
        text.into_bytes()
    }
}

/// The rows of one result while they are written.
pub(super) trait Rows: Send {
    /// Takes a row, which is a JSON object, and answers the bytes that can be written now.
    fn push(&mut self, row: &Value, view: &View, layout: &TableLayout) -> Result<Vec<u8>>;

    /// The bytes that are left at the end.
    fn end(self: Box<Self>, view: &View, layout: &TableLayout) -> Result<Vec<u8>>;
}

/// How results are shown.
#[derive(Clone, Copy)]
pub struct Format(&'static dyn Spec);

impl Format {
    /// For people.
    pub const TABLE: Self = Self(&TableFormat);
    /// One JSON document.
    pub const JSON: Self = Self(&Json);
    /// Bare values, tab-separated.
    pub const CLEAN: Self = Self(&Clean);

    /// All formats, in the order in which help lists them.
    pub fn all() -> &'static [Self] {
        FORMATS
    }

    /// Reads the name a user types.
    pub fn parse(name: &str) -> Option<Self> {
        FORMATS.iter().find(|format| format.name() == name).copied()
    }

    /// Reads a name that a setting holds. `origin` says which: `ASTRO_OUTPUT`.
    ///
    /// # Errors
    ///
    /// An unknown name, with the names that are known.
    pub fn of_setting(name: &str, origin: &str) -> Result<Self> {
        Self::parse(name).ok_or_else(|| {
            config(format!("the output format `{name}` from {origin} is not known"))
                .help(format!("use one of: {}", names::FORMATS.join(", ")))
        })
    }

    /// The format where no profile has a say: the option's, else that of the variable `ASTRO_OUTPUT`, else the table.
    ///
    /// # Errors
    ///
    /// Those of [`Format::of_setting`].
    pub fn without_context(option: Option<String>, variable: Option<String>) -> Result<Self> {
        match option.or(variable) {
            None => Ok(Self::default()),
            Some(name) => Self::of_setting(&name, &format!("{ENV}_OUTPUT")),
        }
    }

    /// The name a user types.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Its paragraph in the help page about output.
    pub fn about(self) -> &'static str {
        self.0.about()
    }

    /// People read it: questions may be asked, and notices are shown beside it.
    pub fn is_for_people(self) -> bool {
        self.0.is_for_people()
    }

    /// The result is one document that a program parses. Nothing may stand beside it, and errors are JSON.
    pub fn is_document(self) -> bool {
        self.0.is_document()
    }

    /// The values alone, which says nothing of what each one means: a one-time secret is just the secret.
    pub fn is_bare(self) -> bool {
        self.0.is_bare()
    }

    /// Text that a command streams.
    pub fn text(self, text: String) -> Vec<u8> {
        self.0.text(text)
    }

    pub(super) fn begin(self, view: &View) -> Box<dyn Rows> {
        self.0.begin(view)
    }

    pub(super) fn secret(self, secret: &Secret, with_value: bool, layout: &TableLayout) -> Result<Vec<u8>> {
        self.0.secret(secret, with_value, layout)
    }
}

impl Default for Format {
    fn default() -> Self {
        FORMATS[0]
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Format {}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_the_contract() {
        let known: Vec<&str> = Format::all().iter().map(|format| format.name()).collect();
        assert_eq!(known, names::FORMATS);
        assert!(Format::default().is_for_people(), "the default is for people");
    }
}
