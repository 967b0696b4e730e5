//! `--token-exec` and `--token-verify`: a program that takes the token on its standard input, and one that prints what
//! was stored.
//!
//! What the token belongs to reaches the program in variables (`ASTRO_SECRET_NAME`), which is safe everywhere. A
//! placeholder (`{name}`) puts the same text into a word of the command line: a name that comes from the API must then
//! not become code of a shell, an option, or another path. Where that could happen it is refused, before anything is
//! sent wherever the text is known by then.

mod placeholders;

use std::{
    io::Write,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError, mpsc},
    time::Duration,
};

use astro_plugin_protocol::service::Secret;
use base64::{Engine, prelude::BASE64_STANDARD};

use placeholders::{
    SHELL_CALLERS, base_name, code_words, filled, holds, in_script, is_plain_around, misspelt,
};

use crate::{
    base::{
        error::{Failure, Result, failed, plain_io, usage},
        redact,
    },
    program::{APP, ENV, dimensions},
    sys::{
        child::{self, Limits},
        process::this_binary,
    },
};

/// The longest token that is handed to a program: less than any pipe holds.
const LONGEST_TOKEN: usize = 32 * 1024;
/// The most that is taken of what a program writes, in bytes.
const MOST: usize = 1024 * 1024;
/// So many threads may be started between a request and the program that takes its answer.
const THREADS: usize = 3;
/// So many descriptors a program needs to be started and read.
const DESCRIPTORS: usize = 16;
/// What is replaced in every command that delivers a token: its ID and name, and those of what it belongs to.
fn known_fields() -> Vec<String> {
    let of_dimensions = dimensions()
        .iter()
        .rev()
        .flat_map(|dimension| ["id", "name"].map(|what| format!("{}_{what}", dimension.name)));
    ["id", "name"].map(str::to_owned).into_iter().chain(of_dimensions).collect()
}

/// The command of an option, looked at.
#[derive(Debug)]
pub struct Program {
    option: &'static str,
    words: Vec<String>,
    ends_with_newline: bool,
    /// Descriptors that are free again when it is started: the token is there by then.
    reserved: Mutex<Vec<OwnedFd>>,
}

impl Program {
    /// Splits the words as a shell would, without running one, and looks for the program.
    pub fn prepare(option: &'static str, command: &str) -> Result<Self> {
        let refused = |reason: String| usage(format!("`{option}`: {reason}"));
        let words = shlex::split(command).unwrap_or_default();
        let Some(program) = words.first() else {
            return Err(refused(format!("`{command}` is not a command"))
                .help(format!("such as {option} 'vault kv put secret/astro token=-'")));
        };
        if let Some(word) = shell_syntax(command) {
            return Err(refused(format!("no shell is run, so `{word}` would be an argument of `{program}`"))
                .help(format!("run a shell yourself: {option} {}", in_shell(command))));
        }
        let program = Self { option, words, ends_with_newline: false, reserved: Mutex::default() };
        let known = known_fields();
        program.check_placeholders(&known.iter().map(String::as_str).collect::<Vec<_>>())?;
        if find(program.name()).is_none() {
            return Err(refused(format!("there is no program `{}`", program.name()))
                .help("name one that is on the PATH, or its whole path"));
        }
        program.check_that_it_can_start()?;
        Ok(program)
    }

    /// With a newline after the token, for programs that read a line.
    pub fn with_newline(self, ends_with_newline: bool) -> Self {
        Self { ends_with_newline, ..self }
    }

    /// Its name as typed.
    pub fn name(&self) -> &str {
        &self.words[0]
    }

    /// Where no process can be started at all (`ulimit -u`), that is known before anything is sent.
    fn check_that_it_can_start(&self) -> Result<()> {
        let mut nothing = Command::new(this_binary()?);
        nothing.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        child::scrub(&mut nothing);
        let limits = Limits { time: Some(Duration::from_secs(10)), output: 0 };
        child::run(&mut nothing, limits).map(drop).map_err(|error| self.cannot_start(&error.to_string()))
    }

    /// Refuses placeholders where their text would be read as code.
    fn check_placeholders(&self, fields: &[&str]) -> Result<()> {
        let code = code_words(&self.words);
        for (at, word) in self.words.iter().enumerate() {
            let Some(field) = fields.iter().find(|field| holds(word, field)) else { continue };
            let is_apart = *word != format!("{{{field}}}") && !is_plain_around(word);
            let reason = match at {
                0 => "cannot be the name of the program",
                _ if code[at] => "stands in a script, where its text would run as code",
                _ if is_apart => "stands among other text that its own could change the meaning of",
                _ => continue,
            };
            let failure = usage(format!("`{}`: `{{{field}}}` {reason}", self.option));
            let variable = format!("{ENV}_SECRET_{}", field.to_uppercase());
            // In the source of another language a variable of the shell would be code, too.
            let safe = if at > 0 && code[at] { self.with_variables(&code, fields) } else { None };
            return Err(match safe {
                Some(safe) => failure.help(format!("use the variable {variable}: {} {safe}", self.option)),
                None => failure.help(format!("write a fixed text there, or a script that reads {variable}")),
            });
        }
        for word in &self.words[1..] {
            if let Some((typed, meant)) = misspelt(word, fields) {
                return Err(usage(format!("`{}`: `{{{typed}}}` is not a field of the record", self.option))
                    .help(format!("did you mean `{{{meant}}}`?")));
            }
        }
        Ok(())
    }

