//! Signing in at the issuer: with the browser (RFC 6749 with PKCE, RFC 7636), or with a code on another device (RFC 8628).

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    time::{Duration, Instant},
};

use oauth2::CsrfToken;
use reqwest::Url;

use crate::{
    base::error::{Result, ResultExt, auth, code, failed, plain_io},
    console::{Console, escaped},
    credential::{grant::Granted, issuer::Issuer},
    net::clock::span,
    program::APP,
};

/// The path of the address that a browser comes back to.
const CALLBACK: &str = "/callback";
/// How long a person may take in the browser.
const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a browser may take for one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest request that is read.
const LARGEST_REQUEST: usize = 16 * 1024;

/// With the browser. `open`: it is opened; the address is shown either way. `name`: that of the credential, for advice.
pub(super) fn browser(console: &Console, issuer: &Issuer, open: bool, name: &str) -> Result<Granted> {
    // Before anybody is sent away: the way back must be there.
    let (listeners, port) = listen(issuer, name)?;
    let redirect = format!("http://{}:{port}{CALLBACK}", issuer.endpoints.redirect_host);
    let (url, state, verifier) = issuer.authorization(&redirect)?;
    let opened = open && webbrowser::open(url.as_str()).is_ok();
    let how = if opened {
        "Your browser was opened; if it was not, open"
    } else {
        "Open this address in your browser:"
    };
    // Without the address nobody gets on, whatever is quiet.
    console.stderr_line(&format!("{how}\n\n    {}\n", escaped(url.as_str())));
    let code = wait(&listeners, &state)?;
    issuer.redeem(&code, &redirect, &verifier)
}

/// With a code on another device.
pub(super) fn device(console: &Console, issuer: &Issuer) -> Result<Granted> {
    let device = issuer.device()?.ok_or_else(|| {
        failed("the issuer does not offer to sign in on another device").help(format!(
            "sign in with the browser: {APP} login, or store a token: {APP} login --with-token"
        ))
    })?;
    let started = Instant::now();
    let page = device.verification_uri_complete.as_ref().unwrap_or(&device.verification_uri);
    console.stderr_line(&format!(
        "Open this address on any device, and compare the code {}; it works for {}:\n\n    {}\n",
        escaped(&device.user_code),
        span(i64::try_from(device.lifetime().as_secs()).unwrap_or(i64::MAX)),
        escaped(page)
    ));
    device.wait(
        || issuer.poll(&device),
        std::thread::sleep,
        || started.elapsed(),
        |reason| {
            console
                .notice(&format!("The issuer does not answer ({reason}). Asking on until the code expires."));
        },
    )
}

/// Says what a person did not get who signed in.
pub(super) fn tell(console: &Console, issuer: &Issuer, granted: &Granted) {
    let asked = &issuer.endpoints.scopes;
    let left_out = granted.left_out(asked);
    if !left_out.is_empty() {
        console.notice(&format!("The issuer did not grant: {}.", escaped(&left_out.join(", "))));
    }
    if granted.refresh_token.is_none() {
        let lifetime = granted.expires_in.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
        let lifetime =
            lifetime.map_or_else(String::new, |seconds| format!(" It works for {}.", span(seconds)));
        console.notice(&format!("This sign-in is not renewed: the issuer gave no refresh token.{lifetime}"));
    }
}

/// Listens on both loopback addresses: which one `localhost` is, the browser decides. At `127.0.0.1` it costs nothing.
fn listen(issuer: &Issuer, name: &str) -> Result<(Vec<TcpListener>, u16)> {
    let busy = |address: SocketAddr, error: &std::io::Error| {
        let failure = failed(format!("cannot listen on {address}, where the browser comes back to"))
            .cause(plain_io(&error.to_string()))
            .help(format!("end the program that uses the port: another `{APP} login`?"));
        let failure = match &issuer.endpoints.device {
            Some(_) => {
                failure.help(format!("sign in with a code instead: {APP} login --device --credential {name}"))
            }
            None => failure,
        };
        failure.help(format!("or store a token: {APP} login --with-token --credential {name} < FILE"))
    };
    let mut listeners = Vec::new();
    // A client of its own may come back to any port; it is the same for both.
    let mut port = issuer.endpoints.redirect_port.unwrap_or(0);
    for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let address = SocketAddr::new(ip, port);
        match TcpListener::bind(address) {
            Ok(listener) => {
                port = listener.local_addr().map_or(port, |bound| bound.port());
                listeners.push(listener);
            }
            // A machine without IPv6.
            Err(error) if ip.is_ipv6() && error.kind() != ErrorKind::AddrInUse => {}
            Err(error) => return Err(busy(address, &error)),
        }
    }
    for listener in &listeners {
        listener.set_nonblocking(true).context(code::FAILED, || "cannot wait for the browser".to_owned())?;
    }
    Ok((listeners, port))
}

