//! Images, pods and sandboxes: other users than the one who installed, owners without a number, copied stores, secrets on
//! read-only mounts. Most of it needs root, and says so where it is left out.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

use astro_e2e::{
    Ran, TestEnv, may_mount,
    plugin_files::{IndexDir, PluginFile, stored},
    root, says, workspace,
};
use serde_json::Value;

/// A user who owns nothing on this machine.
const USER: u32 = 1500;

/// Runs a line of a shell as this user and group; `astro` is on its PATH.
fn shell_as(env: &TestEnv, uid: u32, gid: u32, line: &str) -> Ran {
    let mut command = env.on_path("setpriv");
    command.args([
        "--reuid",
        &uid.to_string(),
        "--regid",
        &gid.to_string(),
        "--clear-groups",
        "sh",
        "-c",
        line,
    ]);
    env.ran(&mut command)
}

/// Whether another user can run the installed astro: only root can find out.
fn is_possible(env: &TestEnv, test: &str) -> bool {
    let is_possible = shell_as(env, USER, USER, "astro --version").code == Some(0);
    if !is_possible {
        astro_e2e::skip(&format!("{test}: it needs root"));
    }
    is_possible
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
}

/// Installs the plugin `marked` 1.0.0.
fn install(env: &TestEnv) -> (PluginFile, IndexDir) {
    let marked = PluginFile::marked(env).version("1.0.0");
    let mut index = IndexDir::new(env, "index");
    index.add(&marked).publish().added(env);
    env.run(["plugin", "install", "marked", "-q"]).ok();
    (marked, index)
}

/// What a sandbox shows of the owners outside of it does not matter for directories of the system.
#[test]
fn plugins_work_in_a_user_namespace() {
    let env = TestEnv::new();
    if !is_possible(&env, "plugins_work_in_a_user_namespace") {
        return;
    }
    install(&env);
    let all = Command::new("chown").args(["-R", &format!("{USER}:{USER}")]).arg(env.home()).status();
    assert!(all.is_ok_and(|status| status.success()));
    for alone in ["unshare --user --map-current-user", "unshare --user --map-root-user"] {
        if shell_as(&env, USER, USER, &format!("{alone} true")).code != Some(0) {
            astro_e2e::skip("this kernel allows none to users");
            return;
        }
        let owner = shell_as(&env, USER, USER, &format!("{alone} stat -c %u /")).ok();
        assert_eq!(owner, "65534\n", "root has no number there");
        let ran = shell_as(&env, USER, USER, &format!("{alone} astro marked -o clean"));
        assert!(ran.code == Some(0) && ran.stdout.starts_with("1.0.0"), "{alone}: {ran:?}");
        // Those that came with astro lie beside the binary.
        let ran =
            shell_as(&env, USER, USER, &format!("ASTRO_API_TOKEN=opaque {alone} astro deployment list"));
        assert_eq!(ran.code, Some(2), "it runs and finds no organization: {ran:?}");
        let ran = shell_as(&env, USER, USER, &format!("{alone} astro plugin verify -o clean"));
        assert!(ran.code == Some(0) && !ran.stdout.contains("refused"), "{alone}: {ran:?}");
        assert!(shell_as(&env, USER, USER, &format!("{alone} astro plugin list")).ok().contains("ready"));
    }
    // An owner without a number who is not root: any other path.
    let owners = env.path("others");
    fs::create_dir(&owners).expect("made");
    fs::rename(env.path(".astro-host"), owners.join(".astro-host")).expect("moved");
    chown(&owners, Some(1501), Some(1501)).expect("root");
    let line = "ASTRO_HOME=$HOME/others unshare --user --map-current-user astro marked";
    let ran = shell_as(&env, USER, USER, line);
    says(&ran, 126, &["others` cannot be trusted with a plugin", "set ASTRO_HOME"]);
    assert!(!ran.stderr.contains("chown") && !ran.stderr.contains("chmod"), "{ran:?}");
}