    /// The command with variables in place of placeholders, as it can be pasted. None where a shell would read the text
    /// of the variable, too, and where the script is not one of a shell that expands variables as sh does.
    fn with_variables(&self, code: &[bool], fields: &[&str]) -> Option<String> {
        let is_other = |word: &String| {
            SHELL_CALLERS.contains(&base_name(word)) || ["fish", "csh", "tcsh"].contains(&base_name(word))
        };
        if self.words.iter().zip(code).any(|(word, is_code)| is_other(word) && !is_code) {
            return None;
        }
        let words = self.words.iter().zip(code);
        let words: Vec<String> = words
            .map(|(word, is_code)| if *is_code { in_script(word, fields) } else { Some(word.clone()) })
            .collect::<Option<_>>()?;
        let line = shlex::try_join(words.iter().map(String::as_str)).ok()?;
        shlex::try_quote(&line).ok().map(|line| line.into_owned())
    }

    /// Looks at the texts that are known before the request, so that none of them fails the delivery.
    pub fn ready_for(&self, labels: &std::collections::BTreeMap<String, String>) -> Result<()> {
        let names: Vec<&str> = labels.keys().map(String::as_str).collect();
        self.check_placeholders(&names)?;
        let fields = labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>();
        self.filled(&fields).map(drop).map_err(|reason| self.refused_text(reason))?;
        // Once more: more threads and descriptors are in use than when the command began, and some more will be.
        let rooms = self.rooms_for_threads()?;
        let checked = self.check_that_it_can_start();
        drop(rooms);
        checked?;
        self.reserve()
    }

    /// Threads that wait until the answer is dropped: what is started between now and the program, such as the one that looks
    /// up a name and the one that writes the result, finds room then.
    fn rooms_for_threads(&self) -> Result<Vec<mpsc::Sender<()>>> {
        (0..THREADS)
            .map(|_| {
                let (held, ended) = mpsc::channel::<()>();
                let wait = move || {
                    let _ = ended.recv();
                };
                std::thread::Builder::new().spawn(wait).map(|_| held)
            })
            .collect::<std::io::Result<_>>()
            .map_err(|error| self.cannot_start(&error.to_string()))
    }

    /// Keeps descriptors for the start of the program.
    fn reserve(&self) -> Result<()> {
        let mut reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        while reserved.len() < DESCRIPTORS {
            let file =
                std::fs::File::open("/dev/null").map_err(|error| self.cannot_start(&error.to_string()))?;
            reserved.push(file.into());
        }
        Ok(())
    }

    fn cannot_start(&self, reason: &str) -> Failure {
        failed(format!("cannot start programs here, and `{}` has to be one", self.option))
            .cause(reason)
            .help("raise the limits (`ulimit -u`, `ulimit -n`), or use `--token-file PATH`")
    }

    fn refused_text(&self, reason: String) -> Failure {
        usage(format!("`{}`: {reason}", self.option)).help(format!(
            "use the variable in a script of a shell: see the page of the command, with `{APP} help`"
        ))
    }

    /// The words with their placeholders replaced.
    fn filled(&self, fields: &[(&str, &str)]) -> std::result::Result<Vec<String>, String> {
        let code = code_words(&self.words);
        let words = self.words.iter().enumerate();
        words
            .map(|(at, word)| match at {
                0 => Ok(word.clone()),
                _ if code[at] => Ok(word.clone()),
                // The value of an option: no program takes that for a command.
                _ => filled(word, fields, self.words[at - 1].starts_with("--")),
            })
            .collect()
    }

    /// The program with its words and variables, without our credentials.
    fn command(&self, secret: &Secret) -> std::result::Result<Command, String> {
        let fields = fields_of(secret);
        let words = self.filled(&fields)?;
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        child::scrub(&mut command);
        for (key, value) in fields {
            let is_letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
            let name: String = key.chars().map(is_letter).collect();
            command.env(format!("{ENV}_SECRET_{name}"), value);
        }
        Ok(command)
    }

