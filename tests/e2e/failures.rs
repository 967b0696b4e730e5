//! Servers that misbehave and sinks that fail: each class of failure has its exit code, and a write is sent once.

use std::{os::unix::fs::PermissionsExt, process::Command, sync::Mutex};

use astro_e2e::{
    ACME, INGEST, Ran, TestEnv,
    control::Control,
    says,
    stub::{Reply, Stub},
};

/// A token as the API answers it.
fn token() -> String {
    format!(
        r#"{{"id":"cm00token000000000000001x","name":"ci","scope":"DEPLOYMENT","createdAt":"2026-01-01T00:00:00Z",
        "roles":[{{"entityType":"DEPLOYMENT","entityId":"{INGEST}","role":"DEPLOYMENT_ADMIN"}}],"token":"eyJ.new.value"}}"#
    )
}

fn against(env: &TestEnv, stub: &Stub, line: &str) -> Ran {
    env.ran(&mut against_command(env, stub, line))
}

fn against_command(env: &TestEnv, stub: &Stub, line: &str) -> Command {
    let mut command: Command = env.astro();
    command
        .env("ASTRO_API_URL", stub.address())
        .env("ASTRO_API_TOKEN", "opaque")
        .env("ASTRO_ORGANIZATION_ID", ACME)
        .env("ASTRO_DEPLOYMENT_ID", INGEST);
    command.args(line.split(' '));
    command
}

const CREATE: &str = "deployment token create --name ci --role DEPLOYMENT_ADMIN --allow-duplicate -o json";
const LIST: &str = "deployment token list -o json";

