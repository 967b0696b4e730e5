//! The issuer of sign-ins: found through the API's own configuration, spoken to in OAuth 2.0.

use std::{sync::OnceLock, time::Duration};

use oauth2::{
    AccessToken, AuthUrl, ClientId, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, RefreshToken,
    RequestTokenError, TokenResponse, TokenUrl,
    basic::{BasicClient, BasicErrorResponse, BasicErrorResponseType, BasicTokenResponse},
};
use reqwest::{Client, Url, redirect::Policy};
use serde::Deserialize;

use super::{Secret, Session};
use crate::{
    context::{Address, is_https_or_local, unix_now},
    error::{Failure, Result, While, auth, code, failed, innermost},
};

/// How long one question may take. Others wait for the answer under the lock of a renewal.
const TIMEOUT: Duration = Duration::from_secs(8);

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// What is known of an issuer.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Whom it knows as this program.
    pub client_id: String,
    /// What a token is for.
    pub audience: String,
    /// Where a browser goes.
    pub authorize_url: String,
    /// Where tokens are given out.
    pub token_url: String,
    /// Who a token belongs to.
    pub userinfo_url: String,
    /// Where a device without a browser gets its code, when that is offered.
    pub device_url: Option<String>,
    /// Where a session is ended, when that is offered.
    pub revoke_url: Option<String>,
}

/// The API's configuration of the official CLI: `GET /private/v1alpha1/cli/auth-config`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    client_id: String,
    audience: String,
    domain_url: String,
}

/// OpenID Connect Discovery 1.0, section 3; only what is optional here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Discovery {
    device_authorization_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
}

impl Issuer {
    /// The issuer of an API.
    pub fn of(address: &Address) -> Result<Self> {
        let base = address.as_str().trim_end_matches("/v1");
        let url = format!("{base}/private/v1alpha1/cli/auth-config");
        let configuration: Configuration = get(&url, None)?;
        let domain = format!("{}/", configuration.domain_url.trim_end_matches('/'));
        safe(&domain)?;
        // Not every issuer has this page, and nothing in it is needed.
        let discovery: Discovery =
            get(&format!("{domain}.well-known/openid-configuration"), None).unwrap_or_default();
        for url in
            [&discovery.device_authorization_endpoint, &discovery.revocation_endpoint].into_iter().flatten()
        {
            safe(url)?;
        }
        Ok(Self {
            client_id: configuration.client_id,
            audience: configuration.audience,
            authorize_url: format!("{domain}authorize"),
            token_url: format!("{domain}oauth/token"),
            userinfo_url: format!("{domain}userinfo"),
            device_url: discovery.device_authorization_endpoint,
            revoke_url: discovery.revocation_endpoint,
        })
    }

    /// The crate's client.
    pub fn client(
        &self,
    ) -> Result<BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>> {
        let wrong = |error: oauth2::url::ParseError| {
            failed("the issuer's address is not one").cause(error.to_string())
        };
        Ok(BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_auth_uri(AuthUrl::new(self.authorize_url.clone()).map_err(wrong)?)
            .set_token_uri(TokenUrl::new(self.token_url.clone()).map_err(wrong)?))
    }

    /// What the issuer gave, as it is kept.
    pub fn session(&self, granted: &BasicTokenResponse) -> (Secret, Option<Session>) {
        let token = secret(granted.access_token());
        let lifetime = seconds(granted);
        let session = granted.refresh_token().map(|refresh| Session {
            refresh: hidden(refresh),
            client_id: self.client_id.clone(),
            token_url: self.token_url.clone(),
            revoke_url: self.revoke_url.clone(),
            expires: unix_now() + lifetime,
            lifetime,
        });
        (token, session)
    }

    /// The mail address of whoever signed in, when the issuer tells it.
    pub fn who(&self, token: &Secret) -> Option<String> {
        #[derive(Deserialize)]
        struct Userinfo {
            email: Option<String>,
            name: Option<String>,
        }
        let info: Userinfo = get(&self.userinfo_url, Some(token)).ok()?;
        info.email.or(info.name)
    }
}

/// Exchanges a refresh token for the next pair.
pub fn refresh(name: &str, session: &Session) -> Result<(Secret, Session)> {
    safe(&session.token_url)?;
    let url = TokenUrl::new(session.token_url.clone())
        .map_err(|error| failed("the issuer's address is not one").cause(error.to_string()))?;
    let client = BasicClient::new(ClientId::new(session.client_id.clone())).set_token_uri(url);
    let granted = client
        .exchange_refresh_token(&RefreshToken::new(session.refresh.expose().to_owned()))
        .request(&send)
        .map_err(|error| refused(error).help(format!("sign in again: astro login --credential {name}")))?;
    let lifetime = seconds(&granted);
    let next = Session {
        refresh: granted.refresh_token().map_or_else(|| session.refresh.clone(), hidden),
        expires: unix_now() + lifetime,
        lifetime,
        ..session.clone()
    };
    Ok((secret(granted.access_token()), next))
}