    /// Runs it with the token on its standard input. Only an end with 0 by a program that read the token is a delivery.
    /// What it prints goes nowhere, or to stderr with `shows_output`: `tee` prints the token.
    pub fn run(&self, secret: &Secret, limit: Duration, shows_output: bool) -> Result<(), String> {
        if secret.value.len() >= LONGEST_TOKEN {
            return Err(format!("the token is longer than {LONGEST_TOKEN} bytes"));
        }
        let name = self.name();
        let words_of = |error: std::io::Error| format!("`{name}`: {}", plain_io(&error.to_string()));
        let mut command = self.command(secret)?;
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner).truncate(DESCRIPTORS / 2);
        // A pipe takes this much at once: a program that reads nothing does not block it. The reading end stays open
        // here, so that what was not read is still in it afterwards.
        let (reader, mut writer) = std::io::pipe().map_err(words_of)?;
        let newline = if self.ends_with_newline { "\n" } else { "" };
        writer.write_all(format!("{}{newline}", secret.value).as_bytes()).map_err(words_of)?;
        drop(writer);
        command.stdin(Stdio::from(reader.try_clone().map_err(words_of)?));
        command.stdout(if shows_output { Stdio::piped() } else { Stdio::null() }).stderr(Stdio::piped());
        let ended = self.ended(&mut command, limit)?;
        ended.stdout.split_inclusive(|byte| *byte == b'\n').for_each(repeat);
        // Of a line the newline may be left.
        let was_read = rustix::io::ioctl_fionread(&reader)
            .is_ok_and(|unread| unread <= u64::from(self.ends_with_newline));
        if was_read { Ok(()) } else { Err(format!("`{name}` ended without reading the token")) }
    }

    /// Runs it and compares what it prints with the token; a newline after it is the program's.
    pub fn read_back(&self, secret: &Secret, limit: Duration) -> Result<(), String> {
        let name = self.name();
        let mut command = self.command(secret)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let ended = self.ended(&mut command, limit)?;
        let value = secret.value.as_bytes();
        let printed = ended.stdout.strip_suffix(b"\n").unwrap_or(&ended.stdout);
        let printed = printed.strip_suffix(b"\r").unwrap_or(printed);
        if printed == value {
            return Ok(());
        }
        let what = match printed {
            [] => "printed nothing".to_owned(),
            _ if BASE64_STANDARD.decode(printed).is_ok_and(|decoded| decoded == value) => {
                "printed the token in base64: let it print the value itself".to_owned()
            }
            _ => format!("printed another value: {} bytes, the token has {}", printed.len(), value.len()),
        };
        Err(format!("`{name}` {what}"))
    }

    fn ended(&self, command: &mut Command, limit: Duration) -> std::result::Result<child::Ended, String> {
        let name = self.name();
        let limits = Limits { time: Some(limit), output: MOST };
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let ended = child::run_with(command, limits, &mut repeat, None)
            .map_err(|error| format!("`{name}`: {error}"))?;
        if ended.stderr.len() > MOST {
            repeat(format!("\n(the rest of what `{name}` wrote is not shown)\n").as_bytes());
        }
        match (ended.status.code(), ended.status.signal()) {
            (Some(0), _) => Ok(ended),
            (Some(code), _) => Err(format!("`{name}` ended with {code}")),
            (None, signal) => Err(format!("`{name}` was ended by signal {}", signal.unwrap_or(0))),
        }
    }
}

/// Writes a line of a program to stderr, without secrets.
fn repeat(line: &[u8]) {
    // There is no other place to report that stderr is gone.
    let _ = redact::Stderr.write_all(line);
}

/// The texts of the record. Never the token, whatever the plugin put there.
fn fields_of(secret: &Secret) -> Vec<(&str, &str)> {
    let fields = secret.record.as_object().into_iter().flatten();
    fields
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .filter(|(_, value)| !value.contains(&secret.value) && !value.contains('\0'))
        .collect()
}

fn in_shell(script: &str) -> String {
    // Words with a NUL byte cannot be typed.
    let line = shlex::try_join(["sh", "-c", script]).unwrap_or_default();
    shlex::try_quote(&line).map(|line| line.into_owned()).unwrap_or_default()
}

/// A word outside quotes that only a shell understands: an operator, a variable, a home directory.
fn shell_syntax(command: &str) -> Option<String> {
    let mut quote = None;
    let mut words = vec![(String::new(), true)];
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        let (word, is_bare) = words.last_mut()?;
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"'), '\\') => drop(chars.next()),
            (Some(_), _) => {}
            (None, '\'' | '"') => {
                quote = Some(c);
                *is_bare = false;
            }
            (None, '\\') => {
                chars.next();
                *is_bare = false;
            }
            (None, c) if c.is_ascii_whitespace() => words.push((String::new(), true)),
            (None, c) => word.push(c),
        }
    }
    let is_syntax = |word: &str| {
        let after_number = word.trim_start_matches(|c: char| c.is_ascii_digit());
        after_number.starts_with(['<', '>'])
            || word.starts_with(['|', '&', ';', '`', '~', '('])
            || word.ends_with([';', '&', '|'])
            || word.match_indices('$').any(|(at, _)| {
                word[at + 1..]
                    .starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '{' || c == '(')
            })
    };
    words.into_iter().filter(|(_, is_bare)| *is_bare).map(|(word, _)| word).find(|word| is_syntax(word))
}

fn find(program: &str) -> Option<PathBuf> {
    let runs = |path: &Path| path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| runs(path));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| runs(path))
}

#[cfg(test)]
mod tests;
