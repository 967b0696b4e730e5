//! Where credentials are kept: the keyring, a file, a program.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, net::UnixListener},
    process::{Child, Command, Stdio},
    thread,
};

use astro_e2e::{Ran, TestEnv, has_service, may_mount, says};

use crate::{
    profiles::{address, token},
    signing_in::kept,
};

#[test]
fn a_command_prints_the_token() {
    let env = TestEnv::with_sandbox();
    let keeper = env.path("keeper");
    let script = |text: &str| {
        fs::write(&keeper, format!("#!/bin/sh\n{text}\n")).expect("written");
        fs::set_permissions(&keeper, fs::Permissions::from_mode(0o755)).expect("set");
    };
    script(&format!("env | grep -q ASTRO_API_TOKEN && exit 9\necho '{}'", token(&env, "Globex")));
    let login = |line: &str| {
        let line = format!(
            "export ASTRO_API_URL={}; astro login --credential own --command \"{line}\"",
            address(&env)
        );
        env.shell("bash", &line)
    };
    let ran = login(&keeper.display().to_string());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!kept(&env).contains("[own]"), "astro keeps nothing");
    env.run(["profile", "add", "own", "--credential", "own"]).ok();
    assert!(env.run(["deployment", "list", "--profile", "own", "-o", "clean"]).ok().contains("Production"));
    for (text, part) in [
        ("sleep 5 2>/dev/null & echo x", "left its output open"),
        ("head -c 1000000 /dev/zero", "one word"),
        ("read line; echo $line", "one word"),
        ("exit 3", "ended with"),
        ("true", "one word"),
        ("echo two words", "one word"),
    ] {
        script(text);
        let ran = env.run(["deployment", "list", "--profile", "own"]);
        says(&ran, 4, &[part]);
        assert_eq!(env.run(["context", "--profile", "own"]).code, Some(0), "{text}");
    }
    fs::remove_file(&keeper).expect("removed");
    let failed = login("/nowhere/keeper");
    says(&failed, 4, &["nothing was stored; run the command by hand: /nowhere/keeper"]);
    assert!(!failed.stderr.contains("config list"), "{failed:?}");
    script("touch \"$HOME/was-run\"");
    assert!(env.run(["context", "-o", "clean", "--profile", "own"]).ok().contains("\tunread\t"));
    assert!(!env.path("was-run").exists(), "a prompt runs nothing");
    // Only the user's own configuration names a command.
    let ran = env.run(["logout", "--credential", "own"]);
    assert!(ran.stderr.contains("its command keeps the token"), "{ran:?}");
}

/// A session bus and a keyring of a test's own; they end with it.
pub(crate) struct Keyring {
    bus: Child,
    daemon: Option<Child>,
    pub(crate) address: String,
}

