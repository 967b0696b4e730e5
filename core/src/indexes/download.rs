//! Getting a file from a web server. Nothing secret is sent, and what comes is believed only after its hash or signature
//! was compared; so redirects are followed, as the releases of code hosts need them, but never away from https.

use std::{path::Path, time::Duration};

use reqwest::{Client, Url, redirect::Policy};

use crate::{
    context::{is_https_or_local, is_loopback},
    error::{Failure, Result, While, code, failed, innermost, usage},
    services::{certificates, runtime},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nothing may arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const MOST_REDIRECTS: usize = 5;

/// How a download goes on: bytes that are there, bytes that there will be.
pub(crate) type Watch<'w> = &'w mut dyn FnMut(u64, Option<u64>);

/// A URL that files may come from: https, or http on this machine.
pub(crate) fn url(text: &str) -> Result<Url> {
    let url = Url::parse(text).map_err(|error| usage(format!("`{text}` is not a URL: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(usage(format!(
            "the URL of `{}` must not hold a password",
            url.host_str().unwrap_or_default()
        )));
    }
    match is_https_or_local(&url) {
        true => Ok(url),
        false => Err(usage(format!("`{text}` is neither https nor on this machine"))),
    }
}

/// Gets a file of at most `most` bytes. `None` when the server has none (404, 410).
pub(crate) fn get(
    url: &Url,
    most: u64,
    timeout: Option<Duration>,
    ca_file: Option<&Path>,
    watch: Watch<'_>,
) -> Result<Option<Vec<u8>>> {
    let client = client(url, timeout, ca_file)?;
    runtime::handle()?.block_on(async {
        let broken = |error: reqwest::Error| {
            Failure::new(code::NETWORK, format!("cannot get `{url}`")).cause(innermost(&error))
        };
        let mut response = client.get(url.clone()).send().await.map_err(broken)?;
        match response.status().as_u16() {
            200 => {}
            404 | 410 => return Ok(None),
            status => return Err(failed(format!("cannot get `{url}`: the server answered {status}"))),
        }
        let total = response.content_length();
        let too_large = || failed(format!("`{url}` is larger than {most} bytes"));
        if total.is_some_and(|total| total > most) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            bytes.extend_from_slice(&piece);
            if bytes.len() as u64 > most {
                return Err(too_large());
            }
            watch(bytes.len() as u64, total);
        }
        Ok(Some(bytes))
    })
}

fn client(url: &Url, timeout: Option<Duration>, ca_file: Option<&Path>) -> Result<Client> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let is_plain = url.scheme() == "http";
    let policy = Policy::custom(move |attempt| {
        // From a server on this machine one may go anywhere that is allowed at all, from https never to http.
        let is_fine = is_https_or_local(attempt.url()) && (is_plain || attempt.url().scheme() == "https");
        match (is_fine, attempt.previous().len() > MOST_REDIRECTS) {
            (false, _) => attempt.error("a redirect leads away from https"),
            (true, true) => attempt.error("too many redirects"),
            (true, false) => attempt.follow(),
        }
    });
    let mut builder = Client::builder()
        .user_agent(concat!("astro-host/", env!("CARGO_PKG_VERSION")))
        .redirect(policy)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT);
    if let Some(timeout) = timeout {
        builder = builder.timeout(timeout);
    }
    if url.host_str().is_some_and(is_loopback) {
        builder = builder.no_proxy();
    }
    if let Some(path) = ca_file {
        builder = builder.tls_certs_merge(certificates(path, "index")?);
    }
    builder.build().while_doing(code::NETWORK, || "the HTTP client cannot be built".to_owned())
}
