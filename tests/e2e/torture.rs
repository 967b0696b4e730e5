//! No token is lost: the program is killed, interrupted and failed at every step, and the server breaks at every
//! moment. `ASTRO_TORTURE` multiplies the number of runs (`cargo xtask torture`).

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use astro_e2e::{INGEST, Ran, Random, TestEnv, control::Control, says, shells};
use astro_host::base::failpoint::STEPS;
use expectrl::{Expect, process::unix::WaitStatus};
use serde_json::{Value, json};

use crate::terminal::{ended, session};

pub(crate) fn runs(small: usize) -> usize {
    let factor = std::env::var("ASTRO_TORTURE").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    small * factor
}

fn create(env: &TestEnv, name: &str) -> String {
    let args = ["deployment", "token", "create", "-n", name, "-r", "DEPLOYMENT_ADMIN", "-o", "json"];
    env.run(args).json()["id"].as_str().expect("an id").to_owned()
}

/// What `astro recover` knows: the kept values, and the names of tokens whose outcome is not known.
fn recovered(env: &TestEnv) -> (BTreeSet<String>, Vec<String>) {
    let entries = env.run(["recover", "list", "-o", "json"]).json();
    let (mut values, mut unknown) = (BTreeSet::new(), Vec::new());
    for entry in entries["entries"].as_array().expect("a list") {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        match entry["status"].as_str() {
            Some("kept") => {
                values.insert(
                    env.run(["recover", "show", &text("entry"), "-o", "clean"]).ok().trim().to_owned(),
                );
            }
            _ => unknown.push(text("name")),
        }
        env.run(["recover", "discard", &text("entry"), "--yes"]).ok();
    }
    (values, unknown)
}

/// Every step between the answer and the end, and everything that can happen there: the token is in the sink or
/// in a recovery file that the next run names.
#[test]
fn nothing_is_lost_at_any_step() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    let id = create(&env, "tortured");
    let (sink, mark) = (env.path("sink"), env.path("mark"));
    let keep = format!("sh -c 'cat > {}'", sink.display());
    let actions = ["KILL", "TERM", "INT", "HUP", "INT INT", "ENOSPC", "EPIPE", "EIO", "panic"];
    let sinks: [&[&str]; 3] =
        [&["-c"], &["--token-file", sink.to_str().expect("text")], &["--token-exec", &keep]];
    for step in STEPS {
        for (action, to) in actions.iter().flat_map(|action| sinks.iter().map(move |to| (action, to))) {
            let _ = fs::remove_file(&mark);
            let what = format!("{step}={action} {to:?}");
            let mut command = env.astro();
            command.args(["deployment", "token", "rotate", &id, "-y"]).args(*to);
            command.env("ASTRO_FAILPOINT", format!("{step}={action}")).env("ASTRO_FAILPOINT_MARK", &mark);
            let out = if to.len() == 1 {
                Stdio::from(fs::File::create(&sink).expect("made"))
            } else {
                Stdio::piped()
            };
            let ran = env.ran(command.stdout(out).stderr(Stdio::piped()));
            assert!(mark.exists(), "{what} is not reached: {ran:?}");
            let (_, value) = control.issued().pop().expect("issued");
            // A program gets the value alone.
            let newline = if to.first() == Some(&"--token-exec") { "" } else { "\n" };
            let delivered = fs::read_to_string(&sink).expect("there") == format!("{value}{newline}");
            let (kept, _) = recovered(&env);
            assert!(delivered || kept.contains(&value), "{what} lost the token: {ran:?}");
            // What was not delivered is told, except by a process that was killed.
            let is_told = ran.stderr.contains("recover show") || ran.stderr.contains("recover list");
            let by_signal = ran.code.is_none() && (*action == "KILL" || is_told);
            assert!(
                delivered || by_signal || (ran.code == Some(7) && is_told),
                "{what} says nothing: {ran:?}"
            );
            assert!(!ran.stderr.contains(&value), "{what} shows the token: {ran:?}");
        }
    }
    assert_eq!(temporary_files(env.home()), Vec::<String>::new(), "nothing is left beside a token file");
}

