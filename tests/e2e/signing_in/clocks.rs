//! A sign-in on a machine whose clock is wrong, and one that the API does not accept any more.

use std::fs;

use astro_e2e::{
    ACME, INGEST, Ran, TestEnv,
    control::Control,
    says,
    stub::{Reply, Stub},
};

use super::{begin_at, finish, get, kept};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Runs a command with a clock that is this many seconds off.
fn at(env: &TestEnv, offset: i64, args: &[&str]) -> Ran {
    let mut command = env.astro();
    env.ran(command.env("ASTRO_FAILPOINT_CLOCK", offset.to_string()).args(args))
}

/// Signs in on another device with a clock that is off; the profile `me` uses it.
fn sign_in(env: &TestEnv, offset: i64) {
    let (child, said, url) = begin_at(env, offset, &["--device", "--credential", "me"]);
    assert!(get(&url).contains("Signed in"));
    let ran = finish(child, said);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

fn list(env: &TestEnv, offset: i64) -> Ran {
    at(env, offset, &["deployment", "list", "--profile", "me", "--organization", ACME, "-o", "clean"])
}

/// The stored token is one that the API does not accept, and by the record it works for a long time yet.
fn spoil(env: &TestEnv, refresh: Option<&str>) {
    let path = env.path(".astro-host/credentials.toml");
    let mut document: toml_edit::DocumentMut = kept(env).parse().expect("toml");
    document["me"]["token"] = toml_edit::value("spoiled-access-token");
    document["me"]["expires"] = toml_edit::value(4_102_444_800_i64);
    document["me"]["lifetime"] = toml_edit::value(4_102_444_800_i64);
    if let Some(refresh) = refresh {
        document["me"]["refresh_token"] = toml_edit::value(refresh);
    }
    fs::write(path, document.to_string()).expect("written");
}

/// Whatever a clock said when somebody signed in, and whatever it says afterwards.
#[test]
fn a_wrong_clock_never_breaks_a_sign_in() {
    for signed_in in [-HOUR, 0, DAY] {
        let env = TestEnv::with_sandbox();
        env.run(["profile", "add", "me"]).ok();
        sign_in(&env, signed_in);
        env.run(["profile", "edit", "me", "--credential", "me"]);
        for offset in [0, -HOUR, DAY, 0, DAY, -HOUR, 0] {
            let ran = list(&env, offset);
            assert!(
                ran.code == Some(0) && ran.stdout.contains("Ingest"),
                "signed in at {signed_in}, used at {offset}: {ran:?}"
            );
        }
        // Once it is right nothing is renewed any more before its time.
        let before = kept(&env);
        list(&env, 0).ok();
        assert_eq!(kept(&env), before, "signed in at {signed_in}");
    }
}

/// A token says itself when it expires, and the server decides.
#[test]
fn a_token_is_not_refused_because_of_this_machines_clock() {
    let env = TestEnv::with_sandbox();
    let token = env.run([
        "deployment",
        "token",
        "create",
        "-n",
        "short",
        "-r",
        "DEPLOYMENT_ADMIN",
        "--expiration",
        "1",
        "-c",
    ]);
    let address = crate::profiles::address(&env);
    let listed = |offset: i64| {
        let mut command = env.astro();
        command
            .env("ASTRO_API_URL", &address)
            .env("ASTRO_API_TOKEN", token.stdout.trim())
            .env("ASTRO_FAILPOINT_CLOCK", offset.to_string());
        env.ran(command.args(["deployment", "token", "list", "--deployment", INGEST, "-o", "clean"]))
    };
    assert_eq!(token.code, Some(0), "{token:?}");
    assert!(listed(2 * DAY).ok().contains("short"));
    // What has expired is the server's to say, too.
    let in_a_day = ["deployment", "token", "list", "--expiring-within", "1d", "-o", "clean"];
    for (offset, is_listed) in [(0, true), (-10 * DAY, true), (10 * DAY, true)] {
        let ran = at(&env, offset, &in_a_day);
        assert_eq!(ran.stdout.contains("short"), is_listed, "{offset}: {ran:?}");
    }
}

#[test]
fn a_refusal_names_the_clock_that_is_wrong() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let env = TestEnv::new();
    let stub = Stub::new(|_| {
        let date = "date: Sun, 06 Nov 1994 08:49:37 GMT".to_owned();
        Reply::With(401, date, r#"{"message":"no","requestId":"r","statusCode":401}"#.to_owned())
    });
    for (expires, part) in [(784_111_000, "the token expired on 1994-11-06"), (784_200_000, "may be expired")]
    {
        let claims = format!(r#"{{"exp":{expires}}}"#);
        let token = format!("eyJhbGciOiJI.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims));
        let mut command = env.astro();
        command.env("ASTRO_API_URL", stub.address()).env("ASTRO_API_TOKEN", token);
        let ran = env.ran(command.args(["deployment", "list", "--organization", ACME]));
        says(&ran, 4, &[part]);
    }
}

/// A 401 renews the sign-in once and sends the same request again, also one that may be sent once.
#[test]
fn a_refused_sign_in_is_renewed_and_the_request_repeated() {
    let env = TestEnv::with_sandbox();
    env.run(["profile", "add", "me"]).ok();
    sign_in(&env, 0);
    env.run(["profile", "edit", "me", "--credential", "me"]);
    let control = Control::of(&env);
    spoil(&env, None);
    assert!(list(&env, 0).ok().contains("Ingest"));
    let me = |args: &[&str]| env.run([args, &["--profile", "me", "--organization", ACME]].concat());
    for (count, words) in [
        vec!["create", "-n", "one", "-r", "DEPLOYMENT_ADMIN", "--deployment", INGEST, "-c"],
        vec!["rotate", "--name", "one", "--deployment", INGEST, "--yes", "-c"],
    ]
    .into_iter()
    .enumerate()
    {
        spoil(&env, None);
        let before = control.issued().len();
        let ran = me(&[&["deployment", "token"], words.as_slice()].concat());
        assert_eq!(ran.code, Some(0), "{words:?}: {ran:?}");
        assert_eq!(control.issued().len(), before + 1, "{words:?}: it was done once");
        let posts = control.requests().iter().filter(|request| request.ends_with("/rotate")).count();
        assert_eq!(posts, count, "{words:?}");
    }
    assert_eq!(env.run(["recover", "list", "-o", "clean"]).ok(), "", "no note is left");
    spoil(&env, None);
    let updated =
        me(&["deployment", "token", "update", "--name", "one", "--deployment", INGEST, "--description", "d"]);
    assert_eq!(updated.code, Some(0), "{updated:?}");
    spoil(&env, None);
    let deleted = me(&["deployment", "token", "delete", "--name", "one", "--deployment", INGEST, "--yes"]);
    assert_eq!(deleted.code, Some(0), "{deleted:?}");
    // Several requests at once: it is renewed once for all of them.
    spoil(&env, None);
    let all = me(&["deployment", "token", "list", "--all-deployments", "-o", "clean"]);
    assert_eq!(all.code, Some(0), "{all:?}");
    // A session that has ended says what to do.
    spoil(&env, Some("used-up-refresh-token"));
    for _ in 0..2 {
        says(&list(&env, 0), 4, &["(401)", "astro login --credential me"]);
    }
}

/// What another process has put in the place of a refused token is taken, and what belongs to another customer is not.
#[test]
fn a_refused_token_is_looked_up_again() {
    let env = TestEnv::new();
    let path = env.path(".astro-host/credentials.toml");
    let target = path.clone();
    let stub = Stub::new(move |request| {
        if request.starts_with("GET /v1/organizations?") {
            return Reply::Json(200, r#"{"organizations":[]}"#.to_owned());
        }
        // Meanwhile somebody stores another one.
        let text = fs::read_to_string(&target).expect("there");
        fs::write(&target, text.replace("former-opaque-token", "latter-opaque-token")).expect("written");
        Reply::Json(401, r#"{"message":"no","requestId":"r","statusCode":401}"#.to_owned())
    });
    let login =
        format!("echo former-opaque-token | ASTRO_API_URL={} astro login --with-token -q", stub.address());
    assert_eq!(env.shell("sh", &login).code, Some(0));
    let ran = env.run(["deployment", "list", "--organization", ACME]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    let sent: Vec<bool> = stub.heads().iter().map(|head| head.contains("latter-opaque-token")).collect();
    assert_eq!(
        sent,
        [false, false, true],
        "checked, refused, and sent with the other one: {:?}",
        stub.seen()
    );
}
