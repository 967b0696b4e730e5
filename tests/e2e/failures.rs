//! Servers that misbehave and sinks that fail: each class of failure has its exit code, and a write is sent once.

use std::process::Command;

use astro_e2e::{
    ACME, INGEST, Ran, TestEnv,
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
    let mut command: Command = env.astro();
    command
        .env("ASTRO_API_URL", stub.address())
        .env("ASTRO_API_TOKEN", "opaque")
        .env("ASTRO_ORGANIZATION_ID", ACME)
        .env("ASTRO_DEPLOYMENT_ID", INGEST);
    command.args(line.split(' ')).output().expect("runs").into()
}

const CREATE: &str = "deployment token create --name ci --role DEPLOYMENT_ADMIN -o json";
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
        (LIST, || Reply::Half(200, r#"{"tokens":"#.into()), 5, "network", "broke off"),
        (CREATE, || refusal(400), 1, "failed", "no way"),
        (CREATE, || refusal(403), 1, "failed", "refused"),
        (CREATE, || refusal(500), 1, "failed", "no way"),
        (CREATE, || refusal(502), 6, "outcome_unknown", "gateway"),
        (CREATE, || refusal(504), 6, "outcome_unknown", "gateway"),
        (CREATE, || Reply::Nothing, 6, "outcome_unknown", "may or may not"),
        (CREATE, || Reply::Half(200, token()), 6, "outcome_unknown", "may or may not"),
        (CREATE, || Reply::Page(200, "<html>".into()), 6, "outcome_unknown", "not JSON"),
        (
            CREATE,
            || Reply::Json(200, r#"{"id":"c1","name":"ci"}"#.into()),
            7,
            "delivery",
            "did not send the value",
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
        assert_eq!(stub.seen().len(), 1, "nothing is sent twice: {:?}", stub.seen());
    }
    // An answer that holds nothing but the value is delivered.
    let stub = Stub::new(|_| Reply::Json(200, r#"{"token":"eyJ.only.this"}"#.into()));
    let ran = against(&env, &stub, "deployment token create --name ci --role DEPLOYMENT_ADMIN -c");
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
        assert_eq!(
            stub.seen().iter().filter(|request| request.starts_with("POST")).count(),
            2,
            "{:?}",
            stub.seen()
        );
    }
}

#[test]
fn sinks_that_fail() {
    let env = TestEnv::with_sandbox();
    let create = "astro deployment token create --name lost --role DEPLOYMENT_ADMIN";
    for (line, code, words) in [
        (format!("{create} -c > /dev/full"), 7, "no space left on device"),
        (format!("{create} -o json > /dev/full"), 7, "no space left on device"),
        // The reader is gone before astro begins.
        (format!("sleep 0 | true; mkfifo p; (exec 3< p) & {create} -c > p"), 7, "the reader is gone"),
        ("astro deployment token list > /dev/full".to_owned(), 1, "no space left on device"),
        ("astro --help > /dev/full".to_owned(), 1, "no space left on device"),
    ] {
        let ran = env.shell("bash", &line);
        assert_eq!(ran.code, Some(code), "{line}: {ran:?}");
        assert!(ran.stderr.contains(words), "{line}: {ran:?}");
    }
    // For what is no secret, a reader that has enough is a quiet end.
    for line in
        ["astro deployment token list | head -1", "astro --help | true", "astro plugin list -o json | true"]
    {
        let ran = env.shell("bash", &format!("set -o pipefail; {line}"));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{line}: {ran:?}");
    }
}