/// Each row: what is run, what every request gets, the exit code and kind, and words of the message.
#[test]
fn every_failure_of_a_server_has_its_code() {
    type Row = (&'static str, fn() -> Reply, i32, &'static str, &'static str);
    fn refusal(status: u16) -> Reply {
        Reply::Json(status, format!(r#"{{"message":"no way","requestId":"r-1","statusCode":{status}}}"#))
    }
    let rows: &[Row] = &[
        (LIST, || refusal(400), 1, "failed", "no way"),
        (LIST, || refusal(401), 4, "auth", "does not accept the credential"),
        (LIST, || refusal(403), 1, "failed", "refused"),
        (LIST, || refusal(404), 1, "failed", "no way"),
        (LIST, || refusal(429), 1, "failed", "slow down"),
        (LIST, || refusal(500), 1, "failed", "no way"),
        (LIST, || Reply::Page(200, "<html>".into()), 1, "failed", "not JSON"),
        (LIST, || Reply::Json(200, r#"{"tokens":[]}"#.into()), 1, "failed", "how many"),
        (LIST, || Reply::Nothing, 5, "network", "broke the connection"),
        (LIST, || Reply::Half(200, r#"{"tokens":"#.into()), 5, "network", "the connection closed before"),
        (CREATE, || refusal(400), 1, "failed", "no way"),
        (CREATE, || refusal(403), 1, "failed", "refused"),
        (CREATE, || refusal(500), 6, "outcome_unknown", "not known"),
        (CREATE, || refusal(502), 6, "outcome_unknown", "not known"),
        (CREATE, || refusal(504), 6, "outcome_unknown", "not known"),
        (CREATE, || Reply::Nothing, 6, "outcome_unknown", "not known"),
        (CREATE, || Reply::Half(200, token()), 7, "delivery", "could not be delivered"),
        (CREATE, || Reply::Page(200, "<html>".into()), 6, "outcome_unknown", "not known"),
        (CREATE, || Reply::Page(302, String::new()), 6, "outcome_unknown", "not known"),
        (
            CREATE,
            || Reply::Json(200, r#"{"id":"c1","name":"ci"}"#.into()),
            7,
            "delivery",
            "its value did not come",
        ),
    ];
    let env = TestEnv::new();
    for (line, reply, code, kind, words) in rows {
        let stub = Stub::new(move |_| reply());
        let ran = against(&env, &stub, line);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(*code), ""), "{words}: {ran:?}");
        let error: serde_json::Value = serde_json::from_str(ran.stderr.trim()).expect("one JSON line");
        assert_eq!(
            (error["kind"].as_str(), error["exit_code"].as_i64()),
            (Some(*kind), Some(i64::from(*code)))
        );
        assert!(error["error"].as_str().expect("text").contains(words), "{words}: {error}");
        let seen = stub.seen();
        let posts = seen.iter().filter(|request| request.starts_with("POST")).count();
        assert_eq!(posts, usize::from(*line == CREATE), "a token is asked for once: {seen:?}");
        // The request, and those for the names of deployment and organization, three times each.
        assert!(seen.len() - posts <= 12, "{seen:?}");
    }
    // An answer that holds nothing but the value is delivered.
    let stub = Stub::new(|_| Reply::Json(200, r#"{"token":"eyJ.only.this"}"#.into()));
    let ran = against(
        &env,
        &stub,
        "deployment token create --name ci --role DEPLOYMENT_ADMIN --allow-duplicate -c",
    );
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "eyJ.only.this\n"), "{ran:?}");
}

#[test]
fn a_change_that_fails_half_way_says_what_was_changed() {
    let env = TestEnv::new();
    for (second, words) in [
        (Reply::Json as fn(u16, String) -> Reply, "its name and description were not changed"),
        (|_, _| Reply::Nothing, "whether its name and description were changed is not known"),
    ] {
        let stub = Stub::new(move |request| match request {
            request if request.starts_with("GET") => Reply::Json(200, token()),
            request if request.ends_with("/roles") => Reply::Json(200, "{}".into()),
            _ => second(500, r#"{"message":"later","requestId":"r","statusCode":500}"#.into()),
        });
        // The built-in role is never looked up, so the token begins with another one.
        let line = "deployment token update cm00token000000000000001x -r LOG_READER -n other";
        let ran = against(&env, &stub, &line.replace("LOG_READER", "DEPLOYMENT_ADMIN"));
        assert_ne!(ran.code, Some(0), "only the name would change: {ran:?}");
        let stub = Stub::new(move |request| match request {
            request if request.contains("/roles?") => Reply::Json(
                200,
                r#"{"roles":[{"name":"LOG_READER"}],"totalCount":1,"limit":1000,"offset":0}"#.into(),
            ),
            request if request.starts_with("GET") => Reply::Json(200, token()),
            request if request.ends_with("/roles") => Reply::Json(200, "{}".into()),
            _ => second(500, r#"{"message":"later","requestId":"r","statusCode":500}"#.into()),
        });
        let ran = against(&env, &stub, line);
        assert!(matches!(ran.code, Some(1 | 6)), "{ran:?}");
        assert!(ran.stderr.contains("is now LOG_READER") && ran.stderr.contains(words), "{ran:?}");
        let roles = stub.seen().iter().filter(|request| request.ends_with("/roles")).count();
        assert_eq!(roles, 1, "what was done is not done again: {:?}", stub.seen());
    }
}

#[test]
fn sinks_that_fail() {
    let env = TestEnv::with_sandbox();
    let create = "astro deployment token create --allow-duplicate --name lost --role DEPLOYMENT_ADMIN";
    for (line, code, words) in [
        (format!("{create} -c > /dev/full"), 7, "no space left on device"),
        (format!("{create} -o json > /dev/full"), 7, "no space left on device"),
        // Dead before anything is sent.
        (format!("{create} -c >&-"), 2, "stdout is closed"),
        (format!("{create} > /dev/null"), 2, "stdout is /dev/null"),
        (format!("{create} > /dev/zero"), 2, "a device that keeps nothing"),
        (format!("{create} 1< /dev/zero"), 2, "stdout is not open for writing"),
        (format!("{create} --token-file /nowhere/token"), 2, "no such file or directory"),
        (format!("{create} --token-file ."), 2, "it is a directory"),
        (format!("touch there; {create} --token-file there"), 2, "exists already"),
        (format!("{create} --token-file new/"), 2, "the name of a directory"),
        (format!("{create} --token-file there/token"), 2, "ot a directory"),
        (format!("mkfifo fifo; {create} --token-file fifo"), 2, "not a regular file"),
        (format!("{create} --token-file /dev/stdout"), 2, "not a regular file"),
        (format!("ln -s gone link; {create} --token-file link"), 2, "a file that is not there"),
        (format!("{create}x --token-file other"), 2, "must be a role"),
        (format!("{create} --token-exec no-such-program"), 2, "there is no program"),
        (format!("{create} --token-exec ''"), 2, "`` is not a command"),
        (format!("{create} -c --token-file here"), 2, "cannot be used with `--clean-output`"),
        (format!("{create} --token-exec cat --token-file here"), 2, "cannot be used together"),
        // The token exists.
        (format!("{create} --token-exec \"sh -c 'cat > /dev/null; exit 2'\""), 7, "`sh` ended with 2"),
        (format!("{create} --token-exec \"sh -c 'kill -KILL \\$\\$'\""), 7, "ended by signal 9"),
        (format!("{create} --token-exec true"), 7, "`true` ended without reading the token"),
        (
            format!(
                "{create} --token-exec \"sh -c 'cat > /dev/null; kill -TERM \\$PPID; sleep 3'\"; exit $?"
            ),
            143,
            "it is kept in",
        ),
        (format!("{create} --timeout 1 --token-exec 'tail -f /dev/null'"), 7, "did not end within 1 s"),
        ("astro deployment token list > /dev/full".to_owned(), 1, "no space left on device"),
        ("astro --help > /dev/full".to_owned(), 1, "no space left on device"),
        // A result that goes nowhere is an error; a reader that is gone had enough.
        (
            "astro deployment token list >&-".to_owned(),
            1,
            "the result cannot be written\ncaused by: stdout is closed",
        ),
        ("astro deployment token list -o json >&-".to_owned(), 1, "stdout is closed"),
        ("astro --help >&-".to_owned(), 1, "stdout is closed"),
        ("astro deployment token list > /dev/null".to_owned(), 0, ""),
        ("astro profile add quiet >&-".to_owned(), 0, "Added the profile"),
        ("astro deployment token list 0<&- 2>&- >&-".to_owned(), 1, ""),
        // What chose the format is named.
        (
            format!("ASTRO_OUTPUT=clean {create} --token-file here"),
            2,
            "output format `clean` from ASTRO_OUTPUT",
        ),
        (format!("{create} -o clean --token-exec cat"), 2, "cannot be used with `-o clean`"),
    ] {
        let ran = env.shell("bash", &line);
        says(&ran, code, &[words]);
    }
    // What was refused sent nothing, what failed is kept: one entry for each of the seven.
    let made = env.run(["deployment", "token", "list", "-o", "json"]).json();
    let lost =
        made["tokens"].as_array().expect("a list").iter().filter(|token| token["name"] == "lost").count();
    let kept = env.run(["recover", "list", "-o", "json"]).json();
    let kept =
        kept["entries"].as_array().expect("a list").iter().filter(|entry| entry["status"] == "kept").count();
    assert_eq!((lost, kept), (7, 7));
    let beside = std::fs::read_dir(env.home()).expect("there").flatten();
    let beside: Vec<_> =
        beside.filter(|entry| entry.file_name().to_string_lossy().starts_with(".token-")).collect();
    assert!(beside.is_empty(), "nothing is left beside the place of a token file: {beside:?}");
    // A program that says the token says it to nobody, and a link to a token file stays one.
    let ran = env.shell("bash", &format!("{} -v --token-exec 'tee took'", create.replace("lost", "taken")));
    let took = std::fs::read_to_string(env.path("took")).expect("taken");
    assert_eq!((ran.code, ran.stdout.contains(took.trim())), (Some(0), false), "{ran:?}");
    assert!(ran.stderr.contains("[secret]") && !ran.stderr.contains(took.trim()), "{ran:?}");
    let rotate = "astro deployment token rotate --name taken -y --token-file to-took";
    let ran = env.shell("bash", &format!("ln -s took to-took; {rotate} && test -L to-took"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_ne!(std::fs::read_to_string(env.path("took")).expect("written"), took);
    // Of several that replace one file, the last value that was made is what the file has in the end.
    let at_once =
        format!("for i in 1 2 3 4; do {} -q > out$i & done; wait", rotate.replace("to-took", "took"));
    env.shell("bash", &format!("chmod 755 .astro-host/state/recovery; {at_once}")).ok();
    let last = Control::of(&env).issued().pop().expect("issued").1;
    assert_eq!(std::fs::read_to_string(env.path("took")).expect("written"), format!("{last}\n"));
    let mode = std::fs::metadata(env.home().join(".astro-host/state/recovery")).expect("there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o700, "it is closed to others again");
    // For what is no secret, a reader that has enough is a quiet end.
    for line in
        ["astro deployment token list | head -1", "astro --help | true", "astro plugin list -o json | true"]
    {
        let ran = env.shell("bash", &format!("set -o pipefail; {line}"));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{line}: {ran:?}");
    }
}

/// What is kept and cannot be understood is named, and not removed in passing.
#[test]
fn damaged_entries_are_shown() {
    let env = TestEnv::new();
    let dir = env.home().join(".astro-host/state/recovery");
    std::fs::create_dir_all(&dir).expect("made");
    let put = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect("written");
    put("1.json", "{");
    put("1.answer", r#"{"id":"x","token":"whole","na"#);
    put("2.answer", "<html>");
    put("3.json", r#"{"labels":{"name":"ci"},"pointer":"/token"}"#);
    let entries = env.run(["recover", "list", "-o", "json"]).json();
    let entries = entries["entries"].as_array().expect("a list");
    let seen: Vec<_> = entries.iter().map(|entry| (&entry["entry"], &entry["status"])).collect();
    let expected = [("1", "kept"), ("2", "damaged"), ("3", "unknown")];
    assert_eq!(seen.len(), expected.len());
    for ((entry, status), expected) in seen.iter().zip(expected) {
        assert_eq!((entry.as_str(), status.as_str()), (Some(expected.0), Some(expected.1)));
    }
    assert_eq!(env.run(["recover", "show", "1", "-o", "clean"]).ok(), "whole\n");
    for entry in ["1", "2"] {
        let ran = env.run(["recover", "discard", entry]);
        assert!(ran.code != Some(0) && ran.stderr.contains("--yes"), "{ran:?}");
    }
    env.run(["recover", "discard", "3"]).ok();
}

fn create_into(env: &TestEnv, stub: &Stub, writer: std::io::PipeWriter) -> Ran {
    let mut command = env.astro();
    command
        .env("ASTRO_API_URL", stub.address())
        .env("ASTRO_API_TOKEN", "opaque")
        .env("ASTRO_ORGANIZATION_ID", ACME)
        .env("ASTRO_DEPLOYMENT_ID", INGEST)
        .args([
            "deployment",
            "token",
            "create",
            "-n",
            "ci",
            "-r",
            "DEPLOYMENT_ADMIN",
            "-c",
            "--allow-duplicate",
        ])
        .stdout(writer)
        .stderr(std::process::Stdio::piped());
    let child = command.spawn().expect("runs");
    drop(command);
    child.wait_with_output().expect("ends").into()
}

#[test]
fn a_reader_that_is_gone_is_seen_before_anything_is_sent() {
    let env = TestEnv::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let stub = Stub::new(|_| Reply::Json(200, token()));
    let ran = create_into(&env, &stub, writer);
    says(&ran, 2, &[]);
    assert_eq!(stub.seen(), Vec::<String>::new());
}

/// The reader lives when astro looks, and is gone when the token comes.
#[test]
fn a_reader_that_dies_in_between_is_told_and_the_token_is_kept() {
    let env = TestEnv::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let reader = Mutex::new(Some(reader));
    let stub = Stub::new(move |request| {
        if request.starts_with("POST") {
            reader.lock().expect("one thread").take();
        }
        Reply::Json(200, token())
    });
    let ran = create_into(&env, &stub, writer);
    says(&ran, 7, &[]);
    let id =
        ran.stderr.rsplit("recover show ").next().expect("named").trim().trim_end_matches('`').to_owned();
    assert_eq!(env.run(["recover", "show", &id, "-o", "clean"]).ok(), "eyJ.new.value\n");
}

/// Without a place for the recovery file nothing is sent, unless that is wanted.
#[test]
fn a_state_directory_that_cannot_be_used_is_seen_before_anything_is_sent() {
    let env = TestEnv::new();
    std::fs::create_dir_all(env.path(".astro-host")).expect("made");
    std::fs::write(env.path(".astro-host/state"), "in the way").expect("written");
    let stub = Stub::new(|_| Reply::Json(200, token()));
    let refused = against(&env, &stub, CREATE);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.stderr.contains("ASTRO_HOME") && refused.stderr.contains("--no-recovery"), "{refused:?}");
    assert_eq!(stub.seen(), Vec::<String>::new());
    let without = against(&env, &stub, &format!("{CREATE} --no-recovery"));
    assert_eq!(without.json()["token"], "eyJ.new.value");
}

/// Without a recovery file the value is only in memory while it is written: signals wait, but not without an end.
#[test]
fn a_reader_that_never_reads_does_not_hold_up_a_signal_for_ever() {
    use std::{io::Write, os::unix::process::ExitStatusExt};
    let env = TestEnv::new();
    let stub = Stub::new(|_| Reply::Json(200, token()));
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    // As much as a pipe holds (pipe(7)).
    writer.write_all(&[b'x'; 65536]).expect("room");
    let mut command = against_command(&env, &stub, &format!("{CREATE} --no-recovery --timeout 2"));
    let child = command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().expect("runs");
    drop(command);
    while !stub.seen().iter().any(|request| request.starts_with("POST")) {
        std::thread::yield_now();
    }
    astro_e2e::signal(child.id(), "TERM");
    let ended = child.wait_with_output().expect("ends");
    drop(reader);
    assert_eq!(ended.status.signal(), Some(15), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("its value is lost, rotate the token"), "{said}");
}
