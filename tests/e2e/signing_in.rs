//! Signing in at the sandbox's issuer, and what keeps the session: renewal, two at once, signing out.

mod clocks;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use crate::profiles::address;
use astro_e2e::{ACME, GLOBEX, Ran, TestEnv, has_service, says};

/// The port that the issuer sends a browser back to is one for the whole machine.
fn port() -> MutexGuard<'static, ()> {
    static PORT: Mutex<()> = Mutex::new(());
    PORT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins `astro login` and reads up to the address to open.
fn begin(env: &TestEnv, args: &[&str]) -> (Child, BufReader<std::process::ChildStderr>, String) {
    begin_at(env, 0, args)
}

/// The same with a clock that is this many seconds off.
#[expect(clippy::zombie_processes, reason = "whoever gets the child waits for it")]
fn begin_at(
    env: &TestEnv,
    offset: i64,
    args: &[&str],
) -> (Child, BufReader<std::process::ChildStderr>, String) {
    let mut command = env.astro();
    command.env("ASTRO_API_URL", address(env)).env("ASTRO_FAILPOINT_CLOCK", offset.to_string());
    command.arg("login").args(args);
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
    astro_e2e::client::get(url).text
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
    says(&ran, 0, &["Signed in as user@sandbox.localhost"]);
}

/// A person belongs to several organizations: one sign-in, a profile each.
#[test]
fn one_sign_in_for_several_profiles() {
    let env = TestEnv::with_sandbox();
    let ran = sign_in(&env, &["--credential", "me"]);
    says(&ran, 0, &[]);
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
    says(&out, 0, &[]);
    for name in ["acme", "globex"] {
        assert!(out.stderr.contains(&format!("The profile `{name}` used it")), "{out:?}");
    }
    let after = env.run(["deployment", "list", "--profile", "acme"]);
    says(&after, 4, &["astro login"]);
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
        for advice in ["12345", "astro login --device --credential other", "--with-token --credential other"]
        {
            assert!(busy.stderr.contains(advice), "{advice}: {busy:?}");
        }
        let state = url.split(['?', '&']).find_map(|pair| pair.strip_prefix("state=")).expect("a state");
        let page = get(&format!("http://localhost:12345/callback?error=access_denied&state={state}"));
        assert!(page.contains("Not signed in"), "{page}");
        let ran = finish(child, said);
        says(&ran, 4, &["access_denied"]);
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
    ] {
        let answer = ask(redirect, method, state);
        assert!(answer.starts_with("HTTP/1.1 400"), "{redirect} {method}: {answer}");
    }
    let nobody = env.run(["login"]);
    says(&nobody, 2, &["--with-token"]);
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

/// The file of stored credentials.
pub(crate) fn kept(env: &TestEnv) -> String {
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

/// Eight processes find that the token has expired: one renews it, and none is signed out. An issuer may give a new
/// refresh token at each renewal, or go on with the first.
#[test]
fn eight_renew_at_once() {
    for rotates in [true, false] {
        let env = TestEnv::new();
        env.run(["sandbox", "start"].into_iter().chain(rotates.then_some("--rotate-refresh-tokens"))).ok();
        renewed_by_eight(&env, rotates);
    }
}

/// The refresh token of the one stored session.
fn refresh_token(env: &TestEnv) -> String {
    let text = kept(env);
    text.lines().find(|line| line.starts_with("refresh_token")).expect("a session").to_owned()
}

fn renewed_by_eight(env: &TestEnv, rotates: bool) {
    assert_eq!(sign_in(env, &["--credential", "me"]).code, Some(0));
    env.run(["profile", "add", "me", "--credential", "me", "--organization", ACME]).ok();
    let (first, first_refresh) = (kept(env), refresh_token(env));
    for round in 0..3 {
        age(env);
        let before = kept(env);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let ran = env.run(["deployment", "list", "--profile", "me", "-o", "clean"]);
                    assert!(ran.code == Some(0) && ran.stdout.contains("Ingest"), "{ran:?}");
                });
            }
        });
        assert_ne!(kept(env), before, "round {round} renewed it");
        assert_eq!(refresh_token(env) != first_refresh, rotates, "round {round}");
    }
    fs::write(env.path(".astro-host/credentials.toml"), first).expect("written");
    age(env);
    let ran = env.run(["deployment", "list", "--profile", "me"]);
    if !rotates {
        assert_eq!(ran.code, Some(0), "the first refresh token still serves: {ran:?}");
        let out = env.run(["logout", "--credential", "me"]);
        says(&out, 0, &[]);
        return;
    }
    // A refresh token that was used is no good any more: the session has ended, and it says what to do.
    says(&ran, 4, &["astro login --credential me"]);
    // Signing in again is all it takes; the address is the credential's own.
    let _port = port();
    let (child, said, url) = begin(env, &["--no-browser", "--credential", "me"]);
    get(&location(&get(&url.replace("/authorize?", "/authorize/continue?"))));
    assert_eq!(finish(child, said).code, Some(0));
    env.run(["deployment", "list", "--profile", "me"]).ok();
}

/// Signing out while a renewal is under way: what was removed does not come back, and a new sign-in stays.
#[test]
fn a_renewal_under_way_brings_nothing_back() {
    use astro_e2e::stub::{Reply, Stub};
    let env = TestEnv::new();
    let asked = std::sync::Arc::new(Mutex::new(0));
    let seen = std::sync::Arc::clone(&asked);
    let stub = Stub::new(move |request| match request {
        "POST /renew" => {
            *seen.lock().expect("held shortly") += 1;
            let body = r#"{"access_token":"access-token-two","refresh_token":"refresh-token-two","token_type":"bearer","expires_in":3600}"#;
            Reply::Later(std::time::Duration::from_millis(700), 200, body.to_owned())
        }
        _ => Reply::Json(200, r#"{"deployments":[],"totalCount":0}"#.to_owned()),
    });
    let base = stub.address();
    let url = format!("{}/renew", base.trim_end_matches("/v1"));
    for next in ["logout --credential s", "login --with-token --credential s"] {
        let before = *asked.lock().expect("held shortly");
        let line = format!(
            "echo first-access-token | ASTRO_API_URL={base} astro login --with-token --credential s -q"
        );
        assert_eq!(env.shell("bash", &line).code, Some(0));
        let text = kept(&env);
        let session = format!(
            "{text}refresh_token = \"refresh-token-one\"\nclient_id = \"x\"\ntoken_url = \"{url}\"\nexpires = 1\nlifetime = 3600\n"
        );
        fs::write(env.path(".astro-host/credentials.toml"), session).expect("written");
        env.run(["profile", "edit", "s", "--credential", "s"]);
        thread::scope(|scope| {
            let listing = scope.spawn(|| {
                env.run(["deployment", "list", "--profile", "s", "--organization", "cm0a", "--timeout", "9"])
            });
            while *asked.lock().expect("held shortly") == before {
                thread::yield_now();
            }
            let line = format!("echo newer-access-token | ASTRO_API_URL={base} astro {next}");
            let ran = env.shell("bash", &line);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            listing.join().expect("ends");
        });
        let left = kept(&env);
        assert!(!left.contains("token-one") && !left.contains("token-two"), "{next}: {left}");
        assert_eq!(left.contains("newer-access-token"), next.starts_with("login"), "{next}: {left}");
    }
}
