//! The one server of an `ASTRO_HOME`: a lock that it holds while it lives, and a file that says where it
//! listens. The lock is the truth: a server that was killed holds none.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use astro_plugin_sdk::{Error, Result, protocol::invocation::Context};
use serde::{Deserialize, Serialize};

/// The files of an instance.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    dir: PathBuf,
}

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Process id.
    pub(crate) pid: u32,
    /// Port on 127.0.0.1.
    pub(crate) port: u16,
    /// RFC 3339.
    pub(crate) started_at: String,
    /// The options that say under which conditions it serves.
    #[serde(default)]
    pub(crate) conditions: Vec<String>,
}

impl Running {
    /// The base of the API.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }
}

impl Instance {
    /// The instance of this context.
    pub(crate) fn of(context: &Context) -> Result<Self> {
        if context.state_dir.is_empty() {
            return Err(Error::new("the home directory is not known").help("set HOME or ASTRO_HOME"));
        }
        let dir = PathBuf::from(&context.state_dir);
        own(&dir)?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .map_err(|error| cannot("make the directory", &dir, &error))?;
        Ok(Self { dir })
    }

    /// The SQLite file.
    pub(crate) fn database(&self) -> PathBuf {
        self.dir.join("sandbox.db")
    }

    /// Where a detached server writes what it says.
    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("sandbox.log")
    }

    fn state(&self) -> PathBuf {
        self.dir.join("sandbox.json")
    }

    /// Takes the lock for the life of a server; `None` when another one has it. Whoever only looks holds it for a
    /// moment, so it is tried for a second.
    pub(crate) fn lock(&self) -> Result<Option<File>> {
        let file = self.lock_file()?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if started.elapsed() < Duration::from_secs(1) => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(cannot("lock", &self.dir, &error)),
            }
        }
        // What a server that was killed left says nothing any more.
        self.withdraw();
        Ok(Some(file))
    }

    /// Whether no server has the lock. Those who look do not hinder each other.
    pub(crate) fn is_free(&self) -> Result<bool> {
        match self.lock_file()?.try_lock_shared() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(cannot("lock", &self.dir, &error)),
        }
    }

    fn lock_file(&self) -> Result<File> {
        let path = self.dir.join("sandbox.lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.open(&path).map_err(|error| cannot("open", &path, &error))
    }

    /// The running server, when there is one.
    pub(crate) fn running(&self) -> Result<Option<Running>> {
        if self.is_free()? {
            return Ok(None);
        }
        // Between taking the lock and writing the file a server is not yet there for anybody.
        Ok(fs::read(self.state()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// The running server, when there is one within this time.
    pub(crate) fn appears_within(&self, patience: Duration) -> Result<Option<Running>> {
        let started = Instant::now();
        while started.elapsed() < patience && !self.is_free()? {
            if let Some(running) = self.running()? {
                return Ok(Some(running));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(None)
    }

    /// Says where the server listens.
    pub(crate) fn announce(&self, running: &Running) -> Result<()> {
        let temporary = self.state().with_extension("new");
        fs::write(&temporary, serde_json::to_vec(running)?)
            .map_err(|error| cannot("write", &temporary, &error))?;
        fs::rename(&temporary, self.state()).map_err(|error| cannot("write", &self.state(), &error))
    }

    /// The port of the server that ran last: credentials and directory files name it.
    pub(crate) fn last_port(&self) -> Option<u16> {
        fs::read_to_string(self.port()).ok()?.trim().parse().ok()
    }

    /// Remembers the port for the next server.
    pub(crate) fn remember_port(&self, port: u16) {
        // Without it the next server gets any port.
        let _ = fs::write(self.port(), port.to_string());
    }

    fn port(&self) -> PathBuf {
        self.dir.join("sandbox.port")
    }

    /// Takes the announcement back.
    pub(crate) fn withdraw(&self) {
        // It says nothing without the lock.
        let _ = fs::remove_file(self.state());
    }
}

/// What root leaves in a directory of a user locks the user out.
fn own(dir: &Path) -> Result<()> {
    let nearest = dir.ancestors().find_map(|dir| Some((dir, dir.metadata().ok()?)));
    let user = rustix::process::geteuid().as_raw();
    match nearest {
        Some((nearest, found)) if found.uid() != user => {
            Err(Error::new(format!("cannot use the directory `{}`", dir.display()))
                .cause(format!("`{}` belongs to uid {}", nearest.display(), found.uid()))
                .help("run the command as that user, or set ASTRO_HOME to a directory of your own"))
        }
        _ => Ok(()),
    }
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::new(format!("cannot {what} `{}`", path.display())).cause(error.to_string())
}
