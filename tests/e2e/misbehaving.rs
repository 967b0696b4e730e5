//! What a plugin may do to its host, and what comes of it: the plugin is named, the code is 126, and what is
//! allowed works.

use std::{
    io::Read,
    os::unix::process::ExitStatusExt,
    process::Stdio,
    time::{Duration, Instant},
};

use astro_e2e::{
    Ran, TestEnv, fixture, says,
    stub::{Reply, Stub},
};
use expectrl::Expect;

fn linked() -> TestEnv {
    let env = TestEnv::new();
    env.run([std::ffi::OsStr::new("plugin"), "link".as_ref(), fixture("misbehaving").as_os_str()]).ok();
    env
}

#[test]
fn what_is_allowed_works() {
    let env = linked();
    for what in ["wake-from-thread", "late-call", "drop-mid-flight", "log"] {
        let ran = env.run(["misbehave", "act", "--what", what, "-o", "clean"]);
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (Some(0), format!("{what}\n").as_str(), ""),
            "{what}"
        );
    }
}

/// The host answers while the plugin waits in every way it may; each answer takes longer than a poll.
#[test]
fn the_api_can_be_asked_from_everywhere() {
    let env = linked();
    let answer = || Reply::Later(Duration::from_millis(20), 200, r#"{"organizations":[]}"#.to_owned());
    for (how, requests) in [
        ("plain", 1),
        ("own-thread", 1),
        ("own-runtime", 1),
        ("many-calls", 100),
        ("moved", 1),
        ("dropped", 2),
    ] {
        let stub = Stub::new(move |_| answer());
        let mut command = env.astro();
        command.env("ASTRO_API_URL", stub.address()).env("ASTRO_API_TOKEN", "opaque");
        let ran: Ran = env.ran(command.args(["misbehave", "ask", "--how", how, "-o", "clean"]));
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), format!("{how}\n").as_str()), "{ran:?}");
        assert_eq!(stub.seen().len(), requests, "{how}");
    }
}

/// What a plugin may do to the process, and what the user sees of it: the table of `docs/src/security/threat-model.md`.
const BREAKS: &[(&str, &str)] = &[
    ("panic-in-run", "it panicked: in run at"),
    ("panic-in-poll", "it panicked: in poll at"),
    ("panic-in-drop", "it panicked: in drop at"),
    ("segfault", "crashed: segmentation fault (SIGSEGV)"),
    ("null", "crashed: segmentation fault (SIGSEGV)"),
    ("illegal-instruction", "crashed: illegal instruction (SIGILL)"),
    ("arithmetic", "crashed in arithmetic"),
    ("abort", "aborted"),
    ("exit", "ended the process"),
    ("exhaust-memory", "aborted"),
    ("stack-overflow", "crashed"),
    ("undeclared-exit-code", "the code 43, which its manifest does not declare"),
    ("unknown-service", "no service `from.the.future`"),
];

#[test]
fn what_breaks_is_named_and_ends_with_126() {
    let env = linked();
    for (what, words) in BREAKS {
        let ran = env.run(["misbehave", "act", "--what", what]);
        assert_eq!(ran.stdout, "", "{what}: {ran:?}");
        says(&ran, 126, &["plugin `misbehaving` 0.1.0", words]);
        let json = env.run(["misbehave", "act", "--what", what, "-o", "json"]);
        let line = json.stderr.lines().last().expect("a line");
        let error: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{what}: {error}: {line}"));
        assert_eq!(
            (error["exit_code"].as_i64(), error["kind"].as_str()),
            (Some(126), Some("plugin")),
            "{what}"
        );
    }
}

