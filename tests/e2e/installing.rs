//! Installing, upgrading, pinning, going back: from a file, a directory, a URL and an index.

use std::fs;

use astro_e2e::{
    TestEnv,
    plugin_files::{IndexDir, PluginFile, Signer},
    says,
    web::Web,
};
use expectrl::{Expect, process::unix::WaitStatus};

use crate::terminal::{ended, session};

/// What the plugin `marked` says it is.
fn mark(env: &TestEnv) -> String {
    env.run(["marked", "-o", "clean"]).ok().trim().trim_end_matches('.').to_owned()
}

#[test]
fn from_an_index_and_back_again() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.clone().version("1.0.0")).publish().added(&env);
    let found = env.run(["plugin", "search", "mark"]).ok();
    assert!(found.contains("marked") && found.contains("1.0.0") && found.contains("corp"), "{found}");
    let unknown = env.run(["marked"]);
    says(&unknown, 127, &["`marked` comes with a plugin: astro plugin install corp/marked"]);
    let dry = env.run(["plugin", "install", "marked", "--dry-run"]);
    says(&dry, 0, &["Would have installed the plugin `marked` 1.0.0 from corp, signed with the key"]);
    assert_eq!(env.run(["marked"]).code, Some(127), "nothing was done");
    let installed = env.run(["plugin", "install", "marked"]);
    says(&installed, 0, &["Installed the plugin `marked` 1.0.0 from corp, signed with the key"]);
    assert_eq!(mark(&env), "1.0.0");
    says(&env.run(["plugin", "install", "marked"]), 0, &[]);
    says(&env.run(["plugin", "rollback", "marked"]), 1, &["no version of `marked` before 1.0.0 is kept"]);
    says(&env.run(["plugin", "list", "--outdated"]), 0, &["No plugin has a newer version in its index."]);

    index.add(&marked.clone().version("1.1.0")).publish();
    let outdated = env.run(["plugin", "list", "--outdated", "-o", "clean"]).ok();
    assert_eq!(outdated, "marked\t1.0.0\t1.1.0\tfalse\n");
    says(&env.run(["plugin", "upgrade"]), 0, &["Upgraded the plugin `marked` from 1.0.0 to 1.1.0"]);
    assert_eq!(mark(&env), "1.1.0");

    // Without the index: going back needs nothing from elsewhere.
    let away = env.path("away");
    fs::rename(&index.dir, &away).expect("moved");
    says(&env.run(["plugin", "exec", "marked@1.0.0", "-o", "clean", "--", "marked"]), 0, &[]);
    says(
        &env.run(["plugin", "rollback", "marked"]),
        0,
        &["Rolled back the plugin `marked` from 1.1.0 to 1.0.0; it stays there"],
    );
    assert_eq!(mark(&env), "1.0.0");
    says(
        &env.run(["plugin", "rollback", "marked", "--dry-run"]),
        1,
        &["astro plugin rollback marked --undo"],
    );
    assert_eq!(mark(&env), "1.0.0");
    fs::rename(&away, &index.dir).expect("moved");
    says(&env.run(["plugin", "upgrade"]), 0, &[]);
    assert_eq!(mark(&env), "1.0.0");
    says(&env.run(["plugin", "upgrade", "marked"]), 0, &["from 1.0.0 to 1.1.0"]);
    assert_eq!(mark(&env), "1.1.0");

    // A version that is named is pinned.
    says(
        &env.run(["plugin", "install", "corp/marked@1.0.0"]),
        0,
        &["Downgraded the plugin `marked` from 1.1.0"],
    );
    assert!(env.run(["plugin", "list"]).ok().contains("ready, pinned"));
    says(&env.run(["plugin", "pin", "marked", "--remove"]), 0, &["Unpinned the plugin `marked`"]);
    says(&env.run(["plugin", "pin", "marked"]), 0, &["stays at 1.0.0"]);
    says(&env.run(["plugin", "pin", "marked", "--remove"]), 0, &["Unpinned the plugin `marked`"]);
    says(&env.run(["plugin", "upgrade"]), 0, &["from 1.0.0 to 1.1.0"]);
    let verified = env.run(["plugin", "verify", "marked", "-o", "clean"]).ok();
    assert!(
        verified.starts_with("marked\t1.1.0\tintact\tSHA-256 and the signature of the key "),
        "{verified}"
    );
    let info = env.run(["plugin", "info", "marked", "-o", "json"]).json();
    assert_eq!((info["origin"].as_str(), info["source"].as_str()), (Some("corp"), Some("index")));
    assert!(info["previous"].as_str().is_some_and(|name| name.starts_with("1.0.0-")), "{info}");
    says(&env.run(["plugin", "remove", "marked"]), 0, &["Removed"]);
    assert_eq!(env.run(["marked"]).code, Some(127));
}

