//! The way to the API: https with a company's certificates, proxies, compressed answers, rates.

mod certificates;
mod proxies;

use std::{
    fs,
    sync::{Arc, Barrier, Mutex},
    time::{Duration, Instant},
};

use astro_e2e::{
    ACME, INGEST, Ran, TestEnv,
    control::Control,
    says,
    stub::{Reply, Stub},
    tls::Tls,
};

const BODY: &str = r#"{"deployments":[{"id":"cm00acme000deployment0001","name":"Packed","organizationId":"cm00acme00organization001","workspaceId":"w","status":"HEALTHY"}],"totalCount":1}"#;

fn list(env: &TestEnv, address: &str, more: &[(&str, &str)]) -> Ran {
    let mut command = env.astro();
    command
        .env("ASTRO_API_URL", address)
        .env("ASTRO_API_TOKEN", "opaque-canary")
        .env("ASTRO_ORGANIZATION_ID", ACME);
    command.envs(more.iter().copied());
    env.ran(command.args(["deployment", "list", "--timeout", "5"]))
}

#[test]
fn https_needs_a_certificate_that_is_trusted_and_right() {
    let env = TestEnv::new();
    let server = Tls::new(&["localhost"], BODY);
    let authority = env.path("authority.pem");
    server.write_authority(&authority);
    let authority = authority.display().to_string();
    let address = server.address("localhost");
    let untrusted = list(&env, &address, &[]);
    says(&untrusted, 5, &["certificate"]);
    let trusted = list(&env, &address, &[("SSL_CERT_FILE", &authority)]);
    assert!(trusted.code == Some(0) && trusted.stdout.contains("Packed"), "{trusted:?}");
    // Trusted, and for another name.
    let wrong = list(&env, &server.address("127.0.0.1"), &[("SSL_CERT_FILE", &authority)]);
    assert_eq!(wrong.code, Some(5), "{wrong:?}");
    // A profile may name the certificates.
    let line = format!("echo opaque | ASTRO_API_URL={address} astro login --with-token -q");
    assert_eq!(env.shell("sh", &line).code, Some(0));
    let config = env.path(".astro-host/config.toml");
    let text = fs::read_to_string(&config).expect("there");
    let with = text.replace(
        "[profiles.default]",
        &format!("[profiles.default]\nca_file = \"{authority}\"\norganization = \"{ACME}\""),
    );
    fs::write(&config, &with).expect("written");
    assert!(env.run(["deployment", "list"]).ok().contains("Packed"));
    fs::write(&config, with.replace("authority.pem", "missing.pem")).expect("written");
    let missing = env.run(["deployment", "list"]);
    says(&missing, 3, &["missing.pem"]);
}

#[test]
fn a_proxy_is_used_and_never_gets_the_token() {
    let env = TestEnv::new();
    let proxy = Stub::new(|_| Reply::Nothing);
    let at = proxy.address().trim_end_matches("/v1").to_owned();
    let address = "https://api.example.invalid/v1";
    let ran = list(&env, address, &[("HTTPS_PROXY", &at)]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    let seen = proxy.seen();
    assert!(
        !seen.is_empty() && seen.iter().all(|request| request == "CONNECT api.example.invalid:443"),
        "{seen:?}"
    );
    assert!(proxy.heads().iter().all(|head| !head.contains("opaque-canary")), "{:?}", proxy.heads());
    let before = proxy.seen().len();
    let direct = list(&env, address, &[("HTTPS_PROXY", &at), ("NO_PROXY", "example.invalid")]);
    assert_eq!((direct.code, proxy.seen().len()), (Some(5), before), "{direct:?}");
    // What is on this machine is never asked for elsewhere.
    let local = Stub::new(|_| Reply::Json(200, BODY.into()));
    let ran = list(&env, &local.address(), &[("HTTP_PROXY", &at), ("ALL_PROXY", &at)]);
    assert_eq!((ran.code, proxy.seen().len()), (Some(0), before), "{ran:?}");
}

/// Twenty-five GET requests a second, as the API documents: sixty profiles of one token ask for a list each.
#[test]
fn the_rates_of_the_api_are_kept() {
    let env = TestEnv::new();
    let times = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&times);
    let stub = Stub::new(move |request| {
        log.lock().expect("a list").push(Instant::now());
        Reply::Json(200, page(request, 1, 1))
    });
    let login = format!("echo opaque | ASTRO_API_URL={} astro login --with-token -q", stub.address());
    env.shell("sh", &login).ok();
    // It has no organization.
    env.run(["profile", "remove", "default", "-q"]).ok();
    for number in 0..60 {
        let name = format!("p{number}");
        env.run(["profile", "add", &name, "--organization", ACME, "--deployment", INGEST, "-q"]).ok();
    }
    let listed = env.run(["deployment", "token", "list", "--all-profiles", "-o", "clean"]).ok();
    let pages = stub.seen().iter().filter(|request| request.contains("offset=")).count();
    assert_eq!((listed.lines().count(), pages), (60, 60));
    let mut times = times.lock().expect("a list").clone();
    times.sort();
    // The last one may be sent two seconds after the first; without a pace all are there within half a second. Requests
    // arrive later than they were sent, not all by the same time.
    let whole = times[times.len() - 1] - times[times.len() - 60];
    assert!(whole > Duration::from_millis(1200), "60 requests within {whole:?}");
}

