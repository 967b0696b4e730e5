//! Whether only the user and root may change a file and every directory above it. All that speaks against it is named at
//! once.

use std::{
    cell::OnceCell,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FileType, Stat},
    process::{getegid, geteuid},
};

use super::{is_system, quoted, user};
use crate::{
    base::error::{Failure, Result, plugin},
    product::product,
    program::{APP, ENV},
    sys::process::this_binary,
};

/// The files and directories on the way to a plugin, as they are judged one after another.
pub(crate) struct Way {
    user: u32,
    group: u32,
    namespace: OnceCell<Namespace>,
    /// Root owns all that was seen so far, and no other user may write to any of it.
    root_owned: bool,
    objections: Vec<Objection>,
}

/// Owner and mode of a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    uid: u32,
    gid: u32,
    /// With the bits of the type.
    mode: u32,
}

/// What speaks against a file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Objection {
    path: PathBuf,
    seen: Seen,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It belongs to another user.
    Foreign,
    /// The user namespace does not map its owner.
    Unmapped,
    /// Users other than its owner may write to it.
    Writable,
}

/// What this process's user namespace tells of owners.
#[derive(Debug, Default)]
struct Namespace {
    /// The uid that stands for owners that are not mapped and may be root.
    unmapped: Option<u32>,
    /// Where `bin/astro` is installed.
    prefix: Option<PathBuf>,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            user: geteuid().as_raw(),
            group: getegid().as_raw(),
            namespace: OnceCell::new(),
            root_owned: true,
            objections: Vec::new(),
        }
    }
}

impl Way {
    /// Judges the next file or directory.
    pub(crate) fn step(&mut self, path: &Path, stat: &Stat) {
        self.check_permissions(path, Seen { uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode });
    }

    fn check_permissions(&mut self, path: &Path, seen: Seen) {
        let Seen { uid, gid, mode } = seen;
        self.root_owned &= uid == 0 && mode & 0o022 == 0;
        let foreign = (uid != 0 && uid != self.user).then(|| self.foreign(path, uid)).flatten();
        // A directory such as /tmp: others may add to it and not change what is ours.
        let sticky = FileType::from_raw_mode(mode) == FileType::Directory && mode & 0o1000 != 0;
        let others = mode & 0o002 != 0;
        // Where every user has a group of their own (umask 002), the group is the user; it then has the user's
        // number. A primary group that is shared (`users`) has not.
        let private = gid == self.group && gid == self.user;
        let group = mode & 0o020 != 0 && !private;
        let writable = ((others || group) && !sticky).then_some(Kind::Writable);
        if let Some(kind) = foreign.or(writable) {
            self.objections.push(Objection { path: path.to_owned(), seen, kind });
        }
    }

    /// What speaks against an owner who is neither root nor the user.
    fn foreign(&self, path: &Path, uid: u32) -> Option<Kind> {
        let namespace = self.namespace.get_or_init(Namespace::of_process);
        match namespace.unmapped == Some(uid) {
            false => Some(Kind::Foreign),
            true if is_system(path) || namespace.holds_binary(path) => None,
            true => Some(Kind::Unmapped),
        }
    }

    /// Answers whether root owns everything; all objections at once when there are any.
    pub(crate) fn finish(self) -> Result<bool> {
        let words = |objection: &Objection| format!("`{}`", objection.path.display());
        let failure = match self.objections.as_slice() {
            [] => return Ok(self.root_owned),
            [one] => plugin(format!("{} cannot be trusted with a plugin: {}", words(one), one.reason())),
            all => {
                let message = format!("{} files and directories cannot be trusted with a plugin", all.len());
                all.iter().fold(plugin(message), |failure, one| {
                    failure.cause(format!("{}: {}", words(one), one.reason()))
                })
            }
        };
        Err(self.advised(failure))
    }

