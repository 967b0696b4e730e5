//! The sessions of a newcomer, from nothing to a token that expires, mistakes included, of a pipeline, of a consultant, and of
//! somebody whose plugin broke. Those of
//! the other kinds of user are in `profiles.rs` (several accounts) and `authors.rs` (author); all are stored
//! in `tests/journeys`.

use std::{fs, os::unix::fs::PermissionsExt};

use astro_e2e::{
    TestEnv,
    plugin_files::{IndexDir, PluginFile},
};

use crate::profiles::{address, token};

#[test]
fn a_newcomer_makes_and_keeps_a_token() {
    let env = TestEnv::new();
    let mut session = env.transcript();
    session.note("what is this");
    session.run("");
    session.run("deployment token lsit");
    session.note("a local API to try it with");
    session.run("sandbox start");
    session.run("deployment list");
    session.note("a token, after some mistakes; nobody can be asked here");
    session.run("deployment token create");
    session.run("deployment token create --name ci --role ADMIN");
    session.run("deployment token create --name ci --role DEPLOYMENT_ADMIN --expiration 5000");
    session.run("deployment token create --name ci --role DEPLOYMENT_ADMIN --expiration 30");
    session.run("deployment token list");
    session.note("a new value for a script");
    session.run("deployment token rotate --name ci --clean-output");
    session.run("deployment token rotate --name ci --yes --clean-output");
    session.run(
        "deployment token update --name ci --new-name \"CI of main\" --description \"Deploys from main\"",
    );
    session.note("what expires soon");
    session.run("deployment token list --expiring-within 60d -o clean");
    session.run("deployment token delete --name ci --yes");
    session.run("deployment token delete --name \"CI of main\" --yes");
    session.note("who am I");
    session.run("context");
    session.run("sandbox stop");
    session.run("deployment list");
    session.assert("journeys/newcomer.txt");
}

/// A pipeline with an organization's token hands a new token to a secret manager that refuses, then accepts.
#[test]
fn a_pipeline_and_its_secret_manager() {
    let env = TestEnv::with_sandbox();
    let variables = env.run(["sandbox", "env", "-o", "json"]).json();
    // It keeps nothing while its door is closed.
    let manager = "#!/bin/sh\n[ -e \"$HOME/open\" ] || { echo 'vault: sealed' >&2; exit 2; }\ncat > \"$HOME/vault-$1\"\n";
    fs::write(env.path("vault"), manager).expect("written");
    fs::set_permissions(env.path("vault"), fs::Permissions::from_mode(0o755)).expect("set");
    let vault = env.path("vault").display().to_string();
    let mut session = env.transcript();
    for name in ["ASTRO_API_URL", "ASTRO_API_TOKEN", "ASTRO_DEPLOYMENT_ID"] {
        session.set(name, variables[name].as_str().expect("text"));
    }
    session.note("nobody can be asked, and the secret manager is sealed");
    let create = "deployment token create --name ci --role DEPLOYMENT_ADMIN --expiration 30 -o json";
    session.run(&format!("{create} --token-exec \"{vault} {{name}}\""));
    session.note("the token exists; it is not made again");
    let listed = session.run("recover list");
    let id =
        listed.stdout.lines().nth(1).and_then(|line| line.split(' ').next()).expect("an entry").to_owned();
    fs::write(env.path("open"), "").expect("written");
    session.note("the secret manager is open now");
    session.run(&format!("recover show {id} --token-exec \"{vault} {{name}}\" -o json"));
    session.run(&format!("recover discard {id} --yes"));
    session.run("recover list");
    session.note("the next rotation goes straight through");
    session
        .run(&format!("deployment token rotate --name ci --yes --token-exec \"{vault} {{name}}\" -o json"));
    session.assert("journeys/pipeline.txt");
    let kept = fs::read_to_string(env.path("vault-ci")).expect("kept");
    assert!(kept.starts_with("eyJ") && !kept.ends_with('\n'));
}

