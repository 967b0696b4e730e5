//! Drills: hostile names, keys that are replaced, versions that are taken back, and minisign itself.

use std::fs;

use astro_e2e::{
    TestEnv, has_service,
    plugin_files::{IndexDir, PluginFile, Signer, signature_of},
    says,
};
use astro_plugin_protocol::plugin_file::{self, FOOTER_LEN, FooterError, SIGNATURE_LEN};

/// What a file of an index may be called and what it brings is written below the store and nowhere else.
#[test]
fn hostile_names_stay_outside() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let long = "x".repeat(65_536);
    for name in [
        "../x",
        "/etc/x",
        "a/b",
        "",
        ".",
        "..",
        "a\0b",
        "a\nb",
        "\u{202e}x",
        "a b",
        "-x",
        ".hidden",
        &long,
        "ünïcode",
        "x\u{1b}[31m",
    ] {
        for version in ["1.0.0", "../../1.0.0", "1.0.0\n", "1.0", &long, "1.0.0+\u{202e}"] {
            let mut file = marked.clone();
            file.manifest.name = name.to_owned();
            file.manifest.version = version.to_owned();
            fs::write(env.path("hostile.astro-plugin"), file.bytes()).expect("written");
            for command in ["install", "info"] {
                let ran = env.run(["plugin", command, "./hostile.astro-plugin"]);
                assert!(command == "info" || ran.code == Some(126), "{name:?} {version:?}: {ran:?}");
                let said = format!("{}{}", ran.stdout, ran.stderr);
                assert!(!said.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{said:?}");
            }
        }
    }
    let mut file = marked;
    file.manifest.version = format!("1.0.0-{}", "x".repeat(58));
    fs::write(env.path("hostile.astro-plugin"), file.bytes()).expect("written");
    let ran = env.run(["plugin", "install", "./hostile.astro-plugin"]);
    assert!(ran.stderr.contains("is too long"), "{ran:?}");
    let store = env.path(".astro-host/plugins/store");
    assert!(!store.exists() || fs::read_dir(store).expect("there").next().is_none(), "nothing was written");
    for typed in ["../marked", "marked@../x", "a/b/c", "marked@", "\u{1b}[31m"] {
        assert_ne!(env.run(["plugin", "install", typed]).code, Some(0), "{typed:?}");
        for command in ["remove", "rollback", "pin", "upgrade", "verify"] {
            assert_ne!(env.run(["plugin", command, typed]).code, Some(0), "{command} {typed:?}");
        }
    }
}

/// A key that was lost is replaced: first both are trusted, then the new one alone.
#[test]
fn a_key_is_replaced() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.clone().version("1.0.0")).publish();
    let (old, new) = (index.signer.public(), Signer::default());
    let dir = index.dir.to_str().expect("UTF-8").to_owned();
    env.run(["plugin", "index", "add", "corp", &dir, "--key", &old, "--key", &new.public()]).ok();
    env.run(["plugin", "install", "marked", "-q"]).ok();
    index.signer = new;
    index.add(&marked.clone().version("1.1.0")).publish();
    env.run(["plugin", "upgrade", "-q"]).ok();
    env.run(["plugin", "index", "remove", "corp", "-q"]).ok();
    env.run(["plugin", "index", "add", "corp", &dir, "--key", &index.signer.public()]).ok();
    index.add(&marked.version("1.2.0")).publish();
    env.run(["plugin", "upgrade", "-q"]).ok();
    assert!(env.run(["marked"]).ok().contains("1.2.0"));
    // Whoever found the lost key publishes nothing any more.
    let refused = env.run(["plugin", "index", "add", "other", &dir, "--key", &old]);
    assert!(refused.stderr.contains("is not signed by its key"), "{refused:?}");
}

