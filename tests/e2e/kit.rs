//! The test kit of the SDK and the host: one table of what a plugin asks for is run against both, and each refuses with the same words.

use astro_e2e::{
    TestEnv, fixture,
    stub::{Reply, Stub},
};
use astro_plugin_sdk::{
    serde_json::json,
    testing::{Host, When},
};

/// The command, the service, its body, and the code of the answer.
const ROWS: &[(&str, &str, &str, &str)] = &[
    ("reading", "http.request", r#"{"method":"GET","path":["x"]}"#, "ok"),
    ("nothing", "http.request", r#"{"method":"GET","path":["x"]}"#, "failed"),
    ("reading", "http.request", r#"{"method":"POST","path":["x"]}"#, "failed"),
    ("reading", "http.request", r#"{"method":"DELETE","path":["x"]}"#, "failed"),
    ("everything", "http.request", r#"{"method":"DELETE","path":["x"]}"#, "input_required"),
    ("everything", "http.request", r#"{"method":"TRACE","path":["x"]}"#, "failed"),
    ("everything", "http.request", r#"{"method":"POST","path":["x"],"one_time_secret":{}}"#, "failed"),
    ("everything", "http.request", r#"{"method":"DELETE","path":["x"],"headers":[["host","y"]]}"#, "failed"),
    ("everything", "http.request", r#"{"method":"DELETE","path":["a",".\t."]}"#, "usage"),
    ("reading", "http.request", r#"{"method":"GET","path":["organi\tzations"]}"#, "usage"),
    (
        "reading",
        "http.request",
        r#"{"method":"GET","path":["x"],"headers":[["X-HTTP-Method-Override","DELETE"]]}"#,
        "failed",
    ),
    (
        "reading",
        "http.request",
        r#"{"method":"GET","path":["x"],"to_file":"/x","content_type":"a/b"}"#,
        "failed",
    ),
    ("reading", "http.request", r#"{"method":"GET","path":[]}"#, "failed"),
    ("reading", "http.request", r#"{"method":"GET","path":["a",".."]}"#, "usage"),
    (
        "reading",
        "http.request",
        r#"{"method":"GET","path":["x"],"headers":[["authorization","y"]]}"#,
        "failed",
    ),
    ("reading", "http.request", r#"{"method":"GET","path":["x"],"headers":[["a b","y"]]}"#, "failed"),
    (
        "reading",
        "http.request",
        r#"{"method":"GET","path":["x"],"base":"https://other.example.com"}"#,
        "failed",
    ),
    (
        "reading",
        "http.request",
        r#"{"method":"GET","path":["x"],"base":"http://status.example.com"}"#,
        "failed",
    ),
    ("reading", "http.request", r#"{"method":"GET","path":["x"],"base":"status.example.com"}"#, "failed"),
    (
        "nothing",
        "http.request",
        r#"{"method":"GET","path":["x"],"base":"https://status.example.com"}"#,
        "failed",
    ),
    ("everything", "http.request", r#"{"method":"POST","path":["x"],"to_file":"/x"}"#, "failed"),
    ("reading", "http.request", r#""x""#, "failed"),
    ("nothing", "output.text", r#"{"text":"x"}"#, "failed"),
    ("nothing", "output.secret", r#"{"key":"x"}"#, "failed"),
    ("everything", "output.secret", r#"{"key":"x"}"#, "failed"),
    ("nothing", "output.emit", r#"{"op":"later"}"#, "unimplemented"),
    ("nothing", "prompt.confirm", r#"{"question":"x"}"#, "input_required"),
    ("nothing", "prompt.text", r#"{"question":"x","flag":"--x"}"#, "input_required"),
    ("nothing", "prompt.select", r#"{"question":"x","flag":"--x","items":["a"]}"#, "input_required"),
    ("nothing", "process.run", r#"{"program":"true"}"#, "failed"),
    ("nothing", "profile.put", r#"{"name":"x"}"#, "failed"),
    ("nothing", "context.select", r#"{"values":{}}"#, "failed"),
    ("nothing", "names.known", r#"{"ids":["x"]}"#, "failed"),
    ("reading", "names.known", r#"{"ids":["x"]}"#, "ok"),
    ("nothing", "names.seen", r#"{"things":[]}"#, "failed"),
    ("nothing", "notice", r#"{"text":"x"}"#, "ok"),
    ("nothing", "clock", "null", "ok"),
    ("nothing", "config.get", "null", "ok"),
    ("nothing", "progress.start", r#"{"label":"x"}"#, "ok"),
    ("nothing", "from.the.future", "null", "unimplemented"),
];

#[test]
fn the_host_and_the_test_kit_answer_the_same() {
    let env = TestEnv::new();
    env.run([std::ffi::OsStr::new("plugin"), "link".as_ref(), fixture("asking").as_os_str()]).ok();
    let stub = Stub::new(|_| Reply::Json(200, "{}".to_owned()));
    let mut sent = 0;
    for (command, service, body, code) in ROWS {
        let args = ["ask", command, "--service", service, "--body", body, "-o", "json"];
        let mut astro = env.astro();
        astro.env("ASTRO_API_URL", stub.address()).env("ASTRO_API_TOKEN", "opaque");
        let by_host = env.ran(astro.args(args));
        let kit = Host::new(fixture_asking::in_process())
            .on(When::get("x"), astro_plugin_sdk::testing::Reply::json(json!({})))
            .lenient();
        let by_kit = kit.run_args(&args.map(str::to_owned));
        let what = format!("{command} {service} {body}");
        assert_eq!(by_host.stdout, by_kit.stdout, "{what}: {by_host:?} {by_kit:?}");
        assert_eq!(by_host.json()["code"], *code, "{what}: {by_host:?}");
        sent += usize::from(*service == "http.request" && *code == "ok");
        assert_eq!(stub.seen().len(), sent, "{what}: nothing is sent for what is refused");
    }
}
