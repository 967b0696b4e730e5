//! Getting a file from a web server. Nothing secret is sent, and what comes is believed only after its hash or signature
//! was compared; so redirects are followed, as the releases of code hosts need them, but never away from https.

use std::time::Duration;

use reqwest::Url;

use crate::{
    base::error::{Failure, Result, code, failed, usage},
    net::{
        address::is_https_or_local,
        client::{self, Purpose, Unreached},
        runtime,
        tls::Trust,
    },
};

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
    trust: &Trust,
    watch: Watch<'_>,
) -> Result<Option<Vec<u8>>> {
    let client = client::client(url, trust, Purpose::Files)?;
    runtime::handle()?.block_on(async {
        let broken = |error: reqwest::Error| {
            let unreached = Unreached::of(&error);
            let what = format!("cannot get `{url}`{}", unreached.through);
            unreached.explain(Failure::new(code::NETWORK, what), trust)
        };
        let mut request = client.get(url.clone());
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        let mut response = request.send().await.map_err(broken)?;
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
