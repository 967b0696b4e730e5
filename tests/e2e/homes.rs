//! Where the user's files are: whose they are, file systems that cannot do everything, links, and homes that are none.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
    process::Command,
};

use astro_e2e::{
    Ran, TestEnv,
    filesystem::{ENOLCK, ENOSYS, EOPNOTSUPP, EPERM, may_filter, without},
    may_mount,
    plugin_files::{IndexDir, PluginFile},
    says,
};

use crate::foreign_directories::may_give_away;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
}

/// Whoever may write the configuration decides which program prints the token, and where it goes.
#[test]
fn a_configuration_that_others_may_change_is_refused() {
    let env = TestEnv::new();
    let (dir, config) = (env.path(".astro-host"), env.path(".astro-host/config.toml"));
    env.run(["profile", "add", "mine", "-q"]).ok();
    let text = "default_profile = \"mine\"\n[profiles.mine]\ncredential = \"mine\"\n[credentials.mine]\n\
        address = \"http://127.0.0.1:1/v1\"\nsource = \"command\"\ncommand = \"touch owned\"\n";
    fs::write(&config, text).expect("written");
    let refused = |reason: &str, mend: &str| {
        for line in ["deployment list", "profile list", "profile add x", "config list"] {
            let ran = env.run(line.split(' '));
            says(&ran, 3, &[".astro-host", reason, mend]);
        }
        assert!(!env.path("owned").exists(), "{reason}");
    };
    for (path, bad, good) in [(&config, 0o666, 0o600), (&config, 0o602, 0o600), (&dir, 0o777, 0o700)] {
        set_mode(path, bad);
        let mend = format!("chmod go-w {}", path.display());
        refused("other users may write to it", &mend);
        assert_eq!(env.shell("sh", &mend).code, Some(0));
        env.run(["profile", "list"]).ok();
        set_mode(path, good);
    }
    if !may_give_away() {
        return;
    }
    for path in [&config, &dir] {
        chown(path, Some(1001), None).expect("given away");
        let mend = format!("chown 0 {}", path.display());
        refused("belongs to uid 1001", &mend);
        assert_eq!(env.shell("sh", &mend).code, Some(0));
        env.run(["profile", "list"]).ok();
    }
}

/// `sudo -E astro profile add`: what root writes into a user's directory would lock the user out.
#[test]
fn root_writes_nothing_into_a_users_directory() {
    if !may_give_away() {
        return;
    }
    let env = TestEnv::new();
    let give = |uid: u32| {
        let owner = format!("{uid}:{uid}");
        let status = Command::new("chown").args(["-R", &owner]).arg(env.home()).status();
        assert!(status.expect("chown runs").success());
    };
    give(1001);
    says(&env.run(["profile", "add", "x"]), 3, &["belongs to uid 1001"]);
    assert!(!env.path(".astro-host").exists());
    give(0);
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "plugins");
    index.add(&marked.clone().version("1.0.0")).publish().added(&env);
    env.run(["plugin", "install", "marked", "-q"]).ok();
    index.add(&marked.version("1.1.0")).publish();
    give(1001);
    let everything = |line: &str| {
        let ran = env.run(line.split(' '));
        let mut find = env.on_path("find");
        let found = env.ran(find.arg(env.home()).args(["-user", "0"]));
        assert_eq!(found.stdout, "", "{line}: {ran:?}");
        ran
    };
    for line in [
        "plugin install marked",
        "plugin upgrade",
        "plugin remove marked",
        "plugin rollback marked",
        "plugin pin marked",
    ] {
        says(&everything(line), 3, &["belongs to uid 1001"]);
    }
    // What is only read, and what would be remembered of it.
    for line in [
        "--help",
        "plugin list",
        "plugin verify",
        "plugin search marked",
        "plugin list --outdated",
        "marked",
        "context",
    ] {
        everything(line);
    }
    fs::remove_dir_all(env.path(".astro-host/plugins/index")).expect("there");
    everything("plugin list");
    give(0);
}

#[test]
fn a_rewrite_keeps_group_and_mode() {
    let env = TestEnv::new();
    let config = env.path(".astro-host/config.toml");
    env.run(["profile", "add", "a", "-q"]).ok();
    set_mode(&config, 0o640);
    let group = if may_give_away() { 4242 } else { fs::metadata(&config).expect("there").gid() };
    chown(&config, None, Some(group)).expect("given to the group");
    env.run(["profile", "add", "b", "-q"]).ok();
    let after = fs::metadata(&config).expect("there");
    assert_eq!((after.gid(), mode(&config)), (group, 0o640));
}

