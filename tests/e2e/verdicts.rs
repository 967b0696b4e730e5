//! One plugin in many states, judged by everything that judges plugins: a run, `plugin list`, `plugin info` and `plugin
//! verify`. Whatever one of them says, the others say.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use astro_e2e::{
    Ran, TestEnv,
    plugin_files::{IndexDir, PluginFile, Signer, stored},
    root,
};
use astro_plugin_protocol::plugin_file::{FOOTER_LEN, Footer};
use serde_json::Value;

/// Another user of this machine, who is not in any group of root's.
const USER: u32 = 1500;

/// Who asks about the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum As {
    /// The user of the tests.
    Me,
    /// [`USER`], whose home it is.
    User,
    /// The same in a user namespace that maps nobody else.
    Alone,
}

/// A plugin `marked` 1.0.0 in the user's store, and how it may be spoiled.
struct State {
    env: TestEnv,
    marked: PluginFile,
    index: IndexDir,
    by: As,
}

impl State {
    fn file(&self) -> PathBuf {
        stored(&self.env, "marked")
    }

    fn mode(&self, path: &Path, mode: u32) -> bool {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).is_ok()
    }

    fn up(&self, levels: usize) -> PathBuf {
        self.file().ancestors().nth(levels).expect("a directory").to_owned()
    }

    fn write(&self, bytes: &[u8]) -> bool {
        fs::write(self.file(), bytes).is_ok()
    }

    /// Changes the footer, and the record's hash with it: only what the footer says is left to refuse.
    fn footer(&self, change: impl FnOnce(&mut Footer)) -> bool {
        let mut bytes = self.marked.bytes();
        let start = bytes.len() - FOOTER_LEN;
        let mut footer = Footer::parse(&bytes[start..], bytes.len() as u64).expect("a footer");
        change(&mut footer);
        bytes[start..].copy_from_slice(&footer.to_bytes().expect("fits"));
        let hash = astro_host::base::hash::sha256(bytes.as_slice()).expect("hashed");
        let record = self.up(1).join("installed");
        let mut json: Value = serde_json::from_slice(&fs::read(&record).expect("read")).expect("json");
        json["hash"] = hash.into();
        json.as_object_mut().expect("an object").remove("publisher_key");
        fs::write(&record, json.to_string()).expect("written");
        self.write(&bytes)
    }

    fn set(&self, key: &str, value: &str) -> bool {
        self.env.run(["config", "set", key, value]).code == Some(0)
    }

    fn astro(&self, args: &[&str]) -> Ran {
        let astro = root().join("bin/astro");
        let mut command = match self.by {
            As::Me => self.env.astro(),
            As::User => as_user(&self.env, &[astro.as_os_str()]),
            As::Alone => {
                let alone = ["unshare", "--user", "--map-current-user"].map(OsStr::new);
                as_user(&self.env, &[alone.as_slice(), &[astro.as_os_str()]].concat())
            }
        };
        command.env("ASTRO_FIXTURE_CANARY", self.env.path("canary"));
        self.env.ran(command.args(args))
    }
}

/// A program of [`USER`] in the hermetic environment.
fn as_user(env: &TestEnv, words: &[&OsStr]) -> Command {
    let mut command = env.clean(Command::new("setpriv"));
    command.args(["--reuid", &USER.to_string(), "--regid", &USER.to_string(), "--clear-groups"]).args(words);
    command
}

/// How it is spoiled; `false` when that is not possible here.
type Spoil = fn(&State) -> bool;