/// A store that root filled in an image and that another user may not read is not an empty one.
#[test]
fn a_store_that_cannot_be_read_is_named_with_what_opens_it() {
    let env = TestEnv::new();
    if !is_possible(&env, "a_store_that_cannot_be_read_is_named_with_what_opens_it") {
        return;
    }
    install(&env);
    chmod(env.home(), 0o755);
    let host = env.path(".astro-host");
    assert_eq!(fs::metadata(&host).expect("there").mode() & 0o777, 0o700);
    // What is said of the configuration comes first where there is one.
    let _ = fs::remove_file(host.join("config.toml"));
    let store = host.join("plugins");
    let cause = format!("`{}` belongs to root and has mode 0700", host.display());
    let unreadable = format!("cannot read the plugin store `{}`", store.display());
    let help = format!("as root: chmod a+x {} && chmod -R a+rX {}", host.display(), store.display());
    let as_user = |line: &str| shell_as(&env, USER, USER, line);
    says(&as_user("astro marked"), 126, &[&unreadable, &cause, &help]);
    // Commands that came with astro are known; whether a word below theirs exists is not.
    says(&as_user("astro deployment marked"), 126, &[&unreadable]);
    says(&as_user("astro deployment list --help"), 0, &[]);
    says(&as_user("astro plugin frobnicate"), 127, &[]);
    for line in ["astro --help", "astro help", "astro plugin list"] {
        let ran = as_user(line);
        // Not its wording: where the checkout lies decides whether a plugin that came with astro is looked at, too.
        let is_told = ["warning: ", &unreadable, &help].iter().all(|part| ran.stderr.contains(part));
        assert!(ran.code == Some(0) && is_told && ran.stdout.contains("sandbox"), "{ran:?}");
    }
    assert_eq!(as_user("astro plugin verify").code, Some(126));
    // What the help says is enough.
    let command = help.strip_prefix("as root: ").expect("a command");
    env.shell("sh", command).ok();
    let ran = as_user("astro marked -o clean");
    assert!(ran.code == Some(0) && ran.stdout.starts_with("1.0.0"), "{ran:?}");
    assert_eq!(as_user("astro marked").stderr, "");
    // One plugin's record alone.
    let version = stored(&env, "marked");
    let version = version.parent().expect("a directory");
    chmod(version, 0o700);
    for _ in 0..2 {
        says(&as_user("astro marked"), 126, &["belongs to root and has mode 0700"]);
    }
    says(&as_user("astro plugin list"), 0, &["mode 0700"]);
}

/// The installed tree, copied as an archive or an image layer keeps it: times in whole seconds, other inodes.
struct Copied {
    env: TestEnv,
    dir: PathBuf,
}

impl Copied {
    fn new() -> Self {
        let env = TestEnv::new();
        let dir = env.path("copied");
        fs::create_dir(&dir).expect("made");
        let line = format!(
            "tar --format=gnu -C {} -cf - bin lib/astro-host/plugins | tar -C {} -xf -",
            root().display(),
            dir.display()
        );
        env.shell("sh", &line).ok();
        chmod(env.home(), 0o755);
        Self { env, dir }
    }

    fn astro(&self, args: &[&str]) -> Ran {
        let mut command = self.env.clean(Command::new(self.dir.join("bin/astro")));
        self.env.ran(command.env("ASTRO_API_TOKEN", "opaque").args(args))
    }

    fn store(&self) -> PathBuf {
        self.dir.join("lib/astro-host/plugins")
    }

    /// Writes something into the index that is in none of the records: whether it is used is then seen.
    fn plant(&self) {
        let path = self.store().join("index/w-deployment");
        let mut index: Value = serde_json::from_slice(&fs::read(&path).expect("read")).expect("json");
        index["plugins"]
            .as_array_mut()
            .expect("a list")
            .iter_mut()
            .for_each(|facts| facts["abi"] = 77.into());
        fs::write(&path, index.to_string()).expect("written");
    }
}

#[test]
fn the_index_of_a_copied_store_is_used_as_it_is() {
    let copied = Copied::new();
    let file = copied.store().join("platform.astro-plugin");
    let time = fs::metadata(&file).expect("there").modified().expect("a time");
    let nanoseconds = time.duration_since(std::time::UNIX_EPOCH).expect("after 1970").subsec_nanos();
    assert_eq!(nanoseconds, 0, "tar keeps whole seconds");
    // Before anything else: no run has made another index yet.
    let index = fs::read(copied.store().join("index/w-deployment")).expect("read");
    copied.plant();
    says(&copied.astro(&["deployment", "list"]), 126, &["plugin ABI 77"]);
    fs::write(copied.store().join("index/w-deployment"), index).expect("written");
    let verified = copied.astro(&["plugin", "verify"]);
    assert_eq!((verified.code, verified.stderr.as_str()), (Some(0), ""), "{verified:?}");
    assert_eq!(copied.astro(&["deployment", "list"]).code, Some(2), "it runs and finds no organization");
}

