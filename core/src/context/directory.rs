//! `.astro.toml`: what a directory selects. It may name a profile and ids and nothing else: a repository that
//! somebody cloned must not be able to send a credential elsewhere or start a program.
//!
//! `layers`: how the files of a directory and of those above it become one selection; `owner`: whose files are used.

mod layers;
mod owner;

use std::{
    fs::{File, Metadata},
    io::Read,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use astro_plugin_protocol::names;

use super::{Origin, Overridden, Settings, Sourced, settings};
use crate::{
    base::{
        error::{Failure, Result, config},
        files,
    },
    config::{Config, Dirs, environment},
    console::is_control,
    product::product,
    program::dimensions,
};

/// The file's name.
pub fn file() -> &'static str {
    product().directory_file
}
/// What a selection never needs more than, in bytes.
const LARGEST: u64 = 64 * 1024;

/// What directory files select together; each value remembers its file and line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    /// The files, the nearest first.
    pub files: Vec<PathBuf>,
    /// `profile`
    pub profile: Option<Sourced<String>>,
    /// For each dimension: ID or name.
    pub settings: Settings,
    /// Values of a file that a nearer one replaces.
    pub overridden: Vec<Overridden>,
    /// Files that were looked at and are not part of the selection.
    pub unused: Vec<Unused>,
}

/// A directory file that was looked at and is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
    /// It may select something else than what is in effect: who changes something here should choose, or trust it.
    pub may_differ: bool,
}

impl Directory {
    /// What the files from `start` upwards select. The walk ends after a directory of `homes`. `trusted` are the
    /// directories that the user's own configuration trusts; it is asked only where that matters.
    pub fn at(start: &Path, homes: &[PathBuf], trusted: &dyn Fn() -> Vec<String>) -> Result<Option<Self>> {
        // Most directories select nothing: that is found out with one question each.
        let is_there = |dir: &Path| !matches!(look(&dir.join(file())), Ok(None));
        if !start.ancestors().any(is_there) {
            return Ok(None);
        }
        let homes: Vec<_> = homes.iter().filter_map(|home| home.metadata().ok()).collect();
        let user = rustix::process::geteuid().as_raw();
        let mut device = None;
        let mut layers = layers::Layers::default();
        for dir in start.ancestors() {
            let path = dir.join(file());
            let (file, metadata) = match (look(&path), dir.metadata()) {
                (Ok(file), Ok(metadata)) => (file, metadata),
                // What cannot be looked for may be there.
                (Err(error), _) | (Ok(Some(_)), Err(error)) => {
                    layers.pass(path, owner::Objection::unknown(&error));
                    continue;
                }
                (Ok(None), Err(_)) => continue,
            };
            let is_beyond = *device.get_or_insert(metadata.dev()) != metadata.dev();
            if let Some(file) = file {
                match owner::Found::new(&metadata, &file, is_beyond).objection(dir, user, trusted) {
                    None => layers.add(Self::parse(&path, &read(&path, file.uid())?)?),
                    Some(objection) => layers.pass(path, objection),
                }
            }
            let is_home = |home: &Metadata| (home.dev(), home.ino()) == (metadata.dev(), metadata.ino());
            if layers.is_complete() || homes.iter().any(is_home) {
                break;
            }
        }
        Ok(layers.selection())
    }

    /// What is selected for this process.
    pub fn of_process(dirs: Option<&Dirs>) -> Result<Option<Self>> {
        let start = match working() {
            Ok(start) => start,
            // It was removed, or is no longer mounted: what its files select is not known.
            Err(error) => {
                let mut layers = layers::Layers::default();
                layers.pass(file().into(), owner::Objection::unknown(&error));
                return Ok(layers.selection());
            }
        };
        let homes =
            ["HOME".to_owned(), environment::HOME.to_string()].into_iter().filter_map(std::env::var_os);
        let homes: Vec<PathBuf> = homes.map(PathBuf::from).filter(|home| home.is_absolute()).collect();
        // A configuration that cannot be read trusts nothing; what needs it says why.
        let trusted = || dirs.and_then(|dirs| Config::load(dirs).ok()).unwrap_or_default().trust.directories;
        Self::at(&start, &homes, &trusted)
    }

