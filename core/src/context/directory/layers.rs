//! The files of a directory and of those above it as one selection.
//!
//! * A file without a profile belongs to the profile of the next file above that names one.
//! * The selection is made of the nearest file and those above it that belong to the same profile: an ID is of a
//!   profile's customer and never goes with another profile. The first file that names another profile ends it.
//! * In it the nearer file wins, key by key. A value that lies in a replaced one goes with it: what is of a
//!   narrower dimension belongs to the wider one.

use std::path::PathBuf;

use super::{Directory, Sourced, Unused, owner::Objection};
use crate::{
    context::{Overridden, Settings},
    program::dimensions,
};

/// The files that were read so far, from the nearest upwards.
#[derive(Default)]
pub(super) struct Layers {
    /// Those of the selection.
    own: Vec<Directory>,
    /// Files without a profile above one that names a profile: whose they are is decided further up.
    pending: Vec<Directory>,
    unused: Vec<Unused>,
    is_complete: bool,
}

impl Layers {
    /// Takes the next file upwards.
    pub(super) fn add(&mut self, file: Directory) {
        let chosen = self.profile();
        match (&file.profile, chosen) {
            (_, None) => self.own.push(file),
            (None, Some(_)) => self.pending.push(file),
            (Some(own), Some(chosen)) if own.value == chosen.value => {
                self.own.append(&mut self.pending);
                self.own.push(file);
            }
            (Some(own), Some(_)) => {
                self.is_complete = true;
                let whose = format!("is for the profile `{}`", own.value);
                self.pending.push(file);
                self.leave_pending(&whose);
            }
        }
    }

    /// Takes note of a file that is not read. What nearer files left open it might have selected, for the profile that they
    /// chose, too.
    pub(super) fn pass(&mut self, path: PathBuf, objection: Objection) {
        let Objection { reason, counts } = objection;
        let is_settled =
            self.profile().is_some() && self.own.iter().any(|file| file.settings.narrowest().is_some());
        let may_differ = counts && !is_settled;
        self.unused.push(Unused { path, reason, may_differ });
    }

    /// Nothing further up can belong to the selection.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// What all of them select; none when there was no file.
    pub(super) fn selection(mut self) -> Option<Directory> {
        self.leave_pending("names no profile");
        let mut selection = self.own.into_iter().rev().fold(Directory::default(), refined);
        selection.files.reverse();
        selection.unused = self.unused;
        (!selection.files.is_empty() || !selection.unused.is_empty()).then_some(selection)
    }

    fn profile(&self) -> Option<&Sourced<String>> {
        self.own.iter().find_map(|file| file.profile.as_ref())
    }

    fn leave_pending(&mut self, whose: &str) {
        let Some(chosen) = self.profile().cloned() else { return };
        for file in std::mem::take(&mut self.pending) {
            let reason = format!("it {whose}, and {} chooses `{}`", chosen.origin, chosen.value);
            let unused = file.files.into_iter();
            self.unused.extend(unused.map(|path| Unused { path, reason: reason.clone(), may_differ: false }));
        }
    }
}

/// What `above` selects, as far as a nearer file leaves it.
fn refined(mut above: Directory, mut nearer: Directory) -> Directory {
    let mut overridden = std::mem::take(&mut above.overridden);
    let profile = nearest("profile", nearer.profile, above.profile, &mut overridden);
    let mut settings = Settings::default();
    // What lies in something that a nearer file replaces goes with it.
    let mut is_elsewhere = false;
    for (place, dimension) in dimensions().iter().enumerate() {
        let (new, mut old) = (nearer.settings.take(place), above.settings.take(place));
        let is_replaced =
            new.as_ref().is_some_and(|new| old.as_ref().is_none_or(|old| old.value != new.value));
        if is_elsewhere {
            overridden.extend(old.take().map(|setting| Overridden { name: dimension.name, setting }));
        }
        settings.set(place, nearest(dimension.name, new, old, &mut overridden));
        is_elsewhere |= is_replaced;
    }
    let files = [above.files, nearer.files].concat();
    Directory { files, profile, settings, overridden, unused: Vec::new() }
}

