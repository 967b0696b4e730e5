//! What a directory selects, what it must not, and profiles side by side.

use std::{fs, os::unix::fs::PermissionsExt, process::Command, thread};

use astro_e2e::{
    ACME, GLOBEX, INGEST, TestEnv, says,
    stub::{Reply, Stub},
};
use serde_json::Value;

use crate::profiles::{address, token};

/// Two customers, each with a profile, a credential and a project.
pub(crate) fn two_customers(env: &TestEnv) {
    let address = address(env);
    for (name, organization, id) in [("acme", "Acme", ACME), ("globex", "Globex", GLOBEX)] {
        let line = format!(
            "export ASTRO_API_URL={address}; echo {} | astro login --with-token --credential {name} -q; \
             astro profile add {name} --credential {name} --organization {id} -q",
            token(env, organization)
        );
        assert_eq!(env.shell("bash", &line).code, Some(0));
    }
}

#[test]
fn a_directory_selects_profile_and_ids() {
    let env = TestEnv::with_sandbox();
    two_customers(&env);
    let mut session = env.transcript();
    session.cd("projects/acme");
    session.run("profile use acme --here");
    session.write(
        "projects/acme/.astro.toml",
        "# of the project\nprofile = \"acme\"\ndeployment = \"Ingest\"\n",
    );
    session.cd("projects/acme/dags/deep");
    session.run("context");
    session.run("context -o clean");
    session.run("deployment token list -o clean");
    session.note("a flag and a variable are stronger");
    session.run("context --deployment Reports");
    session.set("ASTRO_PROFILE", "globex");
    session.run("context -o json");
    session.run("profile use sandbox");
    session.unset("ASTRO_PROFILE");
    session.run("profile use globex --shell");
    session.run("profile use globex --shell --here");
    session.note("what a directory must not say");
    session
        .write("projects/acme/.astro.toml", "profile = \"acme\"\n\napi_url = \"https://evil.example/v1\"\n");
    session.run("context");
    session.run("deployment list");
    session.run("deployment list --profile globex -o clean");
    session.run("profile use globex --here");
    session.assert("directories");
}

/// Whatever a cloned repository holds: refused with path and reason, nothing sent, nothing blocked for ever.
#[test]
fn a_hostile_directory_is_refused() {
    let env = TestEnv::with_sandbox();
    two_customers(&env);
    let control = astro_e2e::control::Control::of(&env);
    let project = env.path("cloned/deep");
    fs::create_dir_all(&project).expect("made");
    let file = env.path("cloned/.astro.toml");
    let run = |args: &[&str]| {
        let mut command = env.astro();
        env.ran(command.current_dir(&project).args(args))
    };
    let write = |text: &[u8]| fs::write(&file, text).expect("written");
    type Setup<'a> = (&'a str, Box<dyn Fn() + 'a>, &'a str);
    let link = |target: &str| std::os::unix::fs::symlink(target, &file).expect("linked");
    let corpus: Vec<Setup<'_>> = vec![
        ("an address", Box::new(|| write(b"address = \"http://127.0.0.1:1/v1\"")), "line 1"),
        ("a credential", Box::new(|| write(b"[credentials.acme]\naddress = \"x\"")), "line 1"),
        ("a command", Box::new(|| write(b"profile = \"acme\"\ncommand = \"touch owned\"")), "line 2"),
        ("official", Box::new(|| write(b"official = { command = \"sh\" }")), "line 1"),
        ("a link to a secret", Box::new(|| link("../.astro-host/credentials.toml")), "a link"),
        ("a link to nothing", Box::new(|| link("nowhere")), "a link"),
        ("a link without an end", Box::new(|| link("/dev/zero")), "a link"),
        (
            "a FIFO",
            Box::new(|| {
                assert!(Command::new("mkfifo").arg(&file).status().expect("runs").success());
            }),
            "not a regular file",
        ),
        ("a directory", Box::new(|| fs::create_dir(&file).expect("made")), "not a regular file"),
        (
            "a huge one",
            Box::new(|| fs::File::create(&file).and_then(|file| file.set_len(1 << 40)).expect("made")),
            "larger",
        ),
        (
            "a binary",
            Box::new(|| write(&fs::read(astro_e2e::root().join("bin/astro")).expect("read")[..4096])),
            "UTF-8",
        ),
        (
            "everybody's",
            Box::new(|| {
                write(b"profile = \"globex\"");
                fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("set");
            }),
            "everybody",
        ),
        (
            "an id that acts on a terminal",
            Box::new(|| write(b"workspace = \"\\u001b]0;x\\u0007\"")),
            "control character",
        ),
        ("an escape sequence", Box::new(|| write(b"\"\\u001b]0;x\\u0007\" = 1")), "line 1"),
    ];
    for (what, make, reason) in corpus {
        make();
        let before = control.requests().len();
        let ran = run(&["deployment", "list"]);
        says(&ran, 3, &["cloned/.astro.toml", reason]);
        assert!(!ran.stderr.contains('\x1b'), "{what}: {ran:?}");
        assert_eq!(control.requests().len(), before, "{what}: nothing was sent");
        assert_eq!(run(&["--help"]).code, Some(0), "{what}");
        let with_flag = run(&["deployment", "list", "--profile", "globex", "-o", "clean"]);
        assert_eq!(with_flag.code, Some(0), "{what}: {with_flag:?}");
        fs::remove_file(&file).or_else(|_| fs::remove_dir(&file)).expect("removed");
    }
    assert!(!project.join("owned").exists() && !env.path("cloned/owned").exists());
}

