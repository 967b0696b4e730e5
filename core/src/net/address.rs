//! The base of the API: `https://HOST[:PORT]/v1`, or `http` on a loopback address.

use std::fmt;

use reqwest::Url;

use crate::{
    base::error::{Result, config},
    config::environment,
    product::product,
    program::ENV,
};

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
                .help(format!("write the whole base of the API, such as {}", example()))
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
        let base = product().api.base_path;
        if url.path().trim_end_matches('/') != base {
            return Err(refused(&format!("does not end in {base}")));
        }
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return Err(refused("is not https")),
        }
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), loopback })
    }

    /// The address of a domain, where the product knows how one is made.
    pub fn of_domain(domain: &str) -> Result<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let url = match product().api.of_domain {
            Some(of_domain) if !domain.is_empty() && domain.bytes().all(plain) => of_domain(domain),
            _ => {
                return Err(config(format!("{ENV}_DOMAIN is `{domain}`, which is not a domain"))
                    .help(format!("set {ENV}_API_URL to the whole base of the API, such as {}", example())));
            }
        };
        Self::parse(&url, &environment::DOMAIN.to_string())
    }

    /// The default API of the product; empty for a product without one ([`crate::context::Context::api`]).
    pub fn hosted() -> Self {
        Self { text: product().api.default_address.unwrap_or_default().to_owned(), loopback: false }
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

fn example() -> String {
    let api = &product().api;
    api.default_address.map_or_else(|| format!("https://api.example.com{}", api.base_path), str::to_owned)
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
            ("astronomer-stage.io", "https://api.astronomer-stage.io/v1"),
        ] {
            assert_eq!(Address::of_domain(domain).expect(domain).as_str(), address);
        }
        assert!(Address::of_domain("evil/x").is_err());
    }
}
