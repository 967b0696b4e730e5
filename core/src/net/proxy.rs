//! The proxy of a request: `HTTPS_PROXY`, else `ALL_PROXY`, unless `NO_PROXY` names the host.
//!
//! The variables are read here and not by the HTTP client: where it cannot read one it goes direct without a word, and it
//! sends a part of a password that holds an `@` (reqwest 0.13). Only https leaves this machine, so `HTTP_PROXY` has no
//! say, and neither has `REQUEST_METHOD`.

use std::{env::VarError, fmt, net::IpAddr, sync::OnceLock};

use ipnet::IpNet;
use reqwest::Url;

use crate::{
    base::{
        error::{Failure, Result, config},
        redact,
    },
    net::address::is_loopback,
    program::APP,
};

/// In the order in which they count: the special one before the general one, as everywhere; upper case first, as in
/// programs written in Go (in curl it is the other way round).
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
/// Where no proxy is used.
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];
const SCHEMES: [&str; 7] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h", "socks"];

/// What the variables say.
pub(crate) struct Proxies {
    proxy: Option<Result<Proxy>>,
    exceptions: Vec<Exception>,
}

/// A proxy and the variable that names it.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// With user and password.
    pub(crate) url: Url,
    pub(crate) variable: &'static str,
}

/// Without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, variable } = self;
        write!(formatter, "{}://{}", url.scheme(), url.host_str().unwrap_or_default())?;
        if let Some(port) = url.port() {
            write!(formatter, ":{port}")?;
        }
        write!(formatter, " ({variable})")
    }
}

impl Proxy {
    /// Whether the variable holds a user name.
    pub(crate) fn has_user(&self) -> bool {
        !self.url.username().is_empty()
    }
}

/// An element of `NO_PROXY`.
#[derive(Debug, PartialEq, Eq)]
enum Exception {
    All,
    Net(IpNet),
    /// A host and the hosts below it, or an address with a port.
    Host {
        name: String,
        port: Option<u16>,
    },
}

impl Proxies {
    /// What the variables of this process say.
    pub(crate) fn of_process() -> &'static Self {
        static OF_PROCESS: OnceLock<Proxies> = OnceLock::new();
        OF_PROCESS.get_or_init(|| Self::read(&|name| std::env::var(name)))
    }

    fn read(variable: &dyn Fn(&str) -> Result<String, VarError>) -> Self {
        let proxy = VARIABLES.iter().find_map(|name| match variable(name) {
            Ok(text) => parsed(name, &text).transpose(),
            Err(VarError::NotUnicode(_)) => Some(Err(unusable(name, None, "it is not UTF-8 text"))),
            Err(VarError::NotPresent) => None,
        });
        let exceptions =
            EXCEPTIONS.iter().find_map(|name| variable(name).ok().filter(|text| !text.is_empty()));
        let exceptions = exceptions.iter().flat_map(|text| text.split([',', ' ', '\t']));
        Self { proxy, exceptions: exceptions.filter_map(exception).collect() }
    }

    /// The proxy that a request to this URL goes through. An error when the variable cannot be used: going direct instead
    /// is what nobody asked for.
    pub(crate) fn route(&self, url: &Url) -> Result<Option<&Proxy>> {
        let Some(host) = url.host_str() else { return Ok(None) };
        if url.scheme() != "https" || is_loopback(host) {
            return Ok(None);
        }
        let port = url.port_or_known_default();
        if self.exceptions.iter().any(|exception| exception.covers(host, port)) {
            return Ok(None);
        }
        match &self.proxy {
            None => Ok(None),
            Some(Ok(proxy)) => Ok(Some(proxy)),
            Some(Err(failure)) => Err(failure.clone()),
        }
    }
}

