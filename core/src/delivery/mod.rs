//! One-time secrets: the API returns a token value once, and losing it is data loss.
//!
//! * [`sink`]: where the token goes, and whether it can go there, looked at before anything is sent.
//! * [`recovery`]: what is kept on disk from before the request until the token is delivered.
//! * [`token_file`]: the sink that is a file; [`program`]: the one that is a program, and what reads the value back.
//! * [`Delivery`]: both, for one command.
//!
//! In order: the sink is looked at; an intent record is written, without the secret; one request is sent, signals
//! being deferred; the answer is on disk before the plugin sees it; the token is delivered and the delivery
//! checked; only then the record is removed.

#![forbid(unsafe_code)]

pub(crate) mod one_time;
pub mod program;
pub mod recovery;
mod settle;
pub mod sink;
pub mod token_file;
mod verdict;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use astro_plugin_protocol::service::{OneTimeSecret, Secret};
use serde_json::Value;

use crate::{
    base::{
        error::{Failure, Result, ResultExt, code, config, failed},
        failpoint, files,
    },
    config::Dirs,
    console::{Console, report},
    output::Format,
    program::{APP, ENV},
    sys::exit_message,
};
use program::Program;
use recovery::{PendingSecret, Record, Store};
use sink::{Options, Sink};

/// How a command keeps and delivers its secrets.
pub struct Delivery {
    options: Options,
    sink: Sink,
    /// Reads back what was stored.
    verify: Option<Program>,
    /// None with `--no-recovery`, and for what is kept already.
    store: Option<Store>,
    /// What is delivered stays in the recovery file of an earlier run.
    is_kept: bool,
    /// Held while a new file is being made.
    new_file: Mutex<Option<files::Lock>>,
    /// What was answered.
    secrets: Mutex<Secrets>,
    /// Requests that were sent and not answered yet.
    in_flight: Mutex<InFlight>,
    landed: Condvar,
}

/// Every secret of the command is in one of these, and changes its place under one lock.
#[derive(Default)]
struct Secrets {
    /// What is not delivered yet.
    kept: Vec<PendingSecret>,
    /// What to say of the secret that is being handed over, should that never end.
    delivering: Option<Failure>,
    /// What to say of a request whose answer holds nothing that can be delivered.
    failed: Option<Failure>,
    /// A person was told how it ended: what is kept stays.
    is_over: bool,
}

#[derive(Default)]
struct InFlight {
    open: usize,
    /// One of them ended with a panic.
    failed: bool,
}

impl Delivery {
    /// Looks at the sink and at the place of recovery files. Nothing was sent yet, and where this fails nothing
    /// will be.
    pub fn prepare(options: Options, format: Format, console: &Console, dirs: &Result<Dirs>) -> Result<Self> {
        let sink = Sink::prepare(&options, format, console)?;
        let verify = options.verify.as_deref().map(|command| Program::prepare("--token-verify", command));
        let verify = verify.transpose()?;
        let store = if options.no_recovery { None } else { Some(Self::store(dirs)?) };
        Ok(Self {
            options,
            sink,
            verify,
            store,
            is_kept: false,
            new_file: Mutex::default(),
            secrets: Mutex::default(),
            in_flight: Mutex::default(),
            landed: Condvar::new(),
        })
    }

    /// The same for handing out what is kept already.
    pub fn for_recovered_entry(options: Options, format: Format, console: &Console) -> Result<Self> {
        let options = Options { no_recovery: true, ..options };
        let delivery = Self::prepare(options, format, console, &Err(failed("not needed")))?;
        // Handing out what is kept never replaces a file.
        delivery.sink.ready_for(false, &BTreeMap::new())?;
        Ok(Self { is_kept: true, ..delivery })
    }

    fn store(dirs: &Result<Dirs>) -> Result<Store> {
        let without = "or go without a recovery file: --no-recovery";
        match dirs {
            Ok(dirs) => Store::open(dirs).map_err(|failure| {
                failure
                    .help(format!("set XDG_STATE_HOME, or {ENV}_HOME, to a directory that can be written to"))
                    .help(without)
            }),
            Err(failure) => Err(failure.clone().help(without)),
        }
    }