/// A request that only reads waits as long as the server asks it to, and goes on.
#[test]
fn too_many_requests_are_waited_out() {
    let env = TestEnv::new();
    let times = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&times);
    let stub = Stub::new(move |_| {
        let mut times = log.lock().expect("a list");
        times.push(Instant::now());
        match times.len() {
            1 => Reply::With(
                429,
                "retry-after: 1".into(),
                r#"{"message":"slow down","requestId":"r","statusCode":429}"#.into(),
            ),
            _ => Reply::Json(200, BODY.into()),
        }
    });
    let ran = list(&env, &stub.address(), &[]);
    assert!(ran.code == Some(0) && ran.stdout.contains("Packed"), "{ran:?}");
    let times = times.lock().expect("a list");
    assert_eq!(times.len(), 2);
    assert!(times[1] - times[0] >= Duration::from_millis(900), "{:?}", times[1] - times[0]);
}

/// A write that is refused because there were too many made nothing, is not sent again, and says so.
#[test]
fn a_write_that_is_refused_makes_nothing() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    control.order("POST", "/tokens", serde_json::json!({ "status": 429 }));
    let create = "deployment token create -n refused -r DEPLOYMENT_ADMIN -o json";
    let ran = env.run(create.split(' '));
    assert!(ran.code == Some(1) && ran.stdout.is_empty(), "{ran:?}");
    assert_eq!((control.posts(), control.issued().len()), (1, 0));
    assert_eq!(env.run(["recover", "list", "-o", "clean"]).ok(), "", "nothing is left over");
}

/// A page of tokens, as many as there are from an offset on.
fn page(request: &str, tokens: usize, total: u64) -> String {
    // A request for something else than a page has none.
    let offset: usize = request.rsplit("offset=").next().and_then(|text| text.parse().ok()).unwrap_or(0);
    let rows: Vec<String> = (offset..tokens.min(offset + 1000))
        .map(|number| format!(r#"{{"id":"t{number}","name":"n{number}","scope":"DEPLOYMENT"}}"#))
        .collect();
    format!(r#"{{"tokens":[{}],"totalCount":{total},"limit":1000,"offset":{offset}}}"#, rows.join(","))
}

fn tokens(env: &TestEnv, stub: &Stub) -> Ran {
    let mut command = env.astro();
    command
        .env("ASTRO_API_URL", stub.address())
        .env("ASTRO_API_TOKEN", "opaque")
        .env("ASTRO_ORGANIZATION_ID", ACME);
    command.args(["deployment", "token", "list", "--deployment", INGEST, "-o", "clean", "--timeout", "20"]);
    env.ran(&mut command)
}

/// 10,000 tokens are ten pages: the first, eight at the same time, the last. The server answers none of the eight
/// before all of them are there.
#[test]
fn pages_are_fetched_at_the_same_time() {
    let env = TestEnv::new();
    let all_there = Barrier::new(8);
    let stub = Stub::new(move |request| {
        let is_one_of_eight = !request.ends_with("offset=0") && !request.ends_with("offset=9000");
        if is_one_of_eight {
            all_there.wait();
        }
        Reply::Json(200, page(request, 10_000, 10_000))
    });
    let ran = tokens(&env, &stub);
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), 10_000), "{}", ran.stderr);
    assert_eq!(stub.seen().len(), 10);
}

/// A list is whole or an error, and no server makes it endless.
#[test]
fn a_list_is_whole_or_an_error() {
    type Answer = fn(&str) -> Reply;
    let rows: &[(&str, Answer, i32, usize)] = &[
        ("far more than there are", |request| Reply::Json(200, page(request, 1500, 1_000_000_000)), 1, 25),
        ("the same page again and again", |_| Reply::Json(200, page("offset=0", 1000, 1_000_000_000)), 1, 25),
        ("a first page that is empty", |request| Reply::Json(200, page(request, 0, 500)), 1, 1),
        (
            "a page that fails",
            |request| match request.ends_with("offset=3000") {
                true => Reply::Json(400, r#"{"message":"no","requestId":"r","statusCode":400}"#.into()),
                false => Reply::Json(200, page(request, 5000, 5000)),
            },
            1,
            10,
        ),
        (
            "fewer than it said, in the end",
            |request| match request.ends_with("offset=0") {
                true => Reply::Json(200, page(request, 1500, 1600)),
                false => Reply::Json(200, page(request, 1500, 1500)),
            },
            0,
            2,
        ),
    ];
    let env = TestEnv::new();
    for (what, answer, code, most) in rows {
        let stub = Stub::new(*answer);
        let ran = tokens(&env, &stub);
        assert_eq!(ran.code, Some(*code), "{what}: {}", ran.stderr);
        assert!(*code == 0 || ran.stdout.is_empty(), "{what}: part of a list is no list");
        assert!(stub.seen().len() <= *most, "{what}: {} requests", stub.seen().len());
    }
}
