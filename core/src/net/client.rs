//! The one way an HTTP client is built, and why a request got no answer.
//!
//! Every client speaks https, or http with this machine; it has astro's user agent, follows no redirect with a
//! credential, repeats nothing by itself and gives up on a connection that does not come about. Roots are loaded when
//! they are needed: that alone takes longer than the rest.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    Client, ClientBuilder, Url,
    header::{HeaderMap, RETRY_AFTER},
    redirect,
};

use super::{
    proxy::{Proxies, Proxy},
    tls::{self, Trust},
};
use crate::{
    base::error::{Failure, Result, failed, innermost, plain_io},
    net::address::is_https_or_local,
    product::product,
    program::APP,
};

/// How long a connection may take to come about.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nothing of a file may arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const MOST_REDIRECTS: usize = 5;

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Requests with a credential, to the API or the issuer: a redirect is an answer like any other.
    Credential,
    /// Files that are verified by themselves: redirects are followed, never away from https.
    Files,
}

/// A client for requests that begin at this URL. Clients of one kind share their connections.
pub(crate) fn client(url: &Url, trust: &Trust, purpose: Purpose) -> Result<Client> {
    /// What differs between clients.
    type Kind = (bool, Option<PathBuf>, Purpose);
    static CLIENTS: Mutex<Vec<(Kind, Client)>> = Mutex::new(Vec::new());
    check(url)?;
    let kind = (is_plain(url), trust.ca_file.clone(), purpose);
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, client)) = clients.iter().find(|(known, _)| *known == kind) {
        return Ok(client.clone());
    }
    let client = built(builder(url, trust, purpose)?, trust)?;
    clients.push((kind, client.clone()));
    Ok(client)
}

/// The same for what may be sent only once: a connection that was kept may be dead, and a client then sends again by
/// itself.
pub(crate) fn unshared(url: &Url, trust: &Trust) -> Result<Client> {
    check(url)?;
    built(builder(url, trust, Purpose::Credential)?.pool_max_idle_per_host(0), trust)
}

/// What is wrong before anything is sent.
fn check(url: &Url) -> Result<()> {
    if url.scheme() == "https" {
        tls::check_variables()?;
    }
    if !is_https_or_local(url) {
        return Err(failed(format!("`{url}` is neither https nor on this machine")));
    }
    Proxies::of_process().route(url).map(|_| ())
}

fn is_plain(url: &Url) -> bool {
    url.scheme() == "http"
}

fn builder(url: &Url, trust: &Trust, purpose: Purpose) -> Result<ClientBuilder> {
    // Another provider may be installed by whoever embeds this library; either will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let is_plain = is_plain(url);
    let builder = Client::builder()
        .user_agent(format!("{}/{}", product().folder, product().version))
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIMEOUT)
        // The variables are read in `proxy`.
        .no_proxy()
        .proxy(reqwest::Proxy::custom(|url| {
            let proxy = Proxies::of_process().route(url).ok().flatten();
            proxy.map(|proxy| proxy.url.clone())
        }));
    let builder = match purpose {
        Purpose::Credential if is_plain => {
            return Ok(builder.redirect(redirect::Policy::none()).tls_certs_only([]));
        }
        Purpose::Credential => builder.redirect(redirect::Policy::none()).https_only(true),
        Purpose::Files => builder.redirect(to_https(is_plain)).read_timeout(READ_TIMEOUT),
    };
    Ok(builder.tls_certs_merge(trust.certificates()?))
}

/// From a server on this machine one may go anywhere that is allowed at all, from https never to http.
fn to_https(from_plain: bool) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        let is_fine = is_https_or_local(attempt.url()) && (from_plain || attempt.url().scheme() == "https");
        if !is_fine {
            return attempt.error("a redirect leads away from https");
        }
        if attempt.previous().len() > MOST_REDIRECTS {
            return attempt.error("too many redirects");
        }
        match Proxies::of_process().route(attempt.url()) {
            Ok(_) => attempt.follow(),
            Err(failure) => attempt.error(failure.message),
        }
    })
}

