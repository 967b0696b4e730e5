//! What is refused before any of a plugin's code can run: changed files, other ABIs, other machines.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::PathBuf,
    process::Command,
};

use astro_e2e::{Ran, TestEnv, fixture, may_mount, plugin_files::sha256, root, says};
use astro_plugin_protocol::plugin_file::{FOOTER_LEN, Footer};

/// An installed tree of our own, with one plugin in it, whose files may be changed.
struct Tree {
    env: TestEnv,
    dir: PathBuf,
}

impl Tree {
    fn new() -> Self {
        let env = TestEnv::new();
        let dir = env.path("tree");
        let store = dir.join("lib/astro-host/plugins");
        fs::create_dir_all(&store).expect("made");
        fs::create_dir_all(dir.join("bin")).expect("made");
        // Copied by a process of its own: a child that another test starts meanwhile would hold the file open for
        // writing for a moment, and what is open for writing cannot be run.
        let copied = Command::new("cp").arg(root().join("bin/astro")).arg(dir.join("bin/astro")).status();
        assert!(copied.is_ok_and(|status| status.success()));
        let tree = Self { env, dir };
        for file in ["platform.astro-plugin", "platform.installed"] {
            fs::copy(root().join("lib/astro-host/plugins").join(file), store.join(file)).expect("copied");
        }
        tree.reindex();
        tree
    }

    fn plugin(&self) -> PathBuf {
        self.dir.join("lib/astro-host/plugins/platform.astro-plugin")
    }

    fn astro(&self, args: &[&str]) -> Ran {
        // Signed in and without an organization: a command that is loaded and runs ends with 2.
        let mut command = self.env.clean(Command::new(self.dir.join("bin/astro")));
        self.env.ran(command.env("ASTRO_API_TOKEN", "opaque").args(args))
    }

    fn reindex(&self) -> Ran {
        self.astro(&["__index", &self.dir.join("lib/astro-host/plugins").display().to_string()])
    }

    /// Changes the footer, and the record's hash with it: only the footer's own check is left.
    fn change_footer(&self, change: impl FnOnce(&mut Footer)) {
        let mut bytes = fs::read(self.plugin()).expect("read");
        let start = bytes.len() - FOOTER_LEN;
        let mut footer = Footer::parse(&bytes[start..], bytes.len() as u64).expect("a footer");
        change(&mut footer);
        bytes[start..].copy_from_slice(&footer.to_bytes().expect("fits"));
        fs::write(self.plugin(), &bytes).expect("written");
        let record = self.dir.join("lib/astro-host/plugins/platform.installed");
        let text = fs::read_to_string(&record).expect("read");
        let mut record_json: serde_json::Value = serde_json::from_str(&text).expect("json");
        record_json["hash"] = sha256(&self.plugin()).into();
        fs::write(record, record_json.to_string()).expect("written");
        self.reindex();
    }
}

#[test]
fn an_installed_plugin_loads_from_its_file() {
    let tree = Tree::new();
    let ran = tree.astro(&["deployment", "list"]);
    assert_eq!(ran.code, Some(2), "it runs and finds no organization: {ran:?}");
    let info = tree.astro(&["plugin", "info", &tree.plugin().display().to_string(), "-o", "json"]).json();
    let commands = info["commands"].as_array().expect("a list");
    assert!(commands.contains(&"deployment list".into()), "{commands:?}");
}

#[test]
fn a_changed_file_is_refused() {
    let tree = Tree::new();
    assert_eq!(tree.astro(&["deployment", "list"]).code, Some(2));
    let mut bytes = fs::read(tree.plugin()).expect("read");
    let times = fs::metadata(tree.plugin()).expect("there").modified().expect("a time");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(tree.plugin(), &bytes).expect("written");
    // Same size and time of change: only the time of the inode and the hash tell.
    fs::File::options().write(true).open(tree.plugin()).expect("open").set_modified(times).expect("set");
    let ran = tree.astro(&["deployment", "list"]);
    says(&ran, 126, &[]);
}

