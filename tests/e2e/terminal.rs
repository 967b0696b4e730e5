//! On a terminal: questions, pickers, declining, Ctrl-C.

use std::process::Command;

use astro_e2e::TestEnv;
use expectrl::{Expect, Session, process::unix::WaitStatus};

/// A program on a pseudo-terminal, `astro` being on its PATH.
pub(crate) fn session(env: &TestEnv, program: &str, args: &[&str]) -> expectrl::session::OsSession {
    let mut command: Command = env.on_path(program);
    command.env("TERM", "xterm").args(args);
    let mut session = Session::spawn(command).expect("a pseudo-terminal");
    session.set_expect_timeout(Some(std::time::Duration::from_secs(30)));
    session
}

/// Reads to the end and tells how it ended.
pub(crate) fn ended(session: &mut expectrl::session::OsSession) -> WaitStatus {
    let _ = session.expect(expectrl::Eof);
    session.get_process().wait().expect("it ends")
}

#[test]
fn missing_answers_are_asked_for() {
    let env = TestEnv::with_sandbox();
    let mut asked = session(&env, "astro", &["deployment", "token", "create"]);
    asked.expect("Name of the token").expect("asks");
    asked.send_line("from a person").expect("typed");
    asked.expect("Which role").expect("asks");
    asked.send_line("").expect("typed");
    asked.expect("never expire").expect("says so");
    asked.expect("eyJ").expect("the value");
    assert!(matches!(ended(&mut asked), WaitStatus::Exited(_, 0)));
    assert!(
        env.run(["deployment", "token", "list", "-o", "clean"])
            .ok()
            .contains("from a person\tDEPLOYMENT\tDEPLOYMENT_ADMIN")
    );
}

#[test]
fn a_no_is_130_and_changes_nothing() {
    let env = TestEnv::with_sandbox();
    let id = "cm00acme0token0deployment";
    let mut asked = session(&env, "astro", &["deployment", "token", "delete", id]);
    asked.expect("nightly").expect("names the token");
    asked.expect("default_profile").expect("says where the profile came from");
    asked.expect("[y/N]").expect("asks");
    asked.send_line("n").expect("typed");
    assert!(matches!(ended(&mut asked), WaitStatus::Exited(_, 130)));
    assert!(env.run(["deployment", "token", "list"]).ok().contains(id));
    let mut asked = session(&env, "astro", &["deployment", "token", "delete", id]);
    asked.expect("[y/N]").expect("asks");
    asked.send_line("y").expect("typed");
    assert!(matches!(ended(&mut asked), WaitStatus::Exited(_, 0)));
    assert!(!env.run(["deployment", "token", "list"]).ok().contains(id));
}

#[test]
fn a_picker_offers_the_tokens() {
    let env = TestEnv::with_sandbox();
    let mut asked = session(&env, "astro", &["deployment", "token", "rotate", "-y"]);
    asked.expect("Which token?").expect("asks");
    // Those of the workspace cannot be rotated here and are not offered; typed letters filter.
    asked.send("nigh\r").expect("typed");
    asked.expect("eyJ").expect("the value");
    asked.expect("Rotated the token `nightly`").expect("names it");
    assert!(matches!(ended(&mut asked), WaitStatus::Exited(_, 0)));
}

#[test]
fn ctrl_c_at_a_question_is_a_death_by_signal() {
    let env = TestEnv::with_sandbox();
    let mut asked = session(&env, "astro", &["deployment", "token", "rotate", "cm00acme0token0deployment"]);
    asked.expect("[y/N]").expect("asks");
    asked.send("\x03").expect("typed");
    let status = ended(&mut asked);
    assert!(matches!(status, WaitStatus::Signaled(_, _, _)), "{status:?}");
}

/// What an earlier run left over is told once, to a person.
#[test]
fn a_leftover_is_mentioned_once() {
    let env = TestEnv::with_sandbox();
    let lost = env.shell("bash", "astro deployment token create -n lost -r DEPLOYMENT_ADMIN -c > /dev/full");
    assert_eq!(lost.code, Some(7), "{lost:?}");
    for line in ["context -o json", "context -q", "recover list"] {
        let mut quiet = session(&env, "astro", &line.split(' ').collect::<Vec<_>>());
        assert!(quiet.expect("not delivered: see").is_err(), "{line} says nothing of it");
        assert!(matches!(ended(&mut quiet), WaitStatus::Exited(_, 0)), "{line} works");
    }
    let mut first = session(&env, "astro", &["context"]);
    first.expect("The token `lost` (").expect("names it");
    first.expect("astro recover list").expect("says what to type");
    ended(&mut first);
    let mut second = session(&env, "astro", &["context"]);
    assert!(second.expect("not delivered").is_err(), "once is enough");
    assert!(matches!(ended(&mut second), WaitStatus::Exited(_, 0)));
}

/// Several of them are one line.
#[test]
fn leftovers_are_mentioned_in_one_line() {
    let env = TestEnv::with_sandbox();
    for name in ["one", "two"] {
        let line = format!("astro deployment token create -n {name} -r DEPLOYMENT_ADMIN -c > /dev/full");
        assert_eq!(env.shell("bash", &line).code, Some(7));
    }
    let mut first = session(&env, "astro", &["context"]);
    first.expect("2 tokens were not delivered: see `astro recover list`.").expect("tells of both");
    assert!(first.expect("recover list").is_err(), "in one line");
    assert!(matches!(ended(&mut first), WaitStatus::Exited(_, 0)));
}

/// While a token is held no core is written, and no other process of the user reads the memory.
#[test]
fn memory_is_private_while_a_token_is_held() {
    let env = TestEnv::new();
    env.run(["sandbox", "start", "--latency", "200"]).ok();
    let mut command = env.astro();
    command.args(["deployment", "token", "create", "-n", "x", "-r", "DEPLOYMENT_ADMIN", "-c"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("runs");
    let limits = format!("/proc/{}/limits", child.id());
    let mut is_private = false;
    while child.try_wait().expect("a child").is_none() {
        let text = std::fs::read_to_string(&limits).unwrap_or_default();
        let core = text.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
        is_private |= core.split_whitespace().nth(4) == Some("0");
        std::thread::yield_now();
    }
    assert!(is_private, "the limit was seen while it ran");
    env.run(["sandbox", "stop"]).ok();
}

/// Names are written by other people: in no format do their control characters reach a terminal.
#[test]
fn control_characters_of_names_do_not_reach_a_terminal() {
    let env = TestEnv::new();
    let deployment = r#"{"id":"cm00acme000deployment0001","name":"a\u001b[31mb\u009bc\u202ed","organizationId":"o","workspaceId":"w","status":"HEALTHY"}"#;
    let body = format!(r#"{{"deployments":[{deployment}],"totalCount":1,"limit":1000,"offset":0}}"#);
    let stub = astro_e2e::stub::Stub::new(move |_| astro_e2e::stub::Reply::Json(200, body.clone()));
    for format in ["table", "json", "clean"] {
        let line = format!(
            "ASTRO_API_URL={} ASTRO_API_TOKEN=opaque-token-value exec astro deployment list --color never --organization {} -o {format}",
            stub.address(),
            astro_e2e::ACME
        );
        let mut shown = session(&env, "bash", &["-c", &line]);
        let text = shown.expect(expectrl::Eof).expect("ends");
        let text = String::from_utf8_lossy(text.as_bytes()).into_owned();
        assert!(text.contains("HEALTHY"), "{format}: {text:?}");
        for control in ['\u{1b}', '\u{9b}', '\u{202e}'] {
            assert!(!text.contains(control), "{format}: {text:?}");
        }
    }
}
