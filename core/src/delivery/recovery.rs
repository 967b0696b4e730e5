//! What is kept on disk of a one-time secret: `ID.json`, the intent, which never holds the secret, and
//! `ID.answer`, which is empty until the API answers and then holds the answer as it came.
//!
//! Both are made, with room for the answer, before the request is sent; while the process lives it holds a lock
//! on the answer, so that others see what is left over and what is under way. Both are removed when the token was
//! delivered.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{state_failure, value_at};
use crate::{
    base::{
        error::{Result, failed},
        failpoint, files,
        hash::sha256,
        redact,
        time::{timestamp, unix_now},
    },
    config::Dirs,
    sys::{process, signals::Deferral},
};

/// The extension of the empty file that stands for "a person was told".
const MENTIONED: &str = "mentioned";
/// Room that an answer has for sure, in bytes.
const ROOM: u64 = 64 * 1024;

/// What a person needs to know of a secret that may be left over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// By which it is named in `astro recover`.
    pub id: String,
    /// When the request was sent, RFC 3339 in UTC.
    pub started_at: String,
    /// The plugin that sent it.
    pub plugin: String,
    /// The command's path.
    pub command: String,
    /// What became of the thing: `created`, `rotated`.
    pub action: String,
    /// `id`, `name`, and for each dimension that it belongs to `team_id`, `team_name` and so on.
    pub labels: BTreeMap<String, String>,
    /// Where the secret is in the answer.
    pub pointer: String,
    /// The profile in use.
    pub profile: Option<String>,
    /// The API's base.
    pub address: String,
    /// It was delivered, and is kept because that was wanted, or until it is discarded.
    pub is_delivered: bool,
}

impl Record {
    /// A record of this moment, without a name yet.
    pub fn now() -> Self {
        Self { started_at: timestamp(unix_now()), ..Self::default() }
    }

    /// The thing in words: its name and id.
    pub fn name(&self) -> String {
        match (self.labels.get("name"), self.labels.get("id")) {
            (Some(name), Some(id)) => format!("`{name}` ({id})"),
            (Some(one), None) | (None, Some(one)) => format!("`{one}`"),
            (None, None) => "of an unknown name".to_owned(),
        }
    }
}

/// The directory of recovery files.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

/// An intent and its answer.
pub struct PendingSecret {
    /// What is known of it.
    pub record: Record,
    answer: Vec<u8>,
    value: Option<String>,
    files: Option<Files>,
    /// Why the answer is not on disk, when it is not.
    broken: Option<String>,
    /// Signals wait while the only copy is in memory.
    deferral: Option<Deferral>,
}

struct Files {
    intent: PathBuf,
    path: PathBuf,
    /// Holds the lock.
    answer: File,
}

/// What is left over of an earlier run.
#[derive(Debug, Clone)]
pub struct RecoveryEntry {
    /// What is known of it.
    pub record: Record,
    /// The answer's file.
    pub path: PathBuf,
    /// The secret, when the answer holds it.
    pub value: Option<String>,
    /// Something was answered, or that cannot be known.
    pub is_answered: bool,
    /// Both of its files could be read.
    pub is_whole: bool,
}

impl Store {
    /// The directory, made for this user alone, and checked that it can be written to.
    pub fn open(dirs: &Dirs) -> Result<Self> {
        let dir = dirs.state.join("recovery");
        files::own_dir(&dir)?;
        files::private_dir(&dir)?;
        state_failure(close_to_others(&dir), &dir)?;
        state_failure(tempfile::tempfile_in(&dir).map(drop), &dir)?;
        Ok(Self { dir })
    }

    /// One in a test's directory.
    #[cfg(test)]
    pub(super) fn in_directory(dir: PathBuf) -> Self {
        fs::create_dir_all(&dir).expect("made");
        Self { dir }
    }

    /// The directory as it is.
    pub fn at(dirs: &Dirs) -> Self {
        Self { dir: dirs.state.join("recovery") }
    }

    /// The lock of those who make a file: of two the second one finds it, and asks for no token.
    pub fn lock_of(&self, path: &Path) -> Result<files::Lock> {
        use std::os::unix::ffi::OsStrExt;
        // However it was spelled.
        let dir = path.parent().and_then(|dir| dir.canonicalize().ok());
        let path = dir.zip(path.file_name()).map_or_else(|| path.to_owned(), |(dir, name)| dir.join(name));
        let name = sha256(path.as_os_str().as_bytes()).unwrap_or_default();
        files::Lock::beside(&self.dir.with_file_name("token-files").join(name))
    }

