//! What a shell is told while somebody types: words and options from the index, values from whoever knows them.
//!
//! Somebody waits at the keyboard: after [`DEADLINE`] the answer is what is known without asking, and whatever goes wrong
//! says nothing. What was found out is kept for some seconds ([`cache`]), for each profile and credential by itself.
//!
//! Profiles come from the configuration, organizations, workspaces and deployments from the API ([`places`]), anything
//! else from the plugin ([`ask`]), which may only read.

#![forbid(unsafe_code)]

mod ask;
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
    app::App,
    builtin,
    cli::{
        canonical,
        complete::{self, Asked},
        globals::Globals,
        parse, scan,
        tree::CommandSet,
    },
    config::Config,
    console::Conversation,
    error::Result,
    host::{crash, process},
    store::lookup::Found,
};

/// How long the values of an argument may take.
const DEADLINE: Duration = Duration::from_millis(300);

impl App {
    /// Answers a shell. `args` is what its script hands over: `-- astro word …`.
    pub(crate) fn complete(&self, shell: &str, args: &[String]) -> Result<i32> {
        // Nothing of it may print an error into the line that is being typed.
        let line: Vec<String> = args.iter().skip_while(|arg| *arg != "--").skip(1).cloned().collect();
        let words = scan::words(line.get(1..).unwrap_or_default());
        let cursor = cursor(&line, shell);
        let is_first = words.first().is_none_or(|first| line.get(cursor).is_some_and(|word| word == first));
        let (set, found) = self.known_to(&words, words.len() <= 1 && is_first);
        let (path, _) = set.locate(&words);
        let answer = |known: Vec<Candidate>| {
            let line = line.iter().map(Into::into).collect();
            complete::candidates(shell, &set, &path, line, known)
        };
        let (static_answer, asked) = answer(Vec::new())?;
        let Some(asked) = asked else { return self.print_bytes(&static_answer) };
        process::keep_stderr_silent();
        self.console.set_conversation(Conversation { quiet: true, ..Conversation::default() });
        let said = self.answer_at_deadline(static_answer.clone());
        let line = Line::read(&line, cursor, &set);
        let values = self.values(&asked, &line, found.as_ref()).unwrap_or_default();
        let (answer, _) = answer(values)?;
        match said.swap(true, Ordering::AcqRel) {
            // The other thread is about to leave.
            true => loop {
                std::thread::park();
            },
            false => self.print_bytes(&answer),
        }
    }

    /// The commands that a line may mean: those below its first word, or all first words.
    /// `complete_first`: the cursor is at that word.
    fn known_to(&self, words: &[&str], complete_first: bool) -> (CommandSet, Option<Found>) {
        let mut set = builtin::commands();
        let found = words
            .first()
            .filter(|first| set.locate(&[**first]).0.is_empty())
            .and_then(|first| self.stores.word(first));
        match found {
            Some(found) if !complete_first => {
                let set =
                    CommandSet { groups: found.set.groups.clone(), commands: found.set.commands.clone() };
                (set, Some(found))
            }
            _ => {
                set.commands.extend(self.stores.root_words().into_iter().map(|word| Command {
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
    fn answer_at_deadline(&self, answer: Vec<u8>) -> Arc<AtomicBool> {
        let said = Arc::new(AtomicBool::new(false));
        let (console, flag) = (Arc::clone(&self.console), Arc::clone(&said));
        let spawned = std::thread::Builder::new().name("deadline".to_owned()).spawn(move || {
            std::thread::sleep(DEADLINE);
            if !flag.swap(true, Ordering::AcqRel) {
                let _ = console.result.write_all(&answer);
                crash::leave(0);
            }
        });
        if spawned.is_err() {
            tracing::debug!("no thread for the deadline");
        }
        said
    }

    /// The values of an argument, from the cache or from whoever knows them.
    fn values(&self, asked: &Asked, line: &Line, found: Option<&Found>) -> Result<Vec<Candidate>> {
        if asked.kind == ValueKind::Profile {
            return Ok(profiles(&Config::load(&self.dirs.clone()?)?));
        }
        let context = self.context_for_completing(&line.globals)?;
        let owner = found.and_then(|found| found.owner(&line.path));
        // A place's list does not depend on what was typed; what a plugin answers may.
        let question = match asked.kind {
            ValueKind::Dynamic => asked.clone(),
            _ => Asked { typed: String::new(), arg: String::new(), ..asked.clone() },
        };
        let place = cache::Place::of(self.dirs.as_ref().ok(), &question, line, &context, owner);
        if let Some(known) = place.read() {
            return Ok(known);
        }
        let values = match (asked.kind, owner, found.and_then(|found| found.set.command(&line.path))) {
            (ValueKind::Dynamic, Some(owner), Some(command)) => {
                ask::plugin(self, asked, line, context, owner, command)?
            }
            (ValueKind::Dynamic, ..) => Vec::new(),
            (kind, ..) => places::of(self, kind, context, &line.globals)?,
        };
        // Nothing may be something in a moment.
        if !values.is_empty() {
            place.write(&values);
        }
        Ok(values)
    }
}

fn profiles(config: &Config) -> Vec<Candidate> {
    let about = |profile: &crate::config::Profile| match (&profile.deployment, &profile.organization) {
        (Some(deployment), _) => format!("deployment {deployment}"),
        (None, Some(organization)) => format!("organization {organization}"),
        (None, None) => String::new(),
    };
    config.profiles.iter().map(|(name, profile)| Candidate::new(name, about(profile))).collect()
}

/// The place of the word at the cursor, the program's name being the first.
fn cursor(line: &[String], shell: &str) -> usize {
    let last = line.len().saturating_sub(1);
    match shell {
        "fish" => last,
        _ => std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse().ok()).unwrap_or(last),
    }
}

/// What can be read of a line that is not finished.
#[derive(Default)]
struct Line {
    path: String,
    globals: Globals,
    args: Vec<String>,
}

impl Line {
    /// Reads the line without the word at the cursor, and without the option before it when that is the one whose value
    /// is being typed.
    fn read(line: &[String], cursor: usize, set: &CommandSet) -> Self {
        let without = |left_out: &[usize]| -> Vec<String> {
            let kept = line.iter().enumerate().skip(1).filter(|(index, _)| !left_out.contains(index));
            kept.map(|(_, word)| word.clone()).collect()
        };
        let attempts = [
            without(&[cursor]),
            without(&[cursor, cursor.saturating_sub(1)]),
            line[..cursor.min(line.len())].to_vec(),
        ];
        for attempt in attempts.iter().take(2) {
            if let Ok(parsed) = parse::parse(attempt, set) {
                let args = parsed.command.map(|command| canonical::arguments(command, &parsed.matches));
                return Self { path: parsed.path, globals: parsed.globals, args: args.unwrap_or_default() };
            }
        }
        let (path, _) = set.locate(&scan::words(attempts[2].get(1..).unwrap_or_default()));
        Self { path, ..Self::default() }
    }
}