/// `ASTRO_HOME` above the working directory: the home's own file counts, and nothing above it.
#[test]
fn an_astro_home_above_the_working_directory() {
    let env = TestEnv::with_sandbox();
    two_customers(&env);
    let project = env.path("a/b");
    fs::create_dir_all(&project).expect("made");
    let who = || {
        let mut command = env.astro();
        let ran = env
            .ran(command.current_dir(&project).env("HOME", "/nonexistent").args(["context", "-o", "clean"]));
        ran.ok().split('\t').next().unwrap_or_default().to_owned()
    };
    assert_eq!(who(), "sandbox");
    fs::write(env.path(".astro.toml"), "profile = \"acme\"\n").expect("written");
    assert_eq!(who(), "acme");
    fs::write(env.path("a/.astro.toml"), "profile = \"globex\"\n").expect("written");
    assert_eq!(who(), "globex");
    // The configuration of the official CLI in a project is not ours.
    fs::create_dir(project.join(".astro")).expect("made");
    fs::write(project.join(".astro/config.yaml"), "context: evil.example\n").expect("written");
    assert_eq!(who(), "globex");
}

/// A file that only names a deployment belongs to the profile of the file above it, not to the default of every shell.
#[test]
fn directory_files_are_layered() {
    let env = TestEnv::with_sandbox();
    two_customers(&env);
    env.run(["profile", "use", "globex"]).ok();
    let control = astro_e2e::control::Control::of(&env);
    let mut session = env.transcript();
    session.cd("acme/reports");
    session.write(
        "acme/.astro.toml",
        "profile = \"acme\"\nworkspace = \"Data Platform\"\ndeployment = \"Ingest\"\n",
    );
    session.write("acme/reports/.astro.toml", "workspace = \"Analytics\"\ndeployment = \"Reports\"\n");
    session.run("context");
    session.run("context -o json");
    session.run(
        "deployment token create --name nightly --role DEPLOYMENT_ADMIN --no-recovery --token-file token",
    );
    let sent = control.requests().into_iter().find(|request| request.starts_with("POST ")).expect("sent");
    assert!(sent.contains(ACME), "{sent}");
    session.note("a file for another profile is not part of it");
    session.cd("acme/globex");
    session.write("acme/globex/.astro.toml", "profile = \"globex\"\n");
    session.run("context");
    session.note("a shell that chose another customer reads there, and changes nothing");
    session.cd("acme/reports");
    session.set("ASTRO_PROFILE", "globex");
    session.run("deployment list -o clean");
    session.run("deployment token list --deployment Reports -o clean");
    session.run("context -o clean");
    let release = env.run(
        "deployment token create --profile globex --deployment Reports --name release --role RELEASE_BOT -o json"
            .split(' '),
    );
    let id = release.json()["id"].as_str().expect("an ID").to_owned();
    for line in [
        "deployment token create --name x --role DEPLOYMENT_ADMIN --deployment Reports -c",
        &format!("deployment token delete {id} --deployment Reports --yes"),
    ] {
        let before = control.requests();
        let ran = session.run(line);
        says(&ran, 4, &["this directory is for the profile `acme`", "--profile globex"]);
        let changes = |requests: &[String]| requests.iter().filter(|sent| !sent.starts_with("GET ")).count();
        assert_eq!(changes(&control.requests()), changes(&before));
    }
    session.assert("directories-layered");
}

