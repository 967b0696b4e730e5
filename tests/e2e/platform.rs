//! Organizations, workspaces and deployments; switching; several profiles at once.

use astro_e2e::{ACME, INGEST, TestEnv, control::Control};

use crate::profiles::{address, token};

#[test]
fn finding_and_switching() {
    let env = TestEnv::with_sandbox();
    let mut session = env.transcript();
    session.run("organization list");
    session.run("organization inspect");
    session.run("organization inspect Acme -o clean");
    session.run("workspace list");
    session.run("workspace list --sort name:desc -o json");
    session.run("workspace list --sort size");
    session.run("workspace inspect");
    session.run("workspace inspect Analytics -o json");
    session.run("deployment list");
    session.run("deployment list --all --sort status");
    session.run("deployment inspect");
    session.run("deployment inspect Reports -o clean");
    session.run("deployment inspect Nothing");
    session.run("context --check");
    session.note("a switch changes the profile in use, and takes out what belonged to the former one");
    session.run("workspace switch \"Analytics\"");
    session.run("context");
    session.run("workspace switch \"Analytics\" -o json");
    session.run("workspace switch Nobody");
    session.run("workspace switch");
    session.run("organization switch Globex");
    session.run("organization switch Acme --workspace \"Data Platform\"");
    session.note("a deployment of another workspace takes its workspace with it");
    session.run("deployment switch Ingest");
    session.run("deployment switch Ingest -o json");
    session.run("deployment switch Reports");
    session.run("context");
    session.run("context -o json");
    session.run("deployment switch Nothing");
    session.run("deployment switch Ingest --workspace Analytics");
    session.run("deployment switch Ingest --workspace \"Data Platform\"");
    session.note("where a directory selected it, the directory file changes");
    session.cd("project");
    session.write("project/.astro.toml", "# ours\nworkspace = \"Analytics\"\n");
    session.run("workspace switch \"Data Platform\"");
    session.run("context -o clean");
    assert!(std::fs::read_to_string(env.path("project/.astro.toml")).expect("there").starts_with("# ours\n"));
    session.write("project/.astro.toml", "deployment = \"Ingest\"\n");
    session.run("deployment switch \"Ingest Staging\"");
    session.run("context -o clean");
    session.note("what belongs to the former organization does not stay, wherever it was selected");
    session.write("project/.astro.toml", "workspace = \"Analytics\"\ndeployment = \"Reports\"\n");
    session.run("organization switch Acme --workspace \"Data Platform\"");
    session.run("context -o clean");
    session.run("profile edit sandbox --deployment Reports -q");
    session.write("project/.astro.toml", "workspace = \"Analytics\"\n");
    session.run("workspace switch \"Data Platform\"");
    session.note("what a flag or a variable chose is not switched");
    session.run("workspace switch \"Data Platform\" --profile sandbox");
    session.set("ASTRO_PROFILE", "sandbox");
    session.run("workspace switch \"Data Platform\"");
    session.unset("ASTRO_PROFILE");
    session.set("ASTRO_API_TOKEN", &token(&env, "Acme"));
    session.set("ASTRO_API_URL", &address(&env));
    session.run("workspace switch \"Data Platform\"");
    session.assert("platform");
}