/// What changes the process and not the result: the command ends as it says, and json stays json.
#[test]
fn what_a_plugin_does_to_the_process_harms_no_result() {
    let env = linked();
    for what in [
        "chdir",
        "setenv",
        "umask",
        "thread-left",
        "thread-panic",
        "write-to-fd-1",
        "write-to-fd-2",
        "fork",
        "close-stdio",
    ] {
        let ran = env.run(["misbehave", "act", "--what", what, "-o", "json"]);
        assert_eq!((ran.code, ran.json()["done"].as_str()), (Some(0), Some(what)), "{ran:?}");
        assert!(!ran.stderr.contains("ended the process"), "{ran:?}");
    }
    // Whoever takes the result's own descriptor away is told, where there is still something to tell it on.
    let closed = env.run(["misbehave", "act", "--what", "close-result"]);
    says(&closed, 126, &["plugin `misbehaving` 0.1.0"]);
    let all = env.run(["misbehave", "act", "--what", "close-all"]);
    assert_eq!((all.code, all.stdout.as_str()), (Some(126), ""), "{all:?}");
    let huge = env.run(["misbehave", "act", "--what", "huge-message"]);
    says(&huge, 1, &["over the limit of 67108864 bytes"]);
}

/// Without the SDK's care: bytes that are no answer, and panics across the boundary.
#[test]
fn malformed_responses() {
    let env = TestEnv::new();
    env.run([std::ffi::OsStr::new("plugin"), "link".as_ref(), fixture("raw").as_os_str()]).ok();
    for (what, words) in [
        ("nothing", "it returned an invalid response"),
        ("not-utf-8", "it returned an invalid response"),
        ("no-object", "in an encoding that is not known"),
        ("half", "EOF while parsing"),
        ("neither", "neither `ok` nor `error`"),
        ("wrong-type", "invalid type"),
        ("huge-code", "expected u8"),
        ("negative-code", "expected u8"),
        ("deep", "recursion limit exceeded"),
        ("huge", "over the limit of 67108864 bytes"),
        ("request-garbage", "the request is in an encoding that is not known"),
        ("panic", "aborted"),
        ("panic-in-poll", "panicked"),
    ] {
        let mut command = env.astro();
        let ran = env.ran(command.arg("raw").env("ASTRO_FIXTURE_RAW", what));
        assert_eq!(ran.stdout, "", "{what}: {ran:?}");
        says(&ran, 126, &["plugin `raw` 1.0.0", words]);
        assert!(!ran.stderr.contains("astro itself"), "{what}: {ran:?}");
    }
    let mut command = env.astro();
    let ran = env.ran(command.arg("raw").env("ASTRO_FIXTURE_RAW", "request-huge"));
    says(&ran, 1, &[]);
    assert_eq!(env.run(["raw"]).code, Some(0), "it can also behave");
    for what in ["describe-garbage", "describe-nothing", "describe-panic"] {
        let mut command = env.astro();
        command.args(["plugin", "link"]).arg(fixture("raw")).env("ASTRO_FIXTURE_RAW", what);
        let ran = env.ran(&mut command);
        says(&ran, 126, &[]);
    }
}

/// The terminal is as it was, however a plugin that took it ends.
#[test]
fn a_terminal_that_was_taken_is_given_back() {
    let env = linked();
    for what in ["raw-terminal", "raw-terminal-crash"] {
        let line = format!(
            "before=$(stty -g); astro misbehave act --what {what}; [ \"$before\" = \"$(stty -g)\" ] && echo AS-IT-WAS"
        );
        let mut session = crate::terminal::session(&env, "sh", &["-c", &line]);
        session.expect("AS-IT-WAS").expect(what);
    }
}

#[test]
fn codes_and_results_of_its_own() {
    let env = linked();
    assert_eq!(env.run(["misbehave", "act", "--what", "exit-code"]).code, Some(42));
    let ran = env.run(["misbehave", "act", "--what", "two-results"]);
    says(&ran, 1, &[]);
    let printed = env.run(["misbehave", "act", "--what", "print", "-o", "json"]);
    assert_eq!(printed.json()["done"], "print", "what is printed by accident is no part of the result");
    assert!(printed.stderr.contains("printed by accident"));
}

#[test]
fn events_arrive_with_the_plugin_as_target() {
    let env = linked();
    for (flags, variable, expected) in [
        (&["-v"][..], "", true),
        (&[], "misbehaving=info", true),
        (&[], "misbehaving=error", false),
        (&[], "", false),
    ] {
        let mut command = env.astro();
        command
            .args(["misbehave", "act", "--what", "log", "-o", "clean"])
            .args(flags)
            .env("ASTRO_LOG", variable);
        let output = command.output().expect("runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            said.contains("INFO misbehaving: ") && said.contains("an event answer=42"),
            expected,
            "{flags:?} {variable}: {said}"
        );
        assert_eq!(output.stdout, b"log\n");
    }
}

