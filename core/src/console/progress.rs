//! Bars and spinners on stderr, while something takes a while.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Console, escaped};
use crate::redact::redacted;

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// What is drawn below the lines of the conversation.
#[derive(Default)]
pub(super) struct Bars(Mutex<Option<MultiProgress>>);

impl Bars {
    fn shown(&self) -> Option<MultiProgress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Console {
    /// Begins to show that something takes a while: only on a terminal that moves its cursor, and where notices are
    /// shown.
    pub fn begin(&self, label: &str, total: Option<u64>) -> Option<ProgressBar> {
        if !self.facts.stderr || self.facts.dumb || self.conversation().quiet {
            return None;
        }
        let bars = {
            let mut shown = self.bars.0.lock().unwrap_or_else(PoisonError::into_inner);
            shown.get_or_insert_with(MultiProgress::new).clone()
        };
        let bar = bars.add(total.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
        let template = match total {
            Some(_) => "{msg} [{bar:24}] {pos}/{len}",
            None => "{spinner} {msg}",
        };
        // Only a template that is not one is an error; then the default is drawn.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(safe(label));
        bar.enable_steady_tick(TICK);
        Some(bar)
    }

    /// Writes to the terminal where a bar may be: it is drawn again below.
    pub fn apart<T>(&self, write: impl FnOnce() -> T) -> T {
        match self.bars.shown() {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// The terminal belongs to somebody else until this is called with `false`: nothing is drawn.
    pub fn hide_progress(&self, hidden: bool) {
        if let Some(bars) = self.bars.shown() {
            let _ = bars.clear();
            bars.set_draw_target(match hidden {
                true => ProgressDrawTarget::hidden(),
                false => ProgressDrawTarget::stderr(),
            });
        }
    }

    /// Takes away what a command left on the terminal.
    pub fn end_progress(&self) {
        if let Some(bars) = self.bars.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = bars.clear();
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
    }
}

/// A label as it may be drawn.
pub fn safe(label: &str) -> String {
    redacted(&escaped(label)).into_owned()
}