/// The name of the state, who asks, what is done to the plugin, and a part of the reason; none when it is usable.
const STATES: &[(&str, As, Spoil, Option<&str>)] = &[
    ("good", As::Me, |_| true, None),
    ("good, compared on every run", As::Me, |state| state.set("trust.verify", "always"), None),
    (
        "of another user",
        As::Me,
        |state| chown(state.file(), Some(12_345), Some(12_345)).is_ok(),
        Some("it belongs to another user (uid 12345)"),
    ),
    (
        "in a directory of another user",
        As::Me,
        |state| chown(state.up(1), Some(12_345), Some(12_345)).is_ok(),
        Some("it belongs to another user"),
    ),
    (
        "writable by others",
        As::Me,
        |state| state.mode(&state.file(), 0o666),
        Some("other users may write to it (mode 0666"),
    ),
    (
        "in two directories that others may write to",
        As::Me,
        |state| state.mode(&state.up(1), 0o777) && state.mode(&state.up(4), 0o777),
        Some("2 files and directories cannot be trusted with a plugin"),
    ),
    (
        "changed",
        As::Me,
        |state| {
            let mut bytes = fs::read(state.file()).expect("read");
            bytes[5000] ^= 1;
            state.write(&bytes)
        },
        Some("checksum mismatch"),
    ),
    (
        "changed, with the same size and time",
        As::Me,
        |state| {
            let time = fs::metadata(state.file()).expect("there").modified().expect("a time");
            let mut bytes = fs::read(state.file()).expect("read");
            bytes[5000] ^= 1;
            state.write(&bytes);
            let file = fs::File::options().write(true).open(state.file()).expect("open");
            file.set_modified(time).is_ok()
        },
        Some("checksum mismatch"),
    ),
    (
        "another plugin",
        As::Me,
        |state| state.write(&state.marked.clone().name("other").bytes()),
        Some("checksum mismatch"),
    ),
    (
        "stripped",
        As::Me,
        |state| state.write(&state.marked.payload),
        Some("as packaging tools do (strip, debugedit, dwz, patchelf)"),
    ),
    (
        "copied in part",
        As::Me,
        |state| state.write(&state.marked.payload[..5000]),
        Some("it begins as a library and is incomplete"),
    ),
    (
        "revoked",
        As::Me,
        |state| {
            let env = &state.env;
            let mut index = IndexDir::new(env, "index");
            index.document = state.index.document.clone();
            index.version("marked", "1.0.0").revoked = Some("it deletes things".into());
            index.document.version += 1;
            state.index.signer.publish(&state.index.dir, &index.document);
            env.run(["plugin", "search"]).code == Some(0)
        },
        Some("it was revoked: it deletes things"),
    ),
    (
        "of a list of revoked files that cannot be read",
        As::Me,
        |state| {
            let written = fs::write(state.env.path(".astro-host/plugins/revoked.json"), "{").is_ok();
            written && fs::remove_file(state.env.path(".astro-host/plugins/index/root")).is_ok()
        },
        Some("the list of revoked files"),
    ),
    (
        "of another ABI",
        As::Me,
        |state| state.footer(|footer| footer.abi = 2),
        Some("it was built for plugin ABI 2, this astro speaks ABI 1"),
    ),
    (
        "of another machine",
        As::Me,
        |state| state.footer(|footer| footer.triple = "riscv64gc-unknown-linux-gnu".into()),
        Some("it was built for riscv64gc-unknown-linux-gnu"),
    ),
    (
        "of a newer glibc",
        As::Me,
        |state| state.footer(|footer| footer.glibc = Some((9, 99))),
        Some("it needs glibc 9.99"),
    ),
    (
        "not signed, under a policy that wants it",
        As::Me,
        |state| state.footer(|_| ()) && state.set("trust.require", "signed"),
        Some("no signature of it was verified"),
    ),
    (
        "of another publisher than the policy's",
        As::Me,
        |state| state.set("trust.publishers", &Signer::default().public()),
        Some("is not one of the trust policy's publishers"),
    ),
    (
        "under a policy that cannot be read",
        As::Me,
        |state| fs::write(state.env.path(".astro-host/config.toml"), "[trust\n").is_ok(),
        Some("cannot be read"),
    ),
    (
        "in a store that names another user's configuration",
        As::User,
        |state| {
            let other = state.env.path("other");
            fs::create_dir(&other).expect("made");
            fs::write(other.join("config.toml"), "").expect("written");
            let line = format!("{}\n", other.join("config.toml").display());
            fs::write(state.env.path(".astro-host/plugins/governed-by"), line).expect("written");
            chown(&other, Some(0), Some(0)).is_ok() && state.mode(&other, 0o700)
        },
        Some("cannot read the trust policy of `"),
    ),
    (
        "not readable",
        As::User,
        |state| chown(state.file(), Some(0), Some(0)).is_ok() && state.mode(&state.file(), 0o600),
        Some("belongs to root and has mode 0600"),
    ),
    ("good, in a namespace in which root has no number", As::Alone, |_| true, None),
    (
        "of root, in a namespace in which root has no number",
        As::Alone,
        |state| chown(state.file(), Some(0), Some(0)).is_ok() && state.mode(&state.file(), 0o644),
        Some("this user namespace does not map its owner (shown as uid 65534)"),
    ),
    ("missing", As::Me, |state| fs::remove_file(state.file()).is_ok(), Some("no such file")),
    (
        "a link",
        As::Me,
        |state| {
            let to = state.env.path("elsewhere");
            fs::rename(state.file(), &to).is_ok() && symlink(to, state.file()).is_ok()
        },
        Some("it is a symbolic link"),
    ),
    (
        "a directory",
        As::Me,
        |state| fs::remove_file(state.file()).is_ok() && fs::create_dir(state.file()).is_ok(),
        Some("it is not a regular file"),
    ),
];

