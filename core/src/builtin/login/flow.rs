//! Signing in at the issuer: with the browser (RFC 6749 with PKCE, RFC 7636), or with a code on another device (RFC 8628).

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    time::{Duration, Instant},
};

use oauth2::{
    AuthorizationCode, CsrfToken, DeviceAuthorizationUrl, PkceCodeChallenge, RedirectUrl, Scope,
    StandardDeviceAuthorizationResponse, basic::BasicTokenResponse,
};
use reqwest::Url;

use crate::{
    console::{Console, escaped},
    credential::issuer::{Issuer, refused, send},
    error::{Failure, Result, While, auth, code, failed, plain_io},
};

/// The only place the issuer sends a browser back to (astronomer/astro-cli#1158).
const REDIRECT: &str = "http://localhost:12345/callback";
const PORT: u16 = 12345;
/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// The longest pause between two questions that an issuer may ask for, and the longest time for the other device.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_DEVICE: Duration = Duration::from_secs(3600);
/// How long a browser may take for one request.
const REQUEST_PATIENCE: Duration = Duration::from_secs(5);
/// The largest request that is read.
const LARGEST_REQUEST: usize = 16 * 1024;
const SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// With the browser. `open`: it is opened; the address is shown either way. `name`: that of the credential, for advice.
pub(super) fn browser(
    console: &Console,
    issuer: &Issuer,
    open: bool,
    name: &str,
) -> Result<BasicTokenResponse> {
    // Before anybody is sent away: the way back must be there.
    let listeners = listen(issuer, name)?;
    let redirect = RedirectUrl::new(REDIRECT.to_owned())
        .map_err(|error| failed("the way back from the browser is no address").cause(error.to_string()))?;
    let client = issuer.client()?.set_redirect_uri(redirect);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state) = client
        .authorize_url(CsrfToken::new_random)
        .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
        .add_extra_param("audience", &issuer.audience)
        .set_pkce_challenge(challenge)
        .url();
    let opened = open && webbrowser::open(url.as_str()).is_ok();
    let how = if opened {
        "Your browser was opened; if it was not, open"
    } else {
        "Open this address in your browser:"
    };
    // Without the address nobody gets on, whatever is quiet.
    console.stderr_line(&format!("{how}\n\n    {}\n", escaped(url.as_str())));
    let code = wait(&listeners, &state)?;
    client
        .exchange_code(AuthorizationCode::new(code))
        .set_pkce_verifier(verifier)
        .request(&send)
        .map_err(refused)
}

/// With a code on another device.
pub(super) fn device(console: &Console, issuer: &Issuer) -> Result<BasicTokenResponse> {
    let url = issuer.device_url.clone().ok_or_else(|| {
        failed("the issuer does not offer to sign in on another device")
            .help("sign in with the browser: astro login, or store a token: astro login --with-token")
    })?;
    let url = DeviceAuthorizationUrl::new(url)
        .map_err(|error| failed("the issuer's address is not one").cause(error.to_string()))?;
    let client = issuer.client()?.set_device_authorization_url(url);
    let details: StandardDeviceAuthorizationResponse = client
        .exchange_device_code()
        .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
        .add_extra_param("audience", &issuer.audience)
        .request(&send)
        .map_err(refused)?;
    if details.interval() > LONGEST_PAUSE || details.expires_in() > LONGEST_DEVICE {
        return Err(failed("the issuer asks for pauses or times that nobody waits"));
    }
    let page = details
        .verification_uri_complete()
        .map_or_else(|| details.verification_uri().to_string(), |complete| complete.secret().clone());
    console.stderr_line(&format!(
        "Open this address on any device, and compare the code {}:\n\n    {}\n",
        escaped(details.user_code().secret()),
        escaped(&page)
    ));
    client.exchange_device_access_token(&details).request(&send, std::thread::sleep, Some(PATIENCE)).map_err(
        |error| match error {
            oauth2::RequestTokenError::ServerResponse(said) => {
                let reason = said.error_description().cloned().unwrap_or_else(|| said.error().to_string());
                auth("the sign-in on the other device did not come about")
                    .cause(reason)
                    .help("try again: astro login --device")
            }
            oauth2::RequestTokenError::Request(error) => {
                Failure::new(code::NETWORK, "the issuer cannot be reached").cause(error.to_string())
            }
            _ => auth("nobody signed in on the other device in time").help("try again: astro login --device"),
        },
    )
}

/// Listens on both loopback addresses: which one `localhost` is, the browser decides.
fn listen(issuer: &Issuer, name: &str) -> Result<Vec<TcpListener>> {
    let busy = |address: SocketAddr, error: &std::io::Error| {
        let failure = failed(format!("cannot listen on {address}, where the browser comes back to"))
            .cause(plain_io(&error.to_string()))
            .help("end the program that uses the port: another `astro login`?");
        let failure = match &issuer.device_url {
            Some(_) => {
                failure.help(format!("sign in with a code instead: astro login --device --credential {name}"))
            }
            None => failure,
        };
        failure.help(format!("or store a token: astro login --with-token --credential {name} < FILE"))
    };
    let mut listeners = Vec::new();
    for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let address = SocketAddr::new(ip, PORT);
        match TcpListener::bind(address) {
            Ok(listener) => listeners.push(listener),
            // A machine without IPv6.
            Err(error) if ip.is_ipv6() && error.kind() != ErrorKind::AddrInUse => {}
            Err(error) => return Err(busy(address, &error)),
        }
    }
    for listener in &listeners {
        listener
            .set_nonblocking(true)
            .while_doing(code::FAILED, || "cannot wait for the browser".to_owned())?;
    }
    Ok(listeners)
}

/// Waits for the browser to come back with this state; anything else that knocks is answered and waited past, each on
/// a thread of its own: whoever says nothing holds up nobody.
fn wait(listeners: &[TcpListener], state: &CsrfToken) -> Result<String> {
    let end = Instant::now() + PATIENCE;
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
    Err(auth(format!("nobody signed in within {} s", PATIENCE.as_secs())).help("try again: astro login"))
}

/// Answers one request; the outcome when it is the one that is waited for.
fn answer(mut stream: TcpStream, state: &CsrfToken) -> Option<Result<String>> {
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(REQUEST_PATIENCE)).ok()?;
    stream.set_write_timeout(Some(REQUEST_PATIENCE)).ok()?;
    let target = target(&mut stream)?;
    let url = Url::parse(REDIRECT).ok()?.join(&target).ok()?;
    if url.path() != "/callback" {
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
        return Some(Err(auth("the sign-in was refused").cause(reason).help("try again: astro login")));
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
    let end = Instant::now() + REQUEST_PATIENCE;
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
