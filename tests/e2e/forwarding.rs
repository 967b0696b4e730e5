//! Lines that go to the official CLI: a program stands in for it, prints the words it was given and keeps the variables.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use astro_e2e::{ACME, GLOBEX, TestEnv, says};

use crate::profiles::{address, token};

/// A program that stands in for it: it prints its words and keeps its variables and open files.
fn stand_in(env: &TestEnv) -> PathBuf {
    let path = env.path("official astro");
    let script = "#!/bin/sh\nprintf 'official:'; printf ' <%s>' \"$@\"; echo\nenv > \"$HOME/variables\"\nls -l /proc/$$/fd > \"$HOME/descriptors\"\nexit 7\n";
    fs::write(&path, script).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    path
}

#[test]
fn its_program_is_configured_by_its_whole_path() {
    let env = TestEnv::new();
    let official = stand_in(&env);
    let mut session = env.transcript();
    session.run("dev start");
    session.run("deployment logs");
    session.run("config set official.command astro-official");
    session.run("config set official.command /nowhere/astro");
    session.run(&format!("config set official.command {}", astro_e2e::root().join("bin/astro").display()));
    session.run(&format!("config set official.command \"{}\"", official.display()));
    session.note("the first line in a shell says whose sign-in is used");
    session.run("dev start --port 8080 -- -x");
    session.run("deployment logs Ingest --follow");
    session.note("what is known here, or one slip away from it, stays here");
    session.run("version");
    session.run("deployment lsit");
    session.run("deploymet list");
    session.run("profile frobnicate");
    session.run("deployment --help");
    fs::set_permissions(&official, fs::Permissions::from_mode(0o644)).expect("set");
    session.note("a program that cannot be run");
    session.run("dev start");
    session.assert("official");
    // Nothing on the PATH is ever taken for it.
    let bin = env.path("bin");
    fs::create_dir(&bin).expect("made");
    fs::copy(&official, bin.join("astro-dev")).expect("copied");
    env.run(["config", "unset", "official.command"]).ok();
    let ran = env.shell("sh", "PATH=\"$HOME/bin:$PATH\" astro dev");
    assert_eq!(ran.code, Some(127), "{ran:?}");
}

/// None of the words that it is known for is held back as a slip of one of ours.
#[test]
fn its_own_words_go_to_it() {
    let env = TestEnv::new();
    let official = stand_in(&env);
    env.run(["config", "set", "official.command", official.to_str().expect("text")]).ok();
    let known = astro::ASTRO.fallback.expect("the official CLI").words;
    for (path, words) in known {
        for word in *words {
            let line: Vec<&str> = path.split_whitespace().chain([*word]).collect();
            let ran = env.run(&line);
            let passed: String = line.iter().map(|word| format!(" <{word}>")).collect();
            assert_eq!(ran.stdout, format!("official:{passed}\n"), "{line:?}: {ran:?}");
        }
    }
}

/// The whole line goes to it when the deepest word that is known has no such word below it.
#[test]
fn it_gets_every_word_that_no_plugin_has() {
    let env = TestEnv::with_sandbox();
    let official = stand_in(&env);
    env.run(["config", "set", "official.command", official.to_str().expect("text")]).ok();
    for line in [
        "dev start --port 8080 -- -x",
        "deploy",
        "deployment logs Ingest --error -c 5",
        "deployment create --name x",
        "deployment variable list --deployment-id x",
        "deployment token workspace-token list --deployment-id x",
        "deployment token organization-token add x --role DEPLOYMENT_ADMIN",
        "workspace token list",
        "workspace user list",
        "organization user list",
        "organization audit-logs export",
        "--profile sandbox deployment logs",
        "deployment logs --help",
        "dev --version",
        "help dev",
        "help deployment logs",
        "help deployment token workspace-token",
    ] {
        let ran = env.run(line.split(' '));
        let words: String = line.split(' ').map(|word| format!(" <{word}>")).collect();
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(7), format!("official:{words}\n").as_str()),
            "{line}: {ran:?}"
        );
    }
    for (line, advice) in [
        ("deployment lsit", "did you mean `astro deployment list`?"),
        ("deployment token creat --name x", "did you mean `astro deployment token create`?"),
        ("workspac list", "did you mean `astro workspace list`?"),
        ("deploymnet logs", "did you mean `astro deployment`?"),
        ("plugin frobnicate", "no such command: `astro plugin frobnicate`"),
        ("help profile frobnicate", "profile frobnicate"),
    ] {
        says(&env.run(line.split(' ')), 127, &[advice]);
    }
    // A slip may be meant: the advice names the way.
    let meant = format!("to run it with the official Astro CLI: '{}' deployment lsit", official.display());
    says(&env.run(["deployment", "lsit"]), 127, &[&meant]);
    for (words, ends) in
        [(&["deployment", "--help"][..], "deployment --help`"), (&["help"][..], "astro' --help`")]
    {
        let page = env.run(words).ok();
        let page: Vec<&str> = page.split_whitespace().collect();
        assert!(page.join(" ").contains(ends), "{page:?}");
        assert!(page.join(" ").contains("Every other word goes to the official Astro CLI"), "{page:?}");
    }
    assert!(!env.run(["profile", "--help"]).ok().contains("official Astro CLI;"));
}

