//! What a command may change: declared, shown before a plugin is installed, and held to by the host.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use astro_e2e::{
    TestEnv, fixture,
    plugin_files::{IndexDir, PluginFile},
    says,
    stub::{Reply, Stub},
};
use astro_plugin_protocol::effect::Effect;
use expectrl::{Expect, process::unix::WaitStatus};

use crate::terminal::{ended, session};

/// What each thing that a plugin asks for needs, from least to most.
const NEEDED: &[(&str, Effect)] = &[
    ("GET", Effect::Read),
    ("HEAD", Effect::Read),
    ("POST", Effect::Write),
    ("PUT", Effect::Write),
    ("PATCH", Effect::Write),
    ("profile", Effect::Write),
    ("select", Effect::Write),
    ("secret", Effect::Write),
    ("DELETE", Effect::Destructive),
];

#[test]
fn a_command_does_no_more_than_it_declares() {
    let env = TestEnv::new();
    env.run([std::ffi::OsStr::new("plugin"), "link".as_ref(), fixture("misbehaving").as_os_str()]).ok();
    let stub = Stub::new(|request| match request.starts_with("HEAD") {
        true => Reply::Nothing,
        false => Reply::Json(200, r#"{"organizations":[]}"#.to_owned()),
    });
    for (what, needed) in NEEDED {
        for (option, effect) in
            [("", Effect::Read), (" --write", Effect::Write), (" --prune", Effect::Destructive)]
        {
            let before = stub.seen().len();
            let line = format!("misbehave overreach --what {what}{option}");
            let mut command = env.astro();
            command.env("ASTRO_API_URL", stub.address()).env("ASTRO_API_TOKEN", "opaque");
            let ran = env.ran(command.args(line.split(' ')).arg("--yes"));
            let is_refused = ran.stderr.contains("declares the effect");
            assert_eq!(is_refused, effect < *needed, "{line}: {ran:?}");
            if is_refused {
                says(&ran, 1, &[&format!("`{effect}`"), &format!("`{needed}`")]);
                assert_eq!(stub.seen().len(), before, "{line}: nothing was sent");
            } else if needed.name() != "write" || what.starts_with('P') {
                let sent = stub.seen();
                assert!(sent[before..].iter().all(|request| request.starts_with(what)), "{line}: {sent:?}");
                assert!(sent.len() > before, "{line}");
            }
        }
    }
}

#[test]
fn nothing_is_taken_away_before_somebody_agreed() {
    let env = TestEnv::new();
    env.run([std::ffi::OsStr::new("plugin"), "link".as_ref(), fixture("misbehaving").as_os_str()]).ok();
    let stub = Stub::new(|_| Reply::Json(200, r#"{"organizations":[]}"#.to_owned()));
    let run = |options: &[&str]| {
        let mut command = env.astro();
        command.env("ASTRO_API_URL", stub.address()).env("ASTRO_API_TOKEN", "opaque");
        env.ran(command.args(["misbehave", "overreach", "--prune", "--what", "DELETE"]).args(options))
    };
    says(&run(&[]), 2, &["`--yes`"]);
    says(&run(&["--no-input"]), 2, &["`--yes`"]);
    assert_eq!(stub.seen().len(), 0, "nothing was sent");
    run(&["--yes"]).ok();
    assert!(stub.seen().iter().all(|request| request.starts_with("DELETE")), "{:?}", stub.seen());
    // At a terminal the host asks, where the plugin did not.
    let before = stub.seen().len();
    for (answer, code) in [("n", 130), ("y", 0)] {
        let line = format!(
            "ASTRO_API_URL={} ASTRO_API_TOKEN=opaque exec astro misbehave overreach --prune --what DELETE",
            stub.address()
        );
        let mut asked = session(&env, "sh", &["-c", &line]);
        asked.expect("is about to send DELETE").expect("says what");
        asked.expect("[y/N]").expect("asks");
        assert_eq!(stub.seen().len(), before, "nothing is sent before");
        asked.send_line(answer).expect("typed");
        assert!(matches!(ended(&mut asked), WaitStatus::Exited(_, ended) if ended == code));
    }
    assert!(stub.seen().len() > before);
}

/// A 404 means "deleted before" only where an answer was lost; after a refusal it is what it says.
#[test]
fn what_never_existed_is_not_deleted() {
    let env = TestEnv::new();
    env.run([std::ffi::OsStr::new("plugin"), "link".as_ref(), fixture("misbehaving").as_os_str()]).ok();
    for (first, code) in [(429, 1), (503, 0)] {
        let count = AtomicUsize::new(0);
        let stub = Stub::new(move |_| match count.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::With(first, "retry-after: 0".to_owned(), r#"{"message":"later"}"#.to_owned()),
            _ => Reply::Json(404, r#"{"message":"no such thing"}"#.to_owned()),
        });
        let mut command = env.astro();
        command.env("ASTRO_API_URL", stub.address()).env("ASTRO_API_TOKEN", "opaque");
        let ran = env.ran(command.args(["misbehave", "overreach", "--prune", "--what", "DELETE", "--yes"]));
        assert_eq!(ran.code, Some(code), "{first}: {ran:?}");
        assert_eq!(stub.seen().len(), 2, "{first}");
    }
}

#[test]
fn a_head_that_is_not_answered_changed_nothing() {
    let env = TestEnv::new();
    env.run([std::ffi::OsStr::new("plugin"), "link".as_ref(), fixture("misbehaving").as_os_str()]).ok();
    let stub = Stub::new(|_| Reply::Json(503, String::new()));
    let mut command = env.astro();
    command.env("ASTRO_API_URL", stub.address()).env("ASTRO_API_TOKEN", "opaque");
    says(&env.ran(command.args(["misbehave", "overreach", "--what", "HEAD"])), 1, &["503"]);
}

#[test]
fn what_a_plugin_may_change_is_told_before_it_takes_its_place() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.clone().version("1.0.0")).publish();
    index.added(&env);
    let mut session = env.transcript();
    session.note("1.0.0 only reads");
    session.run("plugin install marked");
    session.run("marked --help");
    let mut next = marked.clone().version("1.1.0");
    next.manifest.commands[0].effect = Effect::Write;
    let mut purge = next.manifest.commands[0].clone();
    purge.path = "marked purge".to_owned();
    purge.effect = Effect::Destructive;
    purge.examples.clear();
    next.manifest.commands[0].path = "marked show".to_owned();
    next.manifest.commands[0].examples.clear();
    next.manifest.commands.push(purge);
    index.add(&next).publish();
    session.note("1.1.0 writes, and has a command that is destructive");
    session.run("plugin upgrade marked --dry-run");
    session.run("plugin upgrade marked");
    session.run("plugin info marked");
    session.assert("effects");
}

#[test]
fn a_plugin_that_uses_what_this_host_does_not_have_is_refused_in_words() {
    let env = TestEnv::new();
    let mut file = PluginFile::marked(&env);
    file.manifest.unstable = vec!["http.stream".to_owned()];
    fs::write(env.path("beta.astro-plugin"), file.bytes()).expect("written");
    says(&env.run(["plugin", "install", "./beta.astro-plugin"]), 126, &["`http.stream`"]);
    let info = env.run(["plugin", "info", "./beta.astro-plugin"]).ok();
    assert!(info.contains("UNSTABLE") && info.contains("http.stream"), "{info}");
}

#[test]
fn a_plugin_that_says_nothing_is_not_taken() {
    let env = TestEnv::new();
    let mut silent = PluginFile::marked(&env);
    silent.manifest.commands[0].effect = Effect::Unknown;
    fs::write(env.path("silent.astro-plugin"), silent.bytes()).expect("written");
    says(&env.run(["plugin", "install", "./silent.astro-plugin"]), 126, &["`marked`"]);
    says(&env.run(["plugin", "check", "./silent.astro-plugin"]), 1, &[]);
    let library = fixture("protocol-1");
    says(&env.run(["plugin".as_ref(), "link".as_ref(), library.as_os_str()]), 126, &["`old list`"]);
}
