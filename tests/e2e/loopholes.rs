//! Ways around what is checked, each closed: variables, names of files, other indexes, other publishers, older versions, and
//! what a killed or swapped thing leaves.

use std::{ffi::OsStr, fs, os::unix::fs::PermissionsExt};

use astro_e2e::{
    TestEnv,
    plugin_files::{IndexDir, PluginFile, Signer, stored},
    says,
    stub::{Reply, Stub},
};

/// A file of the plugin with this signer, or nobody's.
fn written(env: &TestEnv, file: &PluginFile, signer: Option<&Signer>) -> String {
    let bytes = signer.map_or_else(|| file.bytes(), |signer| file.signed(signer));
    file.write(env, &bytes).to_str().expect("UTF-8").to_owned()
}

/// Without ASTRO_HOME configuration and store lie apart, and a variable may name another configuration.
#[test]
fn a_variable_does_not_take_the_policy_away() {
    let env = TestEnv::new();
    let file = written(&env, &PluginFile::marked(&env), None);
    let canary = env.path("canary");
    let run = |config: &str, args: &[&str]| {
        let mut command = env.astro();
        command.env_remove("ASTRO_HOME").env("XDG_CONFIG_HOME", env.path(config)).args(args);
        env.ran(command.env("ASTRO_FIXTURE_CANARY", &canary))
    };
    says(&run("mine", &["plugin", "install", &file]), 0, &[]);
    says(&run("mine", &["config", "set", "trust.require", "signed"]), 0, &[]);
    for config in ["mine", "other", "none/at/all"] {
        says(&run(config, &["marked"]), 126, &[]);
        assert!(
            run(config, &["plugin", "list"]).stdout.contains("unusable: no signature of it was verified")
        );
    }
    assert!(!canary.exists());
    // One that was written by hand holds, too, from the first run on.
    says(&run("mine", &["config", "unset", "trust.require"]), 0, &[]);
    says(&run("other", &["marked"]), 0, &[]);
    fs::remove_file(&canary).expect("it sang");
    fs::create_dir_all(env.path("third/astro-host")).expect("made");
    fs::write(env.path("third/astro-host/config.toml"), "[trust]\nrequire = \"signed\"\n").expect("written");
    says(&run("third", &["marked"]), 126, &[]);
    says(&run("other", &["marked"]), 126, &[]);
    assert!(!canary.exists());
}

/// A key that is typed is that key, whatever a repository has for a file of that name.
#[test]
fn a_file_does_not_stand_in_for_a_key() {
    let env = TestEnv::new();
    let (mine, evil) = (Signer::default(), Signer::default());
    let key = mine.public();
    let path = env.path(&key);
    fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    fs::write(&path, format!("untrusted comment: x\n{}\n", evil.public())).expect("written");
    let file = written(&env, &PluginFile::marked(&env), Some(&evil));
    says(&env.run(["plugin", "install", &file, "--public-key", &key]), 126, &[]);
    env.run(["config", "set", "trust.publishers", &key]).ok();
    assert!(env.run(["config", "list"]).ok().contains(&key));
}

/// The index of another name is another index, also when the same key signed it.
#[test]
fn another_index_of_the_same_key_is_not_this_one() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut stable = IndexDir::new(&env, "index");
    stable.add(&marked.clone().version("1.0.0")).publish().added(&env);
    env.run(["plugin", "install", "marked", "-q"]).ok();
    stable.document.name = "testing".into();
    stable.add(&marked.version("9.0.0")).publish();
    says(&env.run(["plugin", "upgrade"]), 1, &["is refused: it is the index `testing`, not `corp`"]);
    stable.document.name = "corp".into();
    stable.publish();
    says(&env.run(["plugin", "upgrade"]), 0, &["from 1.0.0 to 9.0.0"]);
}