/// Files that only exist while something is written.
fn temporary_files(dir: &std::path::Path) -> Vec<String> {
    let names = fs::read_dir(dir).expect("there").map(|entry| entry.expect("there").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(".token-") || name.starts_with(".new-")).collect()
}

/// Killed at any moment: what the server did is delivered, kept, or named as not known.
#[test]
#[expect(clippy::print_stdout, reason = "the report of a long run is its residue")]
fn a_kill_at_any_moment_is_reported() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    let id = create(&env, "killed");
    let sink = env.path("sink");
    let (mut committed, mut residue) = (0, 0);
    let random = Random::new();
    let total = runs(40);
    for run in 0..total {
        let before = control.issued().len();
        let name = format!("new {run}");
        let mut command = env.astro();
        match run % 2 {
            0 => command.args(["deployment", "token", "rotate", &id, "-y", "-c"]),
            _ => command.args(["deployment", "token", "create", "-n", &name, "-r", "DEPLOYMENT_ADMIN", "-c"]),
        };
        let out = fs::File::create(&sink).expect("made");
        let mut child = command.stdout(out).stderr(Stdio::null()).spawn().expect("runs");
        thread::sleep(Duration::from_micros(random.below(30_000)));
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().expect("ends");
        let issued = control.issued();
        let (kept, unknown) = recovered(&env);
        for (name, value) in &issued[before..] {
            committed += 1;
            let delivered = fs::read_to_string(&sink).expect("there") == format!("{value}\n");
            if !delivered && !kept.contains(value) {
                assert!(unknown.contains(name), "run {run}: {name} was made and nobody says so");
                residue += 1;
            }
        }
    }
    println!("{total} kills, {committed} tokens made, {residue} of them only known to be not known");
}

/// The server breaks before, in or after the work: at most one POST, and the verdict is what really happened.
#[test]
fn the_verdict_after_a_broken_answer_is_right() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    let id = create(&env, "settled");
    // What is ordered, whether the work is done, and what is then said: 5 not done, 6 not known, 7 done and not
    // delivered. Where the server may be at work still, unchanged things say nothing.
    let kinds = [
        (json!("reset_before"), false, 5),
        (json!("reset_after"), true, 7),
        (json!("truncate"), true, 7),
        (json!("truncate_end"), true, 7),
        (json!({ "status": 500 }), false, 5),
        (json!({ "status": 502 }), false, 5),
        (json!({ "status": 503 }), false, 5),
        (json!({ "status": 504 }), false, 6),
        (json!({ "status_after": 500 }), true, 7),
        (json!({ "status_after": 502 }), true, 7),
        (json!({ "status_after": 504 }), true, 7),
        // The gateway gave up on a server that goes on: it is watched for a while.
        (json!("reset_late"), true, 7),
        (json!({ "status_late": 502 }), true, 7),
        (json!("never_before"), false, 6),
        (json!("never_after"), true, 7),
    ];
    for _ in 0..runs(1) {
        for (kind, happens, code) in &kinds {
            for (verb, path_end) in [("rotate", "/rotate"), ("create", "/tokens")] {
                control.order("POST", path_end, kind.clone());
                let name = format!("made {}", control.posts());
                let mut command = env.astro();
                match verb {
                    "rotate" => command.args(["deployment", "token", "rotate", &id, "-y", "-o", "json"]),
                    _ => command.args([
                        "deployment",
                        "token",
                        "create",
                        "-n",
                        &name,
                        "-r",
                        "DEPLOYMENT_ADMIN",
                        "-o",
                        "json",
                    ]),
                };
                let (posts, issued) = (control.posts(), control.issued().len());
                let ran: Ran = env.ran(command.args(["--timeout", "1"]));
                assert_eq!(control.posts(), posts + 1, "{verb} {kind}: {ran:?}");
                assert_eq!(
                    control.issued().len() > issued,
                    *happens,
                    "{verb} {kind}: the fault is what it says"
                );
                let error: Value = serde_json::from_str(ran.stderr.trim()).expect("one line");
                let text = error["error"].as_str().expect("text");
                let (kept, unknown) = recovered(&env);
                let words = match (code, kind.as_str()) {
                    (5, _) => "was not",
                    (6, _) => "is not known",
                    (_, Some("truncate_end")) => "could not be delivered",
                    _ => "did not come",
                };
                assert_eq!(ran.code, Some(*code), "{verb} {kind}: {ran:?}");
                assert!(text.contains(words), "{verb} {kind}: {text}");
                // The whole value in a broken answer is kept; what was settled without one is not left over.
                let last = control.issued().pop().expect("issued").1;
                assert_eq!(kept.contains(&last), kind == "truncate_end", "{verb} {kind}: {kept:?}");
                let is_left = *code == 6 || kind == "truncate";
                assert_eq!(!unknown.is_empty(), is_left, "{verb} {kind}: {unknown:?}");
            }
        }
    }
    // When even the question fails, nobody knows, and the next run says so.
    control.order("POST", "/rotate", json!("reset_after"));
    // The plugin looks at the token, the host before the request.
    control.order_after(2, "GET", &format!("/{id}"), json!({ "status": 500 }), 5);
    let ran = env.run(["deployment", "token", "rotate", &id, "-y", "--timeout", "1"]);
    assert_eq!(ran.code, Some(6), "{ran:?}");
    assert_eq!(recovered(&env).1, ["settled"], "{ran:?}");
}