    /// Adds what to do. No user is advised to change a directory of the system.
    fn advised(&self, mut failure: Failure) -> Failure {
        let of =
            |kind: Kind| self.objections.iter().filter(move |one| one.kind == kind && !is_system(&one.path));
        let paths = |all: &[&Objection]| quoted(all.iter().map(|one| one.path.as_path()));
        let (own, theirs): (Vec<&Objection>, Vec<&Objection>) =
            of(Kind::Writable).partition(|one| self.user == 0 || one.seen.uid == self.user);
        if !own.is_empty() {
            failure = failure.help(format!("type `chmod go-w {}`", paths(&own)));
        }
        if !theirs.is_empty() {
            failure = failure.help(format!("as root: chmod go-w {}", paths(&theirs)));
        }
        let foreign: Vec<&Objection> = of(Kind::Foreign).collect();
        match (self.user, foreign.first()) {
            (_, None) => {}
            (0, Some(first)) => {
                let owner = user(first.seen.uid);
                failure = failure.help(format!(
                    "run {APP} as its owner ({owner}), or set {ENV}_HOME to a directory of root"
                ));
            }
            (this, Some(_)) => {
                failure = failure.help(format!(
                    "if they are meant to be yours, as root: chown {this} {}",
                    paths(&foreign)
                ));
            }
        }
        let system: Vec<&Path> =
            self.objections.iter().map(|one| one.path.as_path()).filter(|path| is_system(path)).collect();
        if !system.is_empty() {
            failure = failure.help(format!("ask the administrator of this system about {}", quoted(system)));
        }
        if self.objections.len() > own.len() && (self.user != 0 || foreign.is_empty()) {
            failure = failure.help(format!("use a directory of your own: set {ENV}_HOME"));
        }
        failure
    }
}

impl Objection {
    fn reason(&self) -> String {
        let Seen { uid, gid, mode } = self.seen;
        match self.kind {
            Kind::Foreign => format!("it belongs to another user ({})", user(uid)),
            Kind::Unmapped => {
                format!(
                    "this user namespace does not map its owner (shown as uid {uid}), who may be any user"
                )
            }
            Kind::Writable => {
                format!("other users may write to it (mode {:04o}, group {gid})", mode & 0o7777)
            }
        }
    }
}

impl Namespace {
    fn of_process() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let unmapped = unmapped(&read("/proc/sys/kernel/overflowuid"), &read("/proc/self/uid_map"));
        let prefix = unmapped.and_then(|_| this_binary().ok());
        let prefix = prefix.and_then(|binary| Some(binary.parent()?.parent()?.to_owned()));
        Self { unmapped, prefix }
    }

    /// Whether a path is on the way to the running binary or to the plugins beside it.
    fn holds_binary(&self, path: &Path) -> bool {
        self.prefix.as_deref().is_some_and(|prefix| {
            prefix.starts_with(path)
                || path == prefix.join("lib")
                || path.starts_with(prefix.join(format!("lib/{}", product().folder)))
        })
    }
}

