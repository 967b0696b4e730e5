//! Delivery at its edges: crashes, second signals, files of others, servers that echo what they got.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    process::Stdio,
    thread,
};

use astro_e2e::{
    Ran, TestEnv,
    control::Control,
    says, skip,
    stub::{Reply, Stub},
};
use serde_json::json;

fn create(env: &TestEnv, name: &str) -> String {
    let args = ["deployment", "token", "create", "-n", name, "-r", "DEPLOYMENT_ADMIN", "-o", "json"];
    env.run(args).json()["id"].as_str().expect("an id").to_owned()
}

/// A plugin that crashes while a token is handed over: the token outweighs the crash.
#[test]
fn a_crash_names_the_token_that_is_kept() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    let id = create(&env, "crashed");
    for (signal, format) in [("SEGV", "table"), ("ABRT", "json")] {
        let ready = env.path("ready");
        let keeper = format!("sh -c 'touch {}; exec sleep 60'", ready.display());
        let mut command = env.astro();
        command.args(["deployment", "token", "rotate", &id, "-y", "-o", format, "--token-exec", &keeper]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
        while !ready.exists() {
            thread::yield_now();
        }
        fs::remove_file(&ready).expect("removed");
        astro_e2e::signal(child.id(), signal);
        let ran = Ran::from(child.wait_with_output().expect("ends"));
        assert_eq!(ran.code, Some(7), "{ran:?}");
        let last = ran.stderr.lines().last().expect("a line");
        assert!(last.contains("recover show"), "{ran:?}");
        if format == "json" {
            let error: serde_json::Value = serde_json::from_str(last).expect("json");
            assert_eq!((&error["exit_code"], &error["kind"]), (&json!(7), &json!("delivery")));
        }
        let (_, value) = control.issued().pop().expect("issued");
        let entries = env.run(["recover", "list", "-o", "json"]).json();
        let entry = entries["entries"][0]["entry"].as_str().expect("one entry").to_owned();
        assert_eq!(env.run(["recover", "show", &entry, "-o", "clean"]).ok(), format!("{value}\n"));
        env.run(["recover", "discard", &entry, "-y"]).ok();
    }
}

/// One refused question is no proof: the token in use still works when the next one is answered.
#[test]
fn one_refused_look_proves_nothing() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    let own = env
        .run(["deployment", "token", "create", "-n", "own", "-r", "DEPLOYMENT_ADMIN", "-o", "json"])
        .json();
    let (id, value) = (own["id"].as_str().expect("id"), own["token"].as_str().expect("token"));
    let address = env.run(["sandbox", "status", "-o", "json"]).json()["address"].clone();
    control.order("POST", "/rotate", json!("reset_before"));
    // The plugin looks at the token, the host before the request; then it settles.
    control.order_after(2, "GET", &format!("/{id}"), json!({ "status": 401 }), 1);
    let mut command = env.astro();
    command.env("ASTRO_API_TOKEN", value).env("ASTRO_API_URL", address.as_str().expect("text"));
    command.args(["deployment", "token", "rotate", id, "-y", "-o", "json", "--timeout", "1"]);
    command.env("ASTRO_DEPLOYMENT_ID", astro_e2e::INGEST);
    let ran = env.ran(&mut command);
    assert_eq!(ran.code, Some(5), "{ran:?}");
}

/// What is replaced keeps its owner, its group and what the group may do; others never read it.
#[test]
fn a_replaced_token_file_stays_readable_for_its_service() {
    let env = TestEnv::with_sandbox();
    let id = create(&env, "served");
    let file = env.path("served");
    let is_root = fs::write(&file, "a-former-value-of-it")
        .and_then(|()| chown(&file, Some(65534), Some(65534)))
        .is_ok();
    if !is_root {
        skip("it gives a file away; run it as root");
    }
    for (mode, expected) in [(0o640, 0o640), (0o644, 0o640), (0o600, 0o600), (0o400, 0o600), (0o755, 0o640)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("set");
        env.run(["deployment", "token", "rotate", &id, "-y", "-q", "--token-file", "served"]).ok();
        let now = fs::metadata(&file).expect("there");
        assert_eq!(now.mode() & 0o777, expected, "{mode:o}");
        assert!(!is_root || (now.uid(), now.gid()) == (65534, 65534));
        if is_root {
            chown(&file, Some(65534), Some(65534)).expect("given away");
        }
    }
    let new = env.path("new");
    env.run(["deployment", "token", "rotate", &id, "-y", "-q", "--token-file", "new"]).ok();
    assert_eq!(fs::metadata(&new).expect("there").mode() & 0o777, 0o600);
}

