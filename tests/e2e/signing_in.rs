//! Signing in at the sandbox's issuer, and what keeps the session: renewal, two at once, the keyring, a command.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use astro_e2e::{ACME, GLOBEX, Ran, TestEnv, has_service};
use serde_json::Value;

use crate::profiles::{address, token};

/// The port that the issuer sends a browser back to is one for the whole machine.
fn port() -> MutexGuard<'static, ()> {
    static PORT: Mutex<()> = Mutex::new(());
    PORT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins `astro login` and reads up to the address to open.
#[expect(clippy::zombie_processes, reason = "whoever gets the child waits for it")]
fn begin(env: &TestEnv, args: &[&str]) -> (Child, BufReader<std::process::ChildStderr>, String) {
    let mut command = env.astro();
    command.env("ASTRO_API_URL", address(env)).arg("login").args(args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    let mut said = BufReader::new(child.stderr.take().expect("piped"));
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if said.read_line(&mut line).expect("read") == 0 {
            panic!("astro login ended with {}: {text}", child.wait().expect("ends"));
        }
        if let Some(url) = line.trim().strip_prefix("http") {
            let url = format!("http{url}");
            return (child, said, url);
        }
        text.push_str(&line);
    }
}

fn finish(mut child: Child, mut said: BufReader<std::process::ChildStderr>) -> Ran {
    let mut stderr = String::new();
    said.read_to_string(&mut stderr).expect("read");
    Ran { stdout: String::new(), stderr, code: child.wait().expect("ends").code() }
}

/// A GET of this machine; the answer with its head.
fn get(url: &str) -> String {
    let rest = url.strip_prefix("http://").expect("plain");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).expect("listens");
    write!(stream, "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}

fn location(answer: &str) -> String {
    let line =
        answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_else(|| panic!("{answer}"));
    line.trim().to_owned()
}

/// What a browser does, without one.
fn sign_in(env: &TestEnv, args: &[&str]) -> Ran {
    let _port = port();
    let (child, said, url) = begin(env, &[&["--no-browser"], args].concat());
    let back = location(&get(&url.replace("/authorize?", "/authorize/continue?")));
    let page = get(&back);
    assert!(page.contains("You can close this page"), "{page}");
    finish(child, said)
}

#[test]
fn with_the_browser() {
    if !has_service("chromium") {
        return;
    }
    let env = TestEnv::with_sandbox();
    let _port = port();
    let (child, said, url) = begin(&env, &["--no-browser", "--credential", "me"]);
    let mut chromium = Command::new("chromium");
    chromium
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--virtual-time-budget=20000", "--timeout=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", env.path("browser").display()))
        .arg(&url)
        .env("HOME", env.home());
    let seen = chromium.output().expect("chromium runs");
    let page = String::from_utf8_lossy(&seen.stdout).into_owned();
    let ran = finish(child, said);
    assert!(page.contains("Signed in") && page.contains("You can close this page"), "{page} {ran:?}");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("Signed in as user@sandbox.localhost"), "{ran:?}");
}

/// A person belongs to several organizations: one sign-in, a profile each.
#[test]
fn one_sign_in_for_several_profiles() {
    let env = TestEnv::with_sandbox();
    let ran = sign_in(&env, &["--credential", "me"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("no session bus"), "it says where the token is kept: {ran:?}");
    for (name, organization) in [("acme", ACME), ("globex", GLOBEX)] {
        env.run(["profile", "add", name, "--credential", "me", "--organization", organization]).ok();
    }
    for (name, part) in [("acme", "acme"), ("globex", "globex")] {
        let listed = env.run(["deployment", "list", "--all", "--profile", name, "-o", "clean"]).ok();
        assert!(listed.lines().all(|line| line.contains(part)) && !listed.is_empty(), "{listed}");
    }
    let checked = env.run(["context", "--check", "--profile", "acme", "-o", "json"]).json();
    let row = |name: &str| {
        let mut rows = checked["settings"].as_array().expect("a list").iter();
        rows.find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}: {checked}"))["value"].clone()
    };
    assert_eq!(row("belongs_to"), "user@sandbox.localhost");
    assert_eq!(row("organizations"), "Acme, Globex");
    env.run(["profile", "use", "acme"]).ok();
    let both = env.run(["organization", "list", "-o", "clean"]).ok();
    assert_eq!(both.lines().count(), 2, "{both}");
    env.run(["organization", "switch", "Globex"]).ok();
    assert!(env.run(["deployment", "list", "-o", "clean"]).ok().contains("Production"));
    let out = env.run(["logout", "--credential", "me"]);
    assert!(out.code == Some(0) && out.stderr.contains("Signed out"), "{out:?}");
    for name in ["acme", "globex"] {
        assert!(out.stderr.contains(&format!("The profile `{name}` used it")), "{out:?}");
    }
    let after = env.run(["deployment", "list", "--profile", "acme"]);
    assert_eq!(after.code, Some(4), "{after:?}");
    assert!(after.stderr.contains("astro login"), "{after:?}");
}