#[test]
fn from_a_file_and_from_a_directory() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let one = marked.clone().version("1.0.0");
    let path = one.write(&env, &one.bytes());
    let file = path.to_str().expect("UTF-8");
    says(&env.run(["plugin", "install", "marked.astro-plugin", "--sha256", "12"]), 2, &["is not a SHA-256"]);
    let wrong = env.run(["plugin", "install", file, "--sha256", &"0".repeat(64)]);
    says(&wrong, 126, &["expected 0000"]);
    says(&env.run(["plugin", "install", file]), 0, &["Installed the plugin `marked` 1.0.0"]);
    assert_eq!(mark(&env), "1.0.0");
    // The file that was installed is a copy.
    fs::remove_file(&path).expect("removed");
    assert_eq!(mark(&env), "1.0.0");
    says(&env.run(["plugin", "install", file]), 1, &[]);
    says(&env.run(["plugin", "upgrade", "marked"]), 1, &["came from /"]);
    let dir = env.path("dist");
    fs::create_dir_all(dir.join(astro_host::trust::verify::TRIPLE)).expect("made");
    says(&env.run(["plugin", "install", "./dist"]), 1, &[]);
    let other = marked.clone().name("other");
    fs::write(dir.join("other.astro-plugin"), other.bytes()).expect("written");
    let two = marked.version("2.0.0");
    let below = dir.join(astro_host::trust::verify::TRIPLE).join("marked.astro-plugin");
    fs::write(&below, two.bytes()).expect("written");
    let both = env.run(["plugin", "install", "./dist", "-o", "json"]).json();
    let actions: Vec<_> =
        both["plugins"].as_array().expect("a list").iter().map(|one| one["action"].clone()).collect();
    assert_eq!(actions, ["installed", "upgraded"]);
    assert_eq!(mark(&env), "2.0.0");
    let older = env.run(["plugin", "install", "./marked.astro-plugin"]);
    says(&older, 1, &[]);
    one.write(&env, &one.bytes());
    says(
        &env.run(["plugin", "install", "./marked.astro-plugin"]),
        126,
        &["is older than the installed 2.0.0", "--downgrade"],
    );
    says(&env.run(["plugin", "install", "./marked.astro-plugin", "--downgrade"]), 0, &["Downgraded"]);
    assert_eq!(mark(&env), "1.0.0");
}

#[test]
fn from_a_url() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env).version("1.0.0");
    let publisher = Signer::default();
    let dir = env.path("served");
    fs::create_dir_all(&dir).expect("made");
    let (plain, signed) = (marked.bytes(), marked.signed(&publisher));
    fs::write(dir.join("plain.astro-plugin"), &plain).expect("written");
    fs::write(dir.join("signed.astro-plugin"), &signed).expect("written");
    let web = Web::serving(&dir);
    let url = |name: &str| format!("{}/{name}", web.address());
    let nobody = env.run(["plugin", "install", &url("plain.astro-plugin")]);
    says(&nobody, 126, &["--sha256 HASH or --public-key KEY"]);
    let hash = astro_host::base::hash::sha256(plain.as_slice()).expect("hashed");
    says(&env.run(["plugin", "install", &url("plain.astro-plugin"), "--sha256", &hash]), 0, &[]);
    says(&env.run(["plugin", "remove", "marked"]), 0, &[]);
    let key = publisher.public();
    says(&env.run(["plugin", "install", &url("plain.astro-plugin"), "--public-key", &key]), 126, &[]);
    let signed = env.run(["plugin", "install", &url("signed.astro-plugin"), "--public-key", &key]);
    says(&signed, 0, &[]);
    assert_eq!(mark(&env), "1.0.0");
    // A redirect is followed, as the releases of code hosts need it.
    says(&env.run(["plugin", "install", &url("redirect/signed.astro-plugin")]), 0, &[]);
    says(&env.run(["plugin", "install", &url("none.astro-plugin")]), 1, &[]);
    says(
        &env.run(["plugin", "install", &url("signed.astro-plugin"), "--offline"]),
        1,
        &["run it without --offline"],
    );
    says(&env.run(["plugin", "install", "http://192.0.2.1/x"]), 2, &[]);
    let gone = env.run(["plugin", "install", "http://127.0.0.1:9/x"]);
    says(&gone, 5, &[]);
}

