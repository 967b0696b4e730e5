//! Who and where: credentials, profiles, precedence, and the rule that two customers are never mixed.

use std::{fs, os::unix::fs::MetadataExt};

use astro_e2e::{ACME, GLOBEX, TestEnv, says};

/// The administrator's token of an organization.
pub(crate) fn token(env: &TestEnv, organization: &str) -> String {
    env.run(["sandbox", "env", "--organization", organization, "-o", "json"]).json()["ASTRO_API_TOKEN"]
        .as_str()
        .expect("text")
        .to_owned()
}

pub(crate) fn address(env: &TestEnv) -> String {
    env.run(["sandbox", "status", "-o", "json"]).json()["address"].as_str().expect("text").to_owned()
}

#[test]
fn two_profiles_of_two_organizations_in_one_shell() {
    let env = TestEnv::with_sandbox();
    let (acme, globex) = (token(&env, "Acme"), token(&env, "Globex"));
    let mut session = env.transcript();
    session.set("ASTRO_API_URL", &address(&env));
    session.run_with_input("login --with-token --credential acme", &format!("{acme}\n"));
    session.run_with_input("login --with-token --credential globex", &globex);
    session.unset("ASTRO_API_URL");
    session.run(&format!("profile add acme --credential acme --organization {ACME} --deployment Ingest"));
    session.run(&format!(
        "profile add globex --credential globex --organization {GLOBEX} --deployment Production -o json"
    ));
    session.run("profile list");
    session.run("deployment token list --profile acme");
    session.run("deployment token create --profile globex --name release --role RELEASE_BOT -c");
    session.run("deployment token list --profile globex");
    session.note("a profile beats the variables of another customer, and says so");
    session.set("ASTRO_API_TOKEN", &acme);
    session.run("deployment list --all --profile globex");
    session.run("context --profile globex");
    session.note("without --profile the token wins, at its own address");
    session.run("context");
    session.unset("ASTRO_API_TOKEN");
    session.note("organizations are never mixed");
    session.run(&format!("deployment list --profile acme --organization {GLOBEX}"));
    session.set("ASTRO_ORGANIZATION_ID", GLOBEX);
    session.set("ASTRO_PROFILE", "acme");
    session.run("deployment list");
    session.unset("ASTRO_ORGANIZATION_ID");
    session.set("ASTRO_API_URL", "https://api.astronomer.io/v1");
    session.run("deployment list");
    session.unset("ASTRO_API_URL");
    session.run("profile use globex");
    session.run("profile show globex -o clean");
    session.run("logout --credential globex");
    session.run("deployment list --profile globex");
    session.run("profile remove globex");
    session.run("deployment list --profile globex");
    session.assert("journeys/several-accounts.txt");
}

#[test]
fn a_token_never_shows_and_its_file_is_private() {
    let env = TestEnv::with_sandbox();
    let acme = token(&env, "Acme");
    let mut login = env.astro();
    login
        .args(["login", "--with-token", "-vvv", "--debug"])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = login.spawn().expect("runs");
    std::io::Write::write_all(&mut child.stdin.take().expect("piped"), acme.as_bytes()).expect("read");
    let said = child.wait_with_output().expect("ended");
    assert!(said.status.success());
    let mode = |name: &str| fs::metadata(env.path(name)).expect("there").mode() & 0o777;
    assert_eq!(mode(".astro-host/credentials.toml"), 0o600);
    assert_eq!(mode(".astro-host/config.toml"), 0o600);
    assert_eq!(mode(".astro-host"), 0o700);
    let listed = env.run(["deployment", "list", "--profile", "sandbox", "-vvv", "--debug"]);
    assert_eq!(listed.code, Some(0));
    for text in [
        String::from_utf8_lossy(&said.stderr).into_owned(),
        listed.stderr,
        listed.stdout,
        env.run(["context"]).ok(),
        fs::read_to_string(env.path(".astro-host/config.toml")).expect("there"),
    ] {
        assert!(!text.contains(&acme), "{text}");
    }
    fs::set_permissions(
        env.path(".astro-host/credentials.toml"),
        std::os::unix::fs::PermissionsExt::from_mode(0o644),
    )
    .expect("set");
    let refused = env.run(["deployment", "list"]);
    says(&refused, 3, &[]);
}

#[test]
fn what_cannot_work_says_what_to_type() {
    let env = TestEnv::new();
    let mut session = env.transcript();
    session.run("deployment list");
    session.run("context");
    session.run("context switch prod");
    session.run("context frobnicate");
    session.run("login");
    session.run("login --with-token");
    session.run_with_input("login --with-token", "two words\n");
    session.run("profile add bad/name");
    session.run("profile add x --credential nothing");
    session.run("profile use nothing");
    session.run("profile list");
    session.run("deployment list --profile nothing");
    session.set("ASTRO_API_URL", "https://api.astronomer.io");
    session.run("context");
    session.unset("ASTRO_API_URL");
    session.set("ASTRO_OUTPUT", "yaml");
    session.run("context");
    session.unset("ASTRO_OUTPUT");
    session.note("nobody listens there");
    session.set("ASTRO_API_URL", "http://127.0.0.1:1/v1");
    session.set("ASTRO_API_TOKEN", "opaque");
    session.run(&format!("deployment list --organization {ACME}"));
    session.run(&format!("deployment list --organization {ACME} -o json"));
    session.assert("profiles-refusals");
}

