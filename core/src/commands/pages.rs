//! What is known of all first words: the root page, and the set of words.

use super::commands;
use crate::{base::error::Result, cli::help, console::report, env::Env, fallback, tree::CommandSet};

/// Prints the root page, with a warning for each store whose commands may be missing from it.
pub(crate) fn print_root_page(env: &Env) -> Result<i32> {
    let (words, denied) = env.stores.root_page();
    for failure in &denied {
        report::warning(&env.console, failure);
    }
    let words: Vec<help::Word> =
        words.into_iter().map(|word| help::Word { word: word.path, about: word.about }).collect();
    let more = fallback::more_commands(&env.dirs, "");
    env.print(&help::root(&env.binary, &words, commands(), more.as_deref(), env.layout()))
}

/// Every first word: the host's own and those of plugins.
pub(crate) fn first_words(env: &Env) -> CommandSet {
    let mut all = commands().clone();
    all.groups.extend(env.stores.root_words());
    all
}