/// Whoever met the new document with the old signature looks again, and gets both.
#[test]
fn an_index_that_is_being_published_is_read_again() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.clone().version("1.0.0")).publish();
    let old = fs::read(index.dir.join("index.json.minisig")).expect("there");
    index.add(&marked.version("1.1.0")).publish();
    let new = fs::read(index.dir.join("index.json.minisig")).expect("there");
    let document = fs::read_to_string(index.dir.join("index.json")).expect("there");
    let [old, new] = [old, new].map(|bytes| String::from_utf8(bytes).expect("text"));
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let stub = Stub::new(move |request| match request {
        "GET /v1/index.json" => Reply::Json(200, document.clone()),
        "GET /v1/index.json.minisig" => match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Reply::Page(200, old.clone()),
            _ => Reply::Page(200, new.clone()),
        },
        _ => Reply::Json(404, String::new()),
    });
    let key = index.signer.public();
    says(&env.run(["plugin", "index", "add", "corp", &stub.address(), "--key", &key]), 0, &["Added"]);
    // What was kept for later are the two that belong together.
    assert!(env.run(["plugin", "search", "--offline"]).ok().contains("1.1.0"));
}

/// What was revoked runs in no way: not once, not under another publisher, not after the index is gone.
#[test]
fn what_was_revoked_runs_in_no_way() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.clone().version("1.0.0")).publish().added(&env);
    let file = env.path("index/marked-1.0.0.astro-plugin");
    let file = file.to_str().expect("UTF-8");
    let key = index.publisher.public();
    env.run(["config", "set", "trust.publishers", &key]).ok();
    says(&env.run(["plugin", "exec", file, "--", "marked"]), 0, &[]);
    env.run(["plugin", "install", "marked", "-q"]).ok();
    index.version("marked", "1.0.0").revoked = Some("it deletes things".into());
    index.publish();
    // Whoever upgrades at night is told, in every format and by the code.
    for args in
        [&["plugin", "upgrade"][..], &["plugin", "upgrade", "-q"], &["plugin", "upgrade", "-o", "json"]]
    {
        says(&env.run(args), 126, &["`marked` 1.0.0 was revoked: it deletes things"]);
    }
    env.run(["plugin", "remove", "marked", "-q"]).ok();
    env.run(["plugin", "index", "remove", "corp", "-q"]).ok();
    fs::remove_dir_all(env.path(".astro-host/cache")).unwrap_or_default();
    for args in [
        &["plugin", "exec", file, "--", "marked"][..],
        &["plugin", "exec", "--allow-unsigned", file, "--", "marked"],
        &["plugin", "install", file],
    ] {
        says(&env.run(args), 126, &["`marked` 1.0.0 was revoked: it deletes things"]);
    }
    fs::write(env.path(".astro-host/plugins/revoked.json"), "{").expect("written");
    says(&env.run(["plugin", "install", file]), 3, &[]);
}

/// A publisher vouches for their own plugins only, and a key that was replaced does not come back.
#[test]
fn a_publisher_vouches_for_their_own() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let (first, second) = (Signer::default(), Signer::default());
    let install = |file: &PluginFile, signer: &Signer, more: &[&str]| {
        let path = written(&env, file, Some(signer));
        env.run(["plugin", "install", &path].iter().chain(more))
    };
    let [one, two, three] = ["1.0.0", "2.0.0", "3.0.0"].map(|version| marked.clone().version(version));
    let (first_key, second_key) = (first.public(), second.public());
    says(&install(&one, &first, &["--public-key", &first_key]), 0, &[]);
    let other = marked.clone().name("other");
    let path = written(&env, &other, Some(&first));
    says(&env.run(["plugin", "exec", &path, "--", "other"]), 126, &[]);
    // The key itself is accepted, not an id that anybody can give to a key of theirs.
    let changed = install(&two, &second, &["--public-key", &second_key]);
    says(&changed, 126, &["--accept-key KEY, the key that the publisher told you"]);
    assert!(
        !changed.stderr.contains(&second_key),
        "what is to be compared is not offered for pasting: {changed:?}"
    );
    says(&install(&two, &second, &["--public-key", &second_key, "--accept-key", &first_key]), 126, &[]);
    says(&install(&two, &second, &["--public-key", &second_key, "--accept-key", &second.id()]), 2, &[]);
    says(
        &install(&two, &second, &["--public-key", &second_key, "--accept-key", &second_key]),
        0,
        &["from 1.0.0 to 2.0.0"],
    );
    says(&env.run(["plugin", "rollback", "marked"]), 0, &[]);
    says(&install(&three, &first, &["--public-key", &first_key]), 126, &[]);
    says(&install(&three, &second, &[]), 0, &["from 1.0.0 to 3.0.0"]);
}

