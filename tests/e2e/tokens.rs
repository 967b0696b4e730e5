//! `astro deployment token` in every format, with every refusal.

use astro_e2e::{INGEST, REPORTS, TestEnv, says};

#[test]
fn every_command_in_every_format() {
    let env = TestEnv::with_sandbox();
    let mut session = env.transcript();
    for format in ["table", "json", "clean"] {
        session.note(format);
        let create = format!(
            "deployment token create --name \"ci {format}\" --role DEPLOYMENT_ADMIN -d \"Deploys from main\" -e 30 -o {format}"
        );
        session.run(&create);
        session.run(&format!("deployment token list --sort created_at -o {format}"));
        session.run(&format!(
            "deployment token update -t \"ci {format}\" -n \"renamed {format}\" -r DAG_DEPLOYER -o {format}"
        ));
        session.run(&format!("deployment token rotate -t \"renamed {format}\" -y -o {format}"));
        session.run(&format!("deployment token delete -t \"renamed {format}\" --force -o {format}"));
        session.run(&format!("deployment list -o {format}"));
    }
    session.assert("tokens-formats");
}

#[test]
fn every_refusal_has_its_words_and_its_code() {
    let env = TestEnv::with_sandbox();
    let mut session = env.transcript();
    session.note("before anything is sent");
    for value in ["0", "-1", "3651", "abc", "1.5", "\"\""] {
        session.run(&format!("deployment token create --name x --role DEPLOYMENT_ADMIN -e {value}"));
    }
    for line in [
        "create --name \"\" --role DEPLOYMENT_ADMIN",
        "create --role DEPLOYMENT_ADMIN",
        "create --name x",
        "create --name --force --role DEPLOYMENT_ADMIN",
        "create --name x --role DEPLOYMENT_ADMIN -c -o json",
        "create --nmae x",
        "create extra",
        "list --scope planet",
        "list --sort size",
        "list --expiring-within soon",
        "rotate",
        "rotate -t a cm00acme0token0deployment",
        "update cm00acme0token0deployment",
        "lits",
    ] {
        session.run(&format!("deployment token {line}"));
    }
    session.note("by the server, or with its help");
    for line in [
        "create --name x --role NO_SUCH_ROLE",
        "rotate cm00acme0token0deployment",
        "rotate no-such-id -y",
        "rotate -t \"no such name\" -y",
        "rotate -t \"workspace bot\" -y",
        "update -t \"workspace bot\" -n other",
        "list --deployment NoSuchDeployment",
        "list --deployment cm00nothing00000000000001",
    ] {
        session.run(&format!("deployment token {line}"));
    }
    session.run(&format!("deployment token rotate cm00acme0token0deployment -y --deployment {REPORTS}"));
    session.run("deployment token delete no-such-id -y -o json");
    session.assert("tokens-refusals");
}

#[test]
fn long_names_and_descriptions_are_counted_in_characters() {
    let env = TestEnv::with_sandbox();
    let create = |name: &str, description: &str| {
        env.run([
            "deployment",
            "token",
            "create",
            "--role",
            "DEPLOYMENT_ADMIN",
            "-c",
            "--name",
            name,
            "-d",
            description,
        ])
    };
    assert_eq!(create(&"ü".repeat(256), &"日".repeat(500)).code, Some(0));
    let refused = create(&"ü".repeat(257), "");
    says(&refused, 2, &["1 to 256 characters"]);
    let refused = create("x", &"日".repeat(501));
    assert!(refused.stderr.contains("at most 500 characters"), "{refused:?}");
}

