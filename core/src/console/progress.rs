//! One line on stderr while something takes a while: what was begun last, with its number of steps or a turning sign.
//!
//! It is redrawn in place. Whoever else writes to the terminal does so inside [`Console::suspend`], which takes the line away
//! first and draws it again below.

use std::{
    io::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Console, escaped, width};
use crate::base::redact::redacted;

/// How often the line is drawn while nothing happens.
const TICK: Duration = Duration::from_millis(120);
/// Columns of the bar between its brackets.
const BAR: usize = 24;
/// The turning sign, in every encoding.
const SIGNS: [char; 4] = ['|', '/', '-', '\\'];
/// To the beginning of the line and empty it (ECMA-48, `EL`).
const CLEAR: &str = "\r\u{1b}[2K";

/// What is shown, shared with the thread that lets it turn.
#[derive(Default)]
pub(super) struct Progress(Arc<Mutex<Shown>>);

#[derive(Default)]
struct Shown {
    last: u64,
    begun: Vec<Begun>,
    /// How many others have the terminal at the moment.
    hidden: usize,
    turns: usize,
    has_thread: bool,
}

struct Begun {
    id: u64,
    label: String,
    total: Option<u64>,
    done: u64,
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    fn draw(&self) {
        let Some(newest) = self.begun.last().filter(|_| self.hidden == 0) else { return };
        // A line that is as wide as the terminal would wrap.
        let room = stderr_width().saturating_sub(1);
        write(&format!("{CLEAR}{}", line(newest, self.turns, room)));
    }

    fn clear(&self) {
        if !self.begun.is_empty() && self.hidden == 0 {
            write(CLEAR);
        }
    }
}

impl Console {
    /// Begins to show that something takes a while: only on a terminal that moves its cursor, and where notices are
    /// shown. Answers its number.
    pub fn begin(&self, label: &str, total: Option<u64>) -> u64 {
        let mut shown = self.progress.lock();
        shown.last += 1;
        let id = shown.last;
        if self.facts.stderr && !self.facts.dumb && !self.conversation().quiet {
            shown.begun.push(Begun { id, label: safe(label), total, done: 0 });
            shown.draw();
            if !shown.has_thread {
                shown.has_thread = turn(&self.progress.0);
            }
        }
        id
    }

    /// How far something is that was begun.
    pub fn progress(&self, id: u64, done: u64, label: Option<&str>) {
        let mut shown = self.progress.lock();
        if let Some(begun) = shown.begun.iter_mut().find(|begun| begun.id == id) {
            begun.done = done;
            if let Some(label) = label {
                begun.label = safe(label);
            }
            shown.draw();
        }
    }

    /// It is done.
    pub fn end(&self, id: u64) {
        let mut shown = self.progress.lock();
        shown.clear();
        shown.begun.retain(|begun| begun.id != id);
        shown.draw();
    }

    /// Takes away what a command left.
    pub fn end_progress(&self) {
        let mut shown = self.progress.lock();
        shown.clear();
        shown.begun.clear();
    }

    /// The terminal belongs to somebody else until this is called with `false`.
    pub fn hide_progress(&self, hidden: bool) {
        let mut shown = self.progress.lock();
        shown.clear();
        shown.hidden = if hidden { shown.hidden + 1 } else { shown.hidden.saturating_sub(1) };
        shown.draw();
    }

    /// Writes to the terminal where the line may be.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.hide_progress(true);
        let written = write();
        self.hide_progress(false);
        written
    }
}

/// Lets the sign turn on a thread of its own, until nothing is shown any more.
fn turn(shown: &Arc<Mutex<Shown>>) -> bool {
    let shown = Arc::clone(shown);
    let spawned = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(TICK);
            let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
            if shown.begun.is_empty() {
                shown.has_thread = false;
                return;
            }
            shown.turns += 1;
            shown.draw();
        }
    });
    spawned.is_ok()
}

/// A terminal that is gone draws nothing.
fn write(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// What is shown of something, in so many columns at most: the bar goes first, then the label is shortened.
fn line(begun: &Begun, turns: usize, room: usize) -> String {
    let sign = SIGNS[turns % SIGNS.len()];
    let steps = match (begun.total, begun.done) {
        (Some(0) | None, 0) => format!(" {sign}"),
        (Some(0) | None, done) => format!(" {done} {sign}"),
        (Some(total), done) => {
            let count = format!(" {done}/{total}");
            match width(&begun.label) + BAR + 3 + width(&count) <= room {
                true => format!(" [{}]{count}", bar(done, total)),
                false => count,
            }
        }
    };
    cut(&format!("{}{steps}", cut(&begun.label, room.saturating_sub(width(&steps)))), room)
}

fn bar(done: u64, total: u64) -> String {
    // A plugin may count further than it said.
    let share = u128::from(done.min(total)) * BAR as u128 / u128::from(total.max(1));
    let full = usize::try_from(share).unwrap_or(BAR);
    let head = if full < BAR { ">" } else { "" };
    format!("{:<BAR$}", format!("{}{head}", "=".repeat(full)))
}

fn cut(label: &str, room: usize) -> String {
    if width(label) <= room {
        return label.to_owned();
    }
    let mut kept = String::new();
    for c in label.chars() {
        if width(&kept) + width(c.encode_utf8(&mut [0; 4])) + 1 > room {
            break;
        }
        kept.push(c);
    }
    kept + "…"
}

fn stderr_width() -> usize {
    let columns = rustix::termios::tcgetwinsize(std::io::stderr()).map_or(0, |size| size.ws_col);
    if columns == 0 { 80 } else { usize::from(columns) }
}

/// A label as it may be drawn.
fn safe(label: &str) -> String {
    redacted(&escaped(label)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_labels_fit() {
        assert_eq!(bar(0, 3), format!(">{}", " ".repeat(BAR - 1)));
        assert_eq!(bar(9, 3), "=".repeat(BAR));
        assert_eq!(bar(u64::MAX, 0), bar(0, 1));
        assert_eq!(width(&bar(1, 3)), BAR);
        for room in [1, 5, 12, 30, 40, 80] {
            for (total, done) in [(None, 0), (Some(0), 2), (Some(3), 1), (Some(1_000_000), 2_000_000)] {
                let begun = Begun { id: 1, label: "日本語 reading many files".to_owned(), total, done };
                assert!(width(&line(&begun, 1, room)) <= room, "{room} {total:?}");
            }
        }
        assert_eq!((cut("日本語", 5).as_str(), cut("abc", 3).as_str()), ("日本…", "abc"));
    }
}
