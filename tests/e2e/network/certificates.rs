//! Which servers are trusted, everywhere alike, and what is said of the others.

use std::fs;

use astro_e2e::{
    ACME, TestEnv, may_mount, says,
    tls::{Kind, Tls},
};

use super::{BODY, list};

#[test]
fn an_unknown_authority_has_three_ways_out() {
    let env = TestEnv::new();
    let server = Tls::new(&["localhost"], BODY);
    let address = server.address("localhost");
    let ran = list(&env, &address, &[]);
    says(&ran, 5, &["ca-certificates", "export SSL_CERT_FILE"]);
    assert!(!ran.stderr.contains("--ca-file"), "a token of the environment has no profile: {ran:?}");
    // A profile has a third one.
    let login = format!("echo opaque-token | ASTRO_API_URL={address} astro login --with-token");
    let stored = env.shell("sh", &login);
    says(&stored, 0, &[]);
    let ran = env.run(["deployment", "list", "--organization", ACME]);
    says(&ran, 5, &["ca-certificates", "SSL_CERT_FILE", "astro profile edit default --ca-file"]);
    assert!(server.seen().is_empty());
}

#[test]
fn a_certificate_that_is_wrong_in_itself_is_explained() {
    for (kind, name, parts) in [
        (
            Kind::Expired,
            "localhost",
            vec!["its certificate expired at 2001-01-01T00:00:00Z", "the clock of this machine"],
        ),
        (Kind::NotYet, "localhost", vec!["valid from 2099-01-01T00:00:00Z on", "the clock of this machine"]),
        (Kind::SelfSigned, "localhost", vec!["self-signed", "an authority has to issue one"]),
        (Kind::Issued, "127.0.0.1", vec!["its certificate is for `localhost`, not for `127.0.0.1`"]),
    ] {
        let env = TestEnv::new();
        let server = Tls::answering(&["localhost"], kind, |_, _| BODY.to_owned());
        let authority = env.path("authority.pem");
        server.write_authority(&authority);
        let authority = authority.display().to_string();
        let ran = list(&env, &server.address(name), &[("SSL_CERT_FILE", &authority)]);
        says(&ran, 5, &parts);
        // None of these becomes right by trusting somebody.
        assert!(!ran.stderr.contains("ca-certificates"), "{kind:?}: {ran:?}");
    }
}

#[test]
fn variables_that_name_no_certificates_are_named() {
    let env = TestEnv::new();
    let server = Tls::new(&["localhost"], BODY);
    let address = server.address("localhost");
    server.write_authority_as_der(&env.path("authority.der"));
    fs::write(env.path("empty.pem"), "").expect("written");
    fs::create_dir(env.path("none")).expect("made");
    let path = |name: &str| env.path(name).display().to_string();
    for (variable, value, part) in [
        ("SSL_CERT_FILE", path("missing.pem"), "there is no such file"),
        ("SSL_CERT_FILE", path("empty.pem"), "it holds no certificate in PEM form"),
        ("SSL_CERT_FILE", path("authority.der"), "openssl x509 -inform der"),
        ("SSL_CERT_FILE", String::new(), "SSL_CERT_FILE is set and empty"),
        ("SSL_CERT_FILE", path("none"), "which is a directory"),
        ("SSL_CERT_DIR", path("missing"), "no such file or directory"),
        ("SSL_CERT_DIR", path("none"), "it holds no certificate in PEM form"),
    ] {
        let ran = list(&env, &address, &[(variable, &value)]);
        says(&ran, 3, &[variable, part]);
    }
    // One that is wrong beside one that is not is told when it matters.
    server.write_authority(&env.path("authority.pem"));
    fs::create_dir(env.path("some")).expect("made");
    fs::copy(env.path("authority.pem"), env.path("some/a.pem")).expect("copied");
    let dirs = path("some");
    let fine = list(&env, &address, &[("SSL_CERT_FILE", &path("missing.pem")), ("SSL_CERT_DIR", &dirs)]);
    assert_eq!(fine.code, Some(0), "{fine:?}");
    let other = Tls::new(&["localhost"], BODY);
    let ran = list(
        &env,
        &other.address("localhost"),
        &[("SSL_CERT_FILE", &path("missing.pem")), ("SSL_CERT_DIR", &dirs)],
    );
    says(&ran, 5, &["SSL_CERT_FILE names"]);
}

