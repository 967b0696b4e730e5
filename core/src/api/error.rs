//! What went wrong with a request, in words.

use astro_plugin_protocol::message::HttpFailure;
use reqwest::{Method, Url};

use super::{peer::Peer, request::Answered};
use crate::{
    base::error::{Failure, auth, code, failed},
    context::{Context, renewal},
    net::{
        client::{CONNECT_TIMEOUT, Unreached},
        clock,
    },
    product::product,
    program::{APP, ENV},
};

/// No answer. Whether anything reached the server decides what the user may conclude.
pub(crate) fn unreachable(error: &reqwest::Error, context: &Context, method: &Method) -> Failure {
    let address = &context.address.value;
    let host = Url::parse(address.as_str())
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default();
    let unreached = Unreached::of(error);
    let through = &unreached.through;
    let failure = match (error.is_connect(), error.is_timeout(), method.is_safe()) {
        (true, true, _) => Failure::new(
            code::NETWORK,
            format!("`{host}` did not answer{through} within {} s", CONNECT_TIMEOUT.as_secs()),
        ),
        (true, false, _) => Failure::new(code::NETWORK, format!("cannot reach `{host}`{through}")),
        (false, true, true) => {
            Failure::new(code::NETWORK, format!("`{host}` did not answer{through} in time"))
                .help("allow more with `--timeout 2m`")
        }
        (false, false, true) => {
            Failure::new(code::NETWORK, format!("`{host}` broke the connection{through}"))
        }
        (false, _, false) => unknown_outcome(method),
    };
    let failure = unreached.explain(failure, &context.trust());
    if failure.code == code::NETWORK {
        failure.help(format!("the address is {address}; see `{APP} context`"))
    } else {
        failure
    }
}

pub(super) fn unknown_outcome(method: &Method) -> Failure {
    Failure::new(
        code::OUTCOME_UNKNOWN,
        format!("the {method} was sent and no answer came: it may or may not have been done"),
    )
    .help("look whether it was done before you try again")
}

pub(super) fn not_understood(method: &Method, peer: Peer<'_>) -> Failure {
    let failure = match method.is_safe() {
        true => failed("the answer is not JSON"),
        false => {
            Failure::new(code::OUTCOME_UNKNOWN, "the server accepted the request and its answer is not JSON")
        }
    };
    match peer {
        Peer::Profile(context) => {
            let address = &context.address.value;
            failure.help(format!("is {address} {}? see `{APP} context`", product().api.title))
        }
        Peer::Other(base) => failure.help(format!("it came from {base}")),
    }
}

pub(crate) fn refused(method: &Method, answered: &Answered, context: &Context) -> Failure {
    let (status, body) = (answered.status, answered.body.as_slice());
    let said = product().api_errors.read(body);
    let reason = if said.message.is_empty() { "it gives no reason".to_owned() } else { said.message };
    let mut failure = match status {
        401 => not_accepted(&reason, context),
        403 => failed(format!("the API refused: {reason} (403)"))
            .help(format!("the credential does not have the permission; see `{APP} context`")),
        300..=399 => failed(format!("the API answered with a redirect ({status}), which is not followed: the credential belongs to one address")).help(format!("is {ENV}_API_URL right? see `{APP} context`")),
        429 => failed(format!("the API asks to slow down: {reason} (429)")).help("try again in a moment"),
        502..=504 if !method.is_safe() => Failure::new(
            code::OUTCOME_UNKNOWN,
            format!("a gateway returned an error: {reason} ({status})"),
        ),
        _ => failed(format!("the API answered: {reason} ({status})")),
    };
    if (500..600).contains(&status) {
        failure = failure.help("try again later; the vendor's support asks for the request id");
    }
    if let Some(credential) = context.credential.as_ref().filter(|_| status == 401) {
        failure = failure.help(renewal(&credential.origin));
    }
    failure.http = Some(HttpFailure::new(status, said.request_id, said.fields));
    failure
}

/// A 401. Whether the token has expired says the server's clock.
fn not_accepted(reason: &str, context: &Context) -> Failure {
    let failure = auth(format!("the API does not accept the credential: {reason} (401)"));
    let failure = match context.expired(clock::server_now()) {
        Some(expired) => failure.cause(format!("the token {expired}")),
        None => failure.help("the token may be expired, rotated or deleted"),
    };
    clock::skew_in_words().into_iter().fold(failure, Failure::cause)
}
