//! The same plugin again: the same file by another way, over a link, back and forward, and a lock file of others.

use std::{ffi::OsStr, fs, path::Path};

use astro_e2e::{
    Ran, TestEnv,
    plugin_files::{IndexDir, PluginFile, Signer, stored},
    says,
};
use serde_json::Value;

/// What the plugin `marked` says it is.
fn mark(env: &TestEnv) -> String {
    env.run(["marked", "-o", "clean"]).ok().trim().trim_end_matches('.').to_owned()
}

fn info(env: &TestEnv) -> Value {
    env.run(["plugin", "info", "marked", "-o", "json"]).json()
}

fn install(env: &TestEnv, path: &Path) -> Ran {
    env.run([OsStr::new("plugin"), "install".as_ref(), path.as_os_str()])
}

/// A copy of its file does not take a plugin away from its index, and a pin stays.
#[test]
fn the_same_file_from_elsewhere_keeps_origin_and_pin() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.clone().version("1.0.0")).publish().added(&env);
    env.run(["plugin", "install", "marked@1.0.0", "-q"]).ok();
    let record = |env: &TestEnv| {
        let info = info(env);
        ["source", "origin", "pinned", "key_id"].map(|key| info[key].clone())
    };
    let before = record(&env);
    assert_eq!(before[..3], ["index".into(), "corp".into(), Value::Bool(true)]);
    let file = env.path("index/marked-1.0.0.astro-plugin");
    says(&install(&env, &file), 0, &["The plugin `marked` 1.0.0 is already up to date."]);
    assert_eq!(record(&env), before);
    // A file that was changed is put back, which is said.
    let stored = stored(&env, "marked");
    let good = fs::read(&stored).expect("there");
    fs::write(&stored, b"other").expect("written");
    let mut command = env.astro();
    let dry = env.ran(command.args(["plugin", "install", "--dry-run"]).arg(&file));
    says(&dry, 0, &["Would have repaired the plugin `marked` 1.0.0: its file had been changed"]);
    assert_eq!(fs::read(&stored).expect("there"), b"other");
    says(
        &install(&env, &file),
        0,
        &["Repaired the plugin `marked` 1.0.0: its file had been changed; it stays there"],
    );
    assert_eq!((record(&env), fs::read(&stored).expect("there")), (before, good));
    assert_eq!(mark(&env), "1.0.0");
    // So upgrades still reach it.
    env.run(["plugin", "pin", "marked", "--remove", "-q"]).ok();
    install(&env, &file).ok();
    index.add(&marked.version("1.1.0")).publish();
    says(&env.run(["plugin", "upgrade"]), 0, &["Upgraded the plugin `marked` from 1.0.0 to 1.1.0"]);
}

/// Another index that was named, a first index, and a publisher's key are news, and are said.
#[test]
fn what_changes_about_the_same_file_is_said() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env).version("1.0.0");
    let publisher = Signer::default();
    let file = marked.write(&env, &marked.signed(&publisher));
    says(&install(&env, &file), 0, &["Installed the plugin `marked` 1.0.0"]);
    assert_eq!(info(&env)["key_id"], Value::Null);
    let mut command = env.astro();
    let ran = env.ran(command.args(["plugin", "install", "--public-key", &publisher.public()]).arg(&file));
    says(&ran, 0, &[&publisher.id()]);
    assert_eq!(info(&env)["key_id"], Value::from(publisher.id()));
    // The same bytes each time: a signature holds its time.
    let signed = fs::read(&file).expect("there");
    for name in ["one", "two"] {
        let mut index = IndexDir::new(&env, name);
        index.document.name = name.into();
        index.publisher = Signer::default();
        index.add_bytes(&marked, &signed, None).publish();
        let dir = index.dir.to_str().expect("UTF-8");
        env.run(["plugin", "index", "add", name, dir, "--key", &index.signer.public()]).ok();
        let named = format!("{name}/marked");
        let dry = env.run(["plugin", "install", &named, "--dry-run"]);
        says(&dry, 0, &[&format!("is already installed; it would come from {name}.")]);
        let moved = env.run(["plugin", "install", &named]);
        says(
            &moved,
            0,
            &[&format!("The plugin `marked` 1.0.0 is already installed; from now on it comes from {name}.")],
        );
        assert_eq!(info(&env)["origin"], Value::from(name));
        says(&env.run(["plugin", "install", &named]), 0, &["is already up to date."]);
    }
}