/// Two profiles at once, in one process: each line of the log and each panic names the profile it belongs to.
#[test]
fn logs_and_panics_name_their_profile() {
    let env = linked();
    for name in ["a", "b"] {
        env.run(["profile", "add", name, "-q"]).ok();
    }
    let run = |what: &str| {
        env.run(["misbehave", "act", "--what", what, "--profile", "a", "--profile", "b", "-v", "-o", "clean"])
    };
    let logged = run("log:words");
    assert_eq!(
        (logged.code, logged.stdout.as_str()),
        (Some(0), "log:words\ta\nlog:words\tb\n"),
        "{logged:?}"
    );
    let panicked = run("panic:words");
    assert_eq!(panicked.code, Some(126), "{panicked:?}");
    for name in ["a", "b"] {
        let times = |ran: &Ran, text: &str| ran.stderr.matches(&format!("profile `{name}`: {text}")).count();
        assert_eq!(times(&logged, "about words"), 1, "{name}: {logged:?}");
        assert_eq!(times(&panicked, "panic: about words"), 1, "{name}: {panicked:?}");
        assert_eq!(
            times(&panicked, "plugin `misbehaving` 0.1.0: it panicked: about words"),
            1,
            "{panicked:?}"
        );
    }
}

/// Ctrl-C ends whatever a plugin does, as a death by signal, and a plugin that waits for it can say goodbye.
#[test]
fn an_interrupt_ends_everything() {
    let env = linked();
    for (what, goodbye) in
        [("block", false), ("pending", false), ("spin", false), ("deadlock", false), ("cancelled", true)]
    {
        for signal in ["INT", "TERM", "HUP"] {
            let mut child = env
                .astro()
                .args(["misbehave", "act", "--what", what])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("runs");
            wait_until_loaded(child.id());
            if what == "cancelled" {
                // It says when it waits.
                let mut said = [0; 8];
                child.stdout.as_mut().expect("piped").read_exact(&mut said).expect("says so");
                assert_eq!(&said, b"waiting\n");
            }
            astro_e2e::signal(child.id(), signal);
            let started = Instant::now();
            while child.try_wait().expect("a child").is_none() {
                assert!(started.elapsed() < Duration::from_secs(20), "{what} {signal} goes on");
                std::thread::yield_now();
            }
            let output = child.wait_with_output().expect("ended");
            let number = ["HUP", "INT", "", "", "", "", "", "", "", "", "", "", "", "", "TERM"]
                .iter()
                .position(|name| *name == signal);
            assert_eq!(
                output.status.signal(),
                number.map(|at| i32::try_from(at).expect("small") + 1),
                "{what} {signal}: {output:?}"
            );
            assert_eq!(
                String::from_utf8_lossy(&output.stdout).contains("cancelled"),
                goodbye,
                "{what} {signal}"
            );
        }
    }
}

/// The plugin's library is mapped: its command is about to run or runs. The handlers were installed before.
fn wait_until_loaded(pid: u32) {
    let started = Instant::now();
    let maps = format!("/proc/{pid}/maps");
    while !std::fs::read_to_string(&maps).is_ok_and(|text| text.contains("misbehaving")) {
        assert!(started.elapsed() < Duration::from_secs(20), "the plugin was not loaded");
        std::thread::yield_now();
    }
}

/// A plugin that takes the signals for itself is ended by QUIT (Ctrl-\), which nobody defers.
#[test]
fn quit_ends_who_ignores_interrupts() {
    let env = linked();
    let mut child = env
        .astro()
        .args(["misbehave", "act", "--what", "ignore-interrupts"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("runs");
    let mut said = [0; 9];
    child.stdout.as_mut().expect("piped").read_exact(&mut said).expect("says so");
    assert_eq!(&said, b"ignoring\n");
    astro_e2e::signal(child.id(), "INT");
    // Longer than the second that the host gives.
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(1500) {
        assert!(child.try_wait().expect("a child").is_none());
        std::thread::yield_now();
    }
    astro_e2e::signal(child.id(), "QUIT");
    assert_eq!(child.wait().expect("ended").signal(), Some(3));
}
