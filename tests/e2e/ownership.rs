//! Whom the files and directories of a plugin belong to, and who may write to them: judged on the way to the file, on every
//! run, and nothing that blocks is opened.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use astro_e2e::{
    TestEnv,
    plugin_files::{IndexDir, PluginFile, stored},
    says,
};

/// What was done to the installed plugin at this path; some need root, which is told by `false`.
type Change = fn(&TestEnv, &Path) -> bool;

fn mode(path: &Path, mode: u32) -> bool {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    true
}

fn up(path: &Path, levels: usize) -> PathBuf {
    path.ancestors().nth(levels).expect("a directory").to_owned()
}

/// Somebody else's: only root can give files away.
fn give_away(path: &Path) -> bool {
    chown(path, Some(12_345), Some(12_345)).is_ok()
}

fn replace(env: &TestEnv, path: &Path, make: impl FnOnce(&Path)) -> bool {
    fs::rename(path, env.path("before")).expect("moved");
    make(path);
    true
}

fn made_by(path: &Path, program: &str, args: &[&str]) -> bool {
    let status = Command::new(program).arg(path).args(args).status();
    status.is_ok_and(|status| status.success())
}

/// What is refused, with the words, or works all the same.
const CASES: &[(&str, Change, Option<&str>)] = &[
    ("a file that all may write", |_, path| mode(path, 0o666), Some("other users may write to it")),
    (
        "a file that a group may write",
        |_, path| mode(path, 0o660) && give_away_group(path),
        Some("other users may write to it"),
    ),
    (
        "a directory that all may write",
        |_, path| mode(&up(path, 1), 0o777),
        Some("other users may write to it"),
    ),
    ("the plugin's directory", |_, path| mode(&up(path, 2), 0o777), Some("other users may write to it")),
    ("the store", |_, path| mode(&up(path, 4), 0o777), Some("other users may write to it")),
    ("the home", |env, _| mode(env.home(), 0o777), Some("other users may write to it")),
    ("a home such as /tmp", |env, _| mode(env.home(), 0o1777), None),
    ("somebody else's file", |_, path| give_away(path), Some("it belongs to another user")),
    ("somebody else's directory", |_, path| give_away(&up(path, 1)), Some("it belongs to another user")),
    (
        "a link to the file",
        |env, path| {
            let to = env.path("before");
            replace(env, path, |path| symlink(to, path).expect("linked"))
        },
        Some("it is a symbolic link"),
    ),
    (
        "a link that leads nowhere",
        |env, path| replace(env, path, |path| symlink("/nowhere", path).expect("linked")),
        Some("no such file"),
    ),
    (
        "a link to the directory, which is judged where it leads",
        |env, path| {
            let dir = up(path, 1);
            fs::rename(&dir, env.path("elsewhere")).expect("moved");
            symlink(env.path("elsewhere"), &dir).expect("linked");
            mode(&env.path("elsewhere"), 0o777)
        },
        Some("other users may write to it"),
    ),
    (
        "a link to a directory of one's own",
        |env, path| {
            let dir = up(path, 1);
            fs::rename(&dir, env.path("elsewhere")).expect("moved");
            symlink(env.path("elsewhere"), &dir).is_ok()
        },
        None,
    ),
    ("a second name of the file", |env, path| fs::hard_link(path, env.path("second")).is_ok(), None),
    ("a file that would run as its owner", |_, path| mode(path, 0o4755), None),
    ("a file that only its owner reads", |_, path| mode(path, 0o400), None),
    (
        "a FIFO",
        |env, path| replace(env, path, |path| assert!(made_by(path, "mkfifo", &[]))),
        Some("it is not a regular file"),
    ),
    (
        "a device",
        |env, path| replace(env, path, |_| ()) && made_by(path, "mknod", &["c", "1", "5"]),
        Some("it is not a regular file"),
    ),
    (
        "a directory",
        |env, path| replace(env, path, |path| fs::create_dir(path).expect("made")),
        Some("it is not a regular file"),
    ),
];

/// A group that is not this user's own: only root can choose any.
fn give_away_group(path: &Path) -> bool {
    chown(path, None, Some(12_345)).is_ok()
}

#[test]
fn who_may_write_is_judged_on_the_way() {
    let marked = PluginFile::marked(&TestEnv::new());
    let mut judged = 0;
    for (what, change, words) in CASES {
        let env = TestEnv::new();
        let mut index = IndexDir::new(&env, "index");
        index.add(&marked.clone().version("1.0.0")).publish().added(&env);
        env.run(["plugin", "install", "marked", "-q"]).ok();
        if !change(&env, &stored(&env, "marked")) {
            continue;
        }
        judged += 1;
        let started = Instant::now();
        let mut command = env.astro();
        command.arg("marked").env("ASTRO_FIXTURE_CANARY", env.path("canary"));
        let ran = env.ran(&mut command);
        // Whoever opened the FIFO for reading and waited would wait for ever.
        assert!(started.elapsed() < Duration::from_secs(20), "{what}");
        match words {
            Some(words) => {
                says(&ran, 126, &[words]);
                assert!(!env.path("canary").exists(), "{what}: its code ran");
            }
            None => assert!(ran.code == Some(0) && ran.stdout.contains("1.0.0"), "{what}: {ran:?}"),
        }
        // It is one unusable command, and can be looked at and removed.
        assert_eq!(env.run(["plugin", "list"]).code, Some(0), "{what}");
        mode(env.home(), 0o700);
    }
    assert!(judged >= 12, "{judged} cases could be made");
}

/// Nothing is installed where others may write, and nothing is left there.
#[test]
fn nothing_is_installed_where_others_may_write() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env).version("1.0.0");
    let path = marked.write(&env, &marked.bytes());
    let store = env.path(".astro-host/plugins");
    fs::create_dir_all(&store).expect("made");
    mode(&store, 0o777);
    let mut command = env.astro();
    let ran = env.ran(command.args(["plugin", "install"]).arg(&path));
    says(&ran, 126, &["help: type `chmod go-w"]);
    mode(&store, 0o700);
    assert_eq!(env.run(["marked"]).code, Some(127));
}

/// Only the two stores are searched, whatever lies in the working directory, on the PATH or in a variable.
#[test]
fn decoys_are_never_loaded() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env).version("1.0.0");
    for place in ["", "plugins", "bin", ".astro-host", ".astro-host/plugins", "lib/astro-host/plugins"] {
        let dir = env.path(place);
        fs::create_dir_all(&dir).expect("made");
        for name in ["marked.astro-plugin", "marked.so", "libmarked.so", "astro-marked"] {
            fs::write(dir.join(name), marked.bytes()).expect("written");
            mode(&dir.join(name), 0o755);
        }
    }
    let mut command = env.on_path("astro");
    command
        .arg("marked")
        .env("ASTRO_FIXTURE_CANARY", env.path("canary"))
        .env("LD_LIBRARY_PATH", env.home())
        .env("ASTRO_PLUGIN_PATH", env.home())
        .env("ASTRO_PLUGINS", env.home());
    let ran = env.ran(&mut command);
    assert_eq!(ran.code, Some(127), "{ran:?}");
    let help = env.run(["--help"]).ok();
    assert!(!help.contains("marked") && !env.path("canary").exists(), "{help}");
}