/// Ends a session.
pub fn revoke(session: &Session) -> Result<bool> {
    let Some(url) = &session.revoke_url else { return Ok(false) };
    safe(url)?;
    let body = [
        ("client_id", session.client_id.as_str()),
        ("token", session.refresh.expose()),
        ("token_type_hint", "refresh_token"),
    ];
    let body: String = Url::parse_with_params("http://x/", body)
        .ok()
        .and_then(|url| url.query().map(str::to_owned))
        .unwrap_or_default();
    let request = oauth2::http::Request::post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.into_bytes())
        .map_err(|error| failed("the session cannot be ended").cause(error.to_string()))?;
    let response = send(request).map_err(|error| Failure::new(code::NETWORK, error.to_string()))?;
    match response.status().is_success() {
        true => Ok(true),
        false => Err(failed(format!("the issuer answered {}", response.status()))),
    }
}

/// An error of the crate in words. What the issuer says is escaped where it is printed.
pub fn refused<E: std::error::Error + 'static>(error: RequestTokenError<E, BasicErrorResponse>) -> Failure {
    match error {
        RequestTokenError::ServerResponse(said) => {
            let reason = said.error_description().cloned().unwrap_or_else(|| said.error().to_string());
            match said.error() {
                BasicErrorResponseType::InvalidGrant => {
                    auth("the sign-in has ended: the issuer does not renew it").cause(reason)
                }
                _ => auth("the issuer refused").cause(reason),
            }
        }
        RequestTokenError::Request(error) => {
            Failure::new(code::NETWORK, "the issuer cannot be reached").cause(innermost(&error))
        }
        // The rest may quote what was answered, which may hold tokens.
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            failed("the issuer's answer cannot be read")
        }
    }
}

fn seconds(granted: &BasicTokenResponse) -> i64 {
    let lifetime = granted.expires_in().unwrap_or(Duration::from_secs(3600));
    i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

fn secret(token: &AccessToken) -> Secret {
    crate::redact::hide(token.secret());
    Secret::new(token.secret().clone())
}

fn hidden(token: &RefreshToken) -> Secret {
    crate::redact::hide(token.secret());
    Secret::new(token.secret().clone())
}

/// Tokens go over https, or stay on this machine.
fn safe(url: &str) -> Result<()> {
    let refused = |reason: &str| failed(format!("the issuer's address `{url}` {reason}"));
    let url = Url::parse(url).map_err(|_| refused("is not a URL"))?;
    if is_https_or_local(&url) { Ok(()) } else { Err(refused("is not https")) }
}

/// Sends one request of the crate. No redirects: they could carry a secret elsewhere.
pub fn send(request: HttpRequest) -> std::result::Result<HttpResponse, reqwest::Error> {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
        built.expect("the system gives what a runtime needs")
    });
    let _ = rustls::crypto::ring::default_provider().install_default();
    runtime.block_on(async {
        let request = reqwest::Request::try_from(request)?;
        let is_plain = request.url().scheme() == "http";
        let builder = Client::builder()
            .user_agent(concat!("astro-host/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .timeout(TIMEOUT);
        let builder = if is_plain { builder.no_proxy().tls_certs_only([]) } else { builder };
        let mut response = builder.build()?.execute(request).await?;
        let mut answer = oauth2::http::Response::builder().status(response.status());
        if let Some(kind) = response.headers().get("content-type") {
            answer = answer.header("content-type", kind);
        }
        let mut body = Vec::new();
        // Half an answer is not read as one; more than this is none.
        while let Some(piece) = response.chunk().await? {
            body.extend_from_slice(&piece);
            if body.len() > LARGEST_ANSWER {
                body.clear();
                break;
            }
        }
        Ok(answer.body(body).expect("a status and a header that were one before"))
    })
}

fn get<T: serde::de::DeserializeOwned>(url: &str, token: Option<&Secret>) -> Result<T> {
    let mut request = oauth2::http::Request::get(url).header("accept", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {}", token.expose()));
    }
    let request = request
        .body(Vec::new())
        .map_err(|error| failed("the issuer's address is not one").cause(error.to_string()))?;
    let response = send(request).map_err(|error| {
        Failure::new(code::NETWORK, format!("cannot ask `{url}`")).cause(innermost(&error))
    })?;
    if !response.status().is_success() {
        return Err(failed(format!("`{url}` answered {}", response.status())).help(
            "is ASTRO_API_URL the Astro API? a token works without a sign-in: astro login --with-token",
        ));
    }
    serde_json::from_slice(response.body())
        .while_doing(code::FAILED, || format!("the answer of `{url}` cannot be read"))
}
