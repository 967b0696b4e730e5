//! What a shell is told while somebody types: words and options from the index, values from whoever knows them.
//!
//! Somebody waits at the keyboard: after [`DEADLINE`] the answer is what is known without asking, and whatever goes wrong
//! says nothing. What was found out is kept for some seconds ([`cache`]), for each profile and credential by itself.
//!
//! Profiles come from the configuration, what the dimensions are about from the API ([`places`]), anything
//! else from the plugin ([`candidates`]), which may only read.

#![forbid(unsafe_code)]

mod cache;
mod places;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use astro_plugin_protocol::{
    invocation::Candidate,
    manifest::{Command, ValueKind},
};

use crate::{
    base::error::Result,
    canonical,
    cli::complete::{self, Answer, Asked, Shell},
    commands,
    config::Config,
    console::Conversation,
    env::Env,
    globals::Globals,
    parse,
    program::{self, dimensions},
    run::candidates,
    scan,
    store::lookup::Found,
    sys::{crash, process},
    tree::CommandSet,
};

/// How long the values of an argument may take.
const DEADLINE: Duration = Duration::from_millis(300);

/// Answers a shell. `args` is what its script hands over, after `--`.
pub(crate) fn complete(env: &Env, shell: &str, args: &[String]) -> Result<i32> {
    // Nothing of it may print an error into the line that is being typed.
    let shell = Shell::named(shell)?;
    let args: Vec<String> = args.iter().skip_while(|arg| *arg != "--").skip(1).cloned().collect();
    let typed = shell.read(&args);
    let (set, found) = known_to(env, &scan::words(&typed.before));
    let spot = complete::spot(&set, &typed.before, &typed.current);
    let write = |answer: &Answer| shell.write(&typed, &spot, answer).into_bytes();
    let known = write(&Answer { values: spot.known.clone(), files: spot.files });
    let Some(asked) = &spot.asked else { return env.print_bytes(&known) };
    process::keep_stderr_silent();
    env.console.set_conversation(Conversation { quiet: true, ..Conversation::default() });
    let said = answer_at_deadline(env, known.clone());
    let line = Line::read(&typed.before, &spot.path, &set);
    let answer = values(env, asked, &line, found.as_ref()).map_or(known, |answer| write(&answer));
    match said.swap(true, Ordering::AcqRel) {
        // The other thread is about to leave.
        true => loop {
            std::thread::park();
        },
        false => env.print_bytes(&answer),
    }
}

/// The commands that a line may mean: those below its first word, or all first words before there is one.
fn known_to(env: &Env, words: &[&str]) -> (CommandSet, Option<Found>) {
    let mut set = match words.first() {
        Some(first) => commands::Builtins::of(first).set,
        None => commands::commands().clone(),
    };
    let plugin_word = words.first().filter(|first| set.locate(&[**first]).0.is_empty());
    match plugin_word.and_then(|first| env.stores.word(first)) {
        Some(found) => {
            let set = CommandSet { groups: found.set.groups.clone(), commands: found.set.commands.clone() };
            (set, Some(found))
        }
        None => {
            set.commands.extend(env.stores.root_words().into_iter().map(|word| Command {
                path: word.path,
                about: word.about,
                aliases: word.aliases,
                ..Command::default()
            }));
            (set, None)
        }
    }
}

/// When the time is over this answer is given and the process left, whatever the rest of it does. Whoever sets the
/// flag first is the one who answers.
fn answer_at_deadline(env: &Env, answer: Vec<u8>) -> Arc<AtomicBool> {
    let said = Arc::new(AtomicBool::new(false));
    let (console, flag) = (Arc::clone(&env.console), Arc::clone(&said));
    let spawned = std::thread::Builder::new().name("deadline".to_owned()).spawn(move || {
        std::thread::sleep(DEADLINE);
        if !flag.swap(true, Ordering::AcqRel) {
            let _ = console.result.write_all(&answer);
            crash::exit_now(0);
        }
    });
    if spawned.is_err() {
        tracing::debug!("no thread for the deadline");
    }
    said
}

/// The values of an argument, from the cache or from whoever knows them.
fn values(env: &Env, asked: &Asked, line: &Line, found: Option<&Found>) -> Result<Answer> {
    if asked.kind == ValueKind::Profile {
        return Ok(Answer { values: profiles(&Config::load(&env.dirs.clone()?)?), files: false });
    }
    if asked.kind == ValueKind::Dynamic && found.is_none() {
        return commands::values(env, &line.path, asked, &line.args);
    }
    let context = env.resolver().context_for_completing(&line.globals)?;
    let owner = found.and_then(|found| found.owner(&line.path));
    // A place's list does not depend on what was typed; what a plugin answers may.
    let question = match &asked.kind {
        ValueKind::Dynamic => asked.clone(),
        _ => Asked { typed: String::new(), arg: String::new(), ..asked.clone() },
    };
    let entry = cache::CacheEntry::of(env.dirs.as_ref().ok(), &question, line, &context, owner);
    if let Some(values) = entry.read() {
        return Ok(Answer { values, files: false });
    }
    let values = match (&asked.kind, owner, found.and_then(|found| found.set.command(&line.path))) {
        (ValueKind::Dynamic, Some(owner), Some(command)) => {
            candidates::candidates(env, asked, &line.globals, &line.args, context, owner, command)?
        }
        (ValueKind::Dynamic, ..) => Vec::new(),
        (ValueKind::Setting(name), ..) => match program::vocabulary().dimension(name) {
            Some(dimension) => places::of(env, dimension, context, &line.globals)?,
            None => Vec::new(),
        },
        _ => Vec::new(),
    };
    // Empty results are not cached.
    if !values.is_empty() {
        entry.write(&values);
    }
    Ok(Answer { values, files: false })
}

fn profiles(config: &Config) -> Vec<Candidate> {
    // The narrowest says most; without it whose it is.
    let about = |profile: &crate::config::Profile| {
        let said = [dimensions().last(), dimensions().first()].into_iter().flatten();
        let said = said.filter_map(|dimension| Some((dimension.name, profile.setting(dimension.name)?)));
        said.map(|(name, value)| format!("{name} {value}")).next().unwrap_or_default()
    };
    config.profiles.iter().map(|(name, profile)| Candidate::new(name, about(profile))).collect()
}

/// What can be read of a line that is not finished.
#[derive(Default)]
struct Line {
    path: String,
    globals: Globals,
    args: Vec<String>,
}

impl Line {
    /// Reads the words before the cursor, without the last one when that is the option whose value is being typed.
    fn read(before: &[String], path: &str, set: &CommandSet) -> Self {
        let without_last = &before[..before.len().saturating_sub(1)];
        for attempt in [before, without_last] {
            if let Ok(parsed) = parse::parse(attempt, set) {
                let args = parsed.command.map(|command| canonical::arguments(command, &parsed.matches));
                return Self { path: parsed.path, globals: parsed.globals, args: args.unwrap_or_default() };
            }
        }
        Self { path: path.to_owned(), ..Self::default() }
    }
}