/// The uid that stands for owners that are not mapped, when root may be one of them. `uid_map` has lines of three numbers
/// (user_namespaces(7)): the first id inside, the first id outside, how many.
fn unmapped(overflow_uid: &str, uid_map: &str) -> Option<u32> {
    let overflow: u32 = overflow_uid.trim().parse().ok()?;
    let mut lines = 0;
    for line in uid_map.lines() {
        let numbers: Vec<u64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
        let [inside, outside, count] = numbers.as_slice() else { return None };
        let is_overflow_mapped = (*inside..inside.saturating_add(*count)).contains(&u64::from(overflow));
        let is_root_mapped = *outside == 0 && *count > 0;
        if is_overflow_mapped || is_root_mapped {
            return None;
        }
        lines += 1;
    }
    (lines > 0).then_some(overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIR: u32 = 0o040_000;
    const ME: u32 = 1500;

    fn way(unmapped: Option<u32>) -> Way {
        let namespace = Namespace { unmapped, prefix: Some("/srv/tools".into()) };
        Way {
            user: ME,
            group: ME,
            namespace: OnceCell::from(namespace),
            root_owned: true,
            objections: Vec::new(),
        }
    }

    fn seen(uid: u32, gid: u32, mode: u32) -> Seen {
        Seen { uid, gid, mode: DIR | mode }
    }

    #[test]
    fn owners_are_unmapped_only_where_root_can_be_one_of_them() {
        for (map, expected) in [
            // The initial namespace, and a container with a range of ids.
            ("         0          0 4294967295\n", None),
            ("0 1000 1\n1 100000 65536\n", None),
            // bwrap, unshare --map-current-user, unshare --map-root-user.
            ("1500 1500 1\n", Some(65534)),
            ("0 1500 1\n", Some(65534)),
            // Root is mapped, so an unmapped owner is another user: systemd's PrivateUsers.
            ("0 0 1\n1500 1500 1\n", None),
            ("5 0 1\n", None),
            ("", None),
            ("1500 1500\n", None),
            ("x y z\n", None),
        ] {
            assert_eq!(unmapped("65534\n", map), expected, "{map:?}");
        }
        assert_eq!(unmapped("", "1500 1500 1\n"), None);
        assert_eq!(unmapped("70000", "0 1000 1\n1 100000 65536\n"), Some(70000));
    }

    #[test]
    fn unmapped_owners_are_accepted_for_system_paths_only() {
        for (path, uid, accepted) in [
            ("/", 65534, true),
            ("/home", 65534, true),
            ("/usr/lib/astro-host/plugins/x.astro-plugin", 65534, true),
            ("/srv", 65534, true),
            ("/srv/tools/lib/astro-host/plugins", 65534, true),
            ("/srv/tools/share", 65534, false),
            ("/home/mallory", 65534, false),
            ("/opt/shared", 65534, false),
            ("/usrx", 65534, false),
            ("/usr", 1001, false),
        ] {
            let mut way = way(Some(65534));
            way.check_permissions(Path::new(path), seen(uid, 65534, 0o755));
            assert_eq!(way.objections.is_empty(), accepted, "{path} {uid}: {:?}", way.objections);
            if accepted {
                assert!(!way.finish().expect("accepted"), "{path}: it is not proven to be root's");
            }
        }
        let mut initial = way(None);
        initial.check_permissions(Path::new("/usr"), seen(65534, 65534, 0o755));
        assert_eq!(initial.objections[0].kind, Kind::Foreign, "nobody is a user like any other");
        // Who may write is judged all the same.
        let mut writable = way(Some(65534));
        writable.check_permissions(Path::new("/usr/lib"), seen(65534, 65534, 0o775));
        assert_eq!(writable.objections[0].kind, Kind::Writable);
    }

    #[test]
    fn modes_and_groups_are_judged() {
        for (what, seen, objection) in [
            ("root's", seen(0, 0, 0o755), None),
            ("the user's", seen(ME, ME, 0o700), None),
            ("the user's private group", seen(ME, ME, 0o775), None),
            ("a group of another number", seen(ME, 1501, 0o775), Some(Kind::Writable)),
            ("root's group, as in OpenShift", seen(0, 0, 0o775), Some(Kind::Writable)),
            ("like /tmp", seen(0, 0, 0o1777), None),
            ("like /tmp of another user", seen(1001, 0, 0o1777), Some(Kind::Foreign)),
            ("all", seen(ME, ME, 0o777), Some(Kind::Writable)),
            ("another user's", seen(1001, 1001, 0o755), Some(Kind::Foreign)),
        ] {
            let mut way = way(None);
            way.check_permissions(Path::new("/x"), seen);
            assert_eq!(way.objections.first().map(|one| one.kind), objection, "{what}");
        }
        let mut file = way(None);
        file.check_permissions(Path::new("/x"), Seen { uid: ME, gid: ME, mode: 0o101_777 });
        assert_eq!(file.objections[0].kind, Kind::Writable, "a file is not sticky");
    }

    #[test]
    fn all_objections_are_named_at_once_and_the_system_is_left_alone() {
        let mut way = way(None);
        for (path, seen) in [
            ("/", seen(0, 0, 0o755)),
            ("/opt", seen(0, 0, 0o775)),
            ("/opt/app-root", seen(1001, 0, 0o775)),
            ("/opt/app-root/a b", seen(ME, 0, 0o775)),
            ("/opt/app-root/a b/c", seen(0, 0, 0o775)),
        ] {
            way.check_permissions(Path::new(path), seen);
        }
        let failure = way.finish().expect_err("refused");
        assert_eq!(failure.message, "4 files and directories cannot be trusted with a plugin");
        assert_eq!(
            failure.causes,
            [
                "`/opt`: other users may write to it (mode 0775, group 0)",
                "`/opt/app-root`: it belongs to another user (uid 1001)",
                "`/opt/app-root/a b`: other users may write to it (mode 0775, group 0)",
                "`/opt/app-root/a b/c`: other users may write to it (mode 0775, group 0)",
            ]
        );
        assert_eq!(
            failure.help,
            [
                "type `chmod go-w '/opt/app-root/a b'`",
                "as root: chmod go-w '/opt/app-root/a b/c'",
                "if they are meant to be yours, as root: chown 1500 /opt/app-root",
                "ask the administrator of this system about /opt",
                "use a directory of your own: set ASTRO_HOME",
            ]
        );
    }

    #[test]
    fn no_advice_ever_changes_a_system_directory() {
        for path in ["/", "/usr", "/usr/local/lib", "/opt", "/home", "/tmp", "/nix/store/x"] {
            for (user, seen) in [
                (ME, seen(1001, 0, 0o755)),
                (0, seen(1001, 0, 0o755)),
                (ME, seen(0, 0, 0o777)),
                (0, seen(0, 0, 0o777)),
            ] {
                let mut way = Way { user, ..way(None) };
                way.check_permissions(Path::new(path), seen);
                let help = way.finish().expect_err("refused").help.join("\n");
                assert!(
                    !help.contains("chmod") && !help.contains("chown") && !help.is_empty(),
                    "{path}: {help}"
                );
            }
        }
    }
}