    /// Reads the text of one file.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let line =
            |at: usize| text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1;
        let document = toml_edit::Document::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            refused(path, Some(line(at)), error.message())
        })?;
        let mut found = Self { files: vec![path.to_owned()], ..Self::default() };
        for (key, item) in document.as_table().iter() {
            let at = document.as_table().key(key).and_then(toml_edit::Key::span).or_else(|| item.span());
            let line = line(at.map_or(0, |span| span.start));
            let place = dimensions().iter().position(|dimension| dimension.name == key);
            if key != "profile" && place.is_none() {
                let dimensions = settings::in_words();
                let all = if dimensions.is_empty() { String::new() } else { format!(", {dimensions}") };
                let reason = format!(
                    "`{key}` may not be set here: a directory selects a profile{all}, and nothing else"
                );
                return Err(refused(path, Some(line), &reason));
            }
            let value = item.as_str().filter(|value| !value.trim().is_empty());
            let Some(value) = value else {
                return Err(refused(path, Some(line), &format!("`{key}` is not a text")));
            };
            if key == "profile" && !names::is_name(value) {
                return Err(refused(path, Some(line), &format!("`{value}` is not a name for a profile")));
            }
            if value.chars().any(is_control) {
                return Err(refused(path, Some(line), &format!("`{key}` holds a control character")));
            }
            let origin = Origin::Directory { path: path.to_owned(), line };
            let value = Some(Sourced::new(value.to_owned(), origin));
            match place {
                Some(place) => found.settings.set(place, value),
                None => found.profile = value,
            }
        }
        Ok(found)
    }
}

/// The working directory.
#[expect(clippy::disallowed_methods, reason = "a directory file is found from here, and selects names only")]
pub fn working() -> std::io::Result<PathBuf> {
    std::env::current_dir()
}

