//! Completion in real shells, from manifests.

use astro_e2e::{ACME, TestEnv, control::Control, fixture, root, shells};
use expectrl::Expect;

use crate::terminal::{ended, session};

/// The candidates for a line, asked as the script of bash asks. Words hold nothing that bash would act on.
pub(crate) fn candidates(env: &TestEnv, words: &[&str]) -> String {
    let answer = answer(env, words);
    let (head, candidates) = answer.split_once('\n').unwrap_or_default();
    assert_eq!(head, "values 0", "{words:?}");
    candidates.trim_end().to_owned()
}

pub(crate) fn answer(env: &TestEnv, words: &[&str]) -> String {
    let mut command = env.astro();
    command
        .args(["--", &words.join(" ")])
        .env("ASTRO_COMPLETE", "bash")
        .env("_ASTRO_BREAKS", " \t\n\"'@><=;|&(:");
    let output = command.output().expect("runs");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The same until a value is among them: on a machine that builds beside the tests 300 ms may pass, and then a person
/// presses Tab again.
pub(crate) fn candidates_with(env: &TestEnv, words: &[&str], value: &str) -> String {
    let mut found = String::new();
    for _ in 0..50 {
        found = candidates(env, words);
        if found.lines().any(|line| line == value) {
            break;
        }
    }
    found
}

#[test]
fn words_flags_and_choices() {
    let env = TestEnv::new();
    for (words, expected, never) in [
        (&["astro", ""][..], &["deployment", "sandbox", "profile", "plugin"][..], "token"),
        (&["astro", "dep"], &["deployment"], "sandbox"),
        (&["astro", "deployment", ""], &["list", "token"], "sandbox"),
        (&["astro", "deployment", "token", ""], &["create", "rotate"], "sandbox"),
        (
            &["astro", "de", "to", "cr", "--"],
            &["--name", "--expiration", "--clean-output", "--profile"],
            "--scope",
        ),
        (
            &["astro", "deployment", "token", "list", "--scope", ""],
            &["deployment", "workspace", "organization"],
            "create",
        ),
        (&["astro", "deployment", "list", "-o", ""], &["table", "json", "clean"], "yaml"),
        (&["astro", "profile", ""], &["add", "use"], "token"),
        (&["astro", "completion", ""], &["bash", "zsh", "fish"], "elvish"),
        (&["astro", "--profile", "x", ""], &["deployment", "sandbox", "profile"], "--output"),
        (&["astro", "-ojson", "deployment", ""], &["list", "token"], "--output"),
        (&["astro", "deployment", "list", "-"], &["--all", "--output"], "list"),
        (&["astro", "deployment", "list", "--output=j"], &["json"], "table"),
    ] {
        let found = candidates(&env, words);
        let found: Vec<&str> = found.lines().collect();
        for word in expected {
            assert!(found.contains(word), "{words:?}: {word} in {found:?}");
        }
        assert!(!found.contains(&never), "{words:?}: {never} in {found:?}");
    }
}

/// Values that nobody wrote down: from the configuration, the API, and the plugin.
#[test]
fn values_come_from_whoever_knows_them() {
    let env = TestEnv::with_sandbox();
    env.run(["profile", "add", "other", "--credential", "sandbox", "--organization", ACME]).ok();
    for (words, expected, never) in [
        (&["astro", "profile", "use", ""][..], &["other", "sandbox"][..], ""),
        (&["astro", "deployment", "list", "--profile", "o"], &["other"], "sandbox"),
        (&["astro", "deployment", "list", "--profile=o"], &["other"], "sandbox"),
        (&["astro", "deployment", "list", "--organization", ""], &["Acme"], ""),
        (&["astro", "deployment", "list", "--workspace", "D"], &["Data\\ Platform"], "Analytics"),
        (&["astro", "workspace", "switch", ""], &["Analytics", "Data\\ Platform"], ""),
        (&["astro", "deployment", "inspect", "Ing"], &["Ingest", "Ingest\\ Staging"], "Reports"),
        (&["astro", "profile", "add", "x", "--credential", ""], &["sandbox"], ""),
        (&["astro", "logout", "--credential=s"], &["sandbox"], ""),
        (
            &["astro", "deployment", "inspect", "--deployment", "Ing"],
            &["Ingest", "Ingest\\ Staging"],
            "Reports",
        ),
        (
            &["astro", "deployment", "token", "rotate", "cm"],
            &["cm00acme0token0deployment"],
            "cm00acme00token0workspace",
        ),
        (&["astro", "deployment", "token", "delete", "--name", "n"], &["nightly"], ""),
        (
            &["astro", "deployment", "token", "create", "--role", ""],
            &["DEPLOYMENT_ADMIN", "DAG_DEPLOYER"],
            "",
        ),
        (&["astro", "de", "to", "up", "-y", "--role", "L"], &["LOG_READER"], "DAG_DEPLOYER"),
    ] {
        let found = candidates_with(&env, words, expected[0]);
        let found: Vec<&str> = found.lines().collect();
        for word in expected {
            assert!(found.contains(word), "{words:?}: {word} in {found:?}");
        }
        assert!(!found.contains(&never), "{words:?}: {never} in {found:?}");
    }
    assert_eq!(Control::of(&env).posts(), 0, "nobody pressed Enter");
}

/// The host's own values: what is installed, configured and described.
#[test]
fn values_of_the_hosts_own_arguments() {
    let env = TestEnv::with_sandbox();
    std::fs::copy(fixture("hello"), env.path("libhello.so")).expect("copied");
    env.run(["plugin", "link", "libhello.so", "-q"]).ok();
    env.run(["config", "set", "trust.verify", "always", "-q"]).ok();
    let lost = env.shell("bash", "astro deployment token create -n lost -r DEPLOYMENT_ADMIN -c > /dev/full");
    assert_eq!(lost.code, Some(7), "{lost:?}");
    let entry = env.run(["recover", "list", "-o", "json"]).json()["entries"][0]["entry"].clone();
    let entry = entry.as_str().expect("an entry");
    for (words, expected, never) in [
        (&["astro", "help", ""][..], &["deployment", "config", "globals", "exit-codes"][..], "list"),
        (&["astro", "help", "deployment", ""], &["list", "token"], "globals"),
        (&["astro", "help", "config", "s"], &["set"], "get"),
        (&["astro", "deployment", "help", "to"], &["token"], "list"),
        (&["astro", "config", "get", ""], &["trust.verify", "default_profile"], "trust.require"),
        (&["astro", "config", "unset", ""], &["trust.verify"], "profiles.sandbox.credential"),
        (&["astro", "config", "set", ""], &["official.command", "trust.require"], ""),
        (&["astro", "config", "set", "trust.require", ""], &["checksum", "signed"], "always"),
        (&["astro", "config", "set", "default_profile", ""], &["sandbox"], ""),
        (&["astro", "plugin", "info", ""], &["hello", "sandbox"], ""),
        (&["astro", "plugin", "remove", ""], &["hello"], "sandbox"),
        (&["astro", "plugin", "upgrade", ""], &["hello"], "sandbox"),
        (&["astro", "recover", "show", ""], &[entry], ""),
        (&["astro", "profile", "add", "x", "--credential", ""], &["sandbox"], ""),
    ] {
        let found = candidates(&env, words);
        let found: Vec<&str> = found.lines().collect();
        for word in expected {
            assert!(found.contains(word), "{words:?}: {word} in {found:?}");
        }
        assert!(!found.contains(&never), "{words:?}: {never} in {found:?}");
        assert!(found.iter().all(|one| !one.starts_with('-')), "{words:?}: options in {found:?}");
    }
    for words in [
        &["astro", "plugin", "info", "./"][..],
        &["astro", "plugin", "link", ""],
        &["astro", "plugin", "install", "./l"],
        &["astro", "plugin", "info", "li"],
        &["astro", "profile", "import", ""],
        &["astro", "config", "set", "official.command", "/"],
        &["astro", "deployment", "token", "create", "--token-file", ""],
        &["astro", "deployment", "token", "create", "--token-file=a"],
        &["astro", "deployment", "list", ">", "a"],
    ] {
        assert_eq!(answer(&env, words), "files 0\n", "{words:?}");
    }
}

/// An answer is kept for the second Tab, and for nobody else.
#[test]
fn an_answer_is_kept_for_its_profile_alone() {
    let env = TestEnv::with_sandbox();
    let line = format!(
        "echo {} | ASTRO_API_URL={} astro login --with-token --credential other -q",
        crate::profiles::token(&env, "Acme"),
        crate::profiles::address(&env)
    );
    env.shell("sh", &line).ok();
    // Another token than that of the sandbox's own profile, which is of the same organization.
    let path = env.path(".astro-host/credentials.toml");
    let text = std::fs::read_to_string(&path).expect("there");
    let mut document: toml_edit::DocumentMut = text.parse().expect("toml");
    document["other"]["token"] = toml_edit::value("other-token");
    std::fs::write(&path, document.to_string()).expect("written");
    env.run(["profile", "add", "other", "--credential", "other", "--organization", ACME]).ok();
    let line = &["astro", "deployment", "inspect", "--deployment", "Rep"];
    assert_eq!(candidates_with(&env, line, "Reports"), "Reports");
    let kept = env.path(".astro-host/cache/completion");
    for entry in std::fs::read_dir(&kept).expect("a cache") {
        use std::os::unix::fs::PermissionsExt;
        let mode = entry.expect("a file").metadata().expect("facts").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    env.run(["sandbox", "stop"]).ok();
    assert_eq!(candidates(&env, line), "Reports", "from the cache");
    assert_eq!(
        candidates(&env, &["astro", "--profile", "other", "deployment", "inspect", "--deployment", "Rep"]),
        ""
    );
    // With nothing to ask and nothing kept a shell is told nothing.
    std::fs::remove_dir_all(&kept).expect("removed");
    assert_eq!(candidates(&env, line), "");
}

/// Whatever a plugin does while a shell completes a line: what is known without it is offered, no text gets into the line,
/// and nothing is changed.
#[test]
fn a_plugin_that_misbehaves_completes_nothing_and_says_nothing() {
    let env = TestEnv::with_sandbox();
    std::fs::copy(fixture("misbehaving"), env.path("libbad.so")).expect("copied");
    env.run(["plugin", "link", "libbad.so"]).ok();
    for how in ["panic", "block", "pending", "fail", "write", "emit", "notice", "ask"] {
        assert_eq!(candidates(&env, &["astro", "misbehave", "values", "--how", how, ""]), "", "{how}");
    }
    for how in ["exit", "abort"] {
        let found = answer(&env, &["astro", "misbehave", "values", "--how", how, ""]);
        assert!(!found.contains("fine"), "{how}: {found}");
    }
    let found = candidates_with(&env, &["astro", "misbehave", "values", "--how", "print", ""], "fine");
    assert_eq!(found, "fine\nwith\\ blank");
    assert_eq!(Control::of(&env).posts(), 0, "nothing was written");
}

/// A server that does not answer in time: what is known without it is offered.
#[test]
fn a_slow_server_is_not_waited_for() {
    let env = TestEnv::new();
    env.run(["sandbox", "start", "--latency", "60000"]).ok();
    assert_eq!(candidates(&env, &["astro", "workspace", "switch", ""]), "");
    // The answer in time is the one that the manifest gives.
    assert_eq!(candidates(&env, &["astro", "workspace", "switch", "--prof"]), "--profile");
    let pid = env.run(["sandbox", "status", "-o", "json"]).json()["pid"].clone();
    astro_e2e::signal(u32::try_from(pid.as_u64().expect("a number")).expect("a pid"), "KILL");
}

/// In each shell on a terminal: the value that Tab completes reaches the command, blanks and all.
#[test]
fn tab_completes_values_in_each_shell() {
    let env = TestEnv::with_sandbox();
    for shell in shells() {
        let mut session = completing_session(&env, &shell);
        // Asked before, so that the answers are at hand when the keys are pressed.
        let asked = |words: &[&str], value: &str| drop(candidates_with(&env, words, value));
        asked(&["astro", "deployment", "inspect", "--deployment", "Rep"], "Reports");
        session.send("astro deployment inspect --deployment Rep\t -o clean\r").expect("typed");
        session.expect("cm00acme000deployment0003").unwrap_or_else(|error| panic!("{shell}: {error}"));
        asked(&["astro", "deployment", "list", "--workspace", "Dat"], "Data\\ Platform");
        session.send("astro deployment list --workspace Dat\t -o clean\r").expect("typed");
        session.expect("cm00acme000deployment0001").unwrap_or_else(|error| panic!("{shell}: {error}"));
        for begun in ["Data\\ ", "'Data ", "\"Data ", "'Dat", "\"Dat"] {
            session.send(format!("astro deployment list --workspace {begun}\t -o json\r")).expect("typed");
            session
                .expect("\"Ingest Staging\"")
                .unwrap_or_else(|error| panic!("{shell} after {begun}: {error}"));
        }
        session.send("astro deployment token list --profile sand\t -o clean\r").expect("typed");
        session.expect("nightly").unwrap_or_else(|error| panic!("{shell}: {error}"));
        let role = ["astro", "deployment", "token", "create", "--name", "of-a-shell", "--role", "LOG"];
        asked(&role, "LOG_READER");
        session
            .send("astro deployment token create --name of-a-shell --role LOG\t --token-file new-token -o json\r")
            .expect("typed");
        session.expect("LOG_READER\",").unwrap_or_else(|error| panic!("{shell}: {error}"));
        asked(&["astro", "deployment", "token", "delete", "--name", "of-"], "of-a-shell");
        session.send("rm new-token; astro deployment token delete --name of-\t --yes\r").expect("typed");
        session.expect("Deleted the token").unwrap_or_else(|error| panic!("{shell}: {error}"));
        asked(&["astro", "deployment", "token", "rotate", "cm"], "cm00acme0token0deployment");
        session
            .send("astro deployment token rotate cm\t --yes --token-file new-token; rm new-token\r")
            .expect("typed");
        session.expect("Rotated the token").unwrap_or_else(|error| panic!("{shell}: {error}"));
        session.send_line("exit").expect("typed");
        ended(&mut session);
    }
}

/// In each shell on a terminal: the word that Tab completes is of the plugins installed now.
#[test]
fn tab_completes_in_each_shell() {
    let env = TestEnv::new();
    for shell in shells() {
        let mut session = completing_session(&env, &shell);
        // What is expected stands nowhere in what is typed.
        session.send("astro deployment token rot\t --ye\t --version\r").expect("typed");
        session.expect("rotate").unwrap_or_else(|error| panic!("{shell}: {error}"));
        session.expect("--yes").unwrap_or_else(|error| panic!("{shell}: {error}"));
        session.expect("astro 0.").unwrap_or_else(|error| panic!("{shell}: {error}"));
        session.send_line("exit").expect("typed");
        ended(&mut session);
    }
}

/// In each shell: the script as a file where the shell looks for it. The first Tab completes, and still does after
/// astro was moved to another path, with a blank in it.
#[test]
fn an_installed_script_completes_at_the_first_tab_and_after_an_upgrade() {
    let env = TestEnv::new();
    let old = env.path("astro 1.0");
    std::fs::create_dir_all(old.join("bin")).expect("made");
    std::os::unix::fs::symlink(root().join("lib"), old.join("lib")).expect("linked");
    std::fs::hard_link(root().join("bin/astro"), old.join("bin/astro"))
        .or_else(|_| std::fs::copy(root().join("bin/astro"), old.join("bin/astro")).map(drop))
        .expect("there");
    for shell in shells() {
        let file = match shell.as_str() {
            "bash" => ".bashrc",
            "zsh" => ".zfunc/_astro",
            _ => ".config/fish/completions/astro.fish",
        };
        let install = format!(
            "mkdir -p \"$(dirname {file})\" && '{}/bin/astro' completion {shell} > {file}",
            old.display()
        );
        env.shell("sh", &install).ok();
        let script = std::fs::read_to_string(env.path(file)).expect("written");
        assert!(!script.contains(&*old.to_string_lossy()), "{shell}: a path is in it");
        std::fs::write(env.path(".zshrc"), "fpath=(~/.zfunc $fpath)\nautoload -Uz compinit && compinit -u\n")
            .expect("written");
    }
    std::fs::rename(&old, env.path("astro 2.0")).expect("moved");
    for shell in shells() {
        let args: &[&str] = match shell.as_str() {
            "bash" => &["--noprofile", "-i"],
            _ => &["-i"],
        };
        let mut session = session(&env, &shell, args);
        session.send_line("stty echo; echo beg''un").expect("typed");
        session.expect("begun").unwrap_or_else(|error| panic!("{shell}: {error}"));
        // The one on the PATH, and one that is typed with its path.
        session.send("astro completion zs\t | head -1\r").expect("typed");
        session.expect("#compdef").unwrap_or_else(|error| panic!("{shell}: {error}"));
        session.send("~/astro\\ 2.0/bin/astro deployment token rot\t --version\r").expect("typed");
        session.expect("astro 0.").unwrap_or_else(|error| panic!("{shell}: {error}"));
        session.send_line("exit").expect("typed");
        ended(&mut session);
    }
}

/// In each shell on a terminal: a value behind `=`, a name with a colon, a path, and a word after a global option.
#[test]
fn tab_completes_what_the_shell_itself_would_cut() {
    let env = TestEnv::with_sandbox();
    env.run(["deployment", "token", "create", "-n", "co:lon", "-r", "DEPLOYMENT_ADMIN", "-q"]).ok();
    std::fs::create_dir(env.path("a dir")).expect("made");
    std::fs::write(env.path("a dir/file"), "").expect("written");
    for shell in shells() {
        let mut session = completing_session(&env, &shell);
        let mut shows = |line: &str, shown: &str| {
            session.send(line).expect("typed");
            session.expect(shown).unwrap_or_else(|error| panic!("{shell}: {line:?}: {error}"));
        };
        shows("astro deployment list --output=js\t --all\r", "\"deployments\"");
        shows("astro --profile sandbox deployment li\t -o clean\r", "cm00acme000deployment0001");
        drop(candidates_with(&env, &["astro", "deployment", "list", "--workspace=Dat"], "Data\\ Platform"));
        shows("astro deployment list --workspace=Dat\t -o json\r", "\"Ingest Staging\"");
        drop(candidates_with(&env, &["astro", "deployment", "token", "delete", "--name", "co"], "co\\:lon"));
        for begun in ["--name co", "--name co:", "--name=co:l", "--name 'co:l"] {
            // A name that no token has is another error; without an answer nothing is deleted.
            shows(&format!("astro deployment token delete {begun}\t --no-input\r"), "needs `--yes`");
        }
        shows("astro plugin info a\\ d\tfi\t -o json\r", "a dir/file");
        session.send_line("exit").expect("typed");
        ended(&mut session);
    }
}

/// A shell on a terminal that completes `astro`.
fn completing_session(env: &TestEnv, shell: &str) -> expectrl::session::OsSession {
    let (args, register) = how_to_register(shell);
    registered(session(env, shell, args), register, shell)
}

/// What a shell is started with, and the line that registers the completion of `astro`.
fn how_to_register(shell: &str) -> (&'static [&'static str], &'static str) {
    match shell {
        "bash" => (&["--norc", "--noprofile", "-i"][..], "source <(astro completion bash)"),
        "zsh" => (&["-f", "-i"][..], "autoload -U compinit; compinit -u -D; source <(astro completion zsh)"),
        "fish" => (&["--no-config", "-i"][..], "astro completion fish | source"),
        other => panic!("no session for {other}"),
    }
}

/// The same of another program, on whose path it is.
pub(crate) fn completing(
    mut command: std::process::Command,
    shell: &str,
    app: &str,
) -> expectrl::session::OsSession {
    let (args, register) = how_to_register(shell);
    command.env("TERM", "xterm").args(args);
    let mut session = expectrl::Session::spawn(command).expect("a pseudo-terminal");
    session.set_expect_timeout(Some(std::time::Duration::from_secs(30)));
    registered(session, &register.replace("astro", app), shell)
}

fn registered(
    mut session: expectrl::session::OsSession,
    register: &str,
    shell: &str,
) -> expectrl::session::OsSession {
    // Line editors draw nothing on a terminal that does not echo, which is how the session begins.
    session.send_line(format!("stty echo; {register}; echo register''ed")).expect("typed");
    session.expect("registered").unwrap_or_else(|error| panic!("{shell}: {error}"));
    session
}
