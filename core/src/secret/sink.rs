//! Where a token goes: stdout, a file, or the standard input of a program. Whether it can go there is found out
//! before anything is sent, as far as that can be known.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

pub use astro_plugin_cli::secret::Options;
use astro_plugin_protocol::service::Secret;

use super::token_file::TokenFile;
use crate::{
    console::{Console, ResultError},
    error::{Result, usage},
    output::Format,
    redact,
};

/// The longest token that is handed to a program: less than any pipe holds.
const LONGEST_TOKEN: usize = 32 * 1024;
/// How long the end of a program's words is waited for after the program's own end.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A sink that was looked at.
pub enum Sink {
    /// The result itself.
    Stdout,
    /// `--token-file`
    File(TokenFile),
    /// `--token-exec`
    Exec(Program),
}

impl Sink {
    /// Looks at the sink that was chosen.
    pub fn prepare(options: &Options, format: Format, console: &Console) -> Result<Self> {
        let elsewhere = match (&options.file, &options.exec) {
            (Some(_), _) => "--token-file",
            (_, Some(_)) => "--token-exec",
            (None, None) => {
                return match console.result.unusable_for_a_secret() {
                    None => Ok(Self::Stdout),
                    Some(reason) => Err(usage(format!("the token would be lost: {reason}"))
                        .help("write it to a file with `--token-file PATH`")
                        .help("or hand it to a program with `--token-exec COMMAND`")),
                };
            }
        };
        if format == Format::Clean {
            return Err(usage(format!(
                "`{elsewhere}` cannot be used with `-o clean`: that is the token alone"
            ))
            .help("leave one of the two out"));
        }
        match (&options.file, &options.exec) {
            (Some(path), _) => TokenFile::prepare(path).map(Self::File),
            (_, command) => Program::prepare(command.as_deref().unwrap_or_default()).map(Self::Exec),
        }
    }

    /// Whether it can take this secret: a file that exists is only replaced where the former value is.
    pub fn ready_for(&self, replaces: bool) -> Result<()> {
        match self {
            Self::File(file) => file.ready_for(replaces),
            Self::Stdout | Self::Exec(_) => Ok(()),
        }
    }
}

/// A program that takes the token on its standard input.
pub struct Program {
    words: Vec<String>,
}

impl Program {
    /// Splits the words as a shell would, without running one, and looks for the program.
    fn prepare(command: &str) -> Result<Self> {
        let words = shlex::split(command).unwrap_or_default();
        let Some(program) = words.first() else {
            return Err(usage(format!("`--token-exec` must be a command, not `{command}`"))
                .help("such as --token-exec 'vault kv put secret/astro token=-'"));
        };
        if find(program).is_none() {
            return Err(usage(format!("`--token-exec`: there is no program `{program}`"))
                .help("name one that is on the PATH, or its whole path"));
        }
        Ok(Self { words })
    }

    /// Its name as typed.
    pub fn name(&self) -> &str {
        &self.words[0]
    }

    /// Runs it with the token and a newline on its standard input. Only an end with 0 by a program that read the token
    /// is a delivery.
    pub fn run(&self, secret: &Secret, timeout: Duration) -> Result<(), String> {
        let words: Vec<String> = self.words.iter().map(|word| filled(word, &secret.record)).collect();
        let name = &words[0];
        if secret.value.len() >= LONGEST_TOKEN {
            return Err(format!("the token is longer than {LONGEST_TOKEN} bytes"));
        }
        let mut command = Command::new(name);
        // A pipe takes this much at once: a program that reads nothing does not block it. The reading end stays open
        // here, so that what was not read is still in it afterwards.
        let words_of = |error: std::io::Error| format!("`{name}`: {error}");
        let (reader, mut writer) = std::io::pipe().map_err(words_of)?;
        writer.write_all(format!("{}\n", secret.value).as_bytes()).map_err(words_of)?;
        drop(writer);
        command.args(&words[1..]).stdin(Stdio::from(reader.try_clone().map_err(words_of)?));
        // Our stdout is the result; what the program says is conversation, and `tee` says the token.
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        scrub(&mut command);
        let mut child = command.spawn().map_err(|error| format!("`{name}` cannot be run: {error}"))?;
        let (ended, said) = mpsc::channel();
        child.stdout.take().into_iter().for_each(|pipe| repeat(pipe, ended.clone()));
        child.stderr.take().into_iter().for_each(|pipe| repeat(pipe, ended.clone()));
        drop(ended);
        let started = Instant::now();
        let status = loop {
            match child.try_wait().map_err(|error| format!("`{name}`: {error}"))? {
                Some(status) => break status,
                None if started.elapsed() > timeout => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(format!("`{name}` did not end within {} s", timeout.as_secs()));
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        // What it started may keep the pipes open for as long as it likes.
        while said.recv_timeout(LAST_WORDS).is_ok() {}
        // The newline alone may be left.
        let was_read = rustix::io::ioctl_fionread(&reader).is_ok_and(|unread| unread <= 1);
        match (status.code(), status.signal()) {
            (Some(0), _) if was_read => Ok(()),
            (Some(0), _) => Err(format!("`{name}` ended without reading the token")),
            (Some(code), _) => Err(format!("`{name}` ended with {code}")),
            (None, signal) => Err(format!("`{name}` was ended by signal {}", signal.unwrap_or(0))),
        }
    }
}

/// Writes what a program says to stderr, line by line and without secrets.
fn repeat(pipe: impl Read + Send + 'static, ended: mpsc::Sender<()>) {
    std::thread::spawn(move || {
        let mut lines = BufReader::new(pipe);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            // There is nobody to tell that stderr is gone.
            let _ = redact::Stderr.write_all(&line);
            line.clear();
        }
        let _ = ended.send(());
    });
}

/// `{id}`, `{name}` and whatever else the record has as text.
fn filled(word: &str, record: &serde_json::Value) -> String {
    let fields = record.as_object().into_iter().flatten();
    fields
        .filter_map(|(key, value)| Some((key, value.as_str()?)))
        .fold(word.to_owned(), |word, (key, value)| word.replace(&format!("{{{key}}}"), value))
}

/// Children get no credential.
pub fn scrub(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("ASTRO_") && text.contains("TOKEN") {
            command.env_remove(&name);
        }
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let runs = |path: &Path| path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| runs(path));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| runs(path))
}

/// Writes the result and checks that it arrived, as far as the kernel tells.
pub fn write_and_check(console: &Console, bytes: &[u8]) -> Result<(), String> {
    console.result.write_all(bytes).and_then(|()| console.result.sync()).map_err(|error| match error {
        ResultError::Closed => "the reader of stdout is gone".to_owned(),
        ResultError::Failed(reason) => format!("stdout: {reason}"),
        ResultError::Lost => "stdout: its descriptor was closed in this process".to_owned(),
    })
}
