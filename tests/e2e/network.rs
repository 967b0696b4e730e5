//! The way to the API: https with a company's certificates, proxies, compressed answers, rates.

use std::fs;

use astro_e2e::{
    ACME, Ran, TestEnv,
    control::Control,
    stub::{Reply, Stub},
    tls::Tls,
};

const BODY: &str = r#"{"deployments":[{"id":"cm00acme000deployment0001","name":"Packed","workspaceId":"w","status":"HEALTHY"}],"totalCount":1}"#;

fn list(env: &TestEnv, address: &str, more: &[(&str, &str)]) -> Ran {
    let mut command = env.astro();
    command
        .env("ASTRO_API_URL", address)
        .env("ASTRO_API_TOKEN", "opaque-canary")
        .env("ASTRO_ORGANIZATION_ID", ACME);
    command.envs(more.iter().copied());
    command.args(["deployment", "list", "--timeout", "5"]).output().expect("runs").into()
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
    assert_eq!(untrusted.code, Some(5), "{untrusted:?}");
    assert!(untrusted.stderr.contains("certificate"), "{untrusted:?}");
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
    assert!(missing.code == Some(3) && missing.stderr.contains("missing.pem"), "{missing:?}");
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

/// Within the API's rates: a server that enforces them is not asked too often, and 429 is waited out.
#[test]
fn the_rates_of_the_api_are_kept() {
    let env = TestEnv::new();
    env.run(["sandbox", "start", "--rate-limits"]).ok();
    let control = Control::of(&env);
    let create = |number: usize| {
        env.run([
            "deployment",
            "token",
            "create",
            "-n",
            &format!("t{number}"),
            "-r",
            "DEPLOYMENT_ADMIN",
            "-q",
        ])
    };
    // Twelve at once are more than the ten POSTs a second: refused ones were not made, and say so.
    let made = (0..12).filter(|number| create(*number).code == Some(0)).count();
    assert_eq!(control.issued().len(), made, "a refused request makes nothing");
    // A GET that is told to wait waits and succeeds.
    control.order("GET", "/tokens", serde_json::json!({ "status": 429 }));
    assert_eq!(env.run(["deployment", "token", "list"]).code, Some(0));
    env.run(["sandbox", "stop"]).ok();
}