    /// The token itself is what stdout gets.
    pub fn is_to_stdout(&self) -> bool {
        matches!(self.sink, Sink::Stdout)
    }

    /// The file that a new value would replace.
    pub fn replaced_file(&self) -> Option<&Path> {
        match &self.sink {
            Sink::File(file) => file.replaced(),
            Sink::Stdout | Sink::Exec(_) => None,
        }
    }

    /// Looks whether the sink takes this secret, and waits for others that make or replace the same file.
    pub fn ready_for(&self, secret: &OneTimeSecret) -> Result<()> {
        self.verify.iter().try_for_each(|program| program.ready_for(&secret.labels))?;
        if let (Sink::File(file), Some(store), false) = (&self.sink, &self.store, secret.replaces) {
            // A file that is not there yet cannot be locked itself.
            let lock = store.lock_of(file.path())?;
            *self.new_file.lock().unwrap_or_else(PoisonError::into_inner) = Some(lock);
        }
        self.sink.ready_for(secret.replaces, &secret.labels)
    }

    /// Writes the intent record. The request may be sent after this.
    pub fn begin(&self, record: Record) -> Result<PendingSecret> {
        match &self.store {
            Some(store) => store.begin(record),
            None => Ok(PendingSecret::in_memory(record)),
        }
    }

    /// A request is about to go out.
    pub fn mark_sent(&self) {
        lock(&self.in_flight).open += 1;
    }

    /// A request that went out was answered, or it is known that it will not be. `is_whole`: astro itself did not
    /// fail over it.
    pub fn mark_received(&self, is_whole: bool) {
        let mut in_flight = lock(&self.in_flight);
        in_flight.open -= 1;
        in_flight.failed |= !is_whole;
        self.landed.notify_all();
    }

    /// Takes over an answer that holds a secret.
    pub fn keep(&self, kept: PendingSecret) {
        lock(&self.secrets).kept.push(kept);
    }

    /// A token that will not be delivered, whether the plugin waits for that or not.
    pub fn fail(&self, failure: Failure) {
        lock(&self.secrets).failed.get_or_insert(failure);
    }

    /// Delivers a secret and removes what was kept of it. `result` is what stdout gets, with or without the
    /// token. A secret that no request of this command brought is kept first.
    pub fn deliver(
        &self,
        console: &Console,
        secret: &Secret,
        result: &[u8],
        more: &Context<'_>,
    ) -> Result<()> {
        let kept = self.take(secret, more)?;
        let handed_over = self.hand_over(console, secret, result, more);
        let mut secrets = lock(&self.secrets);
        secrets.delivering = None;
        match handed_over {
            // Where the value is kept was said already.
            Ok(()) if secrets.is_over => Ok(()),
            Ok(()) => {
                match self.options.keep_recovery {
                    true => kept.mark_delivered(),
                    false => kept.remove(),
                }
                // Of several the next one is what must not go without a word.
                match secrets.kept.first() {
                    Some(next) => {
                        exit_message::set(report::rendered(console, &undelivered(next, "it was interrupted")))
                    }
                    None => exit_message::clear(),
                }
                drop(secrets);
                console.notice(&match &self.sink {
                    Sink::Stdout if self.is_kept => "The recovery entry still holds the value.".to_owned(),
                    Sink::Stdout => "This value is shown only once.".to_owned(),
                    Sink::File(file) => format!("The token is in {}.", file.path().display()),
                    Sink::Exec(program) => format!("`{}` took the token.", program.name()),
                });
                if let Some(program) = &self.verify {
                    console.notice(&format!("`{}` read the same value back.", program.name()));
                }
                Ok(())
            }
            Err(reason) => {
                let failure = undelivered(&kept, &reason);
                secrets.kept.push(kept);
                Err(failure)
            }
        }
    }