/// It gets the environment as it is, `ASTRO_API_TOKEN` with it; nothing that is stored or opened here.
#[test]
fn it_gets_the_variables_and_nothing_that_is_stored() {
    let env = TestEnv::with_sandbox();
    let official = stand_in(&env);
    env.run(["config", "set", "official.command", official.to_str().expect("text")]).ok();
    let given = [
        ("ASTRO_API_TOKEN", "short"),
        ("ASTRO_DOMAIN", "localhost"),
        ("ASTRO_OUTPUT", "json"),
        ("OTHER", "x"),
    ];
    let ran = env.ran(env.astro().envs(given).args(["deployment", "logs"]));
    assert_eq!(ran.code, Some(7), "{ran:?}");
    let seen = fs::read_to_string(env.path("variables")).expect("kept");
    let mut seen: Vec<&str> =
        seen.lines().filter(|line| line.contains("ASTRO") || line.starts_with("OTHER")).collect();
    seen.sort_unstable();
    let home = format!("ASTRO_HOME={}", env.home().display());
    let expected = ["ASTRO_API_TOKEN=short", "ASTRO_DOMAIN=localhost", &home, "ASTRO_OUTPUT=json", "OTHER=x"];
    assert_eq!(seen, expected);
    let stored = token(&env, "Acme");
    let all = fs::read_to_string(env.path("variables")).expect("kept");
    let descriptors = fs::read_to_string(env.path("descriptors")).expect("kept");
    assert!(descriptors.contains(" -> "), "{descriptors}");
    assert!(!all.contains(&stored) && !descriptors.contains(".astro-host"), "{descriptors}");
    says(&ran, 7, &["It reads ASTRO_API_TOKEN, too, and stores it in"]);
}

/// Once per shell, and again when there is something else to say; both organizations when they differ.
#[test]
fn each_shell_is_told_whose_context_it_uses() {
    let env = TestEnv::with_sandbox();
    let official = stand_in(&env);
    env.run(["config", "set", "official.command", official.to_str().expect("text")]).ok();
    let own = env.path(".astro/config.yaml");
    fs::create_dir(env.path(".astro")).expect("made");
    let text = format!(
        "context: localhost\ncontexts:\n  localhost:\n    domain: localhost\n    token: Bearer x\n    organization: {GLOBEX}\nlocal:\n  core: {}\n",
        address(&env).trim_end_matches("/v1")
    );
    fs::write(&own, &text).expect("written");
    let differ = format!("Its organization is {GLOBEX}; that of the profile `sandbox` is {ACME}.");
    for shell in astro_e2e::shells() {
        let told = |line: &str| env.shell(&shell, &format!("{line}; :")).stderr;
        let said = told("astro deployment logs; astro dev start");
        assert_eq!(said.matches("uses its own sign-in and context").count(), 1, "{shell}: {said}");
        assert_eq!(said.matches(&differ).count(), 1, "{shell}: {said}");
        // Another profile: there is something else to say.
        let said = told(&format!(
            "astro dev; ASTRO_ORGANIZATION_ID={GLOBEX} ASTRO_PROFILE=sandbox astro dev; astro dev"
        ));
        assert_eq!(said.matches(&differ).count(), 2, "{shell}: {said}");
        let said = told(&format!(
            "ASTRO_API_TOKEN=short ASTRO_API_URL={} astro dev",
            address(&env).replace("127.0.0.1", "localhost")
        ));
        assert!(
            said.contains("It does not read ASTRO_API_URL") && !said.contains("Its organization"),
            "{shell}: {said}"
        );
    }
    assert_eq!(fs::read_to_string(&own).expect("there"), text, "it is never written");
}