#[test]
fn clean_output_is_the_token_and_a_newline() {
    let env = TestEnv::with_sandbox();
    for (index, flags) in [
        &["-c"][..],
        &["-c", "True"],
        &["--clean-output=1"],
        &["-o", "clean"],
        &["-c", "false", "-o", "clean"],
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("x{index}");
        let args = ["deployment", "token", "create", "--name", &name, "--role", "DEPLOYMENT_ADMIN"];
        let ran = env.run(args.iter().chain(flags));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{flags:?}");
        let value = ran.stdout.strip_suffix('\n').expect("a newline");
        assert!(value.starts_with("eyJ") && !value.contains(char::is_whitespace), "{flags:?}: {value}");
    }
    let args = ["deployment", "token", "create", "--name", "x", "--role", "DEPLOYMENT_ADMIN", "-c", "False"];
    assert!(env.run(args).ok().starts_with("ID"), "-c False is the table");
}

#[test]
fn a_rotated_value_stops_working_and_the_new_one_works() {
    let env = TestEnv::with_sandbox();
    let address =
        env.run(["sandbox", "status", "-o", "json"]).json()["address"].as_str().expect("text").to_owned();
    let lists = |token: &str| {
        let mut command = env.astro();
        command.env("ASTRO_API_TOKEN", token).env("ASTRO_API_URL", &address);
        env.ran(command.args(["deployment", "token", "list", "--deployment", INGEST, "-o", "json"])).code
    };
    let create =
        ["deployment", "token", "create", "--name", "ci", "--role", "DEPLOYMENT_ADMIN", "-o", "json"];
    let created = env.run(create).json();
    let (id, first) = (created["id"].as_str().expect("id"), created["token"].as_str().expect("token"));
    assert_eq!(lists(first), Some(0));
    let rotated = env.run(["deployment", "token", "rotate", id, "-y", "-c"]).ok();
    assert_eq!(lists(first), Some(4), "the old value is refused");
    assert_eq!(lists(rotated.trim()), Some(0));
    env.run(["deployment", "token", "delete", id, "-y"]).ok();
    assert_eq!(lists(rotated.trim()), Some(4), "a deleted token is refused");
}

#[test]
fn an_update_sends_only_what_changes() {
    let env = TestEnv::with_sandbox();
    let mut session = env.transcript();
    session.run("deployment token create --name ci --role DEPLOYMENT_ADMIN -d old -c");
    session.note("the requests are shown by --debug");
    session.run("deployment token update -t ci -n ci -d old -r DEPLOYMENT_ADMIN --debug");
    session.run("deployment token update -t ci -d \"\" --debug -o json");
    session.run("deployment token update -t ci -r LOG_READER --debug -o clean");
    session.run("deployment token update -t ci -r NO_SUCH_ROLE --debug");
    session.note("a token of the workspace keeps its other roles");
    session.run("deployment token update -t \"workspace bot\" -r LOG_READER -o clean");
    session.run("deployment token delete -t \"workspace bot\" -y");
    session.run("deployment token list --scope workspace");
    session.assert("tokens-update");
}

#[test]
fn lists_filter_and_sort() {
    let env = TestEnv::with_sandbox();
    for (name, days) in [("soon", "5"), ("later", "60")] {
        env.run([
            "deployment",
            "token",
            "create",
            "--name",
            name,
            "--role",
            "DEPLOYMENT_ADMIN",
            "-e",
            days,
            "-c",
        ])
        .ok();
    }
    let names = |args: &[&str]| {
        let ran = env.run(["deployment", "token", "list", "-o", "json"].iter().chain(args)).json();
        let names: Vec<String> = ran["tokens"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|token| token["name"].as_str().expect("text").to_owned())
            .collect();
        names.join(",")
    };
    assert_eq!(names(&[]), "later,nightly,soon,workspace bot");
    let by_expiry = names(&["--sort", "expires_at"]);
    assert!(by_expiry.starts_with("soon,later,"), "what never expires comes last: {by_expiry}");
    assert!(names(&["--sort", "expires_at:desc"]).starts_with("later,soon,"), "also the other way round");
    assert_eq!(names(&["--scope", "workspace"]), "workspace bot");
    assert_eq!(names(&["--scope", "workspace", "--scope", "organization"]), "workspace bot");
    assert_eq!(names(&["--expiring-within", "14d"]), "soon");
    assert_eq!(names(&["--expiring-within", "2000h"]), "later,soon");
}
