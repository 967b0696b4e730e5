//! Questions that are answered with a line, in the terminal's own line mode: it works on every terminal, Ctrl-D is
//! no answer, and there is nothing to put back after Ctrl-C.

use super::Console;
use crate::base::{
    error::{Failure, Result, code},
    stderr,
};

impl Console {
    /// Writes a question to stderr and reads the line that is typed.
    pub fn read_line(&self, question: &str) -> Result<String> {
        // A question that cannot be shown is still answered.
        let _ = stderr::write_all(format!("{} ", question.trim_end()).as_bytes());
        let mut line = String::new();
        match std::io::stdin().read_line(&mut line) {
            Ok(0) => {
                let _ = stderr::write_all(b"\n");
                Err(declined())
            }
            Ok(_) => Ok(line.trim().to_owned()),
            Err(error) => Err(no_answer(&error.to_string())),
        }
    }

    /// Asks yes or no; everything but a yes is the failure `declined`.
    pub fn ask(&self, question: &str) -> Result<()> {
        if is_yes(&self.read_line(question)?) { Ok(()) } else { Err(declined()) }
    }
}

/// `y` or `yes`.
pub fn is_yes(answer: &str) -> bool {
    matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes")
}

/// The user said no.
pub fn declined() -> Failure {
    Failure::new(code::DECLINED, "declined; nothing more is done")
}

/// The question was not answered.
pub fn no_answer(reason: &str) -> Failure {
    Failure::new(code::DECLINED, "no answer").cause(reason)
}