/// Twice back is not forward: the trouble does not come back by itself.
#[test]
fn a_second_rollback_is_refused_and_undo_goes_forward() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.clone().version("1.0.0")).publish().added(&env);
    env.run(["plugin", "install", "marked", "-q"]).ok();
    index.add(&marked.clone().version("1.1.0")).publish();
    env.run(["plugin", "upgrade", "-q"]).ok();
    let rollback = |more: &[&str]| env.run(["plugin", "rollback", "marked"].iter().chain(more));
    says(&rollback(&["--undo"]), 1, &["`marked` 1.1.0 was not rolled back to"]);
    says(&rollback(&[]), 0, &["Rolled back the plugin `marked` from 1.1.0 to 1.0.0; it stays there"]);
    for dry in [&["--dry-run"][..], &[]] {
        let refused = rollback(dry);
        says(&refused, 1, &["no version of `marked` before 1.0.0 is kept"]);
        says(&refused, 1, &["to undo that: astro plugin rollback marked --undo"]);
        assert_eq!(mark(&env), "1.0.0");
    }
    says(
        &rollback(&["--undo", "--dry-run"]),
        0,
        &["Would have undone the rollback of the plugin `marked` from 1.0.0 to 1.1.0."],
    );
    assert_eq!(mark(&env), "1.0.0");
    says(&rollback(&["--undo"]), 0, &["Undid the rollback of the plugin `marked` from 1.0.0 to 1.1.0."]);
    assert_eq!((mark(&env), info(&env)["pinned"].clone()), ("1.1.0".to_owned(), Value::Bool(false)));
    says(&rollback(&["--undo"]), 1, &[]);
    // Back once more, and on by an upgrade: nothing is left to undo.
    says(&rollback(&[]), 0, &["from 1.1.0 to 1.0.0"]);
    says(&env.run(["plugin", "pin", "marked"]), 0, &["is already pinned and stays at 1.0.0"]);
    says(&env.run(["plugin", "upgrade", "marked"]), 0, &["from 1.0.0 to 1.1.0"]);
    says(&rollback(&["--undo"]), 1, &[]);
    says(&rollback(&[]), 0, &["from 1.1.0 to 1.0.0"]);
    // What was rolled back and revoked since is not used again.
    index.version("marked", "1.1.0").revoked = Some("it deletes things".into());
    index.publish();
    env.run(["plugin", "search", "-q"]).ok();
    says(&rollback(&["--undo"]), 126, &["cannot use `marked` 1.1.0: it was revoked: it deletes things"]);
    assert_eq!(mark(&env), "1.0.0");
}

/// An installed plugin over a link is a new one, with the words for that; the link is one rollback away.
#[test]
fn installing_over_a_link_warns_and_keeps_the_link() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let library = env.path("libmarked.so");
    fs::write(&library, &marked.clone().mark("built").payload).expect("written");
    env.run(["plugin", "link", "libmarked.so", "-q"]).ok();
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.version("0.9.0")).publish().added(&env);
    let again = format!(
        "the place of the linked {}; to use that again: astro plugin rollback marked",
        library.display()
    );
    says(&env.run(["plugin", "install", "marked", "--dry-run"]), 0, &[&format!("It would take {again}")]);
    assert_eq!(mark(&env), "built");
    let installed = env.run(["plugin", "install", "corp/marked"]);
    says(&installed, 0, &["Installed the plugin `marked` 0.9.0 from corp", &format!("It takes {again}")]);
    says(&installed, 0, &[]);
    assert_eq!(mark(&env), "0.9.0");
    says(
        &env.run(["plugin", "rollback", "marked"]),
        0,
        &["Rolled back the plugin `marked` from 0.9.0 to 1.0.0."],
    );
    assert_eq!(mark(&env), "built");
    let listed = info(&env);
    assert_eq!((&listed["source"], &listed["pinned"]), (&Value::from("linked"), &Value::Bool(false)));
    says(&env.run(["plugin", "rollback", "marked", "--undo"]), 0, &["from 1.0.0 to 0.9.0"]);
    assert_eq!(mark(&env), "0.9.0");
}

