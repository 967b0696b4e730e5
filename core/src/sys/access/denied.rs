//! What keeps this user from reading a file or directory.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, access},
    io::Errno,
    process::geteuid,
};

use super::{is_system, quoted, user};
use crate::{
    base::error::{Failure, plugin},
    program::ENV,
};

/// The first step on the way to a path that this user may not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denied {
    /// The path that was wanted.
    path: PathBuf,
    /// The directory or file that denies it.
    at: PathBuf,
    uid: u32,
    mode: u32,
}

impl Denied {
    /// What keeps this user from reading a file, or from listing a directory. `None` when nothing does, or when it is not
    /// there.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let path = std::path::absolute(path).ok()?;
        let steps: Vec<&Path> = path.ancestors().collect();
        for at in steps.into_iter().rev() {
            let metadata = std::fs::metadata(at).ok()?;
            let wanted = match (at == path, metadata.is_dir()) {
                (true, true) => Access::READ_OK | Access::EXEC_OK,
                (true, false) => Access::READ_OK,
                (false, true) => Access::EXEC_OK,
                // Nothing is below a file.
                (false, false) => return None,
            };
            if access(at, wanted) == Err(Errno::ACCESS) {
                let (uid, mode) = (metadata.uid(), metadata.mode() & 0o7777);
                return Some(Self { at: at.to_owned(), uid, mode, path });
            }
        }
        None
    }

    /// The failure: `message` says what could not be done, `subject` is the file or directory that should be readable with
    /// everything below it.
    pub(crate) fn failure(&self, message: impl Into<String>, subject: &Path) -> Failure {
        let failure = plugin(message).cause(format!(
            "`{}` belongs to {} and has mode {:04o}",
            self.at.display(),
            user(self.uid),
            self.mode
        ));
        if self.uid == geteuid().as_raw() {
            return failure.help(format!("type `chmod u+rX {}`", quoted([self.at.as_path()])));
        }
        let elsewhere = format!("set {ENV}_HOME to a directory of your own");
        if is_system(&self.at) {
            return failure.help(elsewhere);
        }
        let whole = match subject.is_file() {
            true => format!("chmod a+r {}", quoted([subject])),
            false => format!("chmod -R a+rX {}", quoted([subject])),
        };
        let command = match self.at != subject && subject.starts_with(&self.at) {
            true => format!("chmod a+x {} && {whole}", quoted([self.at.as_path()])),
            false => whole,
        };
        failure.help(format!("as {}: {command}", user(self.uid))).help(format!("or {elsewhere}"))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn denied(at: &str, uid: u32) -> Denied {
        Denied {
            path: PathBuf::from("/x/home/.astro-host/plugins/index/root"),
            at: at.into(),
            uid,
            mode: 0o700,
        }
    }

    #[test]
    fn a_path_that_can_be_read_or_is_missing_is_not_denied() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        crate::base::files::write(&file, b"x").expect("written");
        assert_eq!(Denied::of(&file), None);
        assert_eq!(Denied::of(dir.path()), None);
        assert_eq!(Denied::of(&dir.path().join("missing/file")), None);
        assert_eq!(Denied::of(&file.join("below")), None);
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o000)).expect("set");
        let found = Denied::of(&file);
        // Root may read everything.
        let found = found.as_ref().map(|found| (found.at.as_path(), found.mode));
        assert_eq!(found, (!geteuid().is_root()).then_some((dir.path(), 0)));
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).expect("set");
    }

    #[test]
    fn the_help_never_opens_a_system_directory() {
        let store = Path::new("/x/home/.astro-host/plugins");
        let other = geteuid().as_raw().wrapping_add(7);
        let helps = |at: &str, uid| denied(at, uid).failure("cannot read the store", store).help;
        assert_eq!(
            helps("/x/home/.astro-host", other),
            [
                format!(
                    "as uid {other}: chmod a+x /x/home/.astro-host && chmod -R a+rX /x/home/.astro-host/plugins"
                ),
                "or set ASTRO_HOME to a directory of your own".to_owned(),
            ]
        );
        assert!(
            helps("/x/home/.astro-host/plugins/store/a b", other)[0]
                .ends_with("chmod -R a+rX /x/home/.astro-host/plugins")
        );
        assert_eq!(helps("/root", other), ["set ASTRO_HOME to a directory of your own"]);
        assert_eq!(helps("/x/a b", geteuid().as_raw()), ["type `chmod u+rX '/x/a b'`"]);
    }
}