/// Sixteen processes, two profiles, half of them chosen by directory and half by variable: each sees its own.
#[test]
fn two_profiles_in_sixteen_processes() {
    let env = TestEnv::with_sandbox();
    two_customers(&env);
    for (name, dir) in [("acme", "one"), ("globex", "two")] {
        fs::create_dir_all(env.path(dir)).expect("made");
        fs::write(env.path(dir).join(".astro.toml"), format!("profile = \"{name}\"\n")).expect("written");
    }
    let before = fs::read(env.path(".astro-host/config.toml")).expect("there");
    thread::scope(|scope| {
        for index in 0..16 {
            let env = &env;
            scope.spawn(move || {
                let (name, dir, organization) =
                    if index % 2 == 0 { ("acme", "one", ACME) } else { ("globex", "two", GLOBEX) };
                for _ in 0..5 {
                    let mut command = env.astro();
                    command.args(["deployment", "list", "--all", "-o", "json"]);
                    if index < 8 {
                        command.current_dir(env.path(dir));
                    } else {
                        command.env("ASTRO_PROFILE", name);
                    }
                    let ran = env.ran(&mut command);
                    let rows = ran.json()["deployments"].as_array().expect("a list").clone();
                    let is_own = |row: &Value| {
                        let id = row["id"].as_str().expect("text");
                        (id.contains("acme"), id.contains("globex"))
                            == (organization == ACME, organization == GLOBEX)
                    };
                    assert!(!rows.is_empty() && rows.iter().all(is_own), "{name}: {ran:?}");
                }
            });
        }
    });
    let after = fs::read(env.path(".astro-host/config.toml")).expect("there");
    assert_eq!(before, after, "plain use never writes configuration");
}

#[test]
fn profiles_are_edited_renamed_and_carried_over() {
    let env = TestEnv::with_sandbox();
    two_customers(&env);
    let mut session = env.transcript();
    session.run(&format!("profile edit acme --deployment {INGEST} --workspace \"Data Platform\""));
    session.run(&format!("profile edit acme --deployment {INGEST}"));
    session.run("profile edit acme --unset workspace --deployment Reports");
    session.run("profile edit acme");
    session.run("profile edit acme --unset nothing");
    session.run("profile edit acme --unset deployment --deployment Reports");
    session.run("profile edit acne --unset deployment");
    session.run("profile edit acme --credential nobody");
    session.run("profile use acme");
    session.run("profile rename acme customer-a");
    session.run("profile rename acme customer-b");
    session.run("profile rename customer-a globex");
    session.run("profile rename sandbox mine");
    session.run("profile show customer-a");
    session.note("to a colleague");
    let exported = session.run("profile export").stdout;
    assert!(!exported.contains("eyJ") && !exported.contains("source"), "{exported}");
    session.run("profile export customer-a -o json");
    session.run("profile export nobody");
    session.run_with_input("profile import -", &exported);
    session.run_with_input("profile import -", "[profiles.globex]\nworkspace = \"x\"\n");
    session.run_with_input("profile import -", "[profiles.new]\ncommand = \"x\"\n");
    session.run_with_input(
        "profile import -",
        "[profiles.new]\ncredential = \"acme\"\n[credentials.acme]\naddress = \"https://evil.example/v1\"\n",
    );
    session.run("profile import");
    session.run("profile remove globex");
    session.run("profile remove customer-a");
    session.run("logout --credential acme");
    session.run_with_input("profile import - -o json", &exported);
    session.run("profile list -o clean");
    session.note("from the official CLI, whose file is only read");
    session.cd(".astro");
    session.write(".astro/config.yaml", include_str!("../fixtures/official-config.yaml"));
    session.run("profile import --from-official");
    session.run("profile show astronomer.io -o json");
    session.run("profile import --from-official nowhere.yaml");
    session.assert("profiles-edit");
    let official = fs::read_to_string(env.path(".astro/config.yaml")).expect("there");
    assert_eq!(official, include_str!("../fixtures/official-config.yaml"));
}

