//! The API in-process: every answer validates against `openapi.yaml`, and the request sequences of the
//! official CLI are served.

mod checks;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{self, Request, StatusCode},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Server, router};
use crate::{
    database::{self, Administrator},
    issuer::Terms,
};

const ACME: &str = "cm00acme00organization001";
const INGEST: &str = "cm00acme000deployment0001";
const NIGHTLY: &str = "cm00acme0token0deployment";

pub(crate) struct Api {
    router: Router,
    spec: Value,
    acme: Administrator,
    globex: Administrator,
}

impl Api {
    fn new(rotates: bool) -> Self {
        let connection = database::in_memory();
        let administrator =
            |name| database::administrator(&connection, Some(name)).expect("query").expect("seeded");
        let (acme, globex) = (administrator("Acme"), administrator("Globex"));
        let spec = serde_saphyr::from_str(include_str!("../../openapi.yaml")).expect("YAML");
        Self {
            router: router(Arc::new(
                Server::new(
                    connection,
                    super::Limits::default(),
                    Terms { lifetime: Duration::from_secs(60), rotates },
                )
                .expect("a key"),
            )),
            spec,
            acme,
            globex,
        }
    }

    /// Sends a request below `/v1`, validates the answer, and answers status and body.
    pub(crate) async fn send(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(format!("/v1{path}"));
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.call(request, method, path, body).await
    }

    /// The same with every header that the official CLI sends (its `pkg/httputil/request_editor.go`).
    async fn as_official_cli(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/v1{path}"))
            .header("Authorization", format!("Bearer {}", self.acme.token))
            .header("x-astro-client-identifier", "cli")
            .header("x-astro-client-version", "1.45.0")
            .header("x-client-os-identifier", "linux-amd64")
            .header("User-Agent", "astro-cli/1.45.0")
            .header("Accept-Encoding", "gzip");
        if body.is_some() {
            request = request.header("Content-Type", "application/json");
        }
        let (status, answer) = self.call(request, method, path, body).await;
        // It takes 200 everywhere and 204 for a deletion; everything else is an error to it.
        assert!(status == 200 || (method, status) == ("DELETE", 204), "{method} {path}: {status} {answer}");
        answer
    }

    async fn call(
        &self,
        request: http::request::Builder,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = self.plain(request.body(body).expect("a request")).await;
        let status = response.status();
        let kind = response.headers().get("content-type").map(|kind| kind.to_str().expect("text").to_owned());
        assert!(
            status == StatusCode::NO_CONTENT || kind.is_some_and(|kind| kind.contains("json")),
            "{method} {path}: the official CLI decodes JSON only"
        );
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).expect("JSON") };
        self.validate(method, path, status, &body);
        (status.as_u16(), body)
    }

    /// Sends a request without a look at the answer.
    pub(crate) async fn plain(&self, request: Request<Body>) -> http::Response<Body> {
        self.router.clone().oneshot(request).await.expect("an answer")
    }

    /// The schema that the specification gives for this operation and status.
    fn validate(&self, method: &str, path: &str, status: StatusCode, body: &Value) {
        let segments: Vec<&str> = path.split('?').next().unwrap_or_default().split('/').collect();
        let operation = self.spec["paths"].as_object().expect("paths").iter().find(|(template, _)| {
            let template: Vec<&str> = template.split('/').collect();
            template.len() == segments.len()
                && template
                    .iter()
                    .zip(&segments)
                    .all(|(part, segment)| part.starts_with('{') || part == segment)
        });
        let Some((_, operation)) = operation else { return assert_eq!(status, 404, "{path}") };
        let mut response = &operation[method.to_lowercase()]["responses"][status.as_str()];
        if let Some(name) = response["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
            response = &self.spec["components"]["responses"][name];
        }
        assert!(!response.is_null(), "{method} {path}: the specification has no {status}");
        let schema = &response["content"]["application/json"]["schema"];
        if schema.is_null() {
            return assert_eq!(*body, Value::Null, "{method} {path}");
        }
        let mut schema = schema.clone();
        schema["components"] = self.spec["components"].clone();
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let errors: Vec<String> = validator.iter_errors(body).map(|error| format!("{error}")).collect();
        assert!(errors.is_empty(), "{method} {path} {status}: {errors:?} in {body}");
    }
}

/// Runs a test on a runtime of its own.
fn run(test: impl AsyncFnOnce(Api)) {
    run_with(false, test);
}

/// The same with an issuer that rotates refresh tokens, or one that does not.
pub(crate) fn run_with(rotates: bool, test: impl AsyncFnOnce(Api)) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(test(Api::new(rotates)));
}

fn tokens(rest: &str) -> String {
    format!("/organizations/{ACME}/tokens{rest}")
}

fn create(name: &str) -> Value {
    json!({ "name": name, "description": "", "role": "DEPLOYMENT_ADMIN", "scope": "DEPLOYMENT", "entityId": INGEST })
}