/// What comes to the port and is not the browser that is waited for changes nothing; a refusal of the issuer ends it.
#[test]
fn strangers_at_the_port() {
    let env = TestEnv::with_sandbox();
    {
        let _port = port();
        let (child, said, url) = begin(&env, &["--no-browser"]);
        for stranger in
            ["/", "/callback", "/callback?code=stolen&state=guessed", "/callback?error=x&state=guessed"]
        {
            let answer = get(&format!("http://localhost:12345{stranger}"));
            assert!(answer.starts_with("HTTP/1.1 4"), "{stranger}: {answer}");
            assert!(!answer.contains("guessed"), "{answer}");
        }
        drop(TcpStream::connect("127.0.0.1:12345").expect("listens"));
        let busy = {
            let mut command = env.astro();
            command.env("ASTRO_API_URL", address(&env)).args([
                "login",
                "--no-browser",
                "--credential",
                "other",
            ]);
            env.ran(&mut command)
        };
        assert_eq!(busy.code, Some(1), "{busy:?}");
        assert!(busy.stderr.contains("12345") && busy.stderr.contains("--with-token"), "{busy:?}");
        let state = url.split(['?', '&']).find_map(|pair| pair.strip_prefix("state=")).expect("a state");
        let page = get(&format!("http://localhost:12345/callback?error=access_denied&state={state}"));
        assert!(page.contains("Not signed in"), "{page}");
        let ran = finish(child, said);
        assert!(ran.code == Some(4) && ran.stderr.contains("access_denied"), "{ran:?}");
    }
    // The issuer sends nobody anywhere else, and gives nothing without the right verifier.
    let base = address(&env).trim_end_matches("/v1").to_owned();
    let challenge = "x".repeat(43);
    let ask = |redirect: &str, method: &str, state: &str| {
        get(&format!(
            "{base}/issuer/authorize/continue?client_id=sandbox-cli&response_type=code&redirect_uri={redirect}\
             &state={state}&code_challenge={challenge}&code_challenge_method={method}"
        ))
    };
    for (redirect, method, state) in [
        ("http://localhost:12345/other", "S256", "s"),
        ("http://127.0.0.1:12345/callback", "S256", "s"),
        ("http://localhost:12345/callback", "plain", "s"),
        ("http://localhost:12345/callback", "S256", ""),
    ] {
        let answer = ask(redirect, method, state);
        assert!(answer.starts_with("HTTP/1.1 400"), "{redirect} {method}: {answer}");
    }
    let nobody = env.run(["login"]);
    assert!(nobody.code == Some(2) && nobody.stderr.contains("--with-token"), "{nobody:?}");
}

#[test]
fn on_another_device() {
    let env = TestEnv::with_sandbox();
    let (child, said, url) = begin(&env, &["--device"]);
    let page = get(&url);
    assert!(page.contains("Signed in"), "{page}");
    let ran = finish(child, said);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    env.run(["organization", "list", "--profile", "sandbox"]).ok();
    // A code works once.
    assert!(get(&url).contains("No such code"));
}

fn kept(env: &TestEnv) -> String {
    fs::read_to_string(env.path(".astro-host/credentials.toml")).expect("there")
}

