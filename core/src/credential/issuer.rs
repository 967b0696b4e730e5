//! The issuer of sign-ins: found through the API's own configuration, spoken to in OAuth 2.0.

use std::time::Duration;

use oauth2::{
    AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, basic::BasicClient,
};
use reqwest::{Url, header};
use serde::Deserialize;

use super::{
    Secret, Session,
    grant::{self, Denied, Device, Granted},
};
use crate::{
    base::error::{Failure, Result, ResultExt, code, failed},
    credential::token::payload,
    net::{
        address::{Address, is_https_or_local},
        client::{self, Purpose, Unreached},
        clock, runtime,
        tls::Trust,
    },
    product::{Endpoints, product},
    program::{APP, ENV},
};

/// How long one question may take. Others wait for the answer under the lock of a renewal.
const TIMEOUT: Duration = Duration::from_secs(8);

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// An issuer, and whose certificates count on the way to it.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Where it does what.
    pub endpoints: Endpoints,
    trust: Trust,
}

impl Issuer {
    /// The issuer of an API.
    pub fn of(address: &Address, trust: Trust) -> Result<Self> {
        let base = address.as_str().trim_end_matches(product().api.base_path);
        let endpoints = product().sign_in.issuer(base, &|url| get(url, &trust, None))?;
        let Endpoints { authorize, token, userinfo, device, revoke, .. } = &endpoints;
        let optional = [userinfo, device, revoke].into_iter().flatten();
        for url in [authorize, token].into_iter().chain(optional) {
            safe(url)?;
        }
        Ok(Self { endpoints, trust })
    }

    /// The address for a browser, with the state that comes back and the proof that goes with the code (RFC 7636).
    pub fn authorization(&self, redirect: &str) -> Result<(Url, CsrfToken, PkceCodeVerifier)> {
        let wrong = |error: oauth2::url::ParseError| failed("invalid issuer URL").cause(error.to_string());
        let client = BasicClient::new(ClientId::new(self.endpoints.client_id.clone()))
            .set_auth_uri(AuthUrl::new(self.endpoints.authorize.clone()).map_err(wrong)?)
            .set_redirect_uri(RedirectUrl::new(redirect.to_owned()).map_err(wrong)?);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let request = client
            .authorize_url(CsrfToken::new_random)
            .add_scopes(self.endpoints.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge);
        let Endpoints { audience, resource, prompt, .. } = &self.endpoints;
        let extra = [("audience", audience), ("resource", resource), ("prompt", prompt)];
        let (url, state) = extra
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
            .fold(request, |request, (name, value)| request.add_extra_param(name, value))
            .url();
        Ok((url, state, verifier))
    }

    /// Exchanges the code that the browser brought back.
    pub fn redeem(&self, code: &str, redirect: &str, verifier: &PkceCodeVerifier) -> Result<Granted> {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("client_id", self.endpoints.client_id.as_str()),
            ("code_verifier", verifier.secret().as_str()),
        ];
        fields.extend(self.endpoints.resource.as_deref().map(|resource| ("resource", resource)));
        Ok(grant::tokens(&self.endpoints.token, &self.trust, &fields)?)
    }

    /// Asks for a code for another device; none where that is not offered.
    pub fn device(&self) -> Result<Option<Device>> {
        let Endpoints { client_id, audience, resource, scopes, device, .. } = &self.endpoints;
        let Some(url) = device else { return Ok(None) };
        let scope = scopes.join(" ");
        // A client that has to prove that it began the sign-in (RFC 7636) has to do so here, too.
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut fields = vec![
            ("client_id", client_id.as_str()),
            ("scope", &scope),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", challenge.method().as_str()),
        ];
        fields.extend(audience.as_deref().map(|audience| ("audience", audience)));
        fields.extend(resource.as_deref().map(|resource| ("resource", resource)));
        Ok(Some(Device::begin(url, &self.trust, &fields, verifier.into_secret())?))
    }

    /// Asks once whether somebody signed in on the other device.
    pub fn poll(&self, device: &Device) -> Result<Granted, Denied> {
        let Endpoints { token, client_id, resource, .. } = &self.endpoints;
        let mut fields = device.fields(client_id);
        fields.extend(resource.as_deref().map(|resource| ("resource", resource)));
        grant::tokens(token, &self.trust, &fields)
    }

    /// What the issuer gave, as it is kept.
    pub fn session(&self, granted: &Granted) -> (Secret, Option<Session>) {
        let session = granted.refresh_token.as_ref().map(|refresh| {
            Session {
                refresh: hidden(refresh),
                client_id: self.endpoints.client_id.clone(),
                token_url: self.endpoints.token.clone(),
                revoke_url: self.endpoints.revoke.clone(),
                resource: self.endpoints.resource.clone(),
                expires: 0,
                lifetime: 0,
                renewed_at: None,
            }
            .begun(granted.expires_in)
        });
        (hidden(&granted.access_token), session)
    }

    /// Who signed in, when the issuer tells it: the mail address, or a name. It is for people to read: the ID token comes from
    /// the issuer itself, and its signature is not looked at (OpenID Connect Core 1.0, section 3.1.3.7).
    pub fn signed_in(&self, granted: &Granted) -> Option<String> {
        let payload = granted.id_token.as_deref().and_then(payload);
        let person = payload.and_then(|payload| serde_json::from_value::<Person>(payload).ok());
        person.and_then(Person::name).or_else(|| self.who(&hidden(&granted.access_token)))
    }

    /// Whose token it is, when the issuer tells it. A token for an API (RFC 8707) is refused there.
    pub fn who(&self, token: &Secret) -> Option<String> {
        get::<Person>(self.endpoints.userinfo.as_deref()?, &self.trust, Some(token)).ok()?.name()
    }
}