    /// What is kept of a secret, marked as being handed over.
    fn take(&self, secret: &Secret, more: &Context<'_>) -> Result<PendingSecret> {
        let mut secrets = lock(&self.secrets);
        let at = secrets.kept.iter().position(|kept| kept.value() == Some(secret.value.as_str()));
        let kept = match at {
            Some(at) => secrets.kept.swap_remove(at),
            None => self.keep_now(secret, more)?,
        };
        let reason = match &self.sink {
            Sink::Exec(program) => {
                format!(
                    "it was interrupted while `{}` ran, which may have stored it or may still do so",
                    program.name()
                )
            }
            Sink::Stdout | Sink::File(_) => "it was interrupted meanwhile".to_owned(),
        };
        secrets.delivering = Some(undelivered(&kept, &reason));
        Ok(kept)
    }

    fn keep_now(&self, secret: &Secret, more: &Context<'_>) -> Result<PendingSecret> {
        let record = more.record_of(secret);
        let mut kept = match &self.store {
            Some(store) => store.begin(record)?,
            None => PendingSecret::in_memory(record),
        };
        let answer = serde_json::json!({ secret.key.clone(): secret.value });
        kept.append(answer.to_string().as_bytes());
        kept.sync();
        kept.find_value();
        Ok(kept)
    }

    fn hand_over(
        &self,
        console: &Console,
        secret: &Secret,
        result: &[u8],
        more: &Context<'_>,
    ) -> Result<(), String> {
        let step = |step| failpoint::reach(step).map_err(|error| error.to_string());
        step("before-delivery")?;
        match &self.sink {
            Sink::Stdout => {
                mask_in_ci(console, &secret.value)?;
                sink::write_and_check(console, result)?;
            }
            Sink::File(file) => file.write(&secret.value)?,
            Sink::Exec(program) => program.run(secret, more.timeout, more.shows_output)?,
        }
        if let Some(program) = &self.verify {
            program.read_back(secret, more.timeout)?;
        }
        step("after-delivery")?;
        step("delivery-verified")
    }

    /// The failure for a secret of this command that cannot even be rendered.
    pub fn lost_before_delivery(&self, value: &str, reason: &Failure) -> Option<Failure> {
        let secrets = lock(&self.secrets);
        let kept = secrets.kept.iter().find(|kept| kept.value() == Some(value))?;
        Some(undelivered(kept, &reason.message))
    }

    /// Takes back what was prepared and is not needed: the process ends without running destructors.
    pub fn abandon(&self) {
        if let Sink::File(file) = &self.sink {
            file.abandon();
        }
    }

    /// Waits for requests that are under way, and tells what was answered and not delivered.
    pub fn finish(&self) -> Option<Failure> {
        let mut in_flight = lock(&self.in_flight);
        while in_flight.open > 0 {
            in_flight = self.landed.wait(in_flight).unwrap_or_else(PoisonError::into_inner);
        }
        let mut secrets = lock(&self.secrets);
        secrets.is_over = true;
        let left = secrets.kept.first();
        let left = left.map(|kept| undelivered(kept, "the command ended before it was delivered"));
        left.or_else(|| secrets.delivering.clone()).or_else(|| secrets.failed.clone()).or_else(|| {
            in_flight.failed.then(|| {
                Failure::new(code::DELIVERY, format!("{APP} failed while it waited for a token"))
                    .help(format!("the response is stored: {APP} recover list"))
            })
        })
    }
}

/// What a delivery has to know of the invocation.
pub struct Context<'a> {
    /// The plugin.
    pub plugin: &'a str,
    /// The command's path.
    pub command: &'a str,
    /// How long a program may take.
    pub timeout: std::time::Duration,
    /// What a program that takes the token prints is shown.
    pub shows_output: bool,
}

impl Context<'_> {
    fn record_of(&self, secret: &Secret) -> Record {
        let labels = secret.record.as_object().into_iter().flatten();
        let labels = labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        Record {
            plugin: self.plugin.to_owned(),
            command: self.command.to_owned(),
            action: "made".to_owned(),
            labels: labels.collect(),
            pointer: format!("/{}", secret.key.replace('~', "~0").replace('/', "~1")),
            ..Record::now()
        }
    }
}

