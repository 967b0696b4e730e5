//! The commands of the guides, run as they are printed. What belongs to others (`gh`, a GitLab server behind
//! `curl`) is stood in for by programs that keep what they are given.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use astro_e2e::{INGEST, TestEnv, says, workspace};
use expectrl::{Expect, process::unix::WaitStatus};

use crate::terminal::{ended, session};

/// A page of the guide.
pub(crate) fn guide(name: &str) -> String {
    fs::read_to_string(workspace().join("docs/src/guide").join(name)).expect("the guide")
}

/// The fenced blocks of a language, in order.
pub(crate) fn blocks(text: &str, language: &str) -> Vec<String> {
    let open = format!("```{language}\n");
    text.split(&open).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// A program on the PATH of the test's shells.
fn program(env: &TestEnv, name: &str, text: &str) {
    let bin = env.path("bin");
    fs::create_dir_all(&bin).expect("made");
    fs::write(bin.join(name), text).expect("written");
    fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).expect("set");
}

/// Whether a value reaches the API.
fn is_accepted(env: &TestEnv, token: &str) -> bool {
    let address = env.run(["sandbox", "status", "-o", "json"]).json()["address"].clone();
    let mut command = env.astro();
    command.env("ASTRO_API_URL", address.as_str().expect("text")).env("ASTRO_API_TOKEN", token);
    env.ran(command.args(["deployment", "token", "list", "--deployment", INGEST])).code == Some(0)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// On a terminal, by a person who answers yes.
#[test]
fn first_steps() {
    let env = TestEnv::new();
    let script = blocks(&guide("first-steps.md"), "sh").join("\n");
    assert!(script.lines().count() > 12, "{script}");
    fs::write(env.path("guide.sh"), format!("set -e\n{script}")).expect("written");
    let mut session = session(&env, "bash", &["guide.sh"]);
    for question in ["Rotate the token `ci`? [y/N]", "Delete the token `ci`? [y/N]"] {
        session.expect(question).expect("asks");
        session.send_line("y").expect("typed");
    }
    for part in ["Deleted the token `ci`", "Stored the credential `globex`", "No tokens.", "Production"] {
        session.expect(part).expect(part);
    }
    let ended = ended(&mut session);
    env.run(["sandbox", "stop"]).ok();
    assert!(matches!(ended, WaitStatus::Exited(_, 0)), "{ended:?}");
}

#[test]
fn automation_as_a_script_and_in_cron() {
    let env = TestEnv::with_sandbox();
    let variables = env.run(["sandbox", "env"]).ok();
    let blocks = blocks(&guide("automation.md"), "sh");
    let [script, again, manager, cron] = blocks.as_slice() else { panic!("four blocks: {blocks:?}") };
    let ran = env.shell("sh", &format!("{variables}{script}"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("\treport\tDEPLOYMENT\tDEPLOYMENT_ADMIN\t"), "{ran:?}");
    let mut values = Vec::new();
    for action in ["created", "exists"] {
        let ran = env.shell("sh", &format!("{variables}{again}"));
        assert_eq!((&ran.json()["action"], ran.code), (&action.into(), Some(0)), "{ran:?}");
        values.push(read(&env.path("loader.token")));
    }
    assert!(values[0] == values[1] && is_accepted(&env, values[0].trim()), "the first value stays");
    program(
        &env,
        "keep-secret",
        "#!/bin/sh\nfile=\"$HOME/$(echo \"$2\" | tr / -)\"\ncase $1 in put) cat > \"$file\" ;; get) cat \"$file\" ;; *) exit 2 ;; esac\n",
    );
    let ran = env.shell("sh", &format!("PATH=\"$HOME/bin:$PATH\"\n{variables}{manager}"));
    says(&ran, 0, &[]);
    assert!(is_accepted(&env, &read(&env.path("astro-nightly"))), "the secret manager has the new value");
    fs::write(env.path(".astro-env"), variables).expect("written");
    // cron hands everything after the five fields of time to sh.
    let command: Vec<&str> = cron.split_whitespace().skip(5).collect();
    let ran = env.shell("sh", &command.join(" "));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
}

#[test]
fn automation_in_github_actions_and_gitlab() {
    let env = TestEnv::with_sandbox();
    let variables = env.run(["sandbox", "env"]).ok();
    env.run(["deployment", "token", "create", "--name", "deploy", "--role", "DEPLOYMENT_ADMIN", "-q"]).ok();
    program(
        &env,
        "gh",
        "#!/bin/sh\n[ \"$1 $2 $3\" = 'secret set ASTRO_DEPLOY_TOKEN' ] && cat > \"$HOME/github-secret\"\n",
    );
    program(
        &env,
        "curl",
        "#!/bin/sh\nfor last; do :; done\necho \"$last\" > \"$HOME/url\"\ncp token \"$HOME/gitlab-secret\"\n",
    );
    let blocks = blocks(&guide("automation.md"), "yaml");
    let [actions, gitlab] = blocks.as_slice() else { panic!("two recipes: {blocks:?}") };

    let steps: String = actions
        .split("run: |\n")
        .nth(1)
        .expect("a run key")
        .lines()
        .map(|line| format!("{}\n", line.trim()))
        .collect();
    let line = format!(
        "export PATH=\"$HOME/bin:$PATH\" RUNNER_TEMP=\"$HOME\" GITHUB_ACTIONS=true\n{variables}{steps}"
    );
    let ran = env.shell("bash", &line);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let from_github = read(&env.path("github-secret"));
    assert!(is_accepted(&env, from_github.trim()), "the stored secret is the token's value");
    assert!(!ran.stdout.contains(from_github.trim()) && !ran.stderr.contains(from_github.trim()), "{ran:?}");

    let steps: String = gitlab
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- "))
        .map(|line| format!("{}\n", line.trim_matches('\'')))
        .collect();
    let line = format!(
        "set -e\nexport PATH=\"$HOME/bin:$PATH\" CI_API_V4_URL=https://gitlab.example/api/v4 CI_PROJECT_ID=7 GITLAB_TOKEN=x\n{variables}{steps}"
    );
    let ran = env.shell("bash", &line);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let from_gitlab = read(&env.path("gitlab-secret"));
    assert!(is_accepted(&env, from_gitlab.trim()));
    assert!(!is_accepted(&env, from_github.trim()), "the rotation ended the value before");
    assert!(read(&env.path("url")).contains("/projects/7/variables/ASTRO_DEPLOY_TOKEN"));
    assert!(!env.path("token").exists(), "the recipe leaves no file with the value");
}

/// Each command of the page is run, from a key to a revoked version; the page shows what it prints.
#[test]
fn an_index_of_ones_own() {
    if !astro_e2e::has_service("minisign") {
        return;
    }
    let env = TestEnv::with_cargo();
    let path = workspace().join("docs/src/guide/company-index.md");
    let page = guide("company-index.md");
    assert!(astro_e2e::book::commands(&page).len() > 15, "it is a session");
    let played = astro_e2e::book::played(&env, &page);
    assert!(!played.contains("[exit code 1]"), "{played}");
    astro_e2e::assert_file(&played, &path);
}