/// Where a copy gives other times to files, the index is stale: said by `plugin verify`, which writes it again.
#[test]
fn a_stale_index_is_said_and_written_again() {
    let copied = Copied::new();
    let store = copied.store();
    let file = store.join("platform.astro-plugin");
    let touch = || {
        let file = fs::File::options().write(true).open(&file).expect("open");
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1)).expect("set");
    };
    touch();
    let stale = format!("the index of the plugin store `{}`", store.display());
    let may_be_another = is_possible(&copied.env, "a_stale_index_is_said_and_written_again, as another user");
    if may_be_another {
        let line = format!("ASTRO_HOME=/nowhere {}/bin/astro plugin verify", copied.dir.display());
        let ran = shell_as(&copied.env, USER, USER, &line);
        says(&ran, 0, &[&format!("{stale} is stale"), "`platform`", "as its owner: astro plugin verify"]);
    }
    says(&copied.astro(&["plugin", "verify"]), 0, &[&format!("{stale} was stale, and was written again")]);
    assert_eq!(copied.astro(&["plugin", "verify"]).stderr, "");
    type Change = fn(&Path);
    let changes: [(Change, &str); 3] = [
        (|store| fs::remove_file(store.join("index/root")).expect("there"), "it is missing"),
        (|store| fs::write(store.join("index/root"), "{").expect("written"), "it cannot be read"),
        (
            |store| {
                for file in ["sandbox.installed", "sandbox.astro-plugin"] {
                    fs::remove_file(store.join(file)).expect("there");
                }
            },
            "other plugins are installed than it lists",
        ),
    ];
    for (change, reason) in changes {
        change(&store);
        says(&copied.astro(&["plugin", "verify"]), 0, &[&stale, reason]);
        assert_eq!(copied.astro(&["plugin", "verify"]).stderr, "");
    }
}

/// Where every time is another one and the index cannot be written, a file that was compared once is known again.
#[test]
fn a_stale_index_is_used_for_a_file_that_was_compared() {
    let env = TestEnv::new();
    if !may_mount() || !is_possible(&env, "a_stale_index_is_used_for_a_file_that_was_compared") {
        astro_e2e::skip("it needs root and mounts");
        return;
    }
    // The installed plugins changed long enough ago to be remembered; only the index is another one, in mounts of the test.
    let index = root().join("lib/astro-host/plugins/index/w-deployment");
    let text = fs::read(&index).expect("read");
    let planted = |abi: u64| {
        let mut json: Value = serde_json::from_slice(&text).expect("json");
        for facts in json["plugins"].as_array_mut().expect("a list") {
            facts["stamp"]["mtime_ns"] = 1.into();
            facts["abi"] = abi.into();
        }
        let path = env.path(&format!("planted-{abi}"));
        fs::write(&path, json.to_string()).expect("written");
        path.display().to_string()
    };
    chown(env.home(), Some(USER), Some(USER)).expect("root");
    let run = |planted: &str| {
        let astro = "setpriv --reuid 1500 --regid 1500 --clear-groups astro deployment list";
        let line = format!("mount --bind {planted} {} && exec {astro}", index.display());
        let mut command = env.on_path("unshare");
        env.ran(command.env("ASTRO_API_TOKEN", "opaque").args(["-m", "sh", "-c", &line]))
    };
    // Not compared yet: the index is made again from the records, in which the ABI is right.
    assert_eq!(run(&planted(77)).code, Some(2));
    assert!(env.path(".astro-host/state/verified/platform").exists(), "it is remembered");
    says(&run(&planted(77)), 126, &["plugin ABI 77"]);
}