/// A web server is all an index needs; what was read is there for `--offline`.
#[test]
fn an_index_on_a_web_server() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "served");
    index.add(&marked.clone().version("1.0.0")).publish();
    let web = Web::serving(&index.dir);
    let key = index.signer.public();
    says(
        &env.run(["plugin", "index", "add", "corp", web.address(), "--key", &key]),
        0,
        &["Added the index `corp`"],
    );
    assert!(env.run(["plugin", "index", "list"]).ok().contains(web.address()));
    says(&env.run(["plugin", "install", "marked"]), 0, &["Installed"]);
    index.add(&marked.version("1.1.0")).publish();
    says(&env.run(["plugin", "upgrade", "--offline"]), 0, &["1.0.0 is already up to date"]);
    says(&env.run(["plugin", "search"]), 0, &[]);
    says(&env.run(["plugin", "upgrade", "--offline"]), 1, &[]);
    says(&env.run(["plugin", "upgrade"]), 0, &["from 1.0.0 to 1.1.0"]);
    assert_eq!(mark(&env), "1.1.0");
    drop(web);
    says(&env.run(["plugin", "install", "marked@1.0.0", "--offline"]), 0, &["Downgraded"]);
    says(&env.run(["plugin", "upgrade", "marked"]), 5, &["the index `corp` is needed for this"]);
    assert_eq!(mark(&env), "1.0.0");
}

/// The first index that has a plugin decides, and one that cannot be read is not passed over.
#[test]
fn the_companys_index_comes_first() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut public = IndexDir::new(&env, "public");
    public.add(&marked.clone().version("9.0.0")).add(&marked.clone().name("other")).publish();
    let dir = public.dir.to_str().expect("UTF-8");
    env.run(["plugin", "index", "add", "public", dir, "--key", &public.signer.public()]).ok();
    let mut corp = IndexDir::new(&env, "corp");
    corp.add(&marked.version("1.0.0")).publish();
    let dir = corp.dir.to_str().expect("UTF-8");
    env.run(["plugin", "index", "add", "corp", dir, "--key", &corp.signer.public(), "--first"]).ok();
    let listed = env.run(["plugin", "index", "list", "-o", "clean"]).ok();
    assert!(listed.starts_with("corp\t"), "{listed}");
    says(&env.run(["plugin", "install", "marked"]), 0, &["`marked` 1.0.0 from corp"]);
    says(&env.run(["plugin", "install", "other"]), 0, &[]);
    fs::rename(&corp.dir, env.path("away")).expect("moved");
    says(&env.run(["plugin", "install", "other"]), 1, &["the index `corp` is not there"]);
    // Upgrades come from where a plugin came from.
    says(&env.run(["plugin", "upgrade", "other"]), 0, &[]);
    says(&env.run(["plugin", "upgrade", "marked"]), 1, &["the index `corp` is not there"]);
    let other_key = env.run(["plugin", "install", "public/marked"]);
    says(&other_key, 126, &["the publisher key of `marked` has changed", "--accept-key"]);
    says(&env.run(["plugin", "index", "remove", "corp"]), 0, &["Removed"]);
    says(
        &env.run(["plugin", "upgrade", "marked"]),
        1,
        &["no index is called `corp`", "the indexes are `public`"],
    );
    let key = public.publisher.public();
    says(&env.run(["plugin", "install", "public/marked", "--accept-key", &key]), 0, &["from 1.0.0 to 9.0.0"]);
    assert_eq!(mark(&env), "9.0.0");
}