/// The same bytes, linked and installed, are two: taking one away leaves the other.
#[test]
fn a_link_and_an_installation_of_one_file_do_not_replace_each_other() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    fs::write(env.path("marked.astro-plugin"), marked.bytes()).expect("written");
    let source = || info(&env)["source"].as_str().expect("text").to_owned();
    env.run(["plugin", "install", "./marked.astro-plugin", "-q"]).ok();
    env.run(["plugin", "link", "./marked.astro-plugin", "-q"]).ok();
    assert_eq!(source(), "linked");
    env.run(["plugin", "unlink", "marked", "-q"]).ok();
    assert_eq!(source(), "file", "what was installed is in use again");
    env.run(["plugin", "remove", "marked", "-q"]).ok();
    env.run(["plugin", "link", "./marked.astro-plugin", "-q"]).ok();
    let installed = env.run(["plugin", "install", "./marked.astro-plugin"]);
    says(&installed, 0, &["to use that again: astro plugin rollback marked"]);
    env.run(["plugin", "rollback", "marked", "-q"]).ok();
    assert_eq!(source(), "linked");
}

/// What is said names what was done, and what can be done next.
#[test]
fn words_of_pins_downgrades_and_revoked_plugins() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.clone().version("1.0.0")).add(&marked.clone().version("1.1.0")).publish().added(&env);
    env.run(["plugin", "install", "marked@1.0.0", "-q"]).ok();
    for _ in 0..2 {
        let pinned = env.run(["plugin", "pin", "marked"]);
        says(&pinned, 0, &["The plugin `marked` is already pinned and stays at 1.0.0."]);
    }
    env.run(["plugin", "pin", "marked", "--remove", "-q"]).ok();
    let free = env.run(["plugin", "pin", "marked", "--remove"]);
    says(&free, 0, &["The plugin `marked` 1.0.0 is not pinned; upgrades move it."]);
    let json = env.run(["plugin", "pin", "marked", "--remove", "-o", "json"]).json();
    assert_eq!(json["plugins"][0]["action"], "unchanged");
    env.run(["plugin", "upgrade", "-q"]).ok();
    let dry = env.run(["plugin", "install", "marked@1.0.0", "--dry-run"]);
    says(&dry, 0, &["Would have downgraded the plugin `marked` from 1.1.0 to 1.0.0"]);
    // No key of the table has an underscore, no key of json has a blank.
    let table = env.run(["plugin", "info", "marked"]).ok();
    assert!(
        table.contains("INSTALLED AT") && table.contains("KEY ID") && !table.contains("KEY_ID"),
        "{table}"
    );
    assert!(info(&env)["installed_at"].is_string());
    // A revoked version with a version before it, and without any other.
    index.version("marked", "1.1.0").revoked = Some("it deletes things".into());
    index.version("marked", "1.0.0").yanked = Some("old".into());
    index.publish();
    let upgraded = env.run(["plugin", "upgrade", "marked"]);
    says(
        &upgraded,
        1,
        &[
            "every version of the plugin `marked` was yanked or revoked",
            "to use 1.0.0 again: astro plugin rollback marked",
            "to do without it: astro plugin remove marked",
        ],
    );
    let ran = env.run(["marked"]);
    says(&ran, 126, &["cannot load plugin `marked` 1.1.0: it was revoked", "astro plugin rollback marked"]);
    index.version("marked", "1.0.0").revoked = Some("so does this".into());
    index.publish();
    let upgraded = env.run(["plugin", "upgrade", "marked"]);
    says(&upgraded, 126, &["to do without it: astro plugin remove marked"]);
    assert!(!upgraded.stderr.contains("rollback"), "{upgraded:?}");
    says(&env.run(["plugin", "upgrade"]), 126, &["to do without it: astro plugin remove marked"]);
}