/// Customer A in the environment; profile, directory, flags and default of customer B, in all combinations, with
/// servers of both: no request carries A's credential with B's organization or to B's address, nor the other way round.
#[test]
fn requests_of_two_customers_are_never_mixed() {
    let env = TestEnv::new();
    let stub = || {
        Stub::new(|_| Reply::Json(200, r#"{"deployments":[],"totalCount":0,"limit":1000,"offset":0}"#.into()))
    };
    let (at_a, at_b) = (stub(), stub());
    // Tokens that say whose they are, as the API's do; nobody checks the signature here.
    let token = |organization: &str| {
        let claims = format!(r#"{{"permissions":["organizationId:{organization}"]}}"#);
        let encoded = Command::new("sh")
            .args(["-c", "printf %s \"$0\" | base64 -w0 | tr '+/' '-_' | tr -d ="])
            .arg(claims)
            .output();
        format!("e30.{}.c2lnbmF0dXJl", String::from_utf8(encoded.expect("runs").stdout).expect("text"))
    };
    let (a, b) = (token(ACME), token(GLOBEX));
    let line = format!(
        "export ASTRO_API_URL={}; echo {b} | astro login --with-token --credential b -q",
        at_b.address()
    );
    assert_eq!(env.shell("bash", &line).code, Some(0));
    // The token was checked when it was stored.
    let checks = at_b.seen().len();
    assert_eq!(at_b.seen(), ["GET /v1/organizations?limit=1"]);
    env.run(["profile", "edit", "b", "--organization", GLOBEX]).ok();
    let directories = [
        String::new(),
        "profile = \"b\"\n".to_owned(),
        format!("organization = \"{GLOBEX}\"\n"),
        format!("profile = \"b\"\norganization = \"{ACME}\"\n"),
    ];
    for (at, text) in directories.iter().enumerate() {
        fs::create_dir_all(env.path(&format!("d{at}"))).expect("made");
        if !text.is_empty() {
            fs::write(env.path(&format!("d{at}/.astro.toml")), text).expect("written");
        }
    }
    let config = env.path(".astro-host/config.toml");
    let with_default = fs::read_to_string(&config).expect("there");
    let without_default = with_default.replace("default_profile = \"b\"", "");
    assert_ne!(with_default, without_default);
    let mut sent = 0;
    for default in [&with_default, &without_default] {
        fs::write(&config, default).expect("written");
        for case in 0..2 * 2 * 2 * 4 * 2 * 3 {
            let mut rest = case;
            let mut digit = |of: usize| {
                let digit = rest % of;
                rest /= of;
                digit
            };
            let mut command = env.astro();
            command.args(["deployment", "list", "--all", "-o", "json", "--timeout", "5"]);
            // Without an address a token belongs to the hosted API, which is not asked from here.
            command.env("HTTPS_PROXY", "http://127.0.0.1:9");
            if digit(2) == 1 {
                command.env("ASTRO_API_TOKEN", &a).env("ASTRO_API_URL", at_a.address());
            }
            if digit(2) == 1 {
                command.args(["--profile", "b"]);
            }
            if digit(2) == 1 {
                command.env("ASTRO_PROFILE", "b");
            }
            command.current_dir(env.path(&format!("d{}", digit(4))));
            if digit(2) == 1 {
                command.args(["--organization", GLOBEX]);
            }
            if let Some(organization) = [None, Some(ACME), Some(GLOBEX)][digit(3)] {
                command.env("ASTRO_ORGANIZATION_ID", organization);
            }
            let ran = env.ran(&mut command);
            assert!(matches!(ran.code, Some(0 | 2 | 4)), "case {case}: {ran:?}");
            sent += usize::from(ran.code == Some(0));
        }
    }
    for (stub, token, organization, before) in [(&at_a, &a, ACME, 0), (&at_b, &b, GLOBEX, checks)] {
        let (seen, heads) = (stub.seen(), stub.heads());
        assert!(seen.len() > before);
        for (request, head) in seen.iter().zip(&heads).skip(before) {
            assert!(request.contains(organization), "{request}");
            assert!(head.contains(&format!("Bearer {token}")), "{request}: {head}");
        }
    }
    // Names are asked for beside the list.
    let lists = |stub: &Stub| stub.seen().iter().filter(|request| request.contains("/deployments?")).count();
    let all = lists(&at_a) + lists(&at_b);
    assert!(sent > 50 && all == sent, "{sent} lists, {all} requests");
}