/// Network mounts, FUSE and sandboxes: what they cannot do is done without.
#[test]
fn file_systems_without_locks_or_reservations_are_used() {
    if !may_filter() {
        return;
    }
    let env = TestEnv::with_sandbox();
    for (at, errno) in [ENOLCK, ENOSYS, EOPNOTSUPP].into_iter().enumerate() {
        let mut command = env.astro();
        without(command.args(["profile", "add", &format!("p{at}"), "-v"]), &[("flock", errno)]);
        says(&env.ran(&mut command), 0, &[]);
    }
    for (at, calls) in [
        [("flock", ENOLCK), ("fallocate", EOPNOTSUPP)],
        [("flock", ENOLCK), ("fallocate", ENOSYS)],
        [("flock", ENOSYS), ("fallocate", EPERM)],
    ]
    .iter()
    .enumerate()
    {
        let mut command = env.astro();
        let line = format!("deployment token create --name t{at} --role DEPLOYMENT_ADMIN -c");
        without(command.args(line.split(' ')), calls);
        let ran = env.ran(&mut command);
        assert_eq!(ran.code, Some(0), "{calls:?}: {ran:?}");
    }
}

/// A limit is an error with a reason, not a death by signal.
#[test]
fn a_file_that_may_not_grow_is_an_error() {
    let env = TestEnv::new();
    let ran = env.shell("sh", "ulimit -f 0; astro profile add x");
    says(&ran, 3, &["error: cannot "]);
    assert!(!env.path(".astro-host/config.toml").exists());
}

/// Runs with a home in place of `ASTRO_HOME`, in a directory that stays empty.
fn at_home(env: &TestEnv, home: &str, line: &str) -> Ran {
    let mut command = env.astro();
    command.env_remove("ASTRO_HOME").env("HOME", home).current_dir(env.path("work")).args(line.split(' '));
    env.ran(&mut command)
}

#[test]
fn a_home_that_is_none_is_refused_and_not_made() {
    let env = TestEnv::new();
    fs::create_dir(env.path("work")).expect("made");
    let missing = env.path("nonexistent").display().to_string();
    for (home, reason) in [
        ("relative", "not an absolute path"),
        (".", "not an absolute path"),
        (missing.as_str(), "does not exist"),
        ("/etc/passwd", "not a directory"),
    ] {
        for line in ["profile add x", "profile list"] {
            says(&at_home(&env, home, line), 3, &[reason, "ASTRO_HOME"]);
        }
        at_home(&env, home, "--help").ok();
        assert_eq!(fs::read_dir(env.path("work")).expect("there").count(), 0, "{home}");
        assert!(!Path::new(&missing).exists());
    }
}

#[test]
fn a_dangling_configuration_is_made_where_it_points() {
    let env = TestEnv::new();
    fs::create_dir(env.path(".astro-host")).expect("made");
    set_mode(&env.path(".astro-host"), 0o700);
    symlink("../dotfiles/astro.toml", env.path(".astro-host/config.toml")).expect("linked");
    let login = "echo opaque | astro login --with-token --insecure-storage";
    says(&env.shell("sh", login), 0, &[]);
    assert!(
        fs::read_to_string(env.path("dotfiles/astro.toml")).expect("made").contains("[credentials.default]")
    );
    assert!(env.path(".astro-host/config.toml").is_symlink());
    env.run(["logout"]).ok();
}

/// A configuration that a package manager made (a link into a store that cannot be written): neither sign-in nor
/// sign-out is half done.
#[test]
fn a_read_only_configuration_is_refused_before_anything_is_changed() {
    if !may_mount() {
        return;
    }
    let env = TestEnv::new();
    says(&env.shell("sh", "echo opaque | astro login --with-token --insecure-storage"), 0, &[]);
    fs::create_dir(env.path("store")).expect("made");
    let read_only = |line: &str| {
        let script = format!(
            "cd \"$HOME\" && mount -t tmpfs -o mode=0755 none store && cp .astro-host/config.toml store/ \
             && mount -o remount,ro store && ln -sf ../store/config.toml .astro-host/config.toml && {line}"
        );
        let ran = env.ran(env.on_path("unshare").args(["-m", "sh", "-c", &script]));
        says(&ran, 3, &["store/config.toml"]);
    };
    let credentials = env.path(".astro-host/credentials.toml");
    let before = fs::read(&credentials).expect("there");
    let config = fs::read(env.path(".astro-host/config.toml")).expect("there");
    for line in
        ["astro logout", "echo other | astro login --with-token --insecure-storage --credential other"]
    {
        read_only(line);
        assert_eq!(fs::read(&credentials).expect("there"), before, "{line}");
        fs::remove_file(env.path(".astro-host/config.toml")).expect("removed");
        fs::write(env.path(".astro-host/config.toml"), &config).expect("written");
    }
}