/// A secret that Kubernetes mounts: of root, readable by the group of the pod, and read-only.
#[test]
fn a_mounted_credential_file_may_be_readable_by_its_group() {
    let env = TestEnv::new();
    if !may_mount() || !is_possible(&env, "a_mounted_credential_file_may_be_readable_by_its_group") {
        astro_e2e::skip("it needs root and mounts");
        return;
    }
    let config = "[profiles.ci]\ncredential = \"ci\"\n\n[credentials.ci]\nsource = \"file\"\naddress = \"http://127.0.0.1:9/v1\"\n";
    let address = "http://127.0.0.1:9/v1";
    let credentials = format!("[ci]\naddress = \"{address}\"\ntoken = \"opaque\"\n");
    fs::write(env.path("config.toml"), config).expect("written");
    fs::write(env.path("credentials.toml"), credentials).expect("written");
    let run = |mode: &str, mount: &str| {
        let line = format!(
            "mkdir -p mounted && mount -t tmpfs none mounted && cp config.toml credentials.toml mounted \
             && chown -R 0:2000 mounted && chmod 750 mounted && chmod 640 mounted/config.toml \
             && chmod {mode} mounted/credentials.toml && mkdir -p .astro-host && mount --bind mounted .astro-host \
             && chmod 755 . && {mount} \
             && exec setpriv --reuid 1500 --regid 1500 --groups 2000 astro context --check --profile ci --timeout 1"
        );
        let mut command = env.on_path("unshare");
        env.ran(command.env("ASTRO_API_URL", address).args(["-m", "sh", "-c", &line]))
    };
    let read_only = "mount -o remount,ro,bind .astro-host";
    let accepted = run("440", read_only);
    assert!(!accepted.stderr.contains("can be read by other users"), "{accepted:?}");
    assert_ne!(accepted.code, Some(3), "{accepted:?}");
    for (mode, mount) in [("440", "true"), ("444", read_only), ("460", read_only)] {
        let refused = run(mode, mount);
        says(&refused, 3, &["ASTRO_API_TOKEN", "defaultMode: 0440"]);
        assert!(!refused.stderr.contains("chmod"), "nothing that this user cannot do: {refused:?}");
    }
}

/// The image of the guide: built in mounts of the test, used by a user whom nobody knew when it was built.
#[test]
fn the_image_of_the_guide_works_for_any_user() {
    let env = TestEnv::new();
    if !may_mount() || !is_possible(&env, "the_image_of_the_guide_works_for_any_user") {
        astro_e2e::skip("it needs root and mounts");
        return;
    }
    let marked = PluginFile::marked(&env).version("1.0.0");
    fs::write(env.path("lint.astro-plugin"), marked.bytes()).expect("written");
    let page = fs::read_to_string(workspace().join("docs/src/guide/containers.md")).expect("the guide");
    let file =
        page.split("```dockerfile\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a Dockerfile");
    let (mut build, mut user) = (String::from("set -e\numask 022\n"), None);
    for line in file.replace("\\\n", " ").lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        build += &match word {
            "COPY" => {
                let words: Vec<&str> =
                    rest.split_whitespace().filter(|word| !word.starts_with("--")).collect();
                let [from, to] = words.as_slice() else { panic!("{line}") };
                let from = if *from == "astro/" {
                    format!("{}/.", root().display())
                } else {
                    format!("$HOME/{from}")
                };
                format!("mkdir -p {to} && cp -r --preserve=timestamps {from} {to}\n")
            }
            "ENV" => format!("export {rest}\n"),
            // Packages of the distribution are not the matter here.
            "RUN" if rest.contains("apt-get") => String::new(),
            "RUN" => format!("{rest}\n"),
            "USER" => {
                user = Some(rest.to_owned());
                String::new()
            }
            "FROM" | "#" | "" | "ENTRYPOINT" => String::new(),
            _ => panic!("{line}"),
        };
    }
    assert!(user.is_some_and(|user| user != "0" && user != "root"), "the image does not run as root");
    // OpenShift: a number from a range of the project, the group of root. A volume is writable by it.
    let uid = 1_000_680_000_u32;
    let run = format!(
        "mkdir -p $HOME && mount -t tmpfs -o mode=0770,gid=0 none $HOME\n\
         exec setpriv --reuid {uid} --regid 0 --clear-groups sh -c 'cd && astro marked -o clean && astro plugin verify -o clean \
         && astro plugin list -o clean'\n"
    );
    let line = format!(
        "mount -t tmpfs -o mode=0755 none /opt && mount -t tmpfs -o mode=0755 none /usr/local && mount -t tmpfs -o mode=1777 none /mnt\n\
         {build}{run}"
    );
    let mut command = env.clean(Command::new("unshare"));
    command.env_remove("ASTRO_HOME").env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
    let ran = env.ran(command.args(["-m", "sh", "-c", &line]));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.stdout.contains("1.0.0") && !ran.stdout.contains("unusable") && !ran.stdout.contains("refused"),
        "{ran:?}"
    );
    assert!(!ran.stderr.contains("warning"), "{ran:?}");
}