/// The file at a path, or that there is none. Any other failure says nothing of whether there is one.
fn look(path: &Path) -> std::io::Result<Option<Metadata>> {
    match path.symlink_metadata() {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Why a file in this directory would not be used, whoever of this user's processes wrote it.
pub fn refusal_at(dir: &Path, dirs: Option<&Dirs>) -> Option<String> {
    let metadata = dir.metadata().ok()?;
    let trusted = || dirs.and_then(|dirs| Config::load(dirs).ok()).unwrap_or_default().trust.directories;
    let user = rustix::process::geteuid().as_raw();
    let objection = owner::Found::new_in(&metadata, user).objection(dir, user, &trusted)?;
    Some(objection.reason)
}

/// The text, read from one descriptor that was looked at; the file's owner is still `owner`.
fn read(path: &Path, owner: u32) -> Result<String> {
    let failed = |error: std::io::Error| refused(path, None, &error.to_string());
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
            return Err(refused(path, None, "it is a link"));
        }
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    let reason = if !metadata.is_file() {
        Some("it is not a regular file")
    } else if metadata.uid() != owner {
        Some("it belongs to another user")
    } else if metadata.mode() & 0o002 != 0 {
        Some("everybody may write to it")
    } else if metadata.len() > LARGEST {
        Some("it is larger than 64 KiB")
    } else {
        None
    };
    if let Some(reason) = reason {
        return Err(refused(path, None, reason));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).map_err(failed)?;
    String::from_utf8(bytes).map_err(|_| refused(path, None, "it is not UTF-8 text"))
}

fn refused(path: &Path, line: Option<usize>, reason: &str) -> Failure {
    let place = line.map(|line| format!(" line {line}")).unwrap_or_default();
    config(format!("`{}`{place} is not accepted", path.display()))
        .cause(reason)
        .help("correct it, or remove the file; nothing was sent")
}

/// Makes or changes the file of a directory: `key` gets `value`, the rest stays as it is.
pub fn set(dir: &Path, values: &[(&str, Option<&str>)]) -> Result<PathBuf> {
    let path = dir.join(file());
    change(&path, values)?;
    Ok(path)
}

/// The same for a file that may be there; answers whether anything was changed.
pub fn change(path: &Path, values: &[(&str, Option<&str>)]) -> Result<bool> {
    let dir = path.parent().unwrap_or(path);
    // The directory stands for the file: a lock beside it would lie in everybody's project.
    let held = File::open(dir).map_err(|error| refused(path, None, &error.to_string()))?;
    files::wait_for(dir, &held).map_err(|error| refused(path, None, &error.to_string()))?;
    let before = match path.symlink_metadata() {
        Ok(_) => read(path, rustix::process::geteuid().as_raw())?,
        Err(_) => String::new(),
    };
    Directory::parse(path, &before)?;
    let mut document: toml_edit::DocumentMut =
        before.parse().map_err(|error: toml_edit::TomlError| refused(path, None, error.message()))?;
    for (key, value) in values {
        let now = document.get(key).and_then(|now| now.as_str());
        // What is so already keeps its comment and its place.
        if now != *value {
            crate::config::set(document.as_table_mut(), key, *value);
        }
    }
    let after = document.to_string();
    if after != before {
        // It is for colleagues, too: its mode is that of the other files of the project.
        files::write_shared(path, after.as_bytes())?;
    }
    Ok(after != before)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn put(path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<()> {
        files::write_shared(path.as_ref(), content.as_ref())
    }

    fn found_at(start: &Path, homes: &[PathBuf]) -> Result<Option<Directory>> {
        Directory::at(start, homes, &Vec::new)
    }

    fn tree() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().expect("a directory");
        let home = root.path().canonicalize().expect("there").join("home");
        fs::create_dir_all(home.join("project/deep")).expect("made");
        (root, home)
    }

    #[test]
    fn the_walk_ends_at_the_home() {
        crate::product::set_neutral();
        let (_root, home) = tree();
        let deep = home.join("project/deep");
        let homes = [home.clone()];
        assert_eq!(found_at(&deep, &homes).expect("read"), None);
        put(home.parent().expect("the root").join(file()), "profile = \"outside\"").expect("written");
        assert_eq!(found_at(&deep, &homes).expect("read"), None);
        put(home.join(file()), "profile = \"home\"").expect("written");
        put(home.join("project").join(file()), "# ours\n\nworkspace = \"w\"").expect("written");
        let found = found_at(&deep, &homes).expect("read").expect("there");
        let workspace = found.settings.get("workspace").cloned().expect("set");
        assert_eq!(
            (workspace.value.as_str(), found.profile.expect("inherited").value.as_str()),
            ("w", "home")
        );
        assert!(workspace.origin.to_string().ends_with("project/.astro.toml line 3"), "{}", workspace.origin);
        let found = found_at(&home, &homes).expect("read").expect("there");
        assert_eq!(found.profile.expect("set").value, "home");
    }

    /// What a repository may try: each is refused with the path and a reason, and the line where there is one.
    #[test]
    fn a_hostile_file_is_refused() {
        crate::product::set_neutral();
        for (text, line, reason) in [
            ("profile = \"a\"\naddress = \"https://evil.example/v1\"", " line 2", "`address` may not"),
            ("api_url = \"x\"", " line 1", "`api_url` may not"),
            ("[credentials.a]\nsource = \"command\"\ncommand = \"sh\"", " line 1", "`credentials` may not"),
            ("\n[profiles.a]\nca_file = \"x\"", " line 2", "`profiles` may not"),
            ("command = \"curl evil | sh\"", " line 1", "`command` may not"),
            ("official.command = \"x\"", " line 1", "`official` may not"),
            ("output = \"json\"", " line 1", "`output` may not"),
            ("workspace = \"\\u001b]0;x\\u0007\"", " line 1", "control character"),
            ("workspace = \"a\\u202eb\"", " line 1", "control character"),
            ("profile = 7", " line 1", "not a text"),
            ("profile = \"\"", " line 1", "not a text"),
            ("profile = \"../../x\"", " line 1", "not a name"),
            ("profile = \"a\x1b[2J\"", " line 1", ""),
            ("profile = \"a\"\nprofile = \"b\"", " line 2", ""),
            ("profile", " line 1", ""),
            ("\x7fELF\x02\x01\x01\0\0\0", " line 1", ""),
        ] {
            let error = Directory::parse(Path::new("/p/.astro.toml"), text).expect_err(text);
            assert!(error.message.contains(&format!("`/p/.astro.toml`{line}")), "{text}: {error:?}");
            assert!(error.causes.iter().any(|cause| cause.contains(reason)), "{text}: {error:?}");
        }
    }

    #[test]
    fn what_is_no_file_of_ones_own_is_refused() {
        let (_root, home) = tree();
        let path = home.join(file());
        let refused = |reason: &str| {
            let error = found_at(&home, std::slice::from_ref(&home)).expect_err(reason);
            assert!(error.causes.iter().any(|cause| cause.contains(reason)), "{error:?}");
            fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).expect("removed");
        };
        std::os::unix::fs::symlink("/dev/zero", &path).expect("linked");
        refused("a link");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).expect("made");
        refused("not a regular file");
        fs::create_dir(&path).expect("made");
        refused("not a regular file");
        put(&path, vec![b'#'; 65 * 1024]).expect("written");
        refused("larger");
        put(&path, b"profile = \"\xff\"").expect("written");
        refused("UTF-8");
        put(&path, b"").expect("written");
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).expect("set");
        refused("everybody");
    }

    #[test]
    fn a_change_keeps_what_is_there() {
        crate::product::set_neutral();
        let (_root, home) = tree();
        put(home.join(file()), "# ours\nworkspace = \"w\" # why\n").expect("written");
        set(&home, &[("profile", Some("a")), ("deployment", None)]).expect("changed");
        let text = fs::read_to_string(home.join(file())).expect("there");
        assert_eq!(text, "# ours\nworkspace = \"w\" # why\nprofile = \"a\"\n");
    }
}