/// Of two that make the same file, the later value is in it.
#[test]
fn two_rotations_into_one_new_file() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    let id = create(&env, "raced");
    for round in 0..4 {
        let name = format!("raced-{round}");
        let codes: Vec<_> = thread::scope(|scope| {
            let run =
                || env.run(["deployment", "token", "rotate", &id, "-y", "-q", "--token-file", &name]).code;
            let both = [scope.spawn(run), scope.spawn(run)];
            both.into_iter().map(|one| one.join().expect("ends")).collect()
        });
        assert_eq!(codes, [Some(0), Some(0)]);
        let (_, last) = control.issued().pop().expect("issued");
        assert_eq!(fs::read_to_string(env.path(&name)).expect("there"), format!("{last}\n"));
    }
}

/// Kept because that was wanted: delivered, and not told as lost.
#[test]
fn what_is_kept_on_purpose_is_not_called_lost() {
    let env = TestEnv::with_sandbox();
    let id = create(&env, "kept");
    env.run(["deployment", "token", "rotate", &id, "-y", "-q", "--keep-recovery", "--token-file", "kept"])
        .ok();
    let entries = env.run(["recover", "list", "-o", "json"]).json();
    assert_eq!(entries["entries"][0]["status"], "delivered");
    let mut session = crate::terminal::session(&env, "astro", &["context"]);
    crate::terminal::ended(&mut session);
    let names = fs::read_dir(env.path(".astro-host/state/recovery")).expect("there");
    let names: Vec<_> = names.map(|entry| entry.expect("there").path()).collect();
    assert_eq!(names.len(), 2, "intent and answer, and no mark of a mention: {names:?}");
}

/// What is left over has its names, and what was handed out is no longer the only copy.
#[test]
fn a_leftover_that_was_handed_out_counts_as_delivered() {
    let env = TestEnv::with_sandbox();
    let lost = env.shell("bash", "astro deployment token create -n lost -r DEPLOYMENT_ADMIN -c > /dev/full");
    assert_eq!(lost.code, Some(7), "{lost:?}");
    let entry = || env.run(["recover", "list", "-o", "json"]).json()["entries"][0].clone();
    let names = ["organization_name", "workspace_name", "deployment_name"].map(|key| entry()[key].clone());
    assert_eq!(names, ["Acme", "Data Platform", "Ingest"]);
    assert_eq!(entry()["status"], "kept");
    assert!(env.run(["recover", "list"]).ok().contains("  Ingest  "));
    let id = entry()["entry"].as_str().expect("text").to_owned();
    let refused = env.run(["recover", "discard", &id]);
    says(&refused, 2, &["the only copy of the token `lost`", &format!("recover show {id}")]);
    env.run(["recover", "show", &id, "--token-file", "found"]).ok();
    assert_eq!(entry()["status"], "delivered");
    let refused = env.run(["recover", "discard", &id]);
    says(&refused, 2, &["the copy that is kept of the token `lost`"]);
    assert!(!refused.stderr.contains("only copy"), "{refused:?}");
    env.run(["recover", "discard", &id, "-y"]).ok();
    assert_eq!(env.run(["recover", "list", "-o", "json"]).json()["entries"], json!([]));
}

/// A server that sends back what it got: nothing on stderr shows it.
#[test]
fn an_echo_of_the_credential_is_hidden() {
    let env = TestEnv::new();
    const TOKEN: &str = "opaque-value-of-a-token";
    let body = format!(r#"{{"message":"bad {TOKEN}","requestId":"{TOKEN}","statusCode":400}}"#);
    let stub = Stub::new(move |_| Reply::Json(400, body.clone()));
    for format in ["table", "json"] {
        let mut command = env.astro();
        command.env("ASTRO_API_URL", stub.address()).env("ASTRO_API_TOKEN", TOKEN);
        command.args(["deployment", "list", "--organization", "x", "--debug", "-vvv", "-o", format]);
        let ran = env.ran(&mut command);
        says(&ran, 1, &["[secret]"]);
    }
}

/// A server that asks for a pause that no clock can hold.
#[test]
fn a_pause_without_an_end_is_an_answer_like_any_other() {
    let env = TestEnv::new();
    for seconds in ["18446744073709551615", "9999999999999999999999", "-1"] {
        let body = r#"{"message":"later"}"#.to_owned();
        let stub = Stub::new(move |_| Reply::With(503, format!("retry-after: {seconds}"), body.clone()));
        let mut command = env.astro();
        command.env("ASTRO_API_URL", stub.address()).env("ASTRO_API_TOKEN", "opaque");
        let ran = env.ran(command.args(["deployment", "list", "--organization", "x"]));
        says(&ran, 1, &["later (503)"]);
    }
}