/// The failure of a secret that exists and was not delivered: it names the thing and where the value is.
pub fn undelivered(kept: &PendingSecret, reason: &str) -> Failure {
    let record = &kept.record;
    let failure = Failure::new(
        code::DELIVERY,
        format!("the token {} was {}, but it could not be delivered", record.name(), record.action),
    )
    .cause(reason);
    match kept.path() {
        Some(path) => failure
            .help(format!("it is kept in {}", path.display()))
            .help(format!("get it with `{APP} recover show {}`", record.id)),
        None => match kept.broken() {
            Some(reason) => failure
                .cause(format!("the recovery file could not be written: {reason}"))
                .help("its value is lost, rotate the token"),
            None => failure.help("no recovery file was wanted: its value is lost, rotate the token"),
        },
    }
}

/// The string at a JSON pointer. Of an answer that broke off, or is no JSON for another reason, it is the whole string after
/// the pointer's last key: such an answer may hold the whole secret.
pub fn value_at(answer: &[u8], pointer: &str) -> Option<String> {
    let found = match serde_json::from_slice::<Value>(answer) {
        Ok(whole) => whole.pointer(pointer)?.as_str().map(str::to_owned),
        Err(_) => in_part(answer, pointer),
    };
    found.filter(|value| !value.is_empty())
}

fn in_part(answer: &[u8], pointer: &str) -> Option<String> {
    let key = pointer.rsplit('/').next()?.replace("~1", "/").replace("~0", "~");
    let key = serde_json::to_vec(&key).ok()?;
    let mut found = (0..answer.len()).filter(|at| answer[*at..].starts_with(&key)).filter_map(|at| {
        let rest = answer[at + key.len()..].trim_ascii_start().strip_prefix(b":")?;
        serde_json::Deserializer::from_slice(rest).into_iter::<String>().next()?.ok()
    });
    // Two of them would be a guess.
    found.next().filter(|_| found.next().is_none())
}

/// GitHub Actions shows what a step prints; this line makes it hide the value from then on.
fn mask_in_ci(console: &Console, value: &str) -> Result<(), String> {
    let masked = if console.hides_in_ci() { console.mask(value) } else { Ok(()) };
    masked.map_err(|error| {
        format!("the line that hides it in the log (add-mask) could not be written to stderr: {error}")
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state directory cannot be used.
fn state_failure<T>(result: std::io::Result<T>, path: &Path) -> Result<T> {
    result
        .context(code::CONFIG, || format!("cannot keep a recovery file in `{}`", path.display()))
        .map_err(|failure| if failure.code == code::CONFIG { failure } else { config(failure.message) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_answer_may_hold_the_whole_value() {
        for (answer, expected) in [
            (r#"{"id": "a", "token": "abc", "name": "x"}"#, Some("abc")),
            (r#"{"id": "a", "token": "abc", "na"#, Some("abc")),
            (r#"{"id": "a", "token" : "a\"bc""#, Some("a\"bc")),
            (r#"{"id": "a", "token": "ab"#, None),
            (r#"{"id": "a", "token": "", "#, None),
            (r#"{"id": "a", "token": 7, "#, None),
            (r#"{"token": "one", "more": {"token": "two""#, None),
            (r#"{"name": "\"token\":", "token": "abc", "#, Some("abc")),
            (r#"{"id": "a"}"#, None),
            ("<html>\"token\":\"abc\"", Some("abc")),
            ("\u{feff}{\"id\": \"a\", \"token\": \"abc\"}", Some("abc")),
            (r#"{"id": "a", "token": "abc"} {}"#, Some("abc")),
            ("", None),
        ] {
            assert_eq!(value_at(answer.as_bytes(), "/token").as_deref(), expected, "{answer}");
        }
        let not_text = b"{\"name\": \"\xff\", \"token\": \"abc\"}";
        assert_eq!(value_at(not_text, "/token").as_deref(), Some("abc"));
    }
}