/// One lock file makes the same set elsewhere, whatever the index has by then.
#[test]
fn a_lock_file_is_reproduced() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.clone().version("1.0.0")).add(&marked.clone().name("other")).publish().added(&env);
    says(&env.run(["plugin", "sync"]), 1, &[]);
    says(&env.run(["plugin", "sync", "--locked"]), 1, &[]);
    env.run(["plugin", "install", "marked", "other", "-q"]).ok();
    says(&env.run(["plugin", "sync", "marked"]), 0, &["Wrote"]);
    let text = fs::read_to_string(env.path("astro-plugins.lock")).expect("written");
    assert!(
        text.contains("name = \"marked\"") && !text.contains("other") && !text.contains("index\"/"),
        "{text}"
    );
    says(&env.run(["plugin", "sync"]), 0, &[]);
    index.add(&marked.clone().version("1.1.0")).publish();

    let elsewhere = TestEnv::new();
    fs::write(elsewhere.path("astro-plugins.lock"), &text).expect("written");
    let unknown = elsewhere.run(["plugin", "sync", "--locked"]);
    says(
        &unknown,
        1,
        &[
            "comes from the index `corp`, which is not configured here",
            "astro plugin index add corp LOCATION --key KEY",
        ],
    );
    let dir = index.dir.to_str().expect("UTF-8");
    // Under another name: its key says which one it is.
    elsewhere.run(["plugin", "index", "add", "company", dir, "--key", &index.signer.public()]).ok();
    says(&elsewhere.run(["plugin", "sync", "--locked", "--dry-run"]), 0, &[]);
    says(&elsewhere.run(["plugin", "sync", "--locked"]), 0, &["Installed the plugin `marked` 1.0.0"]);
    assert_eq!(mark(&elsewhere), "1.0.0");
    says(&elsewhere.run(["plugin", "upgrade"]), 0, &["pinned"]);
    says(&elsewhere.run(["plugin", "upgrade", "marked"]), 0, &["from 1.0.0 to 1.1.0"]);
    fs::rename(&index.dir, env.path("away")).expect("moved");
    says(&elsewhere.run(["plugin", "sync", "--locked"]), 1, &["the index `company` is not there"]);
    fs::rename(env.path("away"), &index.dir).expect("moved");
    says(&elsewhere.run(["plugin", "sync", "--locked", "--offline"]), 0, &["Downgraded"]);
    assert_eq!(mark(&elsewhere), "1.0.0");
    // Nothing is written by it.
    assert_eq!(fs::read_to_string(elsewhere.path("astro-plugins.lock")).expect("there"), text);
    let changed = text.replace(&text.split("sha256 = \"").nth(1).expect("a hash")[..8], "00000000");
    fs::write(elsewhere.path("astro-plugins.lock"), changed).expect("written");
    let refused = elsewhere.run(["plugin", "sync", "--locked"]);
    says(&refused, 126, &["expected 00000000"]);
    assert_eq!(mark(&elsewhere), "1.0.0");
    // The upgrade is written into the file where it is wanted.
    fs::write(elsewhere.path("astro-plugins.lock"), &text).expect("written");
    elsewhere.run(["plugin", "upgrade", "marked", "-q"]).ok();
    says(&elsewhere.run(["plugin", "sync"]), 0, &["Wrote"]);
    let text = fs::read_to_string(elsewhere.path("astro-plugins.lock")).expect("written");
    assert!(text.contains("version = \"1.1.0\"") && text.contains("index = \"company\""), "{text}");
}