/// A plugin stays with the index it came from until somebody names another one, and what was asked for is compared.
#[test]
fn a_plugin_stays_with_its_index() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut corp = IndexDir::new(&env, "corp");
    let bytes = marked.clone().version("1.0.0").bytes();
    corp.add_bytes(&marked.clone().version("1.0.0"), &bytes, None).publish().added(&env);
    // The file from elsewhere first: the index then takes it over, and says so.
    let file = env.path("corp/marked-1.0.0.astro-plugin");
    env.run([OsStr::new("plugin"), "install".as_ref(), file.as_os_str()]).ok();
    env.run(["plugin", "install", "marked", "-q"]).ok();
    assert_eq!(env.run(["plugin", "info", "marked", "-o", "json"]).json()["source"], "index");
    says(&env.run(["plugin", "install", "marked", "--sha256", &"0".repeat(64)]), 126, &[]);
    let nobody = Signer::default().public();
    says(&env.run(["plugin", "install", "marked", "--public-key", &nobody]), 126, &[]);
    let mut public = IndexDir::new(&env, "public");
    public.document.name = "public".into();
    let other = marked.clone().version("5.0.0");
    public.add_bytes(&other, &other.bytes(), None).publish();
    let dir = public.dir.to_str().expect("UTF-8");
    env.run(["plugin", "index", "add", "public", dir, "--first", "--key", &public.signer.public()]).ok();
    says(
        &env.run(["plugin", "install", "marked"]),
        126,
        &["is installed from the index `corp`, not from `public`", "astro plugin install public/marked"],
    );
    says(&env.run(["plugin", "upgrade", "marked"]), 0, &[]);
    // A lock file of a repository does not move it either.
    let elsewhere = TestEnv::new();
    elsewhere.run(["plugin", "index", "add", "public", dir, "--key", &public.signer.public()]).ok();
    elsewhere.run(["plugin", "install", "marked", "-q"]).ok();
    says(&elsewhere.run(["plugin", "sync", "--dry-run"]), 0, &[]);
    elsewhere.run(["plugin", "sync", "-q"]).ok();
    fs::copy(elsewhere.path("astro-plugins.lock"), env.path("astro-plugins.lock")).expect("copied");
    says(
        &env.run(["plugin", "sync", "--locked"]),
        126,
        &["is installed from the index `corp`, not from `public`"],
    );
}

/// A link that took the place of an installed plugin gives it back, and a kept build changes nothing.
#[test]
fn a_link_gives_the_installed_plugin_back() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.clone().version("0.9.0")).publish().added(&env);
    env.run(["plugin", "install", "marked", "-q"]).ok();
    let library = env.path("libmarked.so");
    fs::write(&library, &marked.clone().mark("built").payload).expect("written");
    let link = |env: &TestEnv| env.run([OsStr::new("plugin"), "link".as_ref(), library.as_os_str()]);
    says(&link(&env), 0, &[]);
    assert!(env.run(["marked"]).ok().contains("built"));
    says(&env.run(["plugin", "unlink", "marked"]), 0, &["the installed `marked` 0.9.0 is in use again"]);
    assert!(env.run(["marked"]).ok().contains("0.9.0"));
    // Kept as the version before, and built again since.
    link(&env).ok();
    index.add(&marked.clone().version("1.1.0")).publish();
    env.run(["plugin", "install", "marked", "-q"]).ok();
    fs::remove_file(&library).expect("removed");
    fs::write(&library, &marked.mark("again").payload).expect("written");
    let kept = env.run(["plugin", "exec", "marked@1.0.0", "--", "marked"]);
    says(&kept, 126, &[]);
    assert!(env.run(["marked"]).ok().contains("1.1.0"), "it is still what was installed");
    says(&env.run(["plugin", "remove", "marked"]), 0, &[]);
}

