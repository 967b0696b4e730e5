//! Plugins and hosts of different ages: what was published works on.

use std::process::Command;

use astro_e2e::{
    TestEnv, fixture, fixture_program,
    plugin_files::{PluginFile, sha256, stored},
    says,
    stub::{Reply, Stub},
};
use astro_plugin_protocol::effect::Effect;
use serde_json::{Value, json};

/// A plugin that speaks nothing but the oldest protocol that is served, in today's host.
#[test]
fn the_oldest_plugin_runs_in_todays_host() {
    let env = TestEnv::with_sandbox();
    std::fs::copy(fixture("protocol-1"), env.path("libold.so")).expect("copied");
    installed_long_ago(&env, "protocol-1", "old");
    let mut session = env.transcript();
    session.note("what is older than effects is used and listed; it is not taken anew");
    session.run("plugin info old");
    session.run("plugin link libold.so");
    session.run("plugin check libold.so");
    session.run("plugin install old.astro-plugin");
    session.run("old");
    session.run("old echo --help");
    session.run("old echo -t hi 3");
    session.run("old echo --text=-x -o json");
    session.run("old list");
    session.run("old list -o clean");
    session.run("old fail");
    session.assert("compatibility");
}

/// The plugin of the first SDK, built from its sources, in today's host: whatever it declares and asks for means what it meant.
#[test]
fn a_plugin_built_with_the_first_sdk_runs_in_todays_host() {
    let env = TestEnv::new();
    let stub = Stub::new(|request| match request {
        "GET /v1/organizations?limit=1000&offset=0" => Reply::Json(
            200,
            r#"{"organizations":[{"id":"o1","name":"Acme"},{"id":"o2","name":"Blue"}],"totalCount":2}"#
                .to_owned(),
        ),
        "POST /v1/organizations/o1" | "DELETE /v1/organizations/o1/old" => Reply::Json(200, "{}".to_owned()),
        _ => Reply::Json(404, r#"{"message":"no such thing"}"#.to_owned()),
    });
    installed_long_ago(&env, "first", "first");
    let run = |line: &str| {
        let mut astro = env.astro();
        astro.env("ASTRO_API_URL", stub.address()).env("ASTRO_API_TOKEN", "opaque");
        env.ran(astro.args(line.split(' ')))
    };
    assert_eq!(run("first hello --name Ada -o clean").ok(), "Hello Ada\n");
    assert_eq!(run("first list -o clean").ok(), "o1\no2\n");
    assert_eq!(run("first list").ok(), "ID  NAME\no1  Acme\no2  Blue\n");
    // A question of its own stops it; what it does not declare does not.
    says(&run("first rename --name Acme"), 2, &["--yes"]);
    assert_eq!(run("first rename --name Acme -y").stderr, "Renamed it.\n");
    let sent = stub.seen();
    assert_eq!(sent[sent.len() - 2..], ["POST /v1/organizations/o1", "DELETE /v1/organizations/o1/old"]);
    let listed = env.run(["commands", "first", "-o", "clean"]).ok();
    assert_eq!(listed.matches("\tunknown\t").count(), 3, "{listed}");
    for line in ["plugin check", "plugin link"] {
        let mut astro = env.astro();
        let ran = env.ran(astro.args(line.split(' ')).arg(fixture("first")));
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains("declares no effect"), "{line}: {ran:?}");
    }
    says(&env.run(["plugin", "install", "./first.astro-plugin"]), 126, &["`first hello`"]);
}

/// Installs a plugin as a host did that had no effects: a new one would refuse it.
fn installed_long_ago(env: &TestEnv, fixture: &str, name: &str) {
    let old = PluginFile::of(env, fixture);
    std::fs::write(env.path(&format!("{name}.astro-plugin")), old.bytes()).expect("written");
    let mut new = old.clone();
    new.manifest.commands.iter_mut().for_each(|command| command.effect = Effect::Destructive);
    std::fs::write(env.path("new.astro-plugin"), new.bytes()).expect("written");
    env.run(["plugin", "install", "./new.astro-plugin"]).ok();
    let file = stored(env, name);
    std::fs::write(&file, old.bytes()).expect("written");
    let record = file.with_file_name("installed");
    let text = std::fs::read_to_string(&record).expect("a record");
    let mut json: Value = serde_json::from_str(&text).expect("json");
    json["hash"] = sha256(&file).into();
    json["manifest"] = serde_json::to_value(&old.manifest).expect("json");
    std::fs::write(&record, json.to_string()).expect("written");
    std::fs::remove_dir_all(env.path(".astro-host/plugins/index")).expect("made again from the records");
}

/// A plugin of today that uses nothing newer, in a host that speaks nothing but the oldest protocol.
#[test]
fn todays_plugin_runs_in_the_oldest_host() {
    let run = |body: Value| -> Value {
        let request = json!({"v": 1, "service": "run", "body": body}).to_string();
        let mut host = Command::new(fixture_program("host-protocol-1"));
        let output = host.arg(fixture("hello")).arg(request).output().expect("runs");
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("one document")
    };
    // The body of a host of that time: none of the fields that came later.
    let report = run(json!({
        "path": "hello",
        "args": ["--name=Ada", "--times=2"],
        "context": {"profile": null, "output": "table", "state_dir": "/nowhere"},
        "terminal": {"interactive": false, "stdout": false, "width": null},
        "log_level": 0,
    }));
    assert_eq!((&report["abi"], &report["protocol"]["min"]), (&json!(1), &json!(1)));
    assert_eq!(report["answer"], json!({"ok": {"exit_code": 0}}));
    let operations: Vec<&str> = report["messages"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|m| m["body"]["op"].as_str())
        .collect();
    assert_eq!(operations, ["begin", "rows", "end"]);
    assert_eq!(report["messages"][1]["body"]["rows"], json!([{"greeting": "Hello Ada!", "times": 2}]));
    let refused = run(json!({"path": "hello", "args": ["--times=11"]}));
    assert_eq!(refused["answer"]["error"]["code"], "usage");
    assert_eq!(refused["answer"]["error"]["details"]["problem"], "invalid_value");
}