    /// Writes the intent and makes room for the answer.
    pub fn begin(&self, mut record: Record) -> Result<PendingSecret> {
        let stem = record.started_at.replace(['-', ':'], "").replace('T', "-").replace('Z', "");
        let mut options = OpenOptions::new();
        options.write(true).read(true).create_new(true).mode(0o600);
        let (path, answer) = loop {
            record.id = format!("{stem}-{:04x}", fastrand::u16(..));
            let path = self.dir.join(format!("{}.answer", record.id));
            match options.open(&path) {
                Ok(file) => break (path, file),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return state_failure(Err(error), &self.dir),
            }
        };
        state_failure(files::wait_for(&path, &answer), &path)?;
        if let Err(error) = files::reserve(&answer, ROOM) {
            let _ = fs::remove_file(&path);
            return state_failure(Err(error), &path);
        }
        let intent = self.dir.join(format!("{}.json", record.id));
        let text = serde_json::to_vec_pretty(&record)
            .map_err(|error| failed("the intent cannot be written").cause(error.to_string()))?;
        files::write(&intent, &text).inspect_err(|_| {
            // An answer without an intent would say nothing to anybody.
            let _ = fs::remove_file(&path);
        })?;
        let files = Some(Files { intent, path, answer });
        Ok(PendingSecret { record, answer: Vec::new(), value: None, files, broken: None, deferral: None })
    }

    /// What earlier runs left, oldest first. What a running process works on is not left over.
    pub fn entries(&self) -> Vec<RecoveryEntry> {
        self.stems().iter().filter_map(|stem| entry(stem)).collect()
    }

    /// Those of which no person was told yet.
    pub fn unreported(&self) -> Vec<RecoveryEntry> {
        let stems = self.stems();
        let new: Vec<_> = stems.iter().filter(|stem| !stem.with_extension(MENTIONED).exists()).collect();
        if !new.is_empty() {
            process::keep_memory_private();
        }
        // What was delivered is kept because somebody wanted that.
        new.into_iter().filter_map(|stem| entry(stem)).filter(|left| !left.record.is_delivered).collect()
    }

    fn stems(&self) -> BTreeSet<PathBuf> {
        let names = fs::read_dir(&self.dir).into_iter().flatten().flatten().map(|entry| entry.path());
        // Either file alone is an entry, too: nobody looks into this directory by himself.
        let is_ours = |path: &PathBuf| {
            path.extension().is_some_and(|extension| extension == "json" || extension == "answer")
        };
        names.filter(is_ours).map(|path| path.with_extension("")).collect()
    }

    /// Removes a entry.
    pub fn discard(&self, entry: &RecoveryEntry) -> Result<()> {
        let intent = entry.path.with_extension("json");
        let removed = remove(&entry.path).and_then(|()| remove(&intent));
        let _ = remove(&entry.path.with_extension(MENTIONED));
        state_failure(removed, &entry.path)
    }

    /// Notes that the value of a entry was handed out: it is no longer the only copy. A damaged entry stays as it is.
    pub fn mark_delivered(&self, entry: &RecoveryEntry) {
        let intent = entry.path.with_extension("json");
        let record = Record { is_delivered: true, ..entry.record.clone() };
        if entry.is_whole
            && let Ok(text) = serde_json::to_vec_pretty(&record)
        {
            // Without the note it is asked about as before.
            let _ = files::write(&intent, &text);
            // Discarded meanwhile: a note alone would be an entry of its own.
            if !entry.path.exists() {
                let _ = remove(&intent);
            }
        }
    }

    /// Notes that a person was told. The entry itself is left as it is: it may be damaged.
    pub fn mark_reported(&self, entry: &RecoveryEntry) {
        // Told once more is no harm.
        let _ = files::write(&entry.path.with_extension(MENTIONED), b"");
    }
}

/// A volume that is shared with a group opens its directories again and again. Only the owner can close one.
fn close_to_others(dir: &Path) -> std::io::Result<()> {
    match dir.metadata()?.mode() & 0o077 {
        0 => Ok(()),
        _ => fs::set_permissions(dir, fs::Permissions::from_mode(0o700)),
    }
}

