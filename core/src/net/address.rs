//! The base of the API: `https://HOST[:PORT]/v1`, or `http` on a loopback address.

use std::fmt;

use reqwest::Url;

use crate::{
    base::error::{Result, config},
    config::environment,
    program::ENV,
};

/// The address of the hosted API.
const HOSTED: &str = "https://api.astronomer.io/v1";

/// A checked base address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    loopback: bool,
}

impl Address {
    /// Reads a base address. `origin` names where it was written, for the message.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        // A password in it is nobody's to read.
        let shown = match text
            .split_once("://")
            .and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1)))
        {
            Some((scheme, rest)) => format!("{scheme}://…@{rest}"),
            None => text.to_owned(),
        };
        let refused = |reason: &str| {
            config(format!("the address `{shown}` from {origin} {reason}"))
                .help(format!("write the whole base of the API, such as {HOSTED}"))
        };
        let url = Url::parse(text).map_err(|_| refused("is not a URL"))?;
        let loopback = match url.host_str() {
            Some(host) => is_loopback(host),
            None => return Err(refused("has no host")),
        };
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(refused("has more than host, port and path"));
        }
        if url.path().trim_end_matches('/') != "/v1" {
            return Err(refused("does not end in /v1"));
        }
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return Err(refused("is not https")),
        }
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), loopback })
    }

    /// The address of a domain as the official CLI knows it: `localhost`, `pr1234.astronomer-dev.io`, or any
    /// other domain with `api.` in front.
    pub fn of_domain(domain: &str) -> Result<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        if domain.is_empty() || !domain.bytes().all(plain) {
            return Err(config(format!("{ENV}_DOMAIN is `{domain}`, which is not a domain"))
                .help(format!("set it to a domain such as astronomer.io, or set {ENV}_API_URL")));
        }
        let preview = domain.strip_prefix("pr").and_then(|rest| rest.strip_suffix(".astronomer-dev.io"));
        let url = match (domain, preview) {
            ("localhost", _) => "http://localhost:8888/v1".to_owned(),
            (_, Some(number))
                if (4..=6).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()) =>
            {
                format!("https://pr{number}.api.astronomer-dev.io/v1")
            }
            _ => format!("https://api.{domain}/v1"),
        };
        Self::parse(&url, &environment::DOMAIN.to_string())
    }

    /// The hosted API.
    pub fn hosted() -> Self {
        Self { text: HOSTED.to_owned(), loopback: false }
    }

    /// The address without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// It is `http`, which only an address on this machine may be.
    pub fn is_plain(&self) -> bool {
        self.text.starts_with("http://")
    }

    /// It is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }
}

/// Whether what is sent or asked there stays secret and unchanged on the way: it is https, or stays on this machine.
pub fn is_https_or_local(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => url.host_str().is_some_and(is_loopback),
        _ => false,
    }
}

/// Whether a URL's host is this machine.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, loopback) in [
            ("https://api.astronomer.io/v1", false),
            ("https://api.astronomer.io/v1/", false),
            ("http://127.0.0.1:8080/v1", true),
            ("http://[::1]:8080/v1", true),
            ("http://localhost:1/v1", true),
        ] {
            assert_eq!(Address::parse(text, "x").expect(text).is_loopback(), loopback, "{text}");
        }
        for text in [
            "",
            "x",
            "https://api.astronomer.io",
            "https://api.astronomer.io/v2",
            "http://api.astronomer.io/v1",
            "ftp://localhost/v1",
            "https://u:p@api.astronomer.io/v1",
            "https://api.astronomer.io/v1?x=1",
            "http://127.0.0.1.evil.example/v1",
            "http://localhost.evil.example/v1",
            "https://a/x/../v1/y",
        ] {
            assert!(Address::parse(text, "x").is_err(), "{text}");
        }
    }

    #[test]
    fn domains() {
        for (domain, address) in [
            ("astronomer.io", "https://api.astronomer.io/v1"),
            ("localhost", "http://localhost:8888/v1"),
            ("pr12345.astronomer-dev.io", "https://pr12345.api.astronomer-dev.io/v1"),
            ("astronomer-stage.io", "https://api.astronomer-stage.io/v1"),
        ] {
            assert_eq!(Address::of_domain(domain).expect(domain).as_str(), address);
        }
        assert!(Address::of_domain("evil/x").is_err());
    }
}
