//! The sandbox as a person meets it.

use std::time::Duration;

use astro_e2e::TestEnv;

#[test]
fn start_use_reset_stop() {
    let env = TestEnv::new();
    let mut session = env.transcript();
    session.run("sandbox status -o clean");
    session.run("sandbox env");
    session.run("sandbox start -o clean");
    session.run("sandbox start -q -o clean");
    session.run("sandbox start --rotate-refresh-tokens --rate-limits");
    session.run("sandbox env");
    session.run("sandbox env --organization Globex");
    session.run("sandbox env --organization Nobody");
    session.run("deployment list --all");
    session.run("deployment token list");
    session.run("sandbox reset");
    session.run("sandbox reset -y -o clean");
    session.run("deployment token list -o clean");
    session.run("sandbox stop");
    session.run("sandbox stop -o json");
    session.run("deployment token list");
    session.assert("sandbox");
}

#[test]
fn data_survives_a_restart_and_each_home_has_its_own() {
    let (one, other) = (TestEnv::with_sandbox(), TestEnv::with_sandbox());
    one.run(["deployment", "token", "create", "--name", "kept", "--role", "DEPLOYMENT_ADMIN", "-c"]).ok();
    one.run(["sandbox", "stop"]).ok();
    one.run(["sandbox", "start"]).ok();
    assert!(one.run(["deployment", "token", "list"]).ok().contains("kept"));
    assert!(!other.run(["deployment", "token", "list"]).ok().contains("kept"));
}

/// `$(astro sandbox start)` must not hang on a descriptor the server inherited, and the server gets none of
/// the caller's credentials.
#[test]
fn a_substitution_does_not_hang_and_nothing_leaks() {
    let env = TestEnv::new();
    let ran = env.shell(
        "bash",
        "export ASTRO_API_TOKEN=canary-of-the-caller; state=$(timeout 60 astro sandbox start -o clean); echo \"$state\" | cut -f1",
    );
    assert_eq!((ran.code, ran.stdout.trim()), (Some(0), "running"), "{ran:?}");
    let pid = env.run(["sandbox", "status", "-o", "json"]).json()["pid"].as_u64().expect("a number");
    let environment = std::fs::read(format!("/proc/{pid}/environ")).expect("our own process");
    assert!(!String::from_utf8_lossy(&environment).contains("canary-of-the-caller"));
    env.run(["sandbox", "stop"]).ok();
}

#[test]
fn a_profile_or_credential_somebody_else_wrote_is_left_alone() {
    for (word, line) in [
        ("profile", "astro profile add sandbox"),
        (
            "credential",
            "echo opaque | astro login --with-token --credential sandbox; astro profile remove sandbox",
        ),
    ] {
        let env = TestEnv::new();
        assert_eq!(env.shell("bash", line).code, Some(0));
        let before = std::fs::read(env.path(".astro-host/config.toml")).expect("there");
        let ran = env.run(["sandbox", "start"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains(&format!("there is a {word} `sandbox`")), "{ran:?}");
        assert_eq!(std::fs::read(env.path(".astro-host/config.toml")).expect("there"), before);
        assert_eq!(env.run(["sandbox", "status"]).code, Some(10), "nothing is left running");
    }
}

/// Killed without warning, it holds no lock and starts again.
#[test]
fn a_killed_server_is_not_running() {
    let env = TestEnv::with_sandbox();
    let pid = env.run(["sandbox", "status", "-o", "json"]).json()["pid"].as_u64().expect("a number");
    astro_e2e::signal(u32::try_from(pid).expect("a process"), "KILL");
    let started = std::time::Instant::now();
    while env.run(["sandbox", "status"]).code == Some(0) {
        assert!(started.elapsed() < Duration::from_secs(20), "it still runs");
    }
    assert_eq!(env.run(["sandbox", "status"]).code, Some(10));
    env.run(["sandbox", "start"]).ok();
}
