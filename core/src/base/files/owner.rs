//! Whose a file is: what decides where credentials go and which programs run is the user's own, or root's.

use std::{fs::Metadata, os::unix::fs::MetadataExt, path::Path};

use rustix::process::{getegid, geteuid};

use crate::{
    base::error::{Failure, Result, ResultExt, code, config},
    program::ENV,
};

/// Refuses a file that another user may change, itself or by its directory. `metadata` is the open file's.
pub(super) fn judge(path: &Path, metadata: &Metadata) -> Result<()> {
    refuse(path, metadata)?;
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // Where it is a link, both directories decide what it is.
    for dir in [path.parent(), target.parent()].into_iter().flatten() {
        let what = || format!("cannot look at `{}`", dir.display());
        refuse(dir, &dir.metadata().context(code::CONFIG, what)?)?;
    }
    Ok(())
}

/// Refuses a directory that belongs to another user: what root writes there with `sudo -E` would lock its owner out.
/// One that is not there is made by its nearest directory's owner.
pub fn own_dir(dir: &Path) -> Result<()> {
    let nearest = dir.ancestors().find_map(|dir| Some((dir, dir.metadata().ok()?)));
    match nearest {
        Some((nearest, metadata)) if !is_own(metadata.uid(), geteuid().as_raw()) => {
            Err(belongs_to(format!("cannot write to `{}`", dir.display()), nearest, metadata.uid()))
        }
        _ => Ok(()),
    }
}

/// What is said when this user may not write to a directory of somebody else.
pub(super) fn whose(dir: &Path) -> Option<String> {
    let metadata = dir.metadata().ok().filter(|metadata| metadata.uid() != geteuid().as_raw())?;
    let owner = match metadata.uid() {
        0 => "root".to_owned(),
        uid => format!("uid {uid}"),
    };
    let mode = metadata.mode() & 0o7777;
    Some(format!("run the command as {owner}, to whom `{}` belongs (mode {mode:04o})", dir.display()))
}

fn refuse(path: &Path, metadata: &Metadata) -> Result<()> {
    let what = || format!("cannot use `{}`", path.display());
    let user = geteuid().as_raw();
    if !is_own(metadata.uid(), user) {
        return Err(belongs_to(what(), path, metadata.uid()));
    }
    match is_closed(metadata) {
        true => Ok(()),
        false => Err(config(what())
            .cause("other users may write to it")
            .help(format!("look whether it is as you left it, then type: chmod go-w {}", quoted(path)))),
    }
}

fn is_own(owner: u32, user: u32) -> bool {
    [user, 0].contains(&owner)
}

/// Whether only its owner may change a file, or what is in a directory.
pub fn is_closed(metadata: &Metadata) -> bool {
    is_closed_to(metadata.mode(), metadata.gid(), geteuid().as_raw(), getegid().as_raw())
}

/// The same for a mode and an owning group, and the user and group of this process.
fn is_closed_to(mode: u32, owning_group: u32, user: u32, group: u32) -> bool {
    // A directory such as /tmp: others may add to it and not change what is there.
    let is_sticky = mode & libc::S_IFMT == libc::S_IFDIR && mode & 0o1000 != 0;
    // Where every user has a group of their own (umask 002), the group is the user; root's group is root.
    let is_private = owning_group == group && [user, 0].contains(&owning_group);
    is_sticky || mode & 0o002 == 0 && (mode & 0o020 == 0 || is_private)
}

fn belongs_to(what: String, path: &Path, owner: u32) -> Failure {
    let user = geteuid().as_raw();
    let failure = config(what).cause(format!("`{}` belongs to uid {owner}", path.display()));
    let failure = match user {
        0 => {
            failure.help("run the command as that user, without sudo; or with a home of root's own: sudo -H")
        }
        _ => failure.help(format!("set {ENV}_HOME to a directory of your own, or unset it")),
    };
    failure.help(format!("or, if it should be yours: chown {user} {}", quoted(path)))
}

fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    shlex::try_quote(&text).map_or_else(|_| text.to_string(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_may_write() {
        let (file, dir) = (libc::S_IFREG, libc::S_IFDIR);
        // Mode, owning group, group of the process; the user is 1000.
        for (mode, owning_group, group, expected) in [
            (file | 0o600, 1000, 1000, true),
            (file | 0o644, 50, 1000, true),
            (file | 0o640, 50, 1000, true),
            (file | 0o666, 1000, 1000, false),
            (file | 0o602, 1000, 1000, false),
            (file | 0o664, 1000, 1000, true),
            (file | 0o660, 50, 50, false),
            (file | 0o660, 50, 1000, false),
            (file | 0o664, 0, 0, true),
            (file | 0o664, 0, 1000, false),
            (file | 0o1666, 1000, 1000, false),
            (dir | 0o700, 1000, 1000, true),
            (dir | 0o777, 1000, 1000, false),
            (dir | 0o1777, 0, 1000, true),
            (dir | 0o770, 50, 1000, false),
        ] {
            assert_eq!(
                is_closed_to(mode, owning_group, 1000, group),
                expected,
                "{mode:o} {owning_group} {group}"
            );
        }
        assert!(is_own(0, 1000) && is_own(1000, 1000) && !is_own(1001, 1000) && !is_own(1000, 0));
    }

    #[test]
    fn a_directory_that_is_not_there_is_that_of_its_parent() {
        let home = tempfile::tempdir().expect("a directory");
        own_dir(&home.path().join("a/b/c")).expect("one's own");
    }
}
