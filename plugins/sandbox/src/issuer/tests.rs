//! The issuer in-process: what a sign-in sends, and both kinds of renewal.

use axum::{
    body::Body,
    http::{Request, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http_body_util::BodyExt;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{CLIENT, REDIRECT};
use crate::api::tests::{Api, run_with};

const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more";

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

async fn authorize(api: &Api, more: &str) -> Response<Body> {
    let uri = format!(
        "/issuer/authorize/continue?client_id={CLIENT}&redirect_uri={REDIRECT}&response_type=code\
         &code_challenge={}&code_challenge_method=S256{more}",
        challenge()
    );
    api.plain(Request::get(uri).body(Body::empty()).expect("a request")).await
}

fn location(response: &Response<Body>) -> String {
    response.headers()["location"].to_str().expect("text").to_owned()
}

async fn grant(api: &Api, fields: &[(&str, &str)]) -> (u16, Value) {
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", CLIENT)
        .extend_pairs(fields)
        .finish();
    let request = Request::post("/issuer/oauth/token").header("host", "127.0.0.1:1");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let response = api.plain(request.body(Body::from(body)).expect("a request")).await;
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&bytes).expect("JSON"))
}

/// Access and refresh token of a new sign-in.
async fn sign_in(api: &Api) -> (String, String) {
    let back = location(&authorize(api, "").await);
    let code = back.split_once("code=").expect("a code").1;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", REDIRECT),
    ];
    let (status, tokens) = grant(api, &fields).await;
    assert_eq!(status, 200, "{tokens}");
    let text = |name: &str| tokens[name].as_str().expect("text").to_owned();
    (text("access_token"), text("refresh_token"))
}

#[test]
fn a_state_comes_back_as_it_was_sent_and_is_optional() {
    run_with(false, async |api| {
        for (more, end) in [("", ""), ("&state=", ""), ("&state=x%26y%3D", "&state=x%26y%3D")] {
            let response = authorize(&api, more).await;
            let back = location(&response);
            let code = back.strip_prefix(&format!("{REDIRECT}?code=")).expect("it begins with the code");
            let rest = code.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-_".contains(c));
            assert_eq!(rest, end, "{more}: {back}");
        }
        for (wrong, right) in [
            ("code_challenge_method=plain", "code_challenge_method=S256"),
            ("code_challenge=short", &format!("code_challenge={}", challenge()) as &str),
            ("redirect_uri=http://127.0.0.1:12345/callback", &format!("redirect_uri={REDIRECT}")),
        ] {
            let uri = format!(
                "/issuer/authorize/continue?client_id={CLIENT}&redirect_uri={REDIRECT}&response_type=code\
                 &code_challenge={}&code_challenge_method=S256",
                challenge()
            );
            assert!(uri.contains(right));
            let request = Request::get(uri.replace(right, wrong)).body(Body::empty()).expect("a request");
            assert_eq!(api.plain(request).await.status(), 400, "{wrong}");
        }
    });
}

#[test]
fn a_refresh_token_serves_again_unless_they_rotate() {
    for rotates in [false, true] {
        run_with(rotates, async |api| {
            let (_, first) = sign_in(&api).await;
            let renew = async |refresh: &str| {
                grant(&api, &[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await
            };
            let (status, once) = renew(&first).await;
            assert_eq!(status, 200, "{once}");
            assert_eq!(once["refresh_token"].is_string(), rotates, "a new one only where they rotate");
            let (status, again) = renew(&first).await;
            if !rotates {
                assert_eq!(status, 200, "{again}");
                assert_ne!(once["access_token"], again["access_token"]);
                let organizations =
                    api.send(again["access_token"].as_str().expect("text"), "GET", "/organizations", None);
                assert_eq!(organizations.await.0, 200);
                return;
            }
            assert_eq!((status, &again["error"]), (400, &Value::from("invalid_grant")));
            assert!(again["error_description"].is_string(), "{again}");
            // Two held it, so the session ended for both.
            let second = once["refresh_token"].as_str().expect("text");
            assert_eq!(renew(second).await.0, 400);
            let former = once["access_token"].as_str().expect("text");
            assert_eq!(api.send(former, "GET", "/organizations", None).await.0, 401);
        });
    }
}

/// The last step of the official CLI's sign-in.
#[test]
fn a_person_is_a_user_of_every_organization() {
    run_with(false, async |api| {
        let (access, _) = sign_in(&api).await;
        let (status, own) = api.send(&access, "GET", "/users/self?createIfNotExist=true", None).await;
        assert_eq!(status, 200, "{own}");
        assert_eq!((&own["username"], &own["id"]), (&super::EMAIL.into(), &super::USER.into()));
        assert_eq!(own["roles"].as_array().expect("a list").len(), 2, "{own}");
        for (more, people) in
            [("", 2), ("?workspaceId=cm00acme0000workspace0001", 1), ("?limit=1&offset=1", 1)]
        {
            let path = format!("/organizations/cm00acme00organization001/users{more}");
            let (_, page) = api.send(&access, "GET", &path, None).await;
            assert_eq!(page["users"].as_array().expect("a list").len(), people, "{path}: {page}");
        }
        // What a person made is told as theirs.
        let body = serde_json::json!({
            "name": "x", "role": "DEPLOYMENT_ADMIN", "scope": "DEPLOYMENT", "entityId": "cm00acme000deployment0001",
        });
        let path = "/organizations/cm00acme00organization001/tokens";
        let (_, token) = api.send(&access, "POST", path, Some(body)).await;
        assert_eq!(
            (&token["createdBy"]["subjectType"], &token["createdBy"]["fullName"]),
            (&"USER".into(), &super::NAME.into())
        );
    });
}