/// The token that astro itself uses: a refused question means that it was rotated, and a stored credential takes
/// the new value.
#[test]
fn rotating_the_token_in_use() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    let args = ["deployment", "token", "create", "-n", "own", "-r", "DEPLOYMENT_ADMIN", "-o", "json"];
    let own = env.run(args).json();
    let (id, value) = (own["id"].as_str().expect("id"), own["token"].as_str().expect("token"));
    let address = env.run(["sandbox", "status", "-o", "json"]).json()["address"].clone();
    let line = format!(
        "export ASTRO_API_URL={} ; echo {value} | astro login --with-token --credential own -q && astro profile add own --credential own --deployment {INGEST} -q",
        address.as_str().expect("text")
    );
    assert_eq!(env.shell("bash", &line).code, Some(0));
    let mut command = env.astro();
    command.args(["deployment", "token", "rotate", id, "--profile", "own", "-y", "-o", "json"]);
    let rotated: Ran = env.ran(&mut command);
    let second = rotated.json()["token"].as_str().expect("token").to_owned();
    assert_eq!(
        env.run(["deployment", "token", "list", "--profile", "own"]).code,
        Some(0),
        "it holds the new value"
    );
    // From a variable nothing can be renewed; the verdict is known all the same.
    control.order("POST", "/rotate", json!("reset_after"));
    let mut command = env.astro();
    command.env("ASTRO_API_TOKEN", &second).env("ASTRO_API_URL", address.as_str().expect("text"));
    command.args(["deployment", "token", "rotate", id, "--deployment", INGEST, "-y", "-o", "json"]);
    let ran: Ran = env.ran(&mut command);
    says(&ran, 7, &[]);
}

/// Ctrl-C during the first of three rotations: one request, the answer is kept, and the loop ends.
#[test]
fn a_loop_ends_at_ctrl_c_and_the_token_is_kept() {
    for shell in shells().iter().filter(|shell| *shell != "fish") {
        let env = TestEnv::new();
        env.run(["sandbox", "start", "--latency", "300"]).ok();
        let control = Control::of(&env);
        let id = create(&env, "looped");
        let (posts, issued) = (control.posts(), control.issued().len());
        let line = format!(
            "for run in 1 2 3; do astro deployment token rotate {id} -y; done; echo the loop went on to its end"
        );
        let mut session = session(&env, shell, &["-c", &line]);
        while control.posts() == posts {
            thread::yield_now();
        }
        session.send("\x03").expect("typed");
        session.expect("stopping now would lose the token").expect("says so");
        session.expect("it was interrupted").expect("says what became of it");
        let status = ended(&mut session);
        assert!(!matches!(status, WaitStatus::Exited(_, 0)), "{shell}: {status:?}");
        assert_eq!(
            (control.posts(), control.issued().len()),
            (posts + 1, issued + 1),
            "{shell}: one rotation"
        );
        let (_, value) = control.issued().pop().expect("issued");
        assert!(recovered(&env).0.contains(&value), "{shell}: it is kept");
        env.run(["sandbox", "stop"]).ok();
    }
}