/// A variable's proxy; none when it is empty.
fn parsed(variable: &'static str, text: &str) -> Result<Option<Proxy>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let refused = |reason: &str| unusable(variable, Some(text), reason);
    // The URL parser would take them out.
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(refused("it holds a blank or a control character"));
    }
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let scheme = whole.split("://").next().unwrap_or_default().to_ascii_lowercase();
    if !SCHEMES.contains(&scheme.as_str()) {
        return Err(refused(&format!("`{scheme}` is not a kind of proxy that {APP} knows")));
    }
    // What desktops write for any SOCKS proxy.
    let whole = match whole.get(..8) {
        Some(start) if start.eq_ignore_ascii_case("socks://") => format!("socks5h://{}", &whole[8..]),
        _ => whole,
    };
    let url = Url::parse(&whole).map_err(|error| refused(&error.to_string()))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(refused("it names no host"));
    }
    if url.port() == Some(0) {
        return Err(refused("no program listens on port 0"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(refused("it has more than a host and a port; a script (PAC) is not a proxy"));
    }
    url.password().into_iter().for_each(redact::hide);
    Ok(Some(Proxy { url, variable }))
}

/// A password is not shown.
fn unusable(variable: &str, text: Option<&str>, reason: &str) -> Failure {
    let shown = text.map(|text| match text.rsplit_once('@') {
        Some((_, rest)) => format!(" `…@{rest}`"),
        None => format!(" `{text}`"),
    });
    config(format!("the proxy{} in {variable} cannot be used", shown.unwrap_or_default())).cause(reason).help(
        format!(
            "write it as http://HOST:PORT, https://HOST:PORT, socks5://HOST:PORT or socks5h://HOST:PORT, or unset {variable}"
        ),
    )
}

/// An element of `NO_PROXY`: `*`, an address, a network (`10.0.0.0/8`), a host, its domain with or without `.` or `*.` in
/// front; hosts and addresses also with a port. What matches no host is logged.
fn exception(text: &str) -> Option<Exception> {
    if text.is_empty() {
        return None;
    }
    if text == "*" {
        return Some(Exception::All);
    }
    if let Ok(net) = text.parse::<IpNet>() {
        return Some(Exception::Net(net));
    }
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Some(Exception::Net(address.into()));
    }
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) => (name, Some(port.parse::<u16>().ok())),
        None => (text, None),
    };
    let name = name.trim_matches(['[', ']']);
    let name = name.strip_prefix("*.").or_else(|| name.strip_prefix('.')).unwrap_or(name);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_host = !name.is_empty() && !name.contains(['*', '/', '@']);
    match (is_host, port) {
        (true, None) => Some(Exception::Host { name, port: None }),
        (true, Some(Some(port))) => Some(Exception::Host { name, port: Some(port) }),
        _ => {
            tracing::warn!(
                "`{text}` in NO_PROXY matches no host: write a host, .domain, an address, a network or *"
            );
            None
        }
    }
}