/// Three customers, two of them at one address and the third at another; seven profiles, three credentials, two shells.
#[test]
fn a_consultant_with_three_customers() {
    let env = TestEnv::with_sandbox();
    let third = TestEnv::with_sandbox();
    let mut session = env.transcript();
    session.note("one sign-in for each customer; each is kept with the address it belongs to");
    for (name, home, organization) in
        [("acme", &env, "Acme"), ("globex", &env, "Globex"), ("initech", &third, "Acme")]
    {
        session.set("ASTRO_API_URL", &address(home));
        session
            .run_with_input(&format!("login --with-token --credential {name}"), &token(home, organization));
    }
    session.unset("ASTRO_API_URL");
    session.note("seven profiles share them");
    for (name, credential, more) in [
        ("acme", "acme", "--workspace \"Data Platform\" --deployment Ingest"),
        ("acme-staging", "acme", "--workspace \"Data Platform\" --deployment \"Ingest Staging\""),
        ("acme-reports", "acme", "--workspace Analytics --deployment Reports"),
        ("globex", "globex", "--deployment Production"),
        ("globex-reports", "globex", "--deployment Reports"),
        ("initech", "initech", "--deployment Ingest"),
        ("initech-reports", "initech", "--deployment Reports"),
    ] {
        session.run(&format!("profile add {name} --credential {credential} {more} -q"));
    }
    session.run("profile list");
    session.note("one shell works for Globex, whatever directory it is in");
    session.set("ASTRO_PROFILE", "globex");
    session.run("deployment token create --name release --role RELEASE_BOT -c");
    session.run("deployment token list -o clean");
    session.unset("ASTRO_PROFILE");
    session.note("the other one goes from project to project");
    session.cd("projects/acme");
    session.run("profile use acme-staging --here");
    session.run("deployment token list");
    session.run("context -o clean");
    session.cd("projects/initech");
    session.run("profile use initech --here");
    session.run("context");
    session.note("a variable that was left over from Globex does not reach Initech");
    session.set("ASTRO_ORGANIZATION_ID", astro_e2e::GLOBEX);
    session.run("deployment list");
    session.unset("ASTRO_ORGANIZATION_ID");
    session.set("ASTRO_API_TOKEN", &token(&env, "Globex"));
    session.run("deployment list --profile initech -o clean");
    session.unset("ASTRO_API_TOKEN");
    session.note("what expires anywhere, in one look");
    session.run("deployment token list --all-deployments --profile acme --profile globex --profile initech");
    session.note("Initech is done");
    session.run("logout --credential initech");
    session.run("deployment list");
    session.run("deployment token list --all-deployments --profile globex --profile initech -o json");
    session.assert("journeys/consultant.txt");
}

/// Somebody whose pipeline broke at night, after an upgrade: what happened, back to what worked, and staying there.
#[test]
fn a_plugin_that_broke_at_night() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "plugins");
    index.add(&marked.clone().version("1.4.0")).publish().added(&env);
    env.run(["plugin", "install", "marked", "-q"]).ok();
    let mut broken = marked.version("1.5.0");
    // It is a plugin by all that can be seen from outside, and its command is none of its library's.
    broken.manifest.commands[0].path = "marked tell".into();
    index.add(&broken).publish();
    let mut session = env.transcript();
    session.note("the nightly job");
    session.run("plugin upgrade");
    session.run("marked");
    session.note("what is this, and since when");
    session.run("plugin list -o clean");
    session.run("plugin info marked");
    session.run("plugin verify marked");
    session.note("back to what worked");
    session.run("plugin rollback marked --dry-run");
    session.run("plugin rollback marked");
    session.run("marked");
    session.note("the next night");
    session.run("plugin upgrade");
    session.run("plugin list --outdated");
    session.note("by day, without trusting it yet");
    session.run("plugin upgrade marked --dry-run");
    session.run("plugin search marked");
    session.assert("journeys/plugin-at-night.txt");
}
