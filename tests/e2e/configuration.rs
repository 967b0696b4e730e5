//! `astro config` and the plugins' own tables.

use std::{fs, os::unix::fs::PermissionsExt};

use astro_e2e::TestEnv;

use crate::terminal::{ended, session};

#[test]
fn keys_are_set_shown_and_taken_out() {
    let env = TestEnv::new();
    env.run(["profile", "add", "prod"]).ok();
    let mut session = env.transcript();
    session.run("config path");
    session.run("config list");
    session.run("config set default_profile prod");
    session.run("config set default_profile prod");
    session.run("config get default_profile");
    session.run("config get default_profile -o json");
    session.run("config set default_profile prob");
    session.run("config set default-profile prod");
    session.run("config set plugins.sandbox.strict true");
    session.run("config set plugins.sandbox.depth 3 -o json");
    session.run("config set plugins.nobody.depth 3");
    session.run("config set plugins.sandbox 3");
    session.run("config set profiles.prod.workspace x");
    session.run("config unset credentials.prod.address");
    session.run("config list");
    session.run("config list -o json");
    session.run("config get plugins");
    session.run("config unset plugins.sandbox.depth");
    session.run("config unset plugins.sandbox.depth");
    session.run("config get plugins.sandbox.strikt");
    session.run("config unset default_profile");
    session.run("config edit");
    session.assert("configuration");
}

/// The file is replaced by what the editor leaves, or stays as it was and the copy is named.
#[test]
fn an_edit_is_put_in_place_only_when_it_can_be_read() {
    let env = TestEnv::new();
    env.run(["profile", "add", "prod"]).ok();
    let editor = env.path("editor");
    for (script, code, expected) in [
        ("echo '# mine' >> \"$1\"", 0, "Changed"),
        (":", 0, "Nothing was changed"),
        ("echo '[profiles' >> \"$1\"", 3, "line "),
        ("exit 3", 1, "nothing was changed"),
    ] {
        let before = fs::read_to_string(env.path(".astro-host/config.toml")).expect("there");
        fs::write(&editor, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).expect("set");
        let line = format!("EDITOR={} astro config edit", editor.display());
        let mut session = session(&env, "sh", &["-c", &line]);
        use expectrl::Expect;
        session.expect(expected).expect(script);
        let status = ended(&mut session);
        assert_eq!(
            status,
            expectrl::process::unix::WaitStatus::Exited(status.pid().expect("it ran"), code),
            "{script}"
        );
        let after = fs::read_to_string(env.path(".astro-host/config.toml")).expect("there");
        assert_eq!(after != before, script.contains("# mine"), "{script}: {after}");
    }
}

/// A plugin reads its own table and no other.
#[test]
fn a_plugin_reads_its_own_table() {
    let env = TestEnv::new();
    env.run([std::ffi::OsStr::new("plugin"), "link".as_ref(), astro_e2e::fixture("misbehaving").as_os_str()])
        .ok();
    env.run(["config", "set", "plugins.misbehaving.depth", "3"]).ok();
    env.run(["config", "set", "plugins.sandbox.depth", "4"]).ok();
    let ran = env.run(["misbehave", "act", "--what", "config", "-o", "clean"]);
    assert_eq!(ran.ok(), "{\"depth\":3}\n");
}