/// Standard claims (OpenID Connect Core 1.0, section 5.1).
#[derive(Deserialize)]
struct Person {
    email: Option<String>,
    preferred_username: Option<String>,
    name: Option<String>,
}

impl Person {
    fn name(self) -> Option<String> {
        self.email.or(self.preferred_username).or(self.name)
    }
}

/// Exchanges a refresh token for the next pair.
pub fn refresh(name: &str, session: &Session, trust: &Trust) -> Result<(Secret, Session)> {
    safe(&session.token_url)?;
    let mut fields = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", session.refresh.expose()),
        ("client_id", session.client_id.as_str()),
    ];
    fields.extend(session.resource.as_deref().map(|resource| ("resource", resource)));
    let granted = grant::tokens(&session.token_url, trust, &fields).map_err(|denied| {
        let failure = Failure::from(denied.of_renewal());
        match failure.code.as_str() {
            // The same refresh token may work in a moment.
            code::NETWORK | code::CONFIG => failure,
            _ => failure.help(format!("sign in again: {APP} login --credential {name}")),
        }
    })?;
    let next = Session {
        refresh: granted.refresh_token.as_deref().map_or_else(|| session.refresh.clone(), hidden),
        ..session.clone()
    };
    Ok((hidden(&granted.access_token), next.begun(granted.expires_in)))
}

/// Ends a session.
pub fn revoke(session: &Session, trust: &Trust) -> Result<bool> {
    let Some(url) = &session.revoke_url else { return Ok(false) };
    safe(url)?;
    let body = form(&[
        ("client_id", session.client_id.as_str()),
        ("token", session.refresh.expose()),
        ("token_type_hint", "refresh_token"),
    ]);
    match ask(url, trust, Asked::Form(body))?.status {
        200..300 => Ok(true),
        status => Err(failed(format!("the issuer answered {status}"))),
    }
}

fn hidden(token: &str) -> Secret {
    crate::base::redact::hide(token);
    Secret::new(token.to_owned())
}

/// Tokens go over https, or stay on this machine.
fn safe(url: &str) -> Result<Url> {
    let refused = |reason: &str| failed(format!("the issuer's address `{url}` {reason}"));
    let parsed = Url::parse(url).map_err(|_| refused("is not a URL"))?;
    if is_https_or_local(&parsed) { Ok(parsed) } else { Err(refused("is not https")) }
}

/// What is asked of an issuer.
pub(super) enum Asked<'a> {
    /// With this credential, or without one.
    Get(Option<&'a Secret>),
    /// A form, encoded.
    Form(String),
}

/// What it answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// The fields of a form, encoded.
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let url = Url::parse_with_params("http://x/", fields).ok();
    url.and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

/// One request, waited for.
pub(super) fn ask(url: &str, trust: &Trust, asked: Asked<'_>) -> Result<Answer> {
    let url = safe(url)?;
    let client = client::client(&url, trust, Purpose::Credential)?;
    let request = match asked {
        Asked::Get(token) => {
            let request = client.get(url.clone());
            token.into_iter().fold(request, |request, token| request.bearer_auth(token.expose()))
        }
        Asked::Form(body) => client
            .post(url.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body),
    };
    let request = request.header(header::ACCEPT, "application/json").timeout(TIMEOUT);
    let lost = |error: reqwest::Error| {
        let unreached = Unreached::of(&error);
        let host = url.host_str().unwrap_or_default();
        let what = format!("cannot reach `{host}`{}", unreached.through);
        unreached.explain(Failure::new(code::NETWORK, what), trust)
    };
    runtime::handle()?.block_on(async {
        let mut response = request.send().await.map_err(lost)?;
        clock::observe(response.headers());
        let (status, retry_after) = (response.status().as_u16(), client::retry_after(response.headers()));
        let mut body = Vec::new();
        // A truncated body is an error; one that is too large counts as empty.
        while let Some(piece) = response.chunk().await.map_err(lost)? {
            body.extend_from_slice(&piece);
            if body.len() > LARGEST_ANSWER {
                body.clear();
                break;
            }
        }
        Ok(Answer { status, retry_after, body })
    })
}

fn get<T: serde::de::DeserializeOwned>(url: &str, trust: &Trust, token: Option<&Secret>) -> Result<T> {
    let answer = ask(url, trust, Asked::Get(token))?;
    if !(200..300).contains(&answer.status) {
        return Err(failed(format!("`{url}` answered {}", answer.status)).help(format!(
            "is {ENV}_API_URL {}? a token works without a sign-in: {APP} login --with-token",
            product().api.title
        )));
    }
    serde_json::from_slice(&answer.body)
        .context(code::FAILED, || format!("the answer of `{url}` cannot be read"))
}
