//! The commands against a host in this process.

use astro_plugin_api::testing::{DEPLOYMENT, ORGANIZATION, WORKSPACE, host as astro};
use astro_plugin_sdk::{
    serde_json::{Value, json},
    testing::Host,
};

const TOKEN: &str = "cm00000000test0000000000t";

fn token(id: &str, name: &str, more: &Value) -> Value {
    let mut token = json!({
        "id": id, "name": name, "description": "", "scope": "DEPLOYMENT", "kind": "STANDARD", "shortToken": "…x",
        "roles": [{"entityType": "DEPLOYMENT", "entityId": DEPLOYMENT, "role": "DEPLOYMENT_ADMIN"}],
        "createdAt": "2026-01-01T00:00:00Z",
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        token[key] = value.clone();
    }
    token
}

fn path(rest: &str) -> String {
    format!("organizations/{ORGANIZATION}{rest}")
}

/// An API with these tokens; those that are created and rotated have a value.
fn host(tokens: &[Value]) -> Host {
    let deployment = json!({
        "id": DEPLOYMENT, "name": "Ingest", "workspaceId": WORKSPACE, "workspaceName": "Data Platform",
    });
    let with_value = token(TOKEN, "ci", &json!({"token": "value"}));
    let mut host = astro(crate::plugin())
        .get(&path(""), json!({"id": ORGANIZATION, "name": "Acme"}))
        .get(&path(&format!("/deployments/{DEPLOYMENT}")), deployment.clone())
        .list(&path("/deployments"), "deployments", json!([deployment]))
        .list(&path("/tokens"), "tokens", json!(tokens))
        .answer("POST", &path("/tokens"), 200, with_value.clone())
        .answer("POST", &path(&format!("/tokens/{TOKEN}/rotate")), 200, with_value)
        .answer("DELETE", &path(&format!("/tokens/{TOKEN}")), 204, Value::Null)
        .answer("GET", &path("/tokens/ci"), 404, json!({"message": "Token not found"}));
    for token in tokens {
        let id = token["id"].as_str().expect("text");
        host = host.get(&path(&format!("/tokens/{id}")), token.clone());
    }
    host.lenient()
}

/// Paths of the requests so far, in order of their names.
fn requests(host: &Host, from: usize) -> Vec<String> {
    let sent = host.requests().split_off(from);
    let mut paths: Vec<String> =
        sent.iter().map(|request| format!("{} /{}", request.method, request.path.join("/"))).collect();
    paths.sort();
    paths
}

#[test]
fn json_has_the_names_and_asks_for_them_once() {
    let host = host(&[token(TOKEN, "ci", &json!({}))]);
    let list = format!("GET /{}", path("/tokens"));
    // A table does not show them, so nothing is asked.
    host.run("astro deployment token list").ok();
    assert_eq!(requests(&host, 0), [list.as_str()]);
    let row = host.run("astro deployment token list -o json").json()["tokens"][0].clone();
    for (key, value) in [
        ("deployment_id", json!(DEPLOYMENT)),
        ("deployment_name", json!("Ingest")),
        ("workspace_id", json!(WORKSPACE)),
        ("workspace_name", json!("Data Platform")),
        ("organization_id", json!(ORGANIZATION)),
        ("organization_name", json!("Acme")),
        // What there is not is there and null.
        ("expires_at", Value::Null),
        ("created_by", Value::Null),
    ] {
        assert_eq!(row.get(key), Some(&value), "{key}");
    }
    assert_eq!(requests(&host, 1).len(), 3, "{:?}", requests(&host, 1));
    host.run("astro deployment token list -o json").ok();
    assert_eq!(requests(&host, 4), [list.as_str()], "what was seen today is not asked for again");
    // The next day it may be another name.
    let host = host.at(1_769_860_800_000 + 25 * 3600 * 1000);
    host.run("astro deployment token list -o json").ok();
    assert_eq!(requests(&host, 5).len(), 3);
}

#[test]
fn a_name_that_the_api_does_not_tell_is_null_and_no_failure() {
    for status in [403, 404, 500] {
        let refused = json!({"message": "no"});
        let host = host(&[token(TOKEN, "ci", &json!({}))])
            .answer("GET", &path(""), status, refused.clone())
            .answer("GET", &path(&format!("/deployments/{DEPLOYMENT}")), status, refused);
        let row = host.run("astro deployment token list -o json").json()["tokens"][0].clone();
        for key in ["deployment_name", "workspace_id", "workspace_name", "organization_name"] {
            assert_eq!(row.get(key), Some(&Value::Null), "{key}");
        }
        let ran = host.typing(["y"]).run("astro deployment token rotate --name ci");
        assert!(ran.stderr.contains(&format!("deployment    {DEPLOYMENT}\n")), "{}", ran.stderr);
        ran.ok();
    }
}

#[test]
fn each_deployment_of_an_organization_has_its_name() {
    let elsewhere = json!({"roles": [{"entityType": "DEPLOYMENT", "entityId": "gone", "role": "X"}]});
    let host = host(&[token(TOKEN, "ci", &json!({})), token("t2", "other", &elsewhere)]);
    let rows = host.run("astro deployment token list --all-deployments -o json").json()["tokens"].clone();
    assert_eq!(rows[0]["deployment_name"], "Ingest");
    assert_eq!(rows[0]["organization_name"], "Acme");
    assert_eq!((&rows[1]["deployment_id"], &rows[1]["deployment_name"]), (&json!("gone"), &Value::Null));
    let clean = host.run("astro deployment token list --all-deployments -o clean").ok();
    assert!(clean.lines().next().expect("a row").ends_with(&format!("\t{DEPLOYMENT}\tIngest")), "{clean}");
    let table = host.run("astro deployment token list --all-deployments").ok();
    assert!(table.contains("Ingest"), "{table}");
}

#[test]
fn a_question_shows_the_names_as_they_are_now() {
    for verb in ["rotate", "delete"] {
        let host = host(&[token(TOKEN, "ci", &json!({}))]).typing(["n", "n"]);
        // What was seen before does not matter here.
        host.run("astro deployment token list -o json").ok();
        let renamed =
            json!({"id": DEPLOYMENT, "name": "Renamed", "workspaceId": "w2", "workspaceName": "Other"});
        let host = host.get(&path(&format!("/deployments/{DEPLOYMENT}")), renamed);
        let ran = host.run(&format!("astro deployment token {verb} --name ci --profile prod"));
        assert_eq!(ran.code, 130, "{}", ran.stderr);
        for line in [
            format!("token         ci ({TOKEN}, DEPLOYMENT)"),
            format!("deployment    Renamed ({DEPLOYMENT})"),
            "workspace     Other (w2)".to_owned(),
            format!("organization  Acme ({ORGANIZATION})"),
            "profile       prod (from --profile)".to_owned(),
        ] {
            assert!(ran.stderr.contains(&line), "{line}: {}", ran.stderr);
        }
    }
}

#[test]
fn create_tells_where_and_leaves_names_for_recovery() {
    let host = host(&[]);
    let ran = host.run("astro deployment token create --name ci --role DEPLOYMENT_ADMIN --profile prod");
    let place = format!(
        "Creating `ci` in organization Acme ({ORGANIZATION}), workspace Data Platform ({WORKSPACE}), deployment Ingest ({DEPLOYMENT}), profile prod (from --profile).\n"
    );
    assert!(ran.stderr.contains(&place), "{}", ran.stderr);
    let posted = host.requests().into_iter().find(|request| request.method == "POST").expect("created");
    let labels = posted.one_time_secret.expect("a one-time secret").labels;
    for (key, value) in [
        ("name", "ci"),
        ("deployment_id", DEPLOYMENT),
        ("deployment_name", "Ingest"),
        ("workspace_name", "Data Platform"),
        ("organization_id", ORGANIZATION),
        ("organization_name", "Acme"),
    ] {
        assert_eq!(labels.get(key).map(String::as_str), Some(value), "{key}");
    }
    let json = host.run("astro deployment token create --name x --role DEPLOYMENT_ADMIN -o json").json();
    for (key, value) in [
        ("token", json!("value")),
        ("action", json!("created")),
        ("deployment_name", json!("Ingest")),
        ("organization_name", json!("Acme")),
        ("expires_at", Value::Null),
    ] {
        assert_eq!(json.get(key), Some(&value), "{key}");
    }
}

#[test]
fn create_refuses_a_name_that_is_taken() {
    let own = || token(TOKEN, "ci", &json!({}));
    let wider = || token("w1", "ci", &json!({"scope": "WORKSPACE"}));
    let expired = || token("e1", "ci", &json!({"endAt": "2026-01-31T11:59:59Z"}));
    let other_role = || {
        let roles = json!([{"entityType": "DEPLOYMENT", "entityId": DEPLOYMENT, "role": "LOG_READER"}]);
        token("r1", "ci", &json!({"roles": roles}))
    };
    let rotate = format!("astro deployment token rotate {TOKEN}");
    for (tokens, options, code, created, words) in [
        (vec![], "", 0, 1, &["Created the token"][..]),
        (vec![token("t2", "Ci", &json!({}))], "", 0, 1, &["Created the token"]),
        (
            vec![own()],
            "",
            1,
            0,
            &[
                "already has a token with the name `ci`",
                "Ingest",
                &rotate,
                "--if-not-exists",
                "--allow-duplicate",
            ],
        ),
        (vec![wider()], "", 1, 0, &["w1 (a token of the workspace)"]),
        (vec![own()], "--allow-duplicate", 0, 1, &["Created the token"]),
        (vec![], "--if-not-exists", 0, 1, &["Created the token"]),
        (vec![own()], "--if-not-exists", 0, 0, &["The token `ci` exists", &rotate]),
        (vec![wider(), own()], "--if-not-exists", 0, 0, &["The token `ci` exists"]),
        (vec![wider()], "--if-not-exists", 1, 0, &["w1 (a token of the workspace)"]),
        (vec![expired()], "--if-not-exists", 1, 0, &["e1 (expired on 2026-01-31)", "rotate e1"]),
        (vec![other_role()], "--if-not-exists", 1, 0, &["r1 (its role is LOG_READER)"]),
        (
            vec![own()],
            "--if-not-exists -c",
            2,
            0,
            &["`--if-not-exists` cannot be used with `-o clean`", "-o json"],
        ),
        (vec![], "--if-not-exists -o clean", 2, 0, &["cannot be used with `-o clean`"]),
        (vec![], "--if-not-exists --allow-duplicate", 2, 0, &["cannot be used with"]),
    ] {
        let host = host(&tokens);
        let ran =
            host.run(&format!("astro deployment token create --name ci --role DEPLOYMENT_ADMIN {options}"));
        assert_eq!(ran.code, code, "{options}: {}", ran.stderr);
        let posts = host.requests().iter().filter(|request| request.method == "POST").count();
        assert_eq!(posts, created, "{options}: {}", ran.stderr);
        for word in words {
            assert!(ran.stderr.contains(word), "{options}: {word}: {}", ran.stderr);
        }
    }
    let json = host(&[own()])
        .run("astro deployment token create --name ci --role DEPLOYMENT_ADMIN --if-not-exists -o json")
        .json();
    assert_eq!((&json["id"], &json["action"]), (&json!(TOKEN), &json!("exists")));
    assert_eq!(json.get("token"), Some(&Value::Null), "a value that there is not is null");
    // Whoever may create and not list is told the way on.
    let blind = host(&[]).answer("GET", &path("/tokens"), 403, json!({"message": "no"}));
    let ran = blind.run("astro deployment token create --name ci --role DEPLOYMENT_ADMIN");
    assert!(ran.code == 1 && ran.stderr.contains("--allow-duplicate"), "{}", ran.stderr);
    blind.run("astro deployment token create --name ci --role DEPLOYMENT_ADMIN --allow-duplicate").ok();
}

#[test]
fn control_characters_are_refused_before_anything_is_sent() {
    let host = host(&[token(TOKEN, "ci", &json!({}))]);
    for text in ["a\u{1b}[31mb", "a\nb", "a\tb", "a\u{7f}", "a\u{202e}b", "\u{feff}a"] {
        for line in [
            vec!["create", "--role", "DEPLOYMENT_ADMIN", "--name", text],
            vec!["create", "--role", "DEPLOYMENT_ADMIN", "--name", "x", "--description", text],
            vec!["update", "--name", "ci", "--new-name", text],
            vec!["update", "--name", "ci", "--description", text],
        ] {
            let args = ["deployment", "token"].iter().chain(&line).map(|word| (*word).to_owned());
            let ran = host.run_args(&args.collect::<Vec<_>>());
            assert_eq!(ran.code, 2, "{line:?}: {}", ran.stderr);
            assert!(ran.stderr.contains("must be a text without control characters"), "{}", ran.stderr);
        }
    }
    assert_eq!(host.requests(), []);
    // A person who types one is asked again.
    let asked =
        host.typing(["a\u{1b}[31mb", "fine"]).run("astro deployment token create --role DEPLOYMENT_ADMIN");
    assert!(asked.stderr.contains("control character"), "{}", asked.stderr);
    asked.ok();
}

#[test]
fn a_word_that_is_no_id_may_be_a_name() {
    let host = host(&[]);
    for verb in ["rotate", "delete", "update --new-name x"] {
        let verb_alone = verb.split(' ').next().expect("a word");
        let ran = host.run(&format!("astro deployment token {verb} ci --yes"));
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        let advice =
            format!("help: if it is the name of a token: astro deployment token {verb_alone} --name ci\n");
        assert!(ran.stderr.contains(&advice), "{}", ran.stderr);
    }
    let host = host.answer("GET", &path(&format!("/tokens/{TOKEN}")), 404, json!({"message": "no"}));
    let ran = host.run(&format!("astro deployment token rotate {TOKEN} --yes"));
    assert!(ran.code == 1 && !ran.stderr.contains("--name"), "an ID is no name: {}", ran.stderr);
}

#[test]
fn advice_is_for_the_same_deployment_and_profile() {
    let host = host(&[token(TOKEN, "ci", &json!({}))]);
    let typed = format!("--deployment {DEPLOYMENT} --profile 'prod'");
    let ran = host.run(&format!("astro deployment token create --name ci --role DEPLOYMENT_ADMIN {typed}"));
    let advice = format!("astro deployment token rotate {TOKEN} --profile prod --deployment {DEPLOYMENT}\n");
    assert!(ran.stderr.contains(&advice), "{}", ran.stderr);
    let ran = host.run(&format!("astro deployment token rotate ci -y {typed}"));
    let advice =
        format!("astro deployment token rotate --name ci --profile prod --deployment {DEPLOYMENT}\n");
    assert!(ran.stderr.contains(&advice), "{}", ran.stderr);
}

#[test]
fn names_in_advice_are_quoted_for_a_shell() {
    for (name, expected) in [
        ("ci", "ci"),
        ("My CI", "'My CI'"),
        ("it's", "'it'\\''s'"),
        ("a;b", "'a;b'"),
        ("$X", "'$X'"),
        ("-x", "'-x'"),
        ("", "''"),
    ] {
        assert_eq!(crate::select::quoted(name), expected);
    }
}

#[test]
fn weeks_are_a_unit() {
    let expiring = |id: &str, end: &str| token(id, id, &json!({"endAt": end}));
    let host = host(&[expiring("soon", "2026-02-14T11:00:00Z"), expiring("later", "2026-02-14T13:00:00Z")]);
    for (within, expected) in
        [("2w", "soon"), ("14d", "soon"), ("336h", "soon"), ("3w", "later,soon"), ("0", "")]
    {
        let rows =
            host.run(&format!("astro deployment token list --expiring-within {within} -o json")).json();
        let names: Vec<&str> = rows["tokens"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|token| token["name"].as_str().expect("text"))
            .collect();
        assert_eq!(names.join(","), expected, "{within}");
    }
    let refused = host.run("astro deployment token list --expiring-within 2m");
    assert!(refused.code == 2 && refused.stderr.contains("`2w`"), "{}", refused.stderr);
}