impl Exception {
    fn covers(&self, host: &str, port: Option<u16>) -> bool {
        let host = host.trim_matches(['[', ']']);
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        match self {
            Self::All => true,
            Self::Net(net) => host.parse::<IpAddr>().is_ok_and(|address| net.contains(&address)),
            Self::Host { name, port: wanted } => {
                let is_here = host.strip_suffix(name.as_str());
                is_here.is_some_and(|above| above.is_empty() || above.ends_with('.'))
                    && wanted.is_none_or(|wanted| Some(wanted) == port)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::code;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        let variables: Vec<(String, String)> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Proxies::read(&|name| {
            let found = variables.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).ok_or(VarError::NotPresent)
        })
    }

    fn route(variables: &[(&str, &str)], url: &str) -> Result<Option<String>> {
        let proxies = proxies(variables);
        let url = Url::parse(url).expect(url);
        proxies.route(&url).map(|proxy| proxy.map(ToString::to_string))
    }

    #[test]
    fn the_variables_choose_the_proxy() {
        const API: &str = "https://api.example/v1";
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, Option<&'a str>);
        let cases: &[Case<'_>] = &[
            (&[], API, None),
            (&[("HTTPS_PROXY", "http://p:3128")], API, Some("http://p:3128 (HTTPS_PROXY)")),
            (&[("https_proxy", "p:3128")], API, Some("http://p:3128 (https_proxy)")),
            (&[("HTTPS_PROXY", "p:1"), ("https_proxy", "p:2")], API, Some("http://p:1 (HTTPS_PROXY)")),
            (&[("ALL_PROXY", "socks5h://p"), ("HTTPS_PROXY", "")], API, Some("socks5h://p (ALL_PROXY)")),
            (&[("ALL_PROXY", "p:1"), ("https_proxy", "p:2")], API, Some("http://p:2 (https_proxy)")),
            (&[("all_proxy", "SOCKS://p:9")], API, Some("socks5h://p:9 (all_proxy)")),
            (&[("HTTPS_PROXY", "https://[::1]:3128/")], API, Some("https://[::1]:3128 (HTTPS_PROXY)")),
            // Only https leaves this machine, and what stays on it needs no proxy.
            (&[("HTTP_PROXY", "p:1")], API, None),
            (&[("HTTPS_PROXY", "p:1")], "https://127.0.0.1:8888/v1", None),
            (&[("ALL_PROXY", "p:1")], "http://localhost:8888/v1", None),
            (&[("HTTPS_PROXY", "p:1"), ("REQUEST_METHOD", "GET")], API, Some("http://p:1 (HTTPS_PROXY)")),
        ];
        for (variables, url, expected) in cases {
            let found = route(variables, url).expect("usable");
            assert_eq!(found.as_deref(), *expected, "{variables:?} {url}");
        }
    }

    #[test]
    fn user_and_password_are_read_whole_and_never_shown() {
        for (text, user, password) in [
            ("http://user:p@ss@proxy:3128", "user", Some("p%40ss")),
            ("user:p%40ss@proxy:3128", "user", Some("p%40ss")),
            ("socks5://user:p:ss@proxy", "user", Some("p%3Ass")),
            ("http://user@proxy", "user", None),
        ] {
            let proxy = parsed("HTTPS_PROXY", text).expect(text).expect(text);
            assert_eq!((proxy.url.username(), proxy.url.password()), (user, password), "{text}");
            assert!(proxy.has_user() && !proxy.to_string().contains("ss"), "{proxy}");
        }
        let refused =
            route(&[("HTTPS_PROXY", "ftp://me:hunter2@proxy")], "https://a.example/").expect_err("ftp");
        assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
    }

    #[test]
    fn nonsense_is_refused_and_names_its_variable() {
        for text in [
            "ftp://proxy",
            "http://",
            "http://:3128",
            "http://proxy:port",
            "http://proxy:99999",
            "http://proxy:0",
            "http://pro xy:3128",
            "http://proxy:31\n28",
            "http://proxy.example/proxy.pac",
            "http://proxy?x",
            "socks5://",
            "direct://",
        ] {
            for variable in ["HTTPS_PROXY", "all_proxy"] {
                let refused = route(&[(variable, text)], "https://api.example/").expect_err(text);
                assert_eq!(refused.code, code::CONFIG, "{text}");
                assert!(refused.message.contains(variable), "{text}: {refused:?}");
            }
            // Where it is not needed it is no obstacle.
            let fine = route(&[("HTTPS_PROXY", text), ("NO_PROXY", "*")], "https://api.example/");
            assert_eq!(fine.expect(text), None);
            assert_eq!(route(&[("HTTPS_PROXY", text)], "http://127.0.0.1/").expect(text), None);
        }
    }

    #[test]
    fn exceptions_take_every_usual_form() {
        for (exceptions, url, is_direct) in [
            ("example.com", "https://example.com/", true),
            ("example.com", "https://api.example.com/", true),
            ("example.com", "https://notexample.com/", false),
            (".example.com", "https://api.example.com/", true),
            (".example.com", "https://example.com/", true),
            ("*.example.com", "https://api.example.com/", true),
            ("EXAMPLE.com.", "https://api.example.COM/", true),
            ("example.com:443", "https://example.com/", true),
            ("example.com:443", "https://example.com:8443/", false),
            ("a.example,b.example", "https://b.example/", true),
            ("a.example b.example", "https://b.example/", true),
            (" a.example , b.example ", "https://b.example/", true),
            ("10.0.0.0/8", "https://10.1.2.3/", true),
            ("10.0.0.0/8", "https://11.1.2.3/", false),
            ("10.1.2.3", "https://10.1.2.3/", true),
            ("10.1.2.3:443", "https://10.1.2.3/", true),
            ("2001:db8::1", "https://[2001:db8::1]/", true),
            ("[2001:db8::1]", "https://[2001:db8::1]/", true),
            ("[2001:db8::1]:443", "https://[2001:db8::1]/", true),
            ("2001:db8::/32", "https://[2001:db8::1]/", true),
            ("*", "https://anything/", true),
            ("", "https://anything/", false),
            (",", "https://anything/", false),
            // None of these is a form of it.
            ("api.*.com", "https://api.example.com/", false),
            ("https://example.com", "https://example.com/", false),
            ("example.com:https", "https://example.com/", false),
        ] {
            for variable in EXCEPTIONS {
                let found = route(&[("HTTPS_PROXY", "p:1"), (variable, exceptions)], url).expect("usable");
                assert_eq!(found.is_none(), is_direct, "{exceptions} {url}");
            }
        }
    }
}