impl Keyring {
    pub(crate) fn start(env: &TestEnv, unlocked: bool) -> Self {
        let mut bus = Command::new("dbus-daemon");
        bus.arg(format!("--address=unix:path={}", env.path("bus").display()));
        bus.args(["--session", "--nofork", "--print-address"]).env("HOME", env.home()).stdout(Stdio::piped());
        let mut bus = bus.stderr(Stdio::null()).spawn().expect("dbus-daemon runs");
        let mut address = String::new();
        BufReader::new(bus.stdout.take().expect("piped")).read_line(&mut address).expect("an address");
        let address = address.trim().to_owned();
        let run = env.path("run");
        fs::create_dir_all(&run).expect("made");
        fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).expect("set");
        let mut daemon = Command::new("gnome-keyring-daemon");
        daemon.args(["--foreground", "--components=secrets"]).args(unlocked.then_some("--unlock"));
        daemon.env("DBUS_SESSION_BUS_ADDRESS", &address).env("HOME", env.home()).env("XDG_RUNTIME_DIR", &run);
        daemon
            .env("XDG_DATA_HOME", env.path("data"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut daemon = daemon.spawn().expect("gnome-keyring-daemon runs");
        daemon
            .stdin
            .take()
            .expect("piped")
            .write_all(if unlocked { b"secret" } else { b"" })
            .expect("written");
        let found = Self { bus, daemon: Some(daemon), address };
        // Its name on the bus is there when it answers.
        for _ in 0..200 {
            let mut ask = Command::new("dbus-send");
            ask.args([
                "--session",
                "--print-reply",
                "--dest=org.freedesktop.DBus",
                "/",
                "org.freedesktop.DBus.NameHasOwner",
            ]);
            ask.arg("string:org.freedesktop.secrets").env("DBUS_SESSION_BUS_ADDRESS", &found.address);
            let answer = ask.output().expect("dbus-send runs");
            if String::from_utf8_lossy(&answer.stdout).contains("boolean true") {
                return found;
            }
            thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the keyring did not come to the bus");
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        for child in self.daemon.iter_mut().chain([&mut self.bus]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn login(env: &TestEnv, bus: &str, more: &str) -> Ran {
    let line = format!(
        "export DBUS_SESSION_BUS_ADDRESS='{bus}' ASTRO_API_URL={}; echo {} | astro login --with-token --credential ring {more}",
        address(env),
        token(env, "Globex")
    );
    env.shell("bash", &line)
}

fn with_bus(env: &TestEnv, bus: &str, args: &[&str]) -> Ran {
    let mut command = env.astro();
    env.ran(command.env("DBUS_SESSION_BUS_ADDRESS", bus).args(args))
}

#[test]
fn the_keyring_keeps_it() {
    if !has_service("dbus-daemon") || !has_service("gnome-keyring-daemon") {
        return;
    }
    let env = TestEnv::with_sandbox();
    let keyring = Keyring::start(&env, true);
    let ran = login(&env, &keyring.address, "");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.stderr.contains("cannot be used"), "{ran:?}");
    assert!(!kept(&env).contains("[ring]"), "it is in no file");
    let config = fs::read_to_string(env.path(".astro-host/config.toml")).expect("there");
    assert!(config.contains("source = \"keyring\""), "{config}");
    env.run(["profile", "add", "ring", "--credential", "ring"]).ok();
    let listed =
        with_bus(&env, &keyring.address, &["deployment", "list", "--profile", "ring", "-o", "clean"]);
    assert!(listed.ok().contains("Production"));
    // Without the bus it is said, and what needs no token goes on.
    let ran = env.run(["deployment", "list", "--profile", "ring"]);
    says(&ran, 4, &["--insecure-storage"]);
    assert_eq!(env.run(["context", "--profile", "ring"]).code, Some(0));
    // A token of the environment asks no keyring.
    let mut command = env.astro();
    command.env("ASTRO_API_TOKEN", token(&env, "Acme")).env("ASTRO_API_URL", address(&env));
    assert_eq!(env.ran(command.args(["deployment", "list", "--all"])).code, Some(0));
    // To a file and back.
    assert_eq!(login(&env, &keyring.address, "--insecure-storage").code, Some(0));
    assert!(kept(&env).contains("[ring]"));
    assert_eq!(login(&env, &keyring.address, "").code, Some(0));
    assert!(!kept(&env).contains("[ring]"), "the file's copy is gone");
    let out = with_bus(&env, &keyring.address, &["logout", "--credential", "ring"]);
    assert_eq!(out.code, Some(0), "{out:?}");
    let ran = with_bus(&env, &keyring.address, &["logout", "--credential", "ring"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
}

/// A keyring that is locked or hangs costs three seconds and falls through to the file.
#[test]
fn a_keyring_that_does_not_answer() {
    let env = TestEnv::with_sandbox();
    let hanging = env.path("hanging");
    let _listener = UnixListener::bind(&hanging).expect("bound");
    let ran = login(&env, &format!("unix:path={}", hanging.display()), "");
    says(&ran, 0, &["did not answer within 3 s"]);
    assert!(kept(&env).contains("[ring]"));
    env.run(["logout", "--credential", "ring"]).ok();
    let absent = login(&env, "unix:path=/nowhere", "");
    says(&absent, 0, &[]);
    if has_service("dbus-daemon") && has_service("gnome-keyring-daemon") {
        env.run(["logout", "--credential", "ring"]).ok();
        let keyring = Keyring::start(&env, false);
        let locked = login(&env, &keyring.address, "");
        says(&locked, 0, &[]);
    }
}

/// The keyring with one credential in it; the user that its item has.
fn with_one_credential(env: &TestEnv) -> (Keyring, String) {
    let keyring = Keyring::start(env, true);
    assert_eq!(login(env, &keyring.address, "").code, Some(0));
    env.run(["profile", "add", "ring", "--credential", "ring"]).ok();
    (keyring, format!("ring ({})", env.path(".astro-host").display()))
}

/// Other programs put an item of the same service and user beside ours, as Python's keyring does.
#[test]
fn a_second_item_in_the_keyring_changes_nothing() {
    if !["dbus-daemon", "gnome-keyring-daemon", "secret-tool"].into_iter().all(has_service) {
        return;
    }
    let env = TestEnv::with_sandbox();
    let (keyring, user) = with_one_credential(&env);
    let secret_tool = |line: &str| {
        let line = format!("export DBUS_SESSION_BUS_ADDRESS='{}'; {line}", keyring.address);
        env.shell("bash", &line)
    };
    let put = |text: &str, application: &str| {
        let line = format!(
            "printf '%s' '{text}' | secret-tool store --label=second service astro-host username '{user}' application '{application}'"
        );
        secret_tool(&line).ok();
    };
    let list =
        || with_bus(&env, &keyring.address, &["deployment", "list", "--profile", "ring", "-o", "clean"]);
    put("a password of somebody", "Python keyring");
    assert!(list().ok().contains("Production"));
    // Storing again replaces what astro wrote.
    assert_eq!(login(&env, &keyring.address, "").code, Some(0));
    assert!(list().ok().contains("Production"));
    // Two that astro could have written: which one counts is not known.
    put(r#"{"address":"https://api.astronomer.io/v1","token":"another-token"}"#, "a copy");
    let ran = list();
    says(
        &ran,
        4,
        &[
            "3 items are for it",
            "application `Python keyring`",
            "application `a copy`",
            "astro logout --credential ring",
        ],
    );
    assert!(!ran.stderr.contains("Wrapper") && !ran.stderr.contains("another-token"), "{ran:?}");
    let out = with_bus(&env, &keyring.address, &["logout", "--credential", "ring"]);
    assert_eq!(out.code, Some(0), "{out:?}");
    let left = secret_tool(&format!("secret-tool search --all service astro-host username '{user}' 2>&1"));
    assert!(
        left.stdout.contains("a password of somebody") && !left.stdout.contains("another-token"),
        "{left:?}"
    );
}

/// cron, agents and `env -i` start programs with HOME and PATH alone: the bus is where systemd has it.
#[test]
fn the_keyring_is_found_without_the_variables_of_the_session() {
    if !has_service("dbus-daemon") || !has_service("gnome-keyring-daemon") || !may_mount() {
        return;
    }
    let env = TestEnv::with_sandbox();
    let (_keyring, _) = with_one_credential(&env);
    let bare = "env -i HOME=\"$HOME\" ASTRO_HOME=\"$HOME\" PATH=\"$PATH\" astro deployment list --profile ring -o clean";
    let found = format!(
        "mount -t tmpfs none /run && mkdir -p /run/user/$(id -u) && ln -s '{}' /run/user/$(id -u)/bus && {bare}",
        env.path("bus").display()
    );
    let ran = env.ran(env.on_path("unshare").args(["-m", "sh", "-c", &found]));
    assert!(ran.code == Some(0) && ran.stdout.contains("Production"), "{ran:?}");
    let ran = env.ran(env.on_path("unshare").args([
        "-m",
        "sh",
        "-c",
        &format!("mount -t tmpfs none /run && {bare}"),
    ]));
    says(&ran, 4, &["DBUS_SESSION_BUS_ADDRESS and XDG_RUNTIME_DIR are not set", "/run/user/"]);
    assert!(!ran.stderr.contains("unlock"), "{ran:?}");
}

/// A token is checked at the API before it is stored, and what cannot be checked says so.
#[test]
fn a_token_is_checked_before_it_is_stored() {
    let env = TestEnv::with_sandbox();
    let api = address(&env);
    let store = |text: &str| {
        env.shell("bash", &format!("{text} | ASTRO_API_URL={api} astro login --with-token --credential x"))
    };
    let good = token(&env, "Globex");
    for (text, code, parts) in [
        (
            "echo garbage-that-is-no-token",
            4,
            vec!["the API does not accept the token (401)", "nothing was stored"],
        ),
        ("head -c 20000 /dev/zero | tr '\\0' x", 2, vec!["a token has at most 16384 bytes"]),
        ("head -c 1000000 /dev/zero | tr '\\0' x", 2, vec!["a token has at most 16384 bytes"]),
    ] {
        says(&store(text), code, &parts);
        assert!(!kept(&env).contains("[x]"), "{text}");
        let config = fs::read_to_string(env.path(".astro-host/config.toml")).expect("there");
        assert!(!config.contains("[credentials.x]"), "{text}: {config}");
    }
    let stored = store(&format!("printf '  %s\\n\\n' {good}"));
    assert!(stored.code == Some(0) && !stored.stderr.contains("not checked"), "{stored:?}");
    // The hosted API cannot be reached from here.
    let unchecked = env.shell("bash", &format!("echo {good} | astro login --with-token --credential y"));
    says(&unchecked, 0, &["Stored the credential `y`", "HTTPS_PROXY"]);
    // What a command prints is checked as well.
    let line = format!("ASTRO_API_URL={api} astro login --credential z --command 'echo no-token-at-all'");
    says(&env.shell("bash", &line), 4, &["(401)"]);
}

/// No keyring is opened and no program is run for it.
#[test]
fn the_stored_credentials_are_listed() {
    let env = TestEnv::with_sandbox();
    let hanging = env.path("hanging");
    let _listener = UnixListener::bind(&hanging).expect("bound");
    let config = env.path(".astro-host/config.toml");
    let mut text = fs::read_to_string(&config).expect("there");
    let (ran, address) = (env.path("was-run"), address(&env));
    text.push_str(&format!(
        "[profiles.a]\ncredential = \"sandbox\"\n[credentials.own]\naddress = \"{address}\"\nsource = \"command\"\ncommand = \"touch {}\"\n[credentials.ring]\naddress = \"{address}\"\nsource = \"keyring\"\n",
        ran.display()
    ));
    fs::write(&config, text).expect("written");
    let list = |format: &str| {
        let mut command = env.astro();
        command.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", hanging.display()));
        env.ran(command.args(["credential", "list", "-o", format]))
    };
    let clean = list("clean").ok();
    let mut lines = clean.lines();
    assert_eq!(lines.next(), Some(format!("own\t{address}\tcommand\t\t\t").as_str()));
    assert_eq!(lines.next(), Some(format!("ring\t{address}\tkeyring\t\t\t").as_str()));
    let sandbox = lines.next().expect("the sandbox's own");
    assert!(
        sandbox.starts_with(&format!("sandbox\t{address}\tfile\t"))
            && sandbox.ends_with("\tfalse\ta,sandbox"),
        "{sandbox}"
    );
    let json = list("json").json();
    assert_eq!(json["credentials"][2]["profiles"], serde_json::json!(["a", "sandbox"]));
    assert_eq!(json["credentials"][0]["renews"], serde_json::Value::Null);
    let table = list("table").ok();
    assert!(table.starts_with("NAME"), "{table}");
    assert!(!ran.exists(), "no program is run");
    fs::remove_file(&config).expect("removed");
    let nothing = env.run(["credential", "ls"]);
    says(&nothing, 0, &["Sign in with `astro login`"]);
}