#[test]
fn reads_validate() {
    run(async |api| {
        let token = api.acme.token.clone();
        for path in [
            "/organizations?limit=100&offset=0".to_owned(),
            format!("/organizations/{ACME}"),
            format!("/organizations/{ACME}/workspaces?limit=1000&offset=0&sorts=name%3Aasc"),
            format!("/organizations/{ACME}/deployments?names=Reports"),
            format!("/organizations/{ACME}/deployments/{INGEST}"),
            format!("/organizations/{ACME}/roles?includeDefaultRoles=true&scopeTypes=DEPLOYMENT"),
            tokens(&format!("?deploymentId={INGEST}&limit=100&offset=0")),
            tokens(&format!("/{NIGHTLY}")),
            tokens("?dagId=x&dagTags=y&dagTags=z"),
            format!("/organizations/{ACME}/users?limit=100&offset=0"),
            format!("/organizations/{ACME}/users?deploymentId={INGEST}"),
        ] {
            assert_eq!(api.send(&token, "GET", &path, None).await.0, 200, "{path}");
        }
    });
}

/// The calls of the official CLI for each command of `astro deployment token`, in its order, with its spelling
/// of queries (keys sorted) and bodies, and with ids in lower case.
#[test]
fn the_official_clis_sequences_are_served() {
    run(async |api| {
        let list = tokens(&format!("?deploymentId={INGEST}&limit=100&offset=0"));
        // Before every command: the organization's product must be there, else the CLI panics.
        let found = api.as_official_cli("GET", "/organizations?limit=100&offset=0", None).await;
        assert_eq!(
            (&found["organizations"][0]["product"], &found["totalCount"]),
            (&json!("HOSTED"), &json!(1))
        );

        // create
        let body = json!({ "description": "", "entityId": INGEST, "name": "ci", "role": "DEPLOYMENT_ADMIN",
            "scope": "DEPLOYMENT", "tokenExpiryPeriodInDays": 30 });
        let created = api.as_official_cli("POST", &tokens(""), Some(body)).await;
        let id = created["id"].as_str().expect("an id").to_owned();
        assert_eq!(id, id.to_lowercase(), "the CLI lower-cases ids that are typed");
        let former = created["token"].as_str().expect("a value").to_owned();

        // list
        let listed = api.as_official_cli("GET", &list, None).await;
        assert_eq!(listed["totalCount"], 3);
        assert!(
            listed["tokens"].as_array().expect("a list").iter().all(|token| token.get("token").is_none())
        );

        // update --name: list, get, texts, roles (sent although nothing changes)
        let token = api.as_official_cli("GET", &tokens(&format!("/{id}")), None).await;
        let body = json!({ "description": token["description"], "name": "renamed" });
        assert_eq!(
            api.as_official_cli("POST", &tokens(&format!("/{id}")), Some(body)).await["name"],
            "renamed"
        );
        let body = json!({ "roles": token["roles"] });
        let roles = api.as_official_cli("POST", &tokens(&format!("/{id}/roles")), Some(body)).await;
        assert_eq!(roles["deploymentRoles"][0]["role"], "DEPLOYMENT_ADMIN");

        // rotate: get, then a POST without a body
        api.as_official_cli("GET", &tokens(&format!("/{id}")), None).await;
        let rotated = api.as_official_cli("POST", &tokens(&format!("/{id}/rotate")), None).await;
        assert_ne!(rotated["token"], former.as_str());
        assert_eq!(
            api.send(&former, "GET", "/organizations", None).await.0,
            401,
            "the former value ends at once"
        );

        // delete
        api.as_official_cli("GET", &tokens(&format!("/{id}")), None).await;
        api.as_official_cli("DELETE", &tokens(&format!("/{id}")), None).await;
        let token = api.acme.token.clone();
        assert_eq!(api.send(&token, "DELETE", &tokens(&format!("/{id}")), None).await.0, 404);

        // delete of a workspace token: its roles without the one on the deployment
        let bot = tokens("/cm00acme0token00workspace");
        let token = api.as_official_cli("GET", &bot, None).await;
        let rest: Vec<&Value> = token["roles"]
            .as_array()
            .expect("roles")
            .iter()
            .filter(|role| role["entityId"] != INGEST)
            .collect();
        api.as_official_cli("POST", &format!("{bot}/roles"), Some(json!({ "roles": rest }))).await;
        assert_eq!(api.as_official_cli("GET", &list, None).await["totalCount"], 1);

        // workspace-token add --workspace-token-name: the present roles, the new one last
        let workspace = "cm00acme0000workspace0001";
        let found = api
            .as_official_cli("GET", &tokens(&format!("?limit=100&offset=0&workspaceId={workspace}")), None)
            .await;
        assert_eq!(found["tokens"][0]["id"], "cm00acme0token00workspace");
        api.as_official_cli("GET", &bot, None).await;
        let own = json!({ "entityId": INGEST, "entityType": "DEPLOYMENT", "role": "DEPLOYMENT_ADMIN" });
        let body = json!({ "roles": [rest[0], own] });
        api.as_official_cli("POST", &format!("{bot}/roles"), Some(body)).await;
        assert_eq!(api.as_official_cli("GET", &list, None).await["totalCount"], 2);

        // organization-token add --org-token-name
        let found = tokens("?includeOnlyOrganizationTokens=true&limit=100&offset=0");
        let found = api.as_official_cli("GET", &found, None).await;
        let (id, mut roles) =
            (found["tokens"][0]["id"].as_str().expect("id"), found["tokens"][0]["roles"].clone());
        roles.as_array_mut().expect("roles").push(own.clone());
        api.as_official_cli("GET", &tokens(&format!("/{id}")), None).await;
        api.as_official_cli("POST", &tokens(&format!("/{id}/roles")), Some(json!({ "roles": roles }))).await;
        assert_eq!(api.as_official_cli("GET", &list, None).await["totalCount"], 3);

        // workspace list
        let path = format!("/organizations/{ACME}/workspaces?limit=1000&offset=0&sorts=name%3Aasc");
        assert_eq!(api.as_official_cli("GET", &path, None).await["workspaces"][0]["name"], "Analytics");
    });
}