#[test]
fn several_profiles_at_once() {
    let env = TestEnv::with_sandbox();
    crate::directories::two_customers(&env);
    let mut session = env.transcript();
    session.run("deployment token create --profile globex --deployment Production --name release --role RELEASE_BOT -c");
    session.run("deployment token list --all-deployments");
    session.run("deployment token list --all-deployments --deployment Ingest");
    session.run("deployment token list --all-deployments --profile acme --profile globex");
    session.run("deployment list --all --profile globex --profile acme --profile globex -o clean");
    session.note("a profile that fails does not hide the others");
    session.run("profile add nobody");
    session.run("deployment list --all --all-profiles -o json");
    session.run("deployment list --all --profile globex --profile gone");
    session.run("deployment list --all --profile nobody --profile gone -o json");
    session.run("deployment list --all-profiles --profile acme");
    session.run("deployment inspect --profile acme --profile globex");
    session.note("a token in the environment is of no profile");
    session.set("ASTRO_API_TOKEN", &token(&env, "Acme"));
    session.run("organization list --profile acme --profile globex");
    session.assert("several-profiles");
    let ran = env.run("deployment list --all --profile acme --profile globex --debug".split(' '));
    for profile in ["acme", "globex"] {
        let line = format!("profile `{profile}`: GET /organizations/");
        assert!(ran.stderr.contains(&line), "{line}: {ran:?}");
    }
    let control = Control::of(&env);
    let before = control.requests().len();
    env.run(["deployment", "token", "list", "--all-deployments", "--profile", "acme"]).ok();
    let listings: Vec<String> = control.requests().split_off(before);
    let mut listings = listings;
    listings.sort();
    let expected = ["deployments", "tokens"].map(|list| format!("GET /v1/organizations/{ACME}/{list}"));
    assert_eq!(listings, expected, "one listing of tokens for the organization, and one of names");
}

/// Names are as commands saw them, at the address they saw them at; `--check` asks.
#[test]
fn names_stand_beside_ids_wherever_a_command_saw_them() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    let context = |args: &[&str]| env.run(["context"].iter().chain(args)).ok();
    let names = || {
        let context = env.run(["context", "-o", "json"]).json();
        ["organization_name", "workspace_name", "deployment_name"].map(|key| context[key].clone())
    };
    assert_eq!(names(), [(); 3].map(|()| serde_json::Value::Null), "nothing was seen yet");
    let before = control.requests().len();
    env.run(["deployment", "token", "list"]).ok();
    assert_eq!(control.requests().len() - before, 1, "a table does not show them");
    context(&["--check"]);
    assert_eq!(names(), ["Acme", "Data Platform", "Ingest"]);
    assert!(context(&[]).contains(&format!("Ingest ({INGEST})")));
    assert!(context(&["-o", "clean"]).ends_with("\tready\tAcme\tData Platform\tIngest\n"));
    let before = control.requests().len();
    let listed = env.run(["deployment", "token", "list", "-o", "json"]).json();
    assert_eq!(control.requests().len() - before, 1, "they are known");
    assert_eq!(listed["tokens"][0]["deployment_name"], "Ingest");
    // Another address has other things, whatever their IDs.
    let mut elsewhere = env.astro();
    elsewhere.env("ASTRO_API_URL", "http://127.0.0.1:1/v1").env("ASTRO_API_TOKEN", "opaque");
    elsewhere.env("ASTRO_DEPLOYMENT_ID", INGEST).args(["context", "-o", "json"]);
    assert_eq!(env.ran(&mut elsewhere).json()["deployment_name"], serde_json::Value::Null);
}

/// Two customers at one address: each row has the names of its own profile.
#[test]
fn each_profile_has_its_own_names() {
    let env = TestEnv::with_sandbox();
    crate::directories::two_customers(&env);
    let create =
        "deployment token create -n release -r RELEASE_BOT -c --profile globex --deployment Production";
    env.run(create.split(' ')).ok();
    for args in [
        &["deployment", "list", "--all", "--profile", "acme", "--profile", "globex", "-o", "json"][..],
        &["deployment", "token", "list", "--all-deployments", "--all-profiles", "-o", "json"],
    ] {
        let listed = env.run(args).json();
        let rows = listed.as_object().expect("a document").values().next().expect("rows").clone();
        let rows = rows.as_array().expect("a list").clone();
        assert!(rows.len() > 1, "{rows:?}");
        for row in rows {
            let of_profile = match row["profile"].as_str() {
                Some("globex") => "Globex",
                _ => "Acme",
            };
            assert_eq!(row["organization_name"], of_profile, "{row}");
            let deployment = row.get("deployment_name").unwrap_or(&row["name"]);
            assert!(deployment.is_string(), "{row}");
        }
    }
}
