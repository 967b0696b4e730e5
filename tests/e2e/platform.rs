//! Organizations, workspaces and deployments; switching; several profiles at once.

use astro_e2e::{ACME, TestEnv};

use crate::profiles::{address, token};

#[test]
fn finding_and_switching() {
    let env = TestEnv::with_sandbox();
    let mut session = env.transcript();
    session.run("organization list");
    session.run("workspace list");
    session.run("workspace list --sort name:desc -o json");
    session.run("workspace list --sort size");
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
    session.note("where a directory selected it, the directory file changes");
    session.cd("project");
    session.write("project/.astro.toml", "# ours\nworkspace = \"Analytics\"\n");
    session.run("workspace switch \"Data Platform\"");
    session.run("context -o clean");
    assert!(std::fs::read_to_string(env.path("project/.astro.toml")).expect("there").starts_with("# ours\n"));
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
    session.set("ASTRO_PROFILE", "");
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
    let control = astro_e2e::control::Control::of(&env);
    let before = control.requests().len();
    env.run(["deployment", "token", "list", "--all-deployments", "--profile", "acme"]).ok();
    let listings: Vec<String> = control.requests().split_off(before);
    assert_eq!(
        listings,
        [format!("GET /v1/organizations/{ACME}/tokens")],
        "one listing for the organization"
    );
}