/// A swapped file is 126 with its reason, never an unknown command, and putting the right one back is enough.
#[test]
fn a_swapped_file_is_known_for_what_it_was() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.clone().version("1.0.0")).publish().added(&env);
    env.run(["plugin", "install", "marked", "-q"]).ok();
    let store = env.path(".astro-host/plugins/store/marked");
    let stored = stored(&env, "marked");
    let good = fs::read(&stored).expect("there");
    let mut other_command = marked.clone().version("1.0.0");
    other_command.manifest.commands[0].path = "another word".into();
    for bytes in [marked.clone().name("hello").bytes(), other_command.bytes()] {
        fs::write(&stored, bytes).expect("written");
        for _ in 0..2 {
            says(&env.run(["marked"]), 126, &[]);
        }
        assert_eq!(env.run(["another", "word"]).code, Some(127));
        fs::write(&stored, &good).expect("restored");
        assert!(env.run(["marked"]).ok().contains("1.0.0"));
        assert!(env.run(["plugin", "verify", "marked"]).ok().contains("intact"));
    }
    // What cannot be read is said, and can be removed.
    fs::write(store.join("current"), "").expect("written");
    says(
        &env.run(["plugin", "install", "marked"]),
        126,
        &["which version of `marked` is in use cannot be read", "astro plugin remove marked"],
    );
    fs::remove_file(env.path(".astro-host/plugins/index/root")).expect("removed");
    assert_ne!(env.run(["plugin", "verify"]).code, Some(0));
    says(&env.run(["plugin", "remove", "marked"]), 0, &[]);
    says(&env.run(["plugin", "install", "marked"]), 0, &["Installed"]);
}

/// A remove that was killed is finished by a second one, and leaves nothing that runs.
#[test]
fn a_killed_remove_is_finished_by_the_next() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.version("1.0.0")).publish().added(&env);
    env.run(["plugin", "install", "marked", "-q"]).ok();
    let mut command = env.astro();
    command.args(["plugin", "remove", "marked"]).env("ASTRO_FAILPOINT", "plugin-unused=KILL");
    assert_eq!(env.ran(&mut command).code, None);
    assert_eq!(env.run(["marked"]).code, Some(127));
    assert_ne!(env.run(["plugin", "exec", "marked@1.0.0", "--", "marked"]).code, Some(0));
    says(&env.run(["plugin", "remove", "marked"]), 0, &["Removed"]);
    says(&env.run(["plugin", "remove", "marked"]), 1, &["no plugin `marked` is installed"]);
}

/// A file that is refused does not stay in an index, and marks can be set whatever happened before.
#[test]
fn a_refused_file_does_not_stay_in_an_index() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env).version("1.0.0");
    let file = written(&env, &marked, None);
    env.run(["plugin", "index", "build", "site", &file, "-q"]).ok();
    let evil = written(&env, &marked.clone().mark("evil"), None);
    says(&env.run(["plugin", "index", "build", "site", &evil]), 1, &[]);
    let signed = written(&env, &marked.version("1.1.0"), Some(&Signer::default()));
    says(&env.run(["plugin", "index", "build", "site", &signed]), 1, &[]);
    says(
        &env.run(["plugin", "index", "build", "site", "--yank", "marked@1.0.0=wrong"]),
        0,
        &["Made version 2"],
    );
    says(
        &env.run(["plugin", "index", "build", "site", "--yank", "marked@1.0.0"]),
        2,
        &["NAME@VERSION=REASON"],
    );
    says(
        &env.run(["plugin", "index", "build", "site", "--yank", "none@1.0.0=x"]),
        1,
        &["the index has no `none` 1.0.0"],
    );
    let mode = |path: &str| fs::metadata(env.path(path)).expect("there").permissions().mode() & 0o044;
    assert_eq!(mode("site/index.json"), 0o044, "whoever serves it may read it");
    // Two at once make two versions.
    let children: Vec<_> = (0..2)
        .map(|_| env.astro().args(["plugin", "index", "build", "site", "-q"]).spawn().expect("runs"))
        .collect();
    for child in children {
        assert!(child.wait_with_output().expect("ended").status.success());
    }
    says(&env.run(["plugin", "index", "build", "site"]), 0, &["Made version 5"]);
}