/// An image without the package ca-certificates.
#[test]
fn a_system_without_certificates_says_so() {
    if !may_mount() {
        return;
    }
    let env = TestEnv::new();
    let server = Tls::new(&["localhost"], BODY);
    let line = format!(
        "for dir in /etc/ssl /usr/lib/ssl /usr/share/ca-certificates /etc/pki /usr/local/share/certs; do \
         [ ! -d $dir ] || mount -t tmpfs none $dir || exit 9; done; \
         ASTRO_API_URL={} ASTRO_API_TOKEN=opaque-token astro deployment list --organization {ACME}",
        server.address("localhost")
    );
    let ran = env.ran(env.on_path("unshare").args(["-m", "sh", "-c", &line]));
    says(&ran, 3, &["SSL_CERT_FILE"]);
}

/// An API and its issuer behind a company's own authority.
fn company(port: u16, request: &str) -> String {
    let issuer = format!("https://localhost:{port}/issuer");
    let path = request.split([' ', '?']).nth(1).unwrap_or_default();
    match path {
        "/private/v1alpha1/cli/auth-config" => {
            format!(r#"{{"clientId":"c","audience":"a","domainUrl":"{issuer}"}}"#)
        }
        "/issuer/.well-known/openid-configuration" => format!(
            r#"{{"device_authorization_endpoint":"{issuer}/device","revocation_endpoint":"{issuer}/revoke"}}"#
        ),
        "/issuer/device" => format!(
            r#"{{"device_code":"d","user_code":"u","verification_uri":"{issuer}/here","expires_in":"60","interval":0}}"#
        ),
        "/issuer/oauth/token" => {
            let which = if request.contains("grant_type=refresh_token") { "second" } else { "first" };
            format!(
                r#"{{"access_token":"{which}-access-token","refresh_token":"{which}-refresh-token","expires_in":"3600"}}"#
            )
        }
        "/issuer/userinfo" => r#"{"email":"me@company.example"}"#.to_owned(),
        "/v1/organizations" => {
            r#"{"organizations":[{"id":"cm0","name":"Company"}],"totalCount":1}"#.to_owned()
        }
        _ => BODY.to_owned(),
    }
}

#[test]
fn the_ca_file_counts_for_sign_in_renewal_check_and_sign_out() {
    let env = TestEnv::new();
    let server = Tls::answering(&["localhost"], Kind::Issued, company);
    server.write_authority(&env.path("authority.pem"));
    let authority = env.path("authority.pem").display().to_string();
    let login = |more: &[&str]| {
        let mut command = env.astro();
        command.env("ASTRO_API_URL", server.address("localhost")).args([
            "login",
            "--device",
            "--credential",
            "me",
        ]);
        env.ran(command.args(more))
    };
    says(&login(&[]), 5, &["cannot reach `localhost`", "astro login --ca-file"]);
    assert!(server.seen().is_empty());
    says(&login(&["--ca-file", &authority]), 0, &["Signed in as me@company.example"]);
    let config = fs::read_to_string(env.path(".astro-host/config.toml")).expect("there");
    assert!(config.contains(&format!("ca_file = \"{authority}\"")), "{config}");
    let checked = env.run(["context", "--check", "-o", "json"]).ok();
    assert!(checked.contains("me@company.example"), "{checked}");
    // A renewal.
    let kept = env.path(".astro-host/credentials.toml");
    let text = fs::read_to_string(&kept).expect("there");
    let (before, after) = text.split_once("expires = ").expect("a session");
    let rest = after.split_once('\n').expect("a line").1;
    fs::write(&kept, format!("{before}expires = 1\n{rest}")).expect("written");
    assert!(env.run(["deployment", "list", "--organization", ACME]).ok().contains("Packed"));
    assert!(fs::read_to_string(&kept).expect("there").contains("second-access-token"));
    // Signing in again needs no option.
    says(&login(&[]), 0, &[]);
    says(&env.run(["logout", "--credential", "me"]), 0, &[]);
    assert!(
        server.seen().iter().any(|request| request.starts_with("POST /issuer/revoke")),
        "{:?}",
        server.seen()
    );
}
