//! What came of a command, for a test to look at.

use serde_json::Value;

/// What a command gave and how it ended.
///
/// ```
/// # use astro_plugin_sdk::testing::Ran;
/// let ran = Ran { stdout: "{\"dag\":\"etl\"}\n".to_owned(), stderr: String::new(), code: 0 };
/// assert_eq!(ran.json()["dag"], "etl");
/// assert_eq!(ran.ok(), "{\"dag\":\"etl\"}\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The result.
    pub stdout: String,
    /// The conversation: notices, questions, the error.
    pub stderr: String,
    /// The exit code that a shell would see.
    pub code: u8,
}

/// One command in each format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formats {
    /// `-o table`
    pub table: String,
    /// `-o json`, which must be one document.
    pub json: Value,
    /// `-o clean`
    pub clean: String,
}

impl Ran {
    /// The result of a command that ended with 0.
    ///
    /// # Panics
    /// When it ended with anything else, showing what it said.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "the command failed:\n{}", self.stderr);
        self.stdout
    }

    /// The result as JSON, which must be one document.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!("the result is not one JSON document ({error}): {self:?}"),
        }
    }
}