/// A revoked version is not used any more, also without the index, and nothing goes back to it.
#[test]
fn what_was_revoked_stays_revoked() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.clone().version("1.0.0")).publish().added(&env);
    env.run(["plugin", "install", "marked", "-q"]).ok();
    env.run(["plugin", "sync", "-q"]).ok();
    index.add(&marked.clone().version("1.1.0"));
    index.version("marked", "1.0.0").revoked = Some("it deletes things".into());
    index.publish();
    env.run(["plugin", "upgrade", "-q"]).ok();
    assert!(env.run(["marked"]).ok().contains("1.1.0"));
    fs::rename(&index.dir, env.path("away")).expect("moved");
    let back = env.run(["plugin", "rollback", "marked"]);
    says(&back, 126, &["cannot go back to `marked` 1.0.0: it was revoked"]);
    let kept = env.run(["plugin", "exec", "marked@1.0.0", "--", "marked"]);
    says(&kept, 126, &[]);
    fs::rename(env.path("away"), &index.dir).expect("moved");
    for args in [&["plugin", "install", "marked@1.0.0"][..], &["plugin", "sync", "--locked"]] {
        let refused = env.run(args);
        says(&refused, 126, &["`marked` 1.0.0 was revoked: it deletes things"]);
    }
    // The same file by another way.
    let file = marked.version("1.0.0");
    let signed = fs::read(index.dir.join("marked-1.0.0.astro-plugin")).expect("there");
    let path = file.write(&env, &signed);
    let path = path.to_str().expect("UTF-8");
    for _ in 0..2 {
        let refused = env.run(["plugin", "install", path, "--downgrade"]);
        says(&refused, 126, &[]);
        // What an index said of it is remembered without the index, as long as it is kept.
        let _ = fs::rename(&index.dir, env.path("away"));
    }
    assert!(env.run(["marked"]).ok().contains("1.1.0"));
}

/// minisign itself verifies what is signed here, and what it signs is verified here.
#[test]
fn signatures_of_minisign_itself() {
    if !has_service("minisign") {
        return;
    }
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env).version("1.0.0");
    let shell = |line: &str| env.shell("bash", line);
    shell("minisign -G -W -f -p key.pub -s key.sec").ok();
    let key =
        fs::read_to_string(env.path("key.pub")).expect("made").lines().nth(1).expect("a key").to_owned();
    // A plugin file that it signs.
    let mut bytes = marked.bytes();
    let at = bytes.len() - FOOTER_LEN + 8;
    bytes[at] = 2;
    let part = bytes.len() - SIGNATURE_LEN;
    fs::write(env.path("part"), &bytes[..part]).expect("written");
    let comment = marked.comment();
    shell(&format!("minisign -S -s key.sec -m part -x part.minisig -t '{comment}'")).ok();
    let text = fs::read_to_string(env.path("part.minisig")).expect("signed");
    let mut bytes = marked.bytes();
    plugin_file::sign(&mut bytes, |_| Ok::<_, FooterError>(signature_of(&text, &comment))).expect("fits");
    let file = marked.write(&env, &bytes);
    let file = file.to_str().expect("UTF-8");
    let installed = env.run(["plugin", "install", file, "--public-key", "key.pub"]);
    says(&installed, 0, &[]);
    // An index that it signs, with plugins that astro signs and without.
    env.run(["plugin", "index", "build", "site", file, "--name", "corp", "--publisher", "key.pub", "-q"])
        .ok();
    shell("minisign -S -s key.sec -m site/index.json -t 'index:corp version:1'").ok();
    env.run(["plugin", "index", "add", "corp", "./site", "--key", "key.pub", "-q"]).ok();
    env.run(["plugin", "index", "check", "site", "--key", &key, "-q"]).ok();
    // One that astro signs.
    env.run(["plugin", "index", "build", "site", "-q"]).ok();
    env.run(["plugin", "index", "sign", "site", "--key", "key.sec", "-q"]).ok();
    let told = shell("minisign -V -p key.pub -m site/index.json").ok();
    assert!(told.contains("Trusted comment: index:corp version:2"), "{told}");
    env.run(["plugin", "search", "-q"]).ok();
    // The old kind, which is not over a hash, is not accepted.
    shell("minisign -S -l -s key.sec -m site/index.json -t 'index:corp version:2'").ok();
    let legacy = env.run(["plugin", "search"]);
    says(&legacy, 1, &[]);
}