fn entry(stem: &Path) -> Option<RecoveryEntry> {
    let path = stem.with_extension("answer");
    let mut answer = Vec::new();
    let mut is_readable = true;
    match files::open(&path) {
        Ok(mut file) => {
            if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
                return None;
            }
            is_readable = file.read_to_end(&mut answer).is_ok();
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(_) => is_readable = false,
    }
    let intent = files::read(&stem.with_extension("json")).ok().flatten();
    if intent.is_none() && answer.is_empty() && is_readable {
        // Delivered meanwhile, or about to begin.
        return None;
    }
    let record: Option<Record> = intent.and_then(|text| serde_json::from_str(&text).ok());
    let is_whole = record.is_some() && is_readable;
    let mut record = record.unwrap_or_else(|| Record { pointer: "/token".to_owned(), ..Record::default() });
    // By its files it is found again.
    record.id = stem.file_name()?.to_string_lossy().into_owned();
    let value = value_at(&answer, &record.pointer);
    let is_answered = !answer.is_empty() || !is_whole;
    Some(RecoveryEntry { record, path, value, is_answered, is_whole })
}

impl PendingSecret {
    /// Without files, for whoever wants none.
    pub fn in_memory(record: Record) -> Self {
        Self { record, answer: Vec::new(), value: None, files: None, broken: None, deferral: None }
    }

    /// Takes the next piece of the answer. It is on its way to the disk when this returns; where that fails it is
    /// still delivered, and the failure is told if delivering fails, too.
    pub fn append(&mut self, piece: &[u8]) {
        self.answer.extend_from_slice(piece);
        if let Some(files) = &mut self.files {
            let written = files.answer.write_all(piece).and_then(|()| failpoint::reach("answer-kept"));
            self.broken = self.broken.take().or(written.err().map(|error| error.to_string()));
        }
    }

    /// Waits until the answer is on the disk.
    pub fn sync(&mut self) {
        if let Some(files) = &self.files {
            let synced = files.answer.sync_all().and_then(|()| failpoint::reach("answer-synced"));
            self.broken = self.broken.take().or(synced.err().map(|error| error.to_string()));
        }
    }

    /// Looks for the secret in the answer.
    pub fn find_value(&mut self) -> Option<&str> {
        self.value = value_at(&self.answer, &self.record.pointer);
        self.value.iter().for_each(|value| redact::hide(value));
        self.value()
    }

    /// The secret, once it was found.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// The whole answer.
    pub fn answer(&self) -> &[u8] {
        &self.answer
    }

    /// Where the answer is kept, if it is.
    pub fn path(&self) -> Option<&Path> {
        let files = self.files.as_ref().filter(|_| self.broken.is_none() && !self.answer.is_empty())?;
        Some(&files.path)
    }

    /// Lets signals wait for as long as this lives, but not longer than `limit`: its value is nowhere but here.
    pub fn hold(&mut self, deferral: Option<Deferral>, limit: Duration) {
        self.deferral = deferral.map(|deferral| deferral.at_most(limit));
    }

    /// Why the answer is not on disk, when a file was wanted.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// What was not needed after all, or is delivered, is removed.
    pub fn remove(mut self) {
        if let Some(files) = self.files.take() {
            // A file that stays is a entry, of which the next run tells.
            // The lock on the answer hides the entry until both are gone.
            let _ = remove(&files.intent)
                .and_then(|()| failpoint::reach("intent-removed"))
                .and_then(|()| remove(&files.path))
                .and_then(|()| remove(&files.path.with_extension(MENTIONED)))
                .and_then(|()| failpoint::reach("recovery-removed"));
        }
    }

    /// Notes that it was delivered; it is kept all the same.
    pub fn mark_delivered(mut self) {
        self.record.is_delivered = true;
        self.rewrite_intent();
    }

    fn rewrite_intent(&self) {
        if let (Some(files), Ok(text)) = (&self.files, serde_json::to_vec_pretty(&self.record)) {
            // Without it the entry is named by what was known before.
            let _ = files::write(&files.intent, &text);
        }
    }

    /// Learns the thing's id from the answer, so that a entry can be named by it.
    pub fn learn_id(&mut self) {
        let answer: serde_json::Value = serde_json::from_slice(&self.answer).unwrap_or_default();
        let Some(id) = answer.get("id").and_then(|id| id.as_str()) else { return };
        if self.record.labels.contains_key("id") {
            return;
        }
        self.record.labels.insert("id".to_owned(), id.to_owned());
        self.rewrite_intent();
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
