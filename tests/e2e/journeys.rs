//! The sessions of a newcomer, from nothing to a token that expires, mistakes included, of a pipeline, of a consultant, and of
//! somebody whose plugin broke, of a pod. Those of the other kinds of user are in `profiles.rs` (several accounts) and
//! `authors.rs` (author); all are stored in `tests/journeys`.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    process::Stdio,
    thread,
    time::Duration,
};

use astro_e2e::{
    ACME, Ran, TestEnv, Transcript,
    container::Container,
    control::Control,
    may_mount,
    plugin_files::{IndexDir, PluginFile},
    stub::{Reply, Stub},
    words,
};

use crate::{
    processes::child_of,
    profiles::{address, token},
};

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
    session.note("a token, after some mistakes; it cannot prompt here");
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

/// A pod on a cluster that gives every project users of its own: all at once, each command the first process of a container.
#[test]
fn a_pod_of_a_user_whom_nobody_knew() {
    let env = TestEnv::with_sandbox();
    if !may_mount() {
        return;
    }
    let control = Control::of(&env);
    let container = Container::new(&env);
    let mut session = env.transcript();
    session.note("the image: astro in /opt/astro, a plugin that root installs, no certificates");
    fs::write(container.image("opt/marked.astro-plugin"), PluginFile::marked(&env).version("1.0.0").bytes())
        .expect("written");
    let build = |session: &mut Transcript, line: &str| {
        session.shown(line, &container.build(line));
    };
    build(&mut session, "astro plugin install /opt/marked.astro-plugin");

    session
        .note("a container of it: a user without a name, the group of root, and 2000, that of the secret;");
    session.note("the root is read-only, each command is process 1; the chmod was forgotten");
    let uid = 1_000_680_000;
    let run = |session: &mut Transcript, line: &str| {
        let ran = env.ran(container.first_process(uid).arg("astro").args(words(line)));
        session.shown(&format!("astro {line}"), &ran);
        ran
    };
    run(&mut session, "marked");
    build(&mut session, "chmod -R a+rX,go-w /opt/data");
    run(&mut session, "marked");
    run(&mut session, "plugin verify -o clean");

    session.note("a secret, mounted read-only: at first for everybody, then for its group");
    let (address, value) = (address(&env), token(&env, "Acme"));
    let config = container.volume("config/astro-host");
    fs::create_dir_all(&config).expect("made");
    let profile = format!(
        "[profiles.ci]\ncredential = \"ci\"\ndeployment = \"cm00acme000deployment0001\"\n\n[credentials.ci]\nsource = \"file\"\naddress = \"{address}\"\n"
    );
    fs::write(config.join("config.toml"), profile).expect("written");
    fs::write(
        config.join("credentials.toml"),
        format!("[ci]\naddress = \"{address}\"\ntoken = \"{value}\"\n"),
    )
    .expect("written");
    for (path, mode) in [
        (config.clone(), 0o750),
        (config.join("config.toml"), 0o440),
        (config.join("credentials.toml"), 0o444),
    ] {
        chown(&path, Some(0), Some(2000)).expect("root");
        chmod(&path, mode);
    }
    run(&mut session, "deployment list --profile ci");
    chmod(&config.join("credentials.toml"), 0o440);
    run(&mut session, "deployment list --profile ci");
    run(&mut session, "context --profile ci");

    session.note("a token goes to the volume that can be written; a name of the root file system is refused before it is made");
    let create = "deployment token create --profile ci --role DEPLOYMENT_ADMIN";
    run(&mut session, &format!("{create} --name pod --token-file /etc/token"));
    run(&mut session, &format!("{create} --name pod --token-file token"));
    run(&mut session, &format!("{create} --name pod --token-file /mnt/home/token"));
    let (_, made) = control.issued().pop().expect("issued");
    assert_eq!(fs::read_to_string(container.volume("home/token")).expect("there").trim_end(), made);

    session.note("what this user may not do, and what there is no place for");
    run(&mut session, "plugin remove marked --yes");
    run(&mut session, "profile add other");
    fs::remove_dir_all(container.volume("home/.local")).expect("there");
    chmod(&container.volume("home"), 0o755);
    run(&mut session, &format!("{create} --name unkept -o clean"));
    run(&mut session, &format!("{create} --name unkept -o clean --no-recovery"));

    session.note("a server with a certificate");
    let https = env.ran(
        container
            .first_process(uid)
            .envs([
                ("ASTRO_API_URL", "https://api.example.com/v1"),
                ("ASTRO_API_TOKEN", "opaque-token-value"),
            ])
            .args(["astro", "deployment", "list", "--organization", ACME]),
    );
    session.shown("ASTRO_API_URL=https://api.example.com/v1 ASTRO_API_TOKEN=… astro deployment list", &https);

    session.note("the pod is stopped while a request waits");
    let stub = Stub::new(|_| Reply::Later(Duration::from_secs(30), 200, "{}".to_owned()));
    let mut waiting = container.first_process(uid);
    waiting.env("ASTRO_API_URL", stub.address()).env("ASTRO_API_TOKEN", "opaque-token-value");
    waiting.args(["astro", "deployment", "list", "--organization", ACME]);
    let child = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("unshare runs");
    while stub.seen().is_empty() {
        thread::yield_now();
    }
    astro_e2e::signal(child_of(child.id()), "TERM");
    let stopped = Ran::from(child.wait_with_output().expect("ends"));
    session.shown("astro deployment list", &stopped);
    session.assert("journeys/container.txt");
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
}
