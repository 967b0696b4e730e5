//! Where a token goes: stdout, a file, or the standard input of a program. Whether it can go there is found out
//! before anything is sent, as far as that can be known.

use std::{
    fs::File,
    io::Write,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use astro_plugin_protocol::service::Secret;
use clap::ArgMatches;
use rustix::fs::{FallocateFlags, fallocate};

use crate::{
    console::{Console, ResultError},
    error::{Result, While, code, usage},
    output::Format,
};

/// The longest token that is handed to a program: less than any pipe holds.
const LONGEST_TOKEN: usize = 32 * 1024;

/// What was typed for [`astro_plugin_protocol::names::SECRET_OPTIONS`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `--token-file`
    pub file: Option<PathBuf>,
    /// `--token-exec`
    pub exec: Option<String>,
    /// `--keep-recovery`
    pub keep_recovery: bool,
    /// `--no-recovery`
    pub no_recovery: bool,
}

impl Options {
    /// Reads the matches of a command that delivers a secret.
    pub fn read(matches: &ArgMatches) -> Result<Self> {
        let text =
            |id: &str| matches.get_many::<String>(id).and_then(|mut values| values.next_back()).cloned();
        let flag = |id: &str| matches.get_count(id) > 0;
        let options = Self {
            file: text("token-file").map(PathBuf::from),
            exec: text("token-exec"),
            keep_recovery: flag("keep-recovery"),
            no_recovery: flag("no-recovery"),
        };
        if options.file.is_some() && options.exec.is_some() {
            return Err(usage("`--token-file` and `--token-exec` cannot be used together"));
        }
        if options.keep_recovery && options.no_recovery {
            return Err(usage("`--keep-recovery` and `--no-recovery` cannot be used together"));
        }
        Ok(options)
    }
}

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

/// A file that is made beside its place, so that nobody ever sees half of it.
pub struct TokenFile {
    path: PathBuf,
    temporary: Mutex<Option<(tempfile::NamedTempFile, bool)>>,
}

impl TokenFile {
    fn prepare(path: &Path) -> Result<Self> {
        let what = || format!("the token cannot be written to `{}`", path.display());
        let path = std::path::absolute(path).while_doing(code::USAGE, what)?;
        if path.is_dir() {
            return Err(usage(what()).cause("it is a directory"));
        }
        let dir = path.parent().unwrap_or(Path::new("/"));
        let temporary = tempfile::Builder::new()
            .prefix(".token-")
            .permissions(std::fs::Permissions::from_mode(0o600))
            .tempfile_in(dir)
            .while_doing(code::USAGE, what)?;
        match fallocate(temporary.as_file(), FallocateFlags::KEEP_SIZE, 0, 16 * 1024) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => {}
            Err(error) => return Err(std::io::Error::from(error)).while_doing(code::USAGE, what),
        }
        Ok(Self { path, temporary: Mutex::new(Some((temporary, false))) })
    }

    fn ready_for(&self, replaces: bool) -> Result<()> {
        if !replaces && self.path.symlink_metadata().is_ok() {
            return Err(usage(format!("`{}` exists already", self.path.display()))
                .help("a new token never replaces a file: choose another `--token-file`"));
        }
        if let Some((_, may_replace)) =
            &mut *self.temporary.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
        {
            *may_replace = replaces;
        }
        Ok(())
    }

    /// Removes the file beside its place.
    pub fn abandon(&self) {
        drop(self.temporary.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
    }

    /// Where it will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes, syncs and puts the file in its place.
    pub fn write(&self, token: &str) -> Result<(), String> {
        let taken = self.temporary.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some((mut temporary, replaces)) = taken else { return Err("it was written already".to_owned()) };
        let words = |error: std::io::Error| format!("`{}`: {error}", self.path.display());
        temporary.write_all(format!("{token}\n").as_bytes()).map_err(words)?;
        temporary.as_file().sync_all().map_err(words)?;
        let placed =
            if replaces { temporary.persist(&self.path) } else { temporary.persist_noclobber(&self.path) };
        placed.map_err(|error| words(error.error))?;
        let dir = self.path.parent().unwrap_or(Path::new("/"));
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(words)
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

    /// Runs it with the token and a newline on its standard input. Only an end with 0 is a delivery.
    pub fn run(&self, secret: &Secret, timeout: Duration) -> Result<(), String> {
        let words: Vec<String> = self.words.iter().map(|word| filled(word, &secret.record)).collect();
        let name = &words[0];
        if secret.value.len() >= LONGEST_TOKEN {
            return Err(format!("the token is longer than {LONGEST_TOKEN} bytes"));
        }
        let mut command = Command::new(name);
        command.args(&words[1..]).stdin(Stdio::piped());
        // Our stdout is the result; what the program says is conversation.
        if let Ok(stderr) = rustix::io::dup(rustix::stdio::stderr()) {
            command.stdout(Stdio::from(stderr));
        }
        scrub(&mut command);
        let mut child = command.spawn().map_err(|error| format!("`{name}` cannot be run: {error}"))?;
        // A pipe takes this much at once: a program that reads nothing does not block it.
        let text = format!("{}\n", secret.value);
        let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(text.as_bytes()));
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
        match (status.code(), status.signal(), written) {
            (Some(0), _, Ok(())) => Ok(()),
            (Some(0), _, Err(error)) => Err(format!("`{name}` ended before it had read the token: {error}")),
            (Some(code), _, _) => Err(format!("`{name}` ended with {code}")),
            (None, signal, _) => Err(format!("`{name}` was ended by signal {}", signal.unwrap_or(0))),
        }
    }
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
    })
}