/// What each of the four says: whether it can be used, and in one line why not.
fn judgements(state: &State) -> Vec<(&'static str, bool, String)> {
    let shown = |args: &[&str], list: bool| -> Value {
        let ran = state.astro(args);
        let json = ran.json();
        if list {
            json["plugins"]
                .as_array()
                .expect("a list")
                .iter()
                .find(|one| one["name"] == "marked")
                .cloned()
                .unwrap_or_default()
        } else {
            json
        }
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let loading = "cannot load plugin `marked` 1.0.0: ";
    let reason = |text: String| text.trim_start_matches("unusable: ").trim_start_matches(loading).to_owned();
    let list = shown(&["plugin", "list", "-o", "json"], true);
    let info = shown(&["plugin", "info", "marked", "-o", "json"], false);
    let verify = shown(&["plugin", "verify", "marked", "-o", "json"], true);
    let ran = state.astro(&["marked", "-o", "json"]);
    let run = match ran.code {
        Some(0) => (true, String::new()),
        Some(3 | 126) => {
            let error: Value = serde_json::from_str(&ran.stderr).expect("one line");
            let causes = error["causes"].as_array().cloned().unwrap_or_default();
            let all: Vec<String> = [&error["error"]].into_iter().chain(&causes).map(text).collect();
            assert!(error["help"].as_array().is_some_and(|help| !help.is_empty()), "no way out: {error}");
            (false, reason(all.join(": ")))
        }
        _ => panic!("{ran:?}"),
    };
    let of = |value: &Value, key: &str| {
        let usable = value["usable"].as_bool().expect("said");
        (usable, if usable { String::new() } else { reason(text(&value[key])) })
    };
    let (listed, told) = (of(&list, "status"), of(&info, "status"));
    let verified = match verify["state"].as_str() {
        Some("intact") => (true, String::new()),
        Some("refused") => (false, reason(text(&verify["detail"]))),
        _ => panic!("{verify}"),
    };
    [("run", run), ("list", listed), ("info", told), ("verify", verified)]
        .map(|(who, (usable, reason))| (who, usable, reason))
        .to_vec()
}

#[test]
fn run_list_info_and_verify_judge_a_plugin_alike() {
    let may_be_another = Command::new("setpriv")
        .args(["--reuid", "1500", "--regid", "1500", "--clear-groups"])
        .arg(root().join("bin/astro"))
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    let may_be_alone = may_be_another
        && as_user(&TestEnv::new(), &["unshare", "--user", "--map-current-user", "true"].map(OsStr::new))
            .output()
            .is_ok_and(|output| output.status.success());
    let mut judged = 0;
    for (what, by, spoil, reason) in STATES {
        if (*by == As::User && !may_be_another) || (*by == As::Alone && !may_be_alone) {
            astro_e2e::skip(&format!("`{what}` needs root"));
            continue;
        }
        let env = TestEnv::new();
        let marked = PluginFile::marked(&env).version("1.0.0");
        let mut index = IndexDir::new(&env, "index");
        index.add(&marked).publish().added(&env);
        env.run(["plugin", "install", "marked", "-q"]).ok();
        if *by != As::Me {
            let all = Command::new("chown").args(["-R", &format!("{USER}:{USER}")]).arg(env.home()).status();
            assert!(all.is_ok_and(|status| status.success()));
        }
        let state = State { env, marked, index, by: *by };
        if !spoil(&state) {
            astro_e2e::skip(&format!("`{what}` cannot be made here"));
            continue;
        }
        judged += 1;
        // Twice: what a run remembers, and what it writes again, changes no judgement.
        for _ in 0..2 {
            let all = judgements(&state);
            let (_, usable, first) = &all[0];
            assert!(all.iter().all(|(_, other, text)| (other, text) == (usable, first)), "{what}: {all:#?}");
            match reason {
                None => assert!(*usable, "{what}: {all:?}"),
                Some(reason) => assert!(!*usable && first.contains(reason), "{what}: {first}"),
            }
        }
        let ran_code = state.env.path("canary").exists();
        assert_eq!(ran_code, reason.is_none(), "{what}: whether its code ran");
        state.mode(&state.up(4), 0o700);
    }
    assert!(judged >= 18, "{judged} states could be made");
}

/// A library under development is described again when it is run; until then nobody knows, and all say so.
#[test]
fn a_library_that_was_built_again_is_called_that_everywhere() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let library = env.path("libmarked.so");
    fs::write(&library, &marked.payload).expect("written");
    env.run(["plugin", "link", "libmarked.so", "-q"]).ok();
    let states = || {
        let list = env.run(["plugin", "list", "-o", "json"]).json();
        let list =
            list["plugins"].as_array().expect("a list").iter().find(|one| one["name"] == "marked").cloned();
        let list = list.expect("listed");
        let info = env.run(["plugin", "info", "marked", "-o", "json"]).json();
        let verify = env.run(["plugin", "verify", "marked", "-o", "json"]).json();
        [
            list["status"].clone(),
            info["status"].clone(),
            verify["plugins"][0]["state"].clone(),
            list["usable"].clone(),
            info["usable"].clone(),
        ]
    };
    assert_eq!(
        states(),
        ["ready".into(), "ready".into(), "intact".into(), Value::Bool(true), Value::Bool(true)]
    );
    fs::remove_file(&library).expect("removed");
    fs::write(&library, &marked.clone().mark("again").payload).expect("written");
    let again: Value = "built again since it was last used".into();
    assert_eq!(states(), [again.clone(), again, "built again".into(), Value::Bool(true), Value::Bool(true)]);
    assert!(env.run(["marked"]).ok().contains("again"));
    assert_eq!(states()[2], Value::from("intact"));
}