/// A file runs once without being installed, when somebody says so every time.
#[test]
fn a_file_runs_once() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env).version("1.0.0");
    let file = marked.write(&env, &marked.bytes());
    let file = file.to_str().expect("UTF-8");
    says(&env.run(["plugin", "exec", file, "--", "marked"]), 126, &["--allow-unsigned"]);
    let ran = env.run(["plugin", "exec", "--allow-unsigned", file, "-q", "-o", "json", "--", "marked"]);
    says(&ran, 0, &["\"warning\":", "is run by --allow-unsigned: it is not signed (SHA-256"]);
    assert!(ran.json()["mark"].as_str().is_some_and(|mark| mark.starts_with("1.0.0")), "{ran:?}");
    assert_eq!(env.run(["marked"]).code, Some(127), "nothing was installed");
    // A policy that wants signatures is about what is installed.
    env.run(["config", "set", "trust.require", "signed"]).ok();
    says(&env.run(["plugin", "install", file]), 126, &[]);
    says(&env.run(["plugin", "exec", "--allow-unsigned", file, "--", "marked"]), 0, &["warning:"]);
    let publisher = Signer::default();
    let signed = marked.write(&env, &marked.signed(&publisher));
    let signed = signed.to_str().expect("UTF-8");
    says(&env.run(["plugin", "exec", signed, "--", "marked"]), 126, &[]);
    env.run(["config", "set", "trust.publishers", &publisher.public()]).ok();
    says(&env.run(["plugin", "exec", signed, "--", "marked"]), 0, &[]);
    says(&env.run(["plugin", "exec", signed]), 2, &["its commands are: marked"]);
    says(&env.run(["plugin", "exec", signed, "--", "mark"]), 127, &["marked"]);
    says(&env.run(["plugin", "install", signed]), 0, &[]);
    assert_eq!(mark(&env), "1.0.0");
}

/// On a terminal it is seen what takes a while; elsewhere, and with `-q`, nothing is.
#[test]
fn progress_is_for_terminals() {
    let env = TestEnv::new();
    let mut index = IndexDir::new(&env, "index");
    index.add(&PluginFile::marked(&env).version("1.0.0")).publish().added(&env);
    let mut seen = session(&env, "astro", &["plugin", "install", "marked"]);
    for part in ["Reading the index corp", "Getting marked 1.0.0", "Installed the plugin `marked` 1.0.0"] {
        seen.expect(part).expect(part);
    }
    assert!(matches!(ended(&mut seen), WaitStatus::Exited(_, 0)));
    let quiet = env.run(["plugin", "upgrade", "marked"]);
    assert_eq!(quiet.stderr, "The plugin `marked` 1.0.0 is already up to date.\n");
    assert_eq!(env.run(["plugin", "upgrade", "marked", "-q"]).stderr, "");
    let json = env.run(["plugin", "upgrade", "marked", "-o", "json"]);
    assert_eq!((json.stderr.as_str(), json.json()["plugins"][0]["action"].as_str()), ("", Some("unchanged")));
}

/// Several at once: each gets its own answer, and the code is that of what failed.
#[test]
fn one_failure_keeps_none_of_the_others_back() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.clone().version("1.0.0")).add(&marked.name("other")).publish().added(&env);
    let ran = env.run(["plugin", "install", "none", "marked", "nothing", "other"]);
    says(
        &ran,
        1,
        &[
            "no plugin `none`",
            "no plugin `nothing`",
            "2 plugins failed; see the errors above",
            "Installed the plugin `other`",
        ],
    );
    assert_eq!(mark(&env), "1.0.0");
    says(&env.run(["plugin", "upgrade", "none", "marked"]), 1, &["no plugin `none` is installed"]);
    says(&env.run(["plugin", "install"]), 2, &[]);
    says(&env.run(["plugin", "install", "marked", "other", "--sha256", &"0".repeat(64)]), 2, &[]);
    says(&env.run(["plugin", "install", "sandbox"]), 1, &["no plugin `sandbox` in `corp`"]);
    for args in
        [["plugin", "rollback", "sandbox"], ["plugin", "pin", "sandbox"], ["plugin", "remove", "sandbox"]]
    {
        says(&env.run(args), 1, &["the plugin `sandbox` came with astro"]);
    }
}