fn built(builder: ClientBuilder, trust: &Trust) -> Result<Client> {
    builder.build().map_err(|error| tls::unbuilt(&error, trust))
}

/// What a server asks to wait, in seconds (RFC 9110, section 10.2.3; the form with a date is not used by APIs).
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Why a request got no answer.
#[derive(Debug)]
pub(crate) struct Unreached {
    /// In words.
    pub(crate) reason: String,
    /// ` through the proxy …` where there is one, else nothing.
    pub(crate) through: String,
    /// The same request would fail in the same way: nothing is repeated.
    pub(crate) is_final: bool,
    /// What else is wrong.
    also: Vec<String>,
    help: Vec<String>,
    is_unknown_authority: bool,
}

impl Unreached {
    /// Reads an error of the HTTP client.
    pub(crate) fn of(error: &reqwest::Error) -> Self {
        let proxy = error.url().and_then(|url| Proxies::of_process().route(url).ok().flatten());
        let through = proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
        let plain = |reason: String| Self {
            reason,
            through: through.clone(),
            is_final: false,
            also: Vec::new(),
            help: Vec::new(),
            is_unknown_authority: false,
        };
        if let Some(refused) = tls::refused(error) {
            return Self {
                also: tls::wrong_variables(),
                is_unknown_authority: refused.is_unknown,
                is_final: true,
                ..plain(refused.reason)
            };
        }
        let innermost = innermost(error);
        match proxy.and_then(|proxy| of_proxy(proxy, &innermost)) {
            Some((reason, help)) => {
                let is_final = !help.is_empty();
                Self { help, is_final, ..plain(reason) }
            }
            None => plain(plain_io(&innermost)),
        }
    }

    /// The failure with the reason as its cause and what can be done about it.
    pub(crate) fn explain(self, failure: Failure, trust: &Trust) -> Failure {
        let failure = self.also.into_iter().fold(failure.cause(self.reason), Failure::cause);
        let failure = self.help.into_iter().fold(failure, Failure::help);
        if self.is_unknown_authority { trust.ways_out(failure) } else { failure }
    }
}

/// What a proxy says in the words of the client's libraries (hyper-util 0.1), which have no types for it; with it comes
/// what to do where trying again does not help.
fn of_proxy(proxy: &Proxy, said: &str) -> Option<(String, Vec<String>)> {
    let variable = proxy.variable;
    let has = |text: &str| said.contains(text);
    if has("proxy authorization required") || has("not accepted") || has("authentication") {
        let (reason, advice) = match proxy.has_user() {
            true => ("the proxy does not accept the user name and password", "correct them in"),
            false => ("the proxy wants a user name and a password", "add them to"),
        };
        let code = if has("proxy authorization required") { " (407)" } else { "" };
        let scheme = proxy.url.scheme();
        return Some((
            format!("{reason}{code}"),
            vec![
                format!("{advice} {variable}: {scheme}://USER:PASSWORD@HOST:PORT"),
                format!("of the ways to sign in at a proxy {APP} knows this one alone (Basic); for another one run a local proxy that knows it").to_owned(),
            ],
        ));
    }
    let reason = match said {
        _ if has("tunnel error: unsuccessful") => "the proxy refused to open the connection",
        _ if has("unexpected end of file") || has("unexpected eof") => {
            "the proxy closed the connection without an answer"
        }
        _ if has("failed parsing server response") => "what answers there is not a SOCKS proxy",
        _ if has("failed to create underlying connection") => "the proxy cannot be reached",
        _ if has("SOCKS error") => said.split("SOCKS error: ").nth(1)?,
        _ => return None,
    };
    Some((reason.to_owned(), Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_a_number_of_seconds() {
        for (text, expected) in [("2", Some(2)), (" 30 ", Some(30)), ("soon", None), ("-1", None)] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().expect("a header"));
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{text}");
        }
    }
}