/// Waits for the browser to come back with this state; anything else that knocks is answered and waited past, each on
/// a thread of its own: a silent connection does not block others.
fn wait(listeners: &[TcpListener], state: &CsrfToken) -> Result<String> {
    let end = Instant::now() + SIGN_IN_TIMEOUT;
    let (outcomes, outcome) = mpsc::channel();
    while Instant::now() < end {
        for listener in listeners {
            let Ok((stream, _)) = listener.accept() else { continue };
            let (state, outcomes) = (state.clone(), outcomes.clone());
            // Without a thread for it the browser tries again.
            let _ = std::thread::Builder::new().spawn(move || {
                answer(stream, &state).into_iter().for_each(|outcome| {
                    // The first one ends the waiting.
                    let _ = outcomes.send(outcome);
                });
            });
        }
        if let Ok(outcome) = outcome.recv_timeout(Duration::from_millis(20)) {
            return outcome;
        }
    }
    Err(auth(format!("no sign-in within {} s", SIGN_IN_TIMEOUT.as_secs()))
        .help(format!("try again: {APP} login")))
}

/// Answers one request; the outcome when it is the one that is waited for.
fn answer(mut stream: TcpStream, state: &CsrfToken) -> Option<Result<String>> {
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(REQUEST_TIMEOUT)).ok()?;
    stream.set_write_timeout(Some(REQUEST_TIMEOUT)).ok()?;
    let target = target(&mut stream)?;
    let url = Url::parse("http://localhost/").ok()?.join(&target).ok()?;
    if url.path() != CALLBACK {
        respond(&mut stream, "404 Not Found", "Nothing is here", "This address is only for signing in.");
        return None;
    }
    let field = |name: &str| {
        let mut found = url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        found.next().filter(|_| found.next().is_none())
    };
    // A page of somebody else that sends the browser here does not know the state.
    if field("state").as_deref() != Some(state.secret()) {
        respond(
            &mut stream,
            "400 Bad Request",
            "Not signed in",
            "This does not belong to the sign-in that runs.",
        );
        return None;
    }
    if let Some(error) = field("error") {
        respond(&mut stream, "200 OK", "Not signed in", "The terminal says why. You can close this page.");
        let reason = field("error_description").unwrap_or(error);
        return Some(Err(auth("the sign-in was refused")
            .cause(reason)
            .help(format!("try again: {APP} login"))));
    }
    let Some(code) = field("code") else {
        respond(&mut stream, "400 Bad Request", "Not signed in", "The issuer sent no code.");
        return None;
    };
    respond(&mut stream, "200 OK", "Signed in", "You can close this page and go back to the terminal.");
    Some(Ok(code))
}

/// The target of a GET request.
fn target(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut piece = [0; 1024];
    let end = Instant::now() + REQUEST_TIMEOUT;
    while bytes.len() < LARGEST_REQUEST && Instant::now() < end {
        let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        if request.parse(&bytes).ok()?.is_complete() {
            return request.path.filter(|_| request.method == Some("GET")).map(str::to_owned);
        }
    }
    None
}

/// One page; nothing of the request is repeated in it.
fn respond(stream: &mut TcpStream, status: &str, title: &str, text: &str) {
    let page =
        format!("<!doctype html><meta charset=\"utf-8\"><title>{title}</title><h1>{title}</h1><p>{text}</p>");
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n",
        page.len()
    );
    // A browser that does not want the page has brought the code all the same.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(page.as_bytes()));
}
