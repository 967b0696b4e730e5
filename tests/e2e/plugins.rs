//! Linking, listing and removing plugins, and what happens when their files change.

use std::fs;

use astro_e2e::{TestEnv, fixture, plugin_files::PluginFile, root, says};

#[test]
fn a_linked_plugin_is_a_command_until_it_is_removed() {
    let env = TestEnv::new();
    let library = fixture("hello");
    fs::copy(&library, env.path("libhello.so")).expect("copied");
    let mut session = env.transcript();
    session.run("hello");
    session.run("plugin link libhello.so");
    session.run("plugin list");
    session.run("hello --name Ada --times 3");
    session.run("hello -o json");
    session.run("hello -o clean --loud");
    session.run("hello --help");
    session.run("helo");
    session.run("hello --times 11");
    session.run("plugin remove hello");
    session.run("hello");
    session.run("plugin remove hello");
    session.run("plugin remove sandbox");
    session.assert("plugins-link");
}

#[test]
fn a_rebuilt_library_is_described_again() {
    let env = TestEnv::new();
    let library = env.path("libplugin.so");
    fs::copy(fixture("hello"), &library).expect("copied");
    env.run(["plugin", "link", "libplugin.so"]).ok();
    env.run(["hello"]).ok();
    // A new build replaces the file: another inode, other times.
    fs::remove_file(&library).expect("removed");
    fs::copy(fixture("hello"), &library).expect("copied");
    assert!(env.run(["hello"]).ok().contains("Hello world"));
    fs::write(&library, b"not a library").expect("written");
    for _ in 0..2 {
        let ran = env.run(["hello"]);
        says(&ran, 126, &["libplugin.so"]);
    }
    // One bad plugin is one unusable command.
    assert!(env.run(["--help"]).ok().contains("deployment"));
    let listed = env.run(["plugin", "list"]);
    assert_eq!(listed.code, Some(0));
    assert!(listed.stdout.contains("built again") && listed.stdout.contains("sandbox"), "{listed:?}");
    // The next build that is one works at once, without another link.
    fs::remove_file(&library).expect("removed");
    fs::copy(fixture("hello"), &library).expect("copied");
    assert!(env.run(["hello"]).ok().contains("Hello world"));
    fs::remove_file(&library).expect("removed");
    for _ in 0..2 {
        assert_eq!(
            env.run(["hello"]).code,
            Some(126),
            "a missing file is a broken plugin, not an unknown word"
        );
    }
    env.run(["plugin", "remove", "hello"]).ok();
}

#[test]
fn two_owners_of_one_command_are_refused() {
    let env = TestEnv::new();
    let library = root().join("lib/astro-host/plugins/platform.astro-plugin");
    fs::copy(fixture("hello"), env.path("libhello.so")).expect("copied");
    env.run(["plugin", "link", "libhello.so"]).ok();
    // The same plugin again is an update, not a conflict.
    env.run(["plugin", "link", "libhello.so"]).ok();
    // Another plugin, with the command of this one, with a command above it, and with one of those that came with astro.
    for (command, both, help) in [
        ("hello", "`rival` and `hello` both claim `astro hello`", "astro plugin remove hello"),
        ("hello world", "`rival` and `hello` both claim `astro hello`", "astro plugin remove hello"),
        (
            "sandbox start",
            "`rival` and `sandbox` both claim `astro sandbox start`",
            "give the command another path",
        ),
    ] {
        let mut rival = PluginFile::marked(&env).name("rival");
        rival.manifest.commands[0].path = command.to_owned();
        rival.write(&env, &rival.bytes());
        says(&env.run(["plugin", "install", "./rival.astro-plugin"]), 126, &[both, help]);
        assert!(!env.run(["plugin", "list"]).ok().contains("rival"), "{command}");
    }
    assert!(env.run(["hello"]).ok().contains("Hello world"), "the first owner has it");
    // The other way round: the command is taken when the library is linked.
    env.run(["plugin", "remove", "hello"]).ok();
    let mut rival = PluginFile::marked(&env).name("rival");
    rival.manifest.commands[0].path = "hello".to_owned();
    rival.write(&env, &rival.bytes());
    env.run(["plugin", "install", "./rival.astro-plugin"]).ok();
    let refused = env.run(["plugin", "link", "libhello.so"]);
    says(&refused, 126, &["`hello` and `rival` both claim `astro hello`", "astro plugin remove rival"]);
    env.run(["plugin", "remove", "rival"]).ok();
    env.run(["plugin", "link", "libhello.so"]).ok();
    // The bundled file carries its manifest; a link of the same plugin and version takes its place.
    fs::copy(library, env.path("platform.so")).expect("copied");
    env.run(["plugin", "link", "platform.so"]).ok();
    let listed = env.run(["plugin", "list", "-o", "clean"]).ok();
    assert!(listed.contains("platform\t0.1.0\tlinked"), "{listed}");
}

#[test]
fn link_rejects_non_plugins() {
    let env = TestEnv::new();
    fs::write(env.path("text.so"), "hello").expect("written");
    fs::create_dir(env.path("dir")).expect("made");
    let mut session = env.transcript();
    session.run("plugin link missing.so");
    session.run("plugin link dir");
    session.run("plugin link text.so");
    session.run("plugin info text.so");
    session.run("plugin info nothing");
    session.run("plugin link");
    session.assert("plugins-refusals");
}

#[test]
fn an_index_that_is_damaged_is_made_again() {
    let env = TestEnv::new();
    fs::copy(fixture("hello"), env.path("libhello.so")).expect("copied");
    env.run(["plugin", "link", "libhello.so"]).ok();
    let index = env.path(".astro-host/plugins/index");
    for damage in [&b""[..], b"{", b"{\"format\":999}", b"\xff\xfe"] {
        for file in ["w-hello", "root"] {
            fs::write(index.join(file), damage).expect("written");
        }
        assert!(env.run(["hello"]).ok().contains("Hello"), "{damage:?}");
        assert!(env.run(["--help"]).ok().contains("hello"), "{damage:?}");
    }
    fs::remove_dir_all(&index).expect("removed");
    assert!(env.run(["hello"]).ok().contains("Hello"));
}