#[test]
fn refusals_validate() {
    run(async |api| {
        let (token, other) = (api.acme.token.clone(), api.globex.token.clone());
        let with = |key: &str, value: Value| {
            let mut body = create("x");
            body[key] = value;
            Some(body)
        };
        let rows: Vec<(&str, &str, String, Option<Value>, u16)> = vec![
            ("", "GET", "/organizations".to_owned(), None, 401),
            ("not.a.jwt", "GET", "/organizations".to_owned(), None, 401),
            (&other, "GET", tokens(""), None, 403),
            (&token, "GET", "/organizations/cm00nothing00000000000001".to_owned(), None, 404),
            (&token, "GET", tokens("/nothing"), None, 404),
            (&token, "GET", tokens("?limit=1001"), None, 400),
            (&token, "GET", tokens("?offset=-1"), None, 400),
            (&token, "GET", tokens("?sorts=size%3Aasc"), None, 400),
            (&token, "GET", "/users/self".to_owned(), None, 403),
            (&token, "GET", format!("/organizations/{ACME}/users?workspaceId=nothing"), None, 404),
            (&other, "GET", format!("/organizations/{ACME}/users"), None, 403),
            (&token, "POST", tokens(""), with("name", "".into()), 400),
            (&token, "POST", tokens(""), with("name", "n".repeat(257).into()), 400),
            (&token, "POST", tokens(""), with("description", "d".repeat(501).into()), 400),
            (&token, "POST", tokens(""), with("scope", "PLANET".into()), 400),
            (&token, "POST", tokens(""), with("role", "NO_SUCH_ROLE".into()), 400),
            (&token, "POST", tokens(""), with("tokenExpiryPeriodInDays", 3651.into()), 400),
            (&token, "POST", tokens(""), with("tokenExpiryPeriodInDays", 0.into()), 400),
            (&token, "POST", tokens(""), with("entityId", "nothing".into()), 404),
            (&token, "POST", tokens(&format!("/{NIGHTLY}/roles")), Some(json!({ "roles": [] })), 400),
        ];
        for (token, method, path, body, expected) in rows {
            let (status, answer) = api.send(token, method, &path, body.clone()).await;
            assert_eq!(status, expected, "{method} {path} {body:?}: {answer}");
        }
    });
}

/// A deployment token manages its deployment and reaches nothing else.
#[test]
fn a_token_stays_in_its_scope() {
    run(async |api| {
        let (_, created) = api.send(&api.acme.token.clone(), "POST", &tokens(""), Some(create("ci"))).await;
        let own = created["token"].as_str().expect("a value").to_owned();
        assert_eq!(api.send(&own, "GET", &tokens(&format!("?deploymentId={INGEST}")), None).await.0, 200);
        assert_eq!(
            api.send(&own, "GET", &tokens("?deploymentId=cm00acme000deployment0003"), None).await.0,
            403
        );
        assert_eq!(api.send(&own, "GET", &tokens(""), None).await.0, 403);
        assert_eq!(api.send(&own, "POST", &tokens(&format!("/{NIGHTLY}/rotate")), None).await.0, 200);
        assert_eq!(api.send(&own, "POST", &tokens("/cm00acme0token00workspace/rotate"), None).await.0, 403);
        let (_, deployments) =
            api.send(&own, "GET", &format!("/organizations/{ACME}/deployments"), None).await;
        assert_eq!(deployments["totalCount"], 1);
    });
}