/// What a repository brings names no key to trust, and no command leads back to itself.
#[test]
fn a_lock_file_of_another_index_is_explained() {
    let env = TestEnv::new();
    for args in [&["plugin", "sync"][..], &["plugin", "sync", "--dry-run"]] {
        let ran = env.run(args);
        says(&ran, 1, &["astro plugin install INDEX/NAME"]);
        assert!(!ran.stderr.contains("astro plugin sync"), "it leads back to itself: {ran:?}");
    }
    let marked = PluginFile::marked(&env);
    let mut theirs = IndexDir::new(&env, "theirs");
    theirs.add(&marked.clone().version("1.0.0")).publish().added(&env);
    env.run(["plugin", "install", "marked", "-q"]).ok();
    env.run(["plugin", "sync", "-q"]).ok();
    let elsewhere = TestEnv::new();
    fs::copy(env.path("astro-plugins.lock"), elsewhere.path("astro-plugins.lock")).expect("copied");
    let key = theirs.signer.public();
    let unknown = elsewhere.run(["plugin", "sync", "--locked"]);
    says(&unknown, 1, &[]);
    let mut mine = IndexDir::new(&elsewhere, "mine");
    mine.add(&marked.version("1.0.0")).publish().added(&elsewhere);
    let other = elsewhere.run(["plugin", "sync", "--locked"]);
    says(
        &other,
        1,
        &[
            "`marked` comes from another index `corp` than the one that is configured here",
            &format!("its keys here are {}, those of the lock file {}", mine.signer.id(), theirs.signer.id()),
            "when the one here is right: astro plugin install corp/marked, then astro plugin sync",
        ],
    );
    for ran in [unknown, other] {
        assert!(!ran.stderr.contains(&key), "the key of the lock file is not offered: {ran:?}");
    }
    elsewhere.run(["plugin", "install", "corp/marked", "-q"]).ok();
    says(&elsewhere.run(["plugin", "sync"]), 0, &["Wrote"]);
    says(&elsewhere.run(["plugin", "sync", "--locked"]), 0, &["stays at 1.0.0"]);
}

/// An index that was made by hand has key ids as minisign prints them.
#[test]
fn an_index_may_name_key_ids_without_leading_zeros() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env).version("1.0.0");
    // One key in 16 begins with a zero.
    let publisher =
        std::iter::repeat_with(Signer::default).find(|signer| signer.id().starts_with('0')).expect("one");
    let short = publisher.id().trim_start_matches('0').to_owned();
    let mut index = IndexDir::new(&env, "index");
    let key = index.document.publishers.pop_first().expect("a key").1;
    let key = astro_plugin_protocol::plugin_index::Publisher { public_key: publisher.public(), ..key };
    index.document.publishers = [(short.clone(), key)].into();
    index.add_bytes(&marked, &marked.signed(&publisher), Some(short)).publish().added(&env);
    says(&env.run(["plugin", "install", "marked"]), 0, &[&publisher.id()]);
    says(&env.run(["plugin", "upgrade"]), 0, &[]);
    let dir = index.dir.to_str().expect("UTF-8");
    env.run(["plugin", "index", "check", dir, "--key", &index.signer.public()]).ok();
    env.run(["plugin", "sync", "-q"]).ok();
    says(&env.run(["plugin", "sync", "--locked"]), 0, &["stays at 1.0.0"]);
}