/// Eight writers at once: every edit is there, and a reader never sees anything else than a whole file.
#[test]
fn edits_at_once_are_all_kept() {
    let env = TestEnv::new();
    env.run(["profile", "add", "first"]).ok();
    let edits = runs(10);
    let line = |writer: usize| {
        format!("for edit in $(seq {edits}); do astro profile add p{writer}-$edit -q || exit 1; done")
    };
    let lines: Vec<String> = (0..8).map(line).collect();
    thread::scope(|scope| {
        let writers: Vec<_> = lines.iter().map(|line| scope.spawn(|| env.shell("sh", line))).collect();
        while !writers.iter().all(thread::ScopedJoinHandle::is_finished) {
            let read = env.run(["profile", "list", "-o", "json"]);
            assert_eq!(read.code, Some(0), "{read:?}");
        }
        for writer in writers {
            let ran = writer.join().expect("ends");
            assert_eq!(ran.code, Some(0), "{ran:?}");
        }
    });
    let profiles = env.run(["profile", "list", "-o", "json"]).json();
    assert_eq!(profiles["profiles"].as_array().expect("a list").len(), 8 * edits + 1);
}

/// Killed while writing: the old file or the new one.
#[test]
fn a_kill_while_writing_leaves_a_whole_file() {
    let env = TestEnv::new();
    for name in ["a", "b"] {
        env.run(["profile", "add", name]).ok();
    }
    let random = Random::new();
    for run in 0..runs(40) {
        let name = if run % 2 == 0 { "a" } else { "b" };
        let mut child = env.astro().args(["profile", "use", name, "-q"]).spawn().expect("runs");
        thread::sleep(Duration::from_micros(random.below(4_000)));
        let _ = child.kill();
        child.wait().expect("ends");
        let listed = env.run(["profile", "list", "-o", "json"]);
        assert_eq!(listed.json()["profiles"].as_array().expect("a list").len(), 2, "{listed:?}");
    }
}

