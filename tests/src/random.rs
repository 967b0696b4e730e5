//! Random numbers that can be repeated: a failure names the seed that leads to it.

use std::{
    io::Write,
    sync::{Mutex, PoisonError},
    thread,
};

/// Repeats a run: the seed that it printed.
const SEED: &str = "ASTRO_TEST_SEED";

/// The random numbers of one test. The seed is printed when it begins and again when it fails; with the seed in
/// `ASTRO_TEST_SEED` a run draws the same numbers.
pub struct Random {
    seed: u64,
    numbers: Mutex<fastrand::Rng>,
}

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}

impl Random {
    /// The seed is that of `ASTRO_TEST_SEED`, else another one in every run.
    pub fn new() -> Self {
        let seed = match std::env::var(SEED) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{SEED}={text} is not a whole number")),
            Err(_) => fastrand::u64(..),
        };
        let random = Self { seed, numbers: Mutex::new(fastrand::Rng::with_seed(seed)) };
        random.print("begins");
        random
    }

    /// A number below a bound.
    pub fn below(&self, bound: u64) -> u64 {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).u64(..bound)
    }

    /// Not with `eprintln!`, which libtest keeps from the terminal while a test passes or hangs.
    fn print(&self, what: &str) {
        let thread = thread::current();
        let test = thread.name().unwrap_or("a test");
        let _ = writeln!(std::io::stderr(), "{test} {what} with {SEED}={}", self.seed);
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if thread::panicking() {
            self.print("failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_again() {
        let drawn = |seed| {
            let random = Random { seed, numbers: Mutex::new(fastrand::Rng::with_seed(seed)) };
            (0..20).map(|_| random.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        assert!(drawn(7).iter().all(|number| *number < 1000));
    }
}