#[test]
fn another_abi_or_machine_is_refused_in_words() {
    type Change = fn(&mut Footer);
    let rows: &[(&str, Change)] = &[
        ("it was built for plugin ABI 2, this astro speaks ABI 1", |footer| footer.abi = 2),
        ("it was built for riscv64gc-unknown-linux-gnu", |footer| {
            footer.triple = "riscv64gc-unknown-linux-gnu".into()
        }),
        ("it needs glibc 9.99", |footer| footer.glibc = Some((9, 99))),
    ];
    for (expected, change) in rows {
        let tree = Tree::new();
        tree.change_footer(*change);
        let ran = tree.astro(&["deployment", "list"]);
        says(&ran, 126, &[expected, "help: "]);
    }
}

#[test]
fn a_file_without_a_footer_is_one_unusable_plugin() {
    let tree = Tree::new();
    let bytes = fs::read(tree.plugin()).expect("read");
    fs::write(tree.plugin(), &bytes[..bytes.len() - 1]).expect("written");
    tree.reindex();
    let listed = tree.astro(&["plugin", "list"]);
    assert_eq!(listed.code, Some(0));
    assert!(listed.stdout.contains("does not end with a plugin footer"), "{listed:?}");
    // It stays known what it brought, and why that cannot be used: each time.
    for _ in 0..2 {
        let ran = tree.astro(&["deployment", "list"]);
        says(&ran, 126, &[]);
    }
    fs::remove_file(tree.plugin()).expect("removed");
    for _ in 0..2 {
        let ran = tree.astro(&["deployment", "list"]);
        says(&ran, 126, &[]);
    }
}

#[test]
fn what_others_may_write_is_refused() {
    let tree = Tree::new();
    let store = tree.dir.join("lib/astro-host/plugins");
    for (path, mode) in [(tree.plugin(), 0o666), (store.clone(), 0o777)] {
        let before = fs::metadata(&path).expect("there").mode();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        let ran = tree.astro(&["deployment", "list"]);
        says(&ran, 126, &[]);
        fs::set_permissions(&path, fs::Permissions::from_mode(before)).expect("set");
        assert_eq!(tree.astro(&["deployment", "list"]).code, Some(2));
    }
    fs::rename(tree.plugin(), store.join("elsewhere")).expect("renamed");
    symlink(store.join("elsewhere"), tree.plugin()).expect("linked");
    let ran = tree.astro(&["deployment", "list"]);
    says(&ran, 126, &[]);
}

/// Mounts of their own need root.
fn in_own_mounts(env: &TestEnv, line: &str) -> Option<Ran> {
    let mut command = env.on_path("unshare");
    may_mount().then(|| env.ran(command.args(["-m", "sh", "-c", line])))
}

#[test]
fn a_store_that_may_not_run_programs_is_named() {
    let env = TestEnv::new();
    fs::copy(fixture("hello"), env.path("libhello.so")).expect("copied");
    let line = "mkdir disk && mount -t tmpfs -o mode=0755 none disk && cp libhello.so disk && astro plugin link disk/libhello.so -q \
        && astro hello && mount -o remount,noexec disk && astro hello";
    let Some(ran) = in_own_mounts(&env, line) else { return };
    assert_eq!(ran.stdout, "GREETING  Hello world!\nTIMES     1\n", "{ran:?}");
    says(&ran, 126, &["noexec", "ASTRO_HOME", "XDG_DATA_HOME"]);
}

#[test]
fn without_proc_a_plugin_is_loaded_by_its_path_and_said_so() {
    let env = TestEnv::new();
    fs::copy(fixture("hello"), env.path("libhello.so")).expect("copied");
    let line = "mount -t tmpfs none /proc && astro plugin link libhello.so -q && astro hello";
    let Some(ran) = in_own_mounts(&env, line) else { return };
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "GREETING  Hello world!\nTIMES     1\n"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("warning: /proc is not mounted"), "{ran:?}");
    // The system store is found beside the binary all the same.
    let ran = in_own_mounts(&env, "mount -t tmpfs none /proc && astro --help").expect("as before");
    assert!(ran.stdout.contains("sandbox"), "{ran:?}");
}