/// A redirect is never followed, whatever it points at: the credential stays where it belongs.
#[test]
fn a_credential_never_leaves_its_origin() {
    use astro_e2e::stub::{Reply, Stub};
    let env = TestEnv::new();
    let other = Stub::new(|_| Reply::Json(200, r#"{"organizations":[],"totalCount":0}"#.into()));
    let port = other.address().rsplit(':').next().expect("a port").trim_end_matches("/v1").to_owned();
    let targets = [
        format!("http://127.0.0.1:{port}/v1/organizations"),
        format!("http://localhost:{port}/v1/organizations"),
        format!("http://user:password@127.0.0.1:{port}/v1/organizations"),
        format!("//127.0.0.1:{port}/v1/organizations"),
        format!("http://[::ffff:127.0.0.1]:{port}/v1/organizations"),
        "/v1/organizations".to_owned(),
    ];
    for status in [301, 302, 303, 307, 308] {
        for target in &targets {
            let location = target.clone();
            let origin = Stub::new(move |_| Reply::Redirect(status, location.clone()));
            let mut command: Command = env.astro();
            command.env("ASTRO_API_URL", origin.address()).env("ASTRO_API_TOKEN", "opaque-canary");
            let ran: Ran = env.ran(command.args(["deployment", "list", "--organization", "x"]));
            says(&ran, 1, &["redirect"]);
            assert_eq!(origin.seen().len(), 1, "{status} {target}");
        }
    }
    assert_eq!(other.seen(), Vec::<String>::new(), "nothing reached another origin");
}

/// A token shows nowhere but in its sink: not in logs, errors or panics, not in arguments or environments.
#[test]
fn a_token_shows_nowhere_but_in_its_sink() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    let script = env.path("keeper");
    fs::write(&script, "#!/bin/sh\ncat > \"$HOME/kept\"\nenv > \"$HOME/environment\"\necho \"$0 $*\" > \"$HOME/arguments\"\n")
        .expect("written");
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    let variables = env.run(["sandbox", "env"]).ok();
    let canary = variables
        .lines()
        .find_map(|line| line.strip_prefix("export ASTRO_API_TOKEN="))
        .expect("there")
        .to_owned();
    let line = format!(
        "{variables}astro deployment token create -n ci -r DEPLOYMENT_ADMIN -vvv --debug --token-exec \"$HOME/keeper {{id}} {{name}}\""
    );
    let ran = env.shell("bash", &line);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let (_, value) = control.issued().pop().expect("issued");
    assert_eq!(fs::read_to_string(env.path("kept")).expect("there"), value);
    let read = |name: &str| fs::read_to_string(env.path(name)).expect("there");
    assert!(read("arguments").contains(" ci"), "the words are filled in");
    let log = ".astro-host/state/plugins/sandbox/sandbox.log";
    for (what, text) in [
        ("stdout", ran.stdout),
        ("stderr", ran.stderr),
        ("environment", read("environment")),
        ("arguments", read("arguments")),
        ("the server's log", read(log)),
    ] {
        assert!(!text.contains(&value), "{what}: {text}");
        assert!(!text.contains(&canary) || what == "the server's log", "{what}: {text}");
    }
    let left = fs::read_dir(env.path(".astro-host/state/recovery")).expect("there").count();
    assert_eq!(left, 0, "nothing stays after a delivery");
    // A plugin that quotes a token in a panic or an event.
    env.run([std::ffi::OsStr::new("plugin"), "link".as_ref(), astro_e2e::fixture("misbehaving").as_os_str()])
        .ok();
    for what in [format!("panic:{value}"), format!("log:{value}")] {
        let ran = env.run(["misbehave", "act", "--what", &what, "-vvv"]);
        assert!(ran.stderr.contains("[secret]") && !ran.stderr.contains(&value), "{ran:?}");
    }
}

/// Every command that meets a token, with all that can be logged; the search is the canary of every test.
#[test]
fn the_log_at_its_finest_shows_no_token() {
    let env = TestEnv::with_sandbox();
    let id = create(&env, "logged");
    let variables = env.run(["sandbox", "env"]).ok();
    for line in [
        "deployment token create -n second -r DEPLOYMENT_ADMIN --keep-recovery",
        "deployment token create -n third -r DEPLOYMENT_ADMIN -c",
        "deployment token create -n fourth -r DEPLOYMENT_ADMIN -o json --token-file fourth",
        &format!("deployment token rotate {id} -y"),
        &format!("deployment token rotate {id} -y -o json --token-exec cat"),
        "deployment token list",
        &format!("deployment token update {id} --description new"),
        &format!("deployment token delete {id} -y"),
        "deployment list --all",
        "context",
        "recover list",
        "recover show $(astro recover list -o clean | head -1 | cut -f 1) -o clean",
    ] {
        for begin in ["", variables.as_str()] {
            let ran = env.shell("bash", &format!("{begin}ASTRO_LOG=trace astro {line} -vvv --debug"));
            // The second round finds what the first one deleted or made.
            assert!(ran.code == Some(0) || !begin.is_empty(), "{line}: {ran:?}");
            assert!(!line.contains("token ") || ran.stderr.contains("TRACE"), "{line}: {ran:?}");
        }
    }
    let line = "astro sandbox env -o json | grep -o 'eyJ[^\"]*' | astro login --with-token --credential again -vvv --debug";
    let ran = env.shell("bash", line);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}
