//! Whose directory files are used: those of the user and of root. Any other one is not read, and that is said wherever it
//! may have selected something else; `trust.directories` of the user's own configuration makes exceptions.

use std::{fs::Metadata, os::unix::fs::MetadataExt, path::Path};

use crate::base::{error::plain_io, files};

/// Why a file is not used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Objection {
    pub(super) reason: String,
    /// What it selects may be missed. Not so where every user may put a file: else each could stop all others.
    pub(super) counts: bool,
}

impl Objection {
    /// Whether there is a file cannot be found out.
    pub(super) fn unknown(error: &std::io::Error) -> Self {
        let reason = format!("it cannot be looked for: {}", plain_io(&error.to_string()));
        Self { reason, counts: true }
    }
}

/// What is known of a directory and the file in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// Owner and mode of the directory.
    dir: (u32, u32),
    /// The owner of the file.
    file: u32,
    /// Other users may write to the file, as members of its group.
    is_shared: bool,
    /// It lies on another file system than the working directory.
    is_beyond: bool,
}

impl Found {
    pub(super) fn new(dir: &Metadata, file: &Metadata, is_beyond: bool) -> Self {
        // That everybody may is an error of its own.
        let is_shared = file.is_file() && file.mode() & 0o002 == 0 && !files::is_closed(file);
        Self { dir: (dir.uid(), dir.mode()), file: file.uid(), is_shared, is_beyond }
    }

    /// A file that this user would put there.
    pub(super) fn new_in(dir: &Metadata, user: u32) -> Self {
        Self { dir: (dir.uid(), dir.mode()), file: user, is_shared: false, is_beyond: false }
    }

    /// Why the file in `dir` is not used by `user`. `trusted` are the directories of the user's configuration.
    pub(super) fn objection(
        self,
        dir: &Path,
        user: u32,
        trusted: &dyn Fn() -> Vec<String>,
    ) -> Option<Objection> {
        let is_own = |owner: u32| [user, 0].contains(&owner);
        let (owner, mode) = self.dir;
        let is_open = mode & 0o002 != 0;
        let reason = if is_open {
            "in a directory that every user may write to".to_owned()
        } else if !is_own(self.file) {
            format!("owned by uid {}", self.file)
        } else if !is_own(owner) {
            format!("in a directory owned by uid {owner}")
        } else if self.is_shared {
            "which other users may write to, as members of its group".to_owned()
        } else if self.is_beyond {
            "beyond a file-system border".to_owned()
        } else {
            return None;
        };
        let is_trusted = trusted().iter().any(|known| match known.as_str() {
            // All owners are not all users of this machine.
            "*" => !is_open,
            known => Path::new(known).canonicalize().is_ok_and(|known| known == dir),
        });
        (!is_trusted).then_some(Objection { reason, counts: !is_open || is_own(self.file) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_a_group_may_write_is_not_used() {
        let found = Found { dir: (1000, 0o755), file: 1000, is_shared: true, is_beyond: false };
        let none = || Vec::new();
        let reason = found.objection(Path::new("/"), 1000, &none).expect("refused").reason;
        assert!(reason.contains("members of its group"), "{reason}");
        assert_eq!(found.objection(Path::new("/"), 1000, &|| vec!["*".to_owned()]), None);
    }

    /// Owner and mode of the directory, owner of the file, whether it is beyond a border; the reason, and whether that
    /// keeps a change from being made; each for the user 1000.
    #[test]
    fn files_of_others_are_not_used() {
        type Row<'a> = (&'a str, (u32, u32), u32, bool, &'a [&'a str], Option<(&'a str, bool)>);
        let here = std::env::temp_dir().canonicalize().expect("there");
        let named = here.display().to_string();
        let (named, open) = (named.as_str(), "in a directory that every user may write to");
        let rows: &[Row<'_>] = &[
            ("one's own", (1000, 0o755), 1000, false, &[], None),
            ("root's", (0, 0o755), 0, false, &[], None),
            ("another user's", (1001, 0o755), 1001, false, &[], Some(("owned by uid 1001", true))),
            ("in one's own directory", (1000, 0o755), 1001, false, &[], Some(("owned by uid 1001", true))),
            (
                "in another's",
                (1001, 0o755),
                1000,
                false,
                &[],
                Some(("in a directory owned by uid 1001", true)),
            ),
            ("beyond a border", (1000, 0o755), 1000, true, &[], Some(("beyond a file-system border", true))),
            ("anybody's in /tmp", (0, 0o1777), 1001, false, &[], Some((open, false))),
            ("one's own in /tmp", (0, 0o1777), 1000, false, &[], Some((open, true))),
            (
                "another directory is trusted",
                (1001, 0o755),
                1001,
                false,
                &["/"],
                Some(("owned by uid 1001", true)),
            ),
            ("a trusted directory", (1001, 0o755), 1001, true, &["/", named], None),
            ("all are trusted", (1001, 0o755), 1001, true, &["*"], None),
            ("but not all users", (0, 0o1777), 1001, false, &["*"], Some((open, false))),
            ("unless it is named", (0, 0o1777), 1001, false, &[named], None),
        ];
        for (what, dir, file, is_beyond, trusted, expected) in rows {
            let found = Found { dir: *dir, file: *file, is_shared: false, is_beyond: *is_beyond };
            let trusted = || trusted.iter().map(|text| (*text).to_owned()).collect();
            let objection = found.objection(&here, 1000, &trusted);
            let expected = expected.map(|(reason, counts)| Objection { reason: reason.to_owned(), counts });
            assert_eq!(objection, expected, "{what}");
        }
    }
}