/// The value of the nearer file; another one above it is overridden.
fn nearest(
    name: &'static str,
    nearer: Option<Sourced<String>>,
    above: Option<Sourced<String>>,
    overridden: &mut Vec<Overridden>,
) -> Option<Sourced<String>> {
    let Some(nearer) = nearer else { return above };
    let replaced = above.filter(|above| above.value != nearer.value);
    overridden.extend(replaced.map(|setting| Overridden { name, setting }));
    Some(nearer)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// What the files select, the nearest first.
    fn selected(files: &[&str]) -> Directory {
        let mut layers = Layers::default();
        for (at, text) in files.iter().enumerate() {
            let path = format!("/{at}/.astro.toml");
            layers.add(Directory::parse(Path::new(&path), text).expect("a file"));
        }
        layers.selection().expect("a selection")
    }

    /// Profile, organization, workspace and deployment with the number of the file each is from; and the files that are
    /// not used.
    #[test]
    fn files_of_one_profile_are_one_selection() {
        crate::product::set_neutral();
        type Row<'a> = (&'a [&'a str], &'a str, &'a str);
        let rows: &[Row<'_>] = &[
            (&["profile='a'"], "a0 - - -", ""),
            // A file without a profile takes that of the next one above, and the ids that go with it.
            (&["deployment='r'", "profile='a'"], "a1 - - r0", ""),
            (&["deployment='r'", "workspace='w'", "profile='a'\norganization='o'"], "a2 o2 w1 r0", ""),
            (&["deployment='r'", "workspace='w'"], "- - w1 r0", ""),
            // The nearer value wins; what lay in the replaced one goes.
            (&["deployment='r'", "deployment='s'\nworkspace='w'\nprofile='a'"], "a1 - w1 r0", ""),
            (&["workspace='v'", "deployment='s'\nworkspace='w'\nprofile='a'"], "a1 - v0 -", ""),
            (&["workspace='w'", "deployment='s'\nworkspace='w'\nprofile='a'"], "a1 - w0 s1", ""),
            (&["organization='p'", "deployment='s'\nworkspace='w'\norganization='o'"], "- p0 - -", ""),
            (&["organization='o'", "deployment='s'\nworkspace='w'\norganization='o'"], "- o0 w1 s1", ""),
            (&["workspace='v'", "deployment='s'"], "- - v0 -", ""),
            (&["deployment='r'", "workspace='v'", "workspace='w'\ndeployment='s'"], "- - v1 r0", ""),
            // Another profile is another customer.
            (&["profile='a'", "profile='b'\ndeployment='r'"], "a0 - - -", "1"),
            (&["profile='a'", "deployment='r'", "profile='b'\nworkspace='w'"], "a0 - - -", "1 2"),
            (&["profile='a'", "deployment='r'", "profile='a'\nworkspace='w'"], "a0 - w2 r1", ""),
            (&["profile='a'\nworkspace='w'", "deployment='r'"], "a0 - w0 -", "1"),
            (&["workspace='w'", "profile='a'", "organization='o'", "profile='b'"], "a1 - w0 -", "2 3"),
        ];
        for (files, expected, unused) in rows {
            let found = selected(files);
            let value = |value: Option<&Sourced<String>>| match value {
                Some(value) => {
                    let origin = value.origin.to_string();
                    format!("{}{}", value.value, &origin[1..2])
                }
                None => "-".to_owned(),
            };
            let all = std::iter::once(found.profile.as_ref())
                .chain(found.settings.iter().map(|(_, setting)| setting));
            assert_eq!(all.map(value).collect::<Vec<_>>().join(" "), *expected, "{files:?}");
            let left: Vec<String> = found
                .unused
                .iter()
                .map(|unused| unused.path.display().to_string()[1..2].to_owned())
                .collect();
            assert_eq!(left.join(" "), *unused, "{files:?}");
            assert_eq!(found.files.len() + left.len(), files.len(), "{files:?}");
        }
    }

    #[test]
    fn what_is_not_used_is_named_with_its_reason() {
        crate::product::set_neutral();
        let found = selected(&["profile='a'", "deployment='r'", "profile='b'"]);
        let reasons: Vec<&str> = found.unused.iter().map(|unused| unused.reason.as_str()).collect();
        let reason = "it is for the profile `b`, and /0/.astro.toml line 1 chooses `a`";
        assert_eq!(reasons, [reason, reason]);
        let found = selected(&["workspace='v'", "workspace='w'\ndeployment='s'"]);
        let left: Vec<String> =
            found.overridden.iter().map(|left| format!("{} {}", left.name, left.setting.value)).collect();
        assert_eq!(left, ["workspace w", "deployment s"]);
        let found = selected(&["profile='a'", "deployment='r'"]);
        assert!(found.unused[0].reason.starts_with("it names no profile"), "{found:?}");
    }

    /// A file that is not read counts as long as the nearer ones leave something open.
    #[test]
    fn a_file_that_is_not_read_may_differ_below_every_profile() {
        crate::product::set_neutral();
        for (nearer, counts, may_differ) in [
            ("", true, true),
            ("deployment='r'", true, true),
            ("deployment='r'", false, false),
            ("profile='a'", true, true),
            ("profile='a'\ndeployment='r'", true, false),
        ] {
            let mut layers = Layers::default();
            if !nearer.is_empty() {
                layers.add(Directory::parse(Path::new("/0"), nearer).expect("a file"));
            }
            layers.pass("/1".into(), Objection { reason: "owned by uid 1001".to_owned(), counts });
            layers.add(Directory::parse(Path::new("/2"), "profile='a'\nworkspace='w'").expect("a file"));
            let found = layers.selection().expect("a selection");
            let unused: Vec<bool> = found.unused.iter().map(|unused| unused.may_differ).collect();
            assert_eq!(unused, [may_differ], "{nearer}");
            assert!(found.settings.get("workspace").is_some(), "{nearer}");
        }
    }

    /// No file above another profile's is read.
    #[test]
    fn another_profile_ends_the_selection() {
        crate::product::set_neutral();
        let mut layers = Layers::default();
        for (text, is_complete) in [("deployment='r'", false), ("profile='a'", false), ("profile='b'", true)]
        {
            layers.add(Directory::parse(Path::new("/x"), text).expect("a file"));
            assert_eq!(layers.is_complete(), is_complete, "{text}");
        }
    }
}