#[test]
fn a_broken_configuration_is_named_and_the_environment_still_works() {
    let env = TestEnv::with_sandbox();
    let variables = env.run(["sandbox", "env"]).ok();
    let config = env.path(".astro-host/config.toml");
    let broken = "default_profile = \"sandbox\"\n[profiles.x\n";
    fs::write(&config, broken).expect("written");
    let ran = env.run(["deployment", "list"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("config.toml") && ran.stderr.contains("line 2"), "{ran:?}");
    assert_eq!(fs::read_to_string(&config).expect("there"), broken);
    let ran = env.shell("bash", &format!("{variables}astro deployment list -o clean"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(env.run(["--help"]).ok().contains("deployment"));
}

#[test]
fn without_a_home_help_works_and_the_rest_says_why() {
    let env = TestEnv::new();
    let mut command = env.astro();
    command.env("ASTRO_HOME", "relative").args(["--help"]);
    assert!(command.output().expect("runs").status.success());
    let mut command = env.astro();
    command.env("ASTRO_HOME", "relative").args(["profile", "list"]);
    let output = command.output().expect("runs");
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not an absolute path"));
}

/// A secret that a pipeline does not have, or a typing error, must not select another customer: nothing is sent, and the
/// variable is named.
#[test]
fn a_variable_without_a_value_is_refused() {
    let env = TestEnv::with_sandbox();
    let control = astro_e2e::control::Control::of(&env);
    let secret = token(&env, "Acme");
    let (two_lines, quoted) = (format!("{secret}\n{secret}"), format!("\"{secret}\""));
    let (prefixed, blank) = (format!("Bearer {secret}"), format!("{secret} "));
    let empty = |name: &'static str| (name, "", "is set and empty");
    let cases = [
        empty("ASTRO_API_TOKEN"),
        empty("ASTRO_PROFILE"),
        empty("ASTRO_ORGANIZATION_ID"),
        empty("ASTRO_WORKSPACE_ID"),
        empty("ASTRO_DEPLOYMENT_ID"),
        empty("ASTRO_API_URL"),
        empty("ASTRO_DOMAIN"),
        empty("ASTRO_OUTPUT"),
        empty("ASTRO_HOME"),
        ("ASTRO_PROFILE", " ", "nothing but blanks"),
        ("ASTRO_API_TOKEN", &two_lines, "more than one line"),
        ("ASTRO_API_TOKEN", &quoted, "quotes"),
        ("ASTRO_API_TOKEN", &prefixed, "`Bearer`"),
        ("ASTRO_API_TOKEN", &blank, "blanks"),
    ];
    let before = control.requests();
    for (name, value, reason) in cases {
        for line in
            ["deployment list", "context", "deployment token create --name x --role DEPLOYMENT_ADMIN -c"]
        {
            let ran = env.ran(env.astro().env(name, value).args(line.split(' ')));
            says(&ran, 2, &[name, reason]);
            assert!(!ran.stderr.contains(&secret) && ran.stdout.is_empty(), "{name}: {ran:?}");
        }
        for line in ["--help", "--version"] {
            env.ran(env.astro().env(name, value).arg(line)).ok();
        }
    }
    assert_eq!(control.requests(), before, "nothing was sent");
    // What is not asked who somebody is reads only its own.
    for (line, name, code) in [
        ("profile list", "ASTRO_OUTPUT", 2),
        ("profile list", "ASTRO_HOME", 2),
        ("profile list", "ASTRO_PROFILE", 0),
        ("logout", "ASTRO_PROFILE", 2),
        ("deployment list", "ASTRO_LOG", 0),
        ("deployment list", "NO_COLOR", 0),
    ] {
        let ran = env.ran(env.astro().env(name, "").args(line.split(' ')));
        assert_eq!(ran.code, Some(code), "{line} with {name}: {ran:?}");
    }
}

/// What is advised about a credential fits who uses it.
#[test]
fn the_advice_about_a_credential_fits_its_profiles() {
    let env = TestEnv::new();
    env.shell("sh", "echo opaque-token | astro login --with-token --credential me --insecure-storage -q")
        .ok();
    env.run(["profile", "remove", "me"]).ok();
    let added = env.run(["profile", "add", "me"]);
    assert!(added.stderr.contains("It uses the credential `me`."), "{added:?}");
    assert!(!added.stderr.contains("astro login"), "it has its own credential: {added:?}");
    env.run(["profile", "add", "you", "--credential", "me"]).ok();
    let removed = env.run(["profile", "remove", "you"]);
    assert!(removed.stderr.contains("stays: the profile `me` uses it"), "{removed:?}");
    assert!(!removed.stderr.contains("astro logout"), "{removed:?}");
    let removed = env.run(["profile", "remove", "me"]);
    assert!(removed.stderr.contains("astro logout --credential me"), "{removed:?}");
}