/// As if the token of the credential `me` had been given out long ago.
fn age(env: &TestEnv) {
    let text = kept(env);
    let (before, after) = text.split_once("expires = ").expect("a session");
    let rest = after.split_once('\n').expect("a line").1;
    fs::write(env.path(".astro-host/credentials.toml"), format!("{before}expires = 1\n{rest}"))
        .expect("written");
}

/// Eight processes find that the token has expired: one renews it, and none is signed out.
#[test]
fn eight_renew_at_once() {
    let env = TestEnv::with_sandbox();
    assert_eq!(sign_in(&env, &["--credential", "me"]).code, Some(0));
    env.run(["profile", "add", "me", "--credential", "me", "--organization", ACME]).ok();
    let first = kept(&env);
    for round in 0..3 {
        age(&env);
        let before = kept(&env);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let ran = env.run(["deployment", "list", "--profile", "me", "-o", "clean"]);
                    assert!(ran.code == Some(0) && ran.stdout.contains("Ingest"), "{ran:?}");
                });
            }
        });
        assert_ne!(kept(&env), before, "round {round} renewed it");
    }
    // A refresh token that was used is no good any more: the session has ended, and it says what to do.
    fs::write(env.path(".astro-host/credentials.toml"), first).expect("written");
    age(&env);
    let ran = env.run(["deployment", "list", "--profile", "me"]);
    assert!(ran.code == Some(4) && ran.stderr.contains("astro login --credential me"), "{ran:?}");
    // Signing in again is all it takes; the address is the credential's own.
    let _port = port();
    let (child, said, url) = begin(&env, &["--no-browser", "--credential", "me"]);
    get(&location(&get(&url.replace("/authorize?", "/authorize/continue?"))));
    assert_eq!(finish(child, said).code, Some(0));
    env.run(["deployment", "list", "--profile", "me"]).ok();
}

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
    for (text, part) in [("exit 3", "ended with"), ("true", "one word"), ("echo two words", "one word")] {
        script(text);
        let ran = env.run(["deployment", "list", "--profile", "own"]);
        assert!(ran.code == Some(4) && ran.stderr.contains(part), "{text}: {ran:?}");
        assert_eq!(env.run(["context", "--profile", "own"]).code, Some(0), "{text}");
    }
    fs::remove_file(&keeper).expect("removed");
    assert!(login("/nowhere/keeper").stderr.contains("gave no token"));
    script("touch \"$HOME/was-run\"");
    assert!(env.run(["context", "-o", "clean", "--profile", "own"]).ok().ends_with("\tunread\n"));
    assert!(!env.path("was-run").exists(), "a prompt runs nothing");
    // Only the user's own configuration names a command.
    let ran = env.run(["logout", "--credential", "own"]);
    assert!(ran.stderr.contains("its command keeps the token"), "{ran:?}");
}

/// A session bus and a keyring of a test's own; they end with it.
struct Keyring {
    bus: Child,
    daemon: Option<Child>,
    address: String,
}

impl Keyring {
    fn start(env: &TestEnv, unlocked: bool) -> Self {
        let mut bus = Command::new("dbus-daemon");
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
    assert!(ran.code == Some(4) && ran.stderr.contains("no session bus"), "{ran:?}");
    assert!(ran.stderr.contains("--insecure-storage"), "{ran:?}");
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
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("did not answer within 3 s"), "{ran:?}");
    assert!(kept(&env).contains("[ring]"));
    env.run(["logout", "--credential", "ring"]).ok();
    let absent = login(&env, "unix:path=/nowhere", "");
    assert!(absent.code == Some(0) && absent.stderr.contains("cannot be used"), "{absent:?}");
    if has_service("dbus-daemon") && has_service("gnome-keyring-daemon") {
        env.run(["logout", "--credential", "ring"]).ok();
        let keyring = Keyring::start(&env, false);
        let locked = login(&env, &keyring.address, "");
        assert!(locked.code == Some(0) && locked.stderr.contains("cannot be used"), "{locked:?}");
    }
    let _: Value = env.run(["context", "-o", "json"]).json();
}
