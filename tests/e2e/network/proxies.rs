//! Proxies: which one a request goes through, and what is said when it does not go through.

use astro_e2e::{Ran, TestEnv, proxy::Proxy, says, tls::Tls};

use super::{BODY, list};

/// Names and addresses that are not this machine's: a proxy is used for them.
const NAME: &str = "api.example.invalid";
const ADDRESS: &str = "192.0.2.1";

/// A server that only a proxy leads to.
struct Behind {
    env: TestEnv,
    server: Tls,
    authority: String,
}

impl Behind {
    fn new() -> Self {
        let env = TestEnv::new();
        let server = Tls::new(&[NAME, ADDRESS], BODY);
        server.write_authority(&env.path("authority.pem"));
        let authority = env.path("authority.pem").display().to_string();
        Self { env, server, authority }
    }

    fn list(&self, host: &str, variables: &[(&str, &str)]) -> Ran {
        // What the environment of the tests sets has no say here.
        let before = [("HTTPS_PROXY", ""), ("SSL_CERT_FILE", self.authority.as_str())];
        list(&self.env, &format!("https://{host}/v1"), &[&before[..], variables].concat())
    }
}

#[test]
fn every_kind_of_proxy_leads_to_the_api() {
    let behind = Behind::new();
    let port = behind.server.port();
    let (open, closed) = (Proxy::http(None, port), Proxy::http(Some(("user", "p@ss:word")), port));
    let (socks, guarded) = (Proxy::socks(None, port), Proxy::socks(Some(("user", "p@ss")), port));
    let rows: &[(&str, &Proxy, &str, &str, &str)] = &[
        ("HTTPS_PROXY", &open, "http://", NAME, "api.example.invalid:443"),
        ("https_proxy", &open, "", NAME, "api.example.invalid:443"),
        ("ALL_PROXY", &open, "HTTP://", NAME, "api.example.invalid:443"),
        ("HTTPS_PROXY", &closed, "http://user:p@ss:word@", NAME, "api.example.invalid:443 user:p@ss:word"),
        ("HTTPS_PROXY", &closed, "user:p%40ss%3Aword@", NAME, "api.example.invalid:443 user:p@ss:word"),
        ("all_proxy", &socks, "socks5h://", NAME, "api.example.invalid:443"),
        ("ALL_PROXY", &socks, "socks://", NAME, "api.example.invalid:443"),
        ("HTTPS_PROXY", &socks, "socks5://", ADDRESS, "192.0.2.1:443"),
        ("HTTPS_PROXY", &guarded, "socks5h://user:p@ss@", NAME, "api.example.invalid:443 user:p@ss"),
    ];
    for (variable, proxy, before, host, wanted) in rows {
        let value = format!("{before}{}", proxy.address());
        // A server of the web sets this variable for its programs.
        let ran = behind.list(host, &[(variable, &value), ("REQUEST_METHOD", "GET")]);
        assert!(ran.code == Some(0) && ran.stdout.contains("Packed"), "{variable}={value}: {ran:?}");
        assert_eq!(proxy.seen().last().map(String::as_str), Some(*wanted), "{variable}={value}");
    }
}

#[test]
fn a_proxy_that_refuses_is_named_and_asked_once() {
    let behind = Behind::new();
    let port = behind.server.port();
    let http = Proxy::http(Some(("user", "right")), port);
    let socks = Proxy::socks(Some(("user", "right")), port);
    for (proxy, scheme, user, part) in [
        (&http, "http", "", "the proxy wants a user name and a password (407)"),
        (&http, "http", "user:hunter22@", "the proxy does not accept the user name and password (407)"),
        (&socks, "socks5h", "", "the proxy wants a user name and a password"),
        (&socks, "socks5h", "user:hunter22@", "the proxy does not accept the user name and password"),
    ] {
        let before = proxy.seen().len();
        let value = format!("{scheme}://{user}{}", proxy.address());
        let ran = behind.list(NAME, &[("HTTPS_PROXY", &value)]);
        let named = format!("through the proxy {scheme}://{} (HTTPS_PROXY)", proxy.address());
        says(&ran, 5, &[&named, part, "HTTPS_PROXY: ", "USER:PASSWORD@HOST:PORT"]);
        assert!(!ran.stderr.contains("hunter22"), "{ran:?}");
        assert_eq!(proxy.seen().len(), before + 1, "{value}: trying again does not help");
    }
    assert!(behind.server.seen().is_empty());
}

#[test]
fn a_proxy_that_cannot_be_used_is_named() {
    let behind = Behind::new();
    for (variable, value) in [
        ("HTTPS_PROXY", "ftp://proxy:1"),
        ("https_proxy", "http://proxy:port"),
        ("ALL_PROXY", "http://proxy.example/proxy.pac"),
        ("all_proxy", "http://pro xy:3128"),
    ] {
        let ran = behind.list(NAME, &[(variable, value)]);
        says(&ran, 3, &[variable, value, "socks5h://HOST:PORT"]);
        // Where no proxy is used it is no obstacle.
        for no_proxy in ["*", "example.invalid", "*.example.invalid", "api.example.invalid:443"] {
            let direct = behind.list(NAME, &[(variable, value), ("NO_PROXY", no_proxy)]);
            says(&direct, 5, &["cannot reach `api.example.invalid`"]);
            assert!(!direct.stderr.contains("proxy"), "{direct:?}");
        }
    }
    // Nobody listens there.
    let ran = behind.list(NAME, &[("ALL_PROXY", "127.0.0.1:9")]);
    says(&ran, 5, &["through the proxy http://127.0.0.1:9 (ALL_PROXY)"]);
    let ran = behind.list(NAME, &[("ALL_PROXY", "socks5h://127.0.0.1:9")]);
    says(&ran, 5, &["through the proxy socks5h://127.0.0.1:9 (ALL_PROXY)"]);
    // What matches nothing is logged.
    let ran = behind
        .list(NAME, &[("ALL_PROXY", "127.0.0.1:9"), ("NO_PROXY", "api.*.invalid"), ("ASTRO_LOG", "warn")]);
    says(&ran, 5, &["`api.*.invalid` in NO_PROXY matches no host"]);
}
