//! The official Astro CLI (v1.45), which is not at hand, against the sandbox: a client sends its requests, one by one and
//! as it writes them.

use std::{fs, os::unix::fs::PermissionsExt};

use astro_e2e::{
    ACME, INGEST, TestEnv,
    client::{Answer, get, send},
};
use serde_json::{Value, json};

use crate::profiles::{address, token};

const WORKSPACE: &str = "cm00acme0000workspace0001";
/// A pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// Its client: the headers of every request to the API (`pkg/httputil/request_editor.go`).
struct Client {
    base: String,
    token: String,
}

impl Client {
    /// A request, which it takes for done with 200, or 204 after a deletion.
    fn call(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = self.answer(method, path, body);
        let done = answer.status() == 200 || (method, answer.status()) == ("DELETE", 204);
        assert!(done, "{method} {path}: {answer:?}");
        if answer.status() == 204 { Value::Null } else { answer.json() }
    }

    fn answer(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![
            ("Authorization", bearer.as_str()),
            ("x-astro-client-identifier", "cli"),
            ("x-astro-client-version", "1.45.0"),
            ("x-client-os-identifier", "linux-amd64"),
            ("User-Agent", "astro-cli/1.45.0"),
            ("Accept-Encoding", "gzip"),
        ];
        if body.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        send(method, &format!("{}{path}", self.base), &headers, &body)
    }

    fn tokens(&self, method: &str, rest: &str, body: Option<Value>) -> Value {
        self.call(method, &format!("/organizations/{ACME}/tokens{rest}"), body)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// `login localhost -l`: from the issuer's address to a pair of tokens.
fn sign_in(base: &str) -> (String, Value) {
    let json_headers = [("Content-Type", "application/json"), ("X-Astro-Client-Identifier", "cli")];
    let config = send("GET", &format!("{base}/private/v1alpha1/cli/auth-config"), &json_headers, "").json();
    let issuer = text(&config["domainUrl"]);
    // No state; the redirect as it is.
    let url = format!(
        "{issuer}authorize?prompt=login&audience={}&client_id={}&redirect_uri=http://localhost:12345/callback\
         &scope=openid%20profile%20email%20offline_access&response_type=code&response_mode=query\
         &code_challenge={CHALLENGE}&code_challenge_method=S256",
        text(&config["audience"]),
        text(&config["clientId"])
    );
    let page = get(&url);
    assert_eq!(page.status(), 200, "{page:?}");
    let onward = page.body().split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    let back = get(&format!("{base}{}", onward.replace("&amp;", "&")));
    let back = back.header("location").expect("the way back");
    let code = back.strip_prefix("http://localhost:12345/callback?code=").expect("the code comes first");
    assert!(!code.contains('&'), "nothing but the code: {back}");
    let form = format!(
        "client_id={}&code={code}&code_verifier={VERIFIER}&grant_type=authorization_code\
         &redirect_uri=http%3A%2F%2Flocalhost%3A12345%2Fcallback",
        text(&config["clientId"])
    );
    let answer = send("POST", &format!("{issuer}oauth/token"), &[FORM], &form);
    assert_eq!(answer.status(), 200, "{answer:?}");
    (issuer, answer.json())
}

/// What it sends when five minutes are left: the first refresh token, for ever.
fn renew(issuer: &str, refresh: &str) -> Answer {
    let form = format!("client_id=sandbox-cli&grant_type=refresh_token&refresh_token={refresh}");
    send("POST", &format!("{issuer}oauth/token"), &[FORM], &form)
}

#[test]
fn its_sign_in_is_served_and_renewed() {
    for rotates in [false, true] {
        let env = TestEnv::new();
        env.run(["sandbox", "start"].into_iter().chain(rotates.then_some("--rotate-refresh-tokens"))).ok();
        let api = address(&env);
        let (issuer, granted) = sign_in(api.trim_end_matches("/v1"));
        let (access, first) = (text(&granted["access_token"]), text(&granted["refresh_token"]));
        assert!(granted["expires_in"].as_i64().is_some_and(|seconds| seconds > 300), "{granted}");
        let bearer = format!("Bearer {access}");
        let who = send("GET", &format!("{issuer}userinfo"), &[("Authorization", &bearer)], "").json();
        assert_eq!(who["email"], "user@sandbox.localhost");

        // The steps after it: the user, the organization, the workspaces.
        let client = Client { base: api.clone(), token: access };
        let own = client.call("GET", "/users/self?createIfNotExist=true", None);
        for key in
            ["id", "username", "fullName", "avatarUrl", "status", "createdAt", "updatedAt", "organizationId"]
        {
            assert!(own[key].is_string(), "{key}: {own}");
        }
        assert_eq!(own["username"], who["email"]);
        let organizations = client.call("GET", "/organizations?limit=100", None);
        let organization = &organizations["organizations"][0];
        assert_eq!((&organization["id"], &organization["product"]), (&ACME.into(), &"HOSTED".into()));
        client.call("GET", &format!("/organizations/{ACME}"), None);
        let path = format!("/organizations/{ACME}/workspaces?limit=1000&offset=0&sorts=name%3Aasc");
        assert_eq!(client.call("GET", &path, None)["totalCount"], 2);

        // A token is not a user.
        let token = token(&env, "Acme");
        let refused =
            Client { base: api.clone(), token }.answer("GET", "/users/self?createIfNotExist=true", None);
        assert_eq!(refused.status(), 403, "{refused:?}");

        let once = renew(&issuer, &first);
        assert_eq!(once.status(), 200, "{once:?}");
        let again = renew(&issuer, &first);
        if rotates {
            // It prints the description alone.
            assert_eq!((again.status(), &again.json()["error"]), (400, &"invalid_grant".into()));
            assert!(again.json()["error_description"].is_string(), "{again:?}");
            continue;
        }
        for answer in [once, again] {
            assert_eq!(answer.status(), 200, "{answer:?}");
            let client = Client { base: api.clone(), token: text(&answer.json()["access_token"]) };
            assert_eq!(client.call("GET", "/organizations?limit=100", None)["totalCount"], 2);
        }
    }
}

/// Its create, list, update, rotate and delete of a scope, each command beginning with the organizations.
fn life_of_a_token(client: &Client, scope: &str, entity: Option<&str>, roles: [&str; 2], list: &str) {
    let begin = || client.call("GET", "/organizations?limit=100&offset=0", None);
    assert_eq!(begin()["organizations"][0]["product"], "HOSTED", "without a product it panics");
    let mut body = json!({ "description": "", "name": "ci", "role": roles[0], "scope": scope, "tokenExpiryPeriodInDays": 30 });
    if let Some(entity) = entity {
        body["entityId"] = entity.into();
    }
    let created = client.tokens("POST", "", Some(body));
    let (id, former) = (text(&created["id"]), text(&created["token"]));
    assert_eq!(id, id.to_lowercase(), "it lower-cases IDs that are typed");
    let lists = |id: &str| {
        begin();
        let listed = client.tokens("GET", list, None);
        listed["tokens"].as_array().expect("a list").iter().any(|token| token["id"] == id)
    };
    assert!(lists(&id), "{scope}");

    begin();
    let token = client.tokens("GET", &format!("/{id}"), None);
    let body = json!({ "description": token["description"], "name": "renamed" });
    assert_eq!(client.tokens("POST", &format!("/{id}"), Some(body))["name"], "renamed");
    let role = json!({ "entityId": entity.unwrap_or(ACME), "entityType": scope, "role": roles[1] });
    client.tokens("POST", &format!("/{id}/roles"), Some(json!({ "roles": [role] })));
    assert_eq!(client.tokens("GET", &format!("/{id}"), None)["roles"][0]["role"], roles[1]);

    begin();
    client.tokens("GET", &format!("/{id}"), None);
    let rotated = client.tokens("POST", &format!("/{id}/rotate"), None);
    assert_ne!(rotated["token"], former.as_str());
    let former = Client { base: client.base.clone(), token: former };
    assert_eq!(former.answer("GET", "/organizations?limit=100&offset=0", None).status(), 401);

    begin();
    client.tokens("GET", &format!("/{id}"), None);
    client.tokens("DELETE", &format!("/{id}"), None);
    assert!(!lists(&id), "{scope}");
}

/// Its `organization-token add` and `workspace-token add`, then `remove`: the roles are read, changed and written back.
fn attached_and_detached(client: &Client, list: &str, scope: &str, entity: (&str, &str, &str)) {
    let (entity_type, entity, role) = entity;
    let found = client.tokens("GET", list, None);
    let tokens = found["tokens"].as_array().expect("a list").iter();
    let id = text(&tokens.into_iter().find(|token| token["scope"] == scope).expect("one")["id"]);
    let before = client.tokens("GET", &format!("/{id}"), None)["roles"].clone();
    let others = before.as_array().expect("a list").iter().filter(|role| role["entityId"] != entity);
    let others: Vec<Value> = others.cloned().collect();
    let added = json!({ "entityId": entity, "entityType": entity_type, "role": role });
    let with: Vec<Value> = others.iter().cloned().chain([added]).collect();
    for roles in [&with, &others] {
        client.tokens("POST", &format!("/{id}/roles"), Some(json!({ "roles": roles })));
        assert_eq!(client.tokens("GET", &format!("/{id}"), None)["roles"], json!(roles), "{scope} {entity}");
    }
}

#[test]
fn its_token_commands_are_served_in_every_scope() {
    let env = TestEnv::with_sandbox();
    let client = Client { base: address(&env), token: token(&env, "Acme") };
    let of_deployment = format!("?deploymentId={INGEST}&limit=100&offset=0");
    let of_workspace = format!("?limit=100&offset=0&workspaceId={WORKSPACE}");
    let of_organization = "?includeOnlyOrganizationTokens=true&limit=100&offset=0";
    life_of_a_token(
        &client,
        "DEPLOYMENT",
        Some(INGEST),
        ["DEPLOYMENT_ADMIN", "DAG_DEPLOYER"],
        &of_deployment,
    );
    life_of_a_token(
        &client,
        "WORKSPACE",
        Some(WORKSPACE),
        ["WORKSPACE_MEMBER", "WORKSPACE_OPERATOR"],
        &of_workspace,
    );
    life_of_a_token(
        &client,
        "ORGANIZATION",
        None,
        ["ORGANIZATION_MEMBER", "ORGANIZATION_BILLING_ADMIN"],
        of_organization,
    );
    let on_deployment = ("DEPLOYMENT", INGEST, "DEPLOYMENT_ADMIN");
    attached_and_detached(&client, &of_workspace, "WORKSPACE", on_deployment);
    attached_and_detached(&client, of_organization, "ORGANIZATION", on_deployment);
    attached_and_detached(
        &client,
        of_organization,
        "ORGANIZATION",
        ("WORKSPACE", WORKSPACE, "WORKSPACE_AUTHOR"),
    );
    // It prints the message of a refusal and nothing else of it.
    let body =
        json!({ "description": "", "entityId": INGEST, "name": "x", "role": "NOPE", "scope": "DEPLOYMENT" });
    let refused = client.answer("POST", &format!("/organizations/{ACME}/tokens"), Some(body));
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.json()["message"], "Invalid request: role: `NOPE` is not a role of this scope");
}

#[test]
fn its_lists_are_served() {
    let env = TestEnv::with_sandbox();
    let client = Client { base: address(&env), token: token(&env, "Acme") };
    for (path, key, count) in [
        ("/deployments?limit=1000&offset=0".to_owned(), "deployments", 3),
        ("/workspaces?limit=1000&offset=0&sorts=name%3Aasc".to_owned(), "workspaces", 2),
        ("/roles?includeDefaultRoles=true&limit=100&offset=0&scopeTypes=DEPLOYMENT".to_owned(), "roles", 2),
        ("/users?limit=100&offset=0".to_owned(), "users", 2),
        (format!("/users?limit=100&offset=0&workspaceId={WORKSPACE}"), "users", 1),
        (format!("/users?deploymentId={INGEST}&limit=100&offset=0"), "users", 1),
    ] {
        let page = client.call("GET", &format!("/organizations/{ACME}{path}"), None);
        assert_eq!(page[key].as_array().map(Vec::len), Some(count), "{path}: {page}");
        assert_eq!(page["totalCount"], count, "{path}");
        for row in page[key].as_array().expect("a list").iter().filter(|_| key == "deployments") {
            // Its column RUNTIME VERSION.
            assert!(row["runtimeVersion"].as_str().is_some_and(|version| !version.is_empty()), "{row}");
        }
    }
}

/// The page runs as it is printed, up to the requests, which the test sends with what the official CLI was given.
#[test]
fn the_page_of_the_official_cli_and_the_sandbox_runs() {
    let env = TestEnv::new();
    let page = fs::read_to_string(astro_e2e::workspace().join("docs/src/guide/official-sandbox.md"))
        .expect("the page");
    let script = page.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let bin = env.path("bin");
    fs::create_dir(&bin).expect("made");
    let official = bin.join("astro-official");
    let given = "#!/bin/sh\necho \"$*\" >> \"$HOME/words\"\nprintf '%s\\n' \"$ASTRO_DOMAIN\" \"$ASTRO_HOME\" \"$ASTRO_API_TOKEN\" > \"$HOME/given\"\n";
    fs::write(&official, given).expect("written");
    fs::set_permissions(&official, fs::Permissions::from_mode(0o755)).expect("set");
    let ran = env.shell("sh", &format!("set -e\nexport TMPDIR=\"$HOME\" PATH=\"$HOME/bin:$PATH\"\n{script}"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let words = fs::read_to_string(env.path("words")).expect("kept");
    let words: Vec<&str> = words.lines().collect();
    let core = words[0].strip_prefix("config set -g local.core ").expect("its address");
    let given = fs::read_to_string(env.path("given")).expect("kept");
    let [domain, home, token] = given.lines().collect::<Vec<_>>()[..] else { panic!("{given}") };
    let client = Client { base: format!("{core}/v1"), token: token.to_owned() };
    let listed = client.call("GET", "/organizations?limit=100&offset=0", None);
    env.ran(env.astro().env("ASTRO_HOME", home).args(["sandbox", "stop"])).ok();
    assert_eq!((domain, &listed["totalCount"]), ("localhost", &json!(1)));
    assert_eq!(words[1..], ["deployment list", &format!("deployment token list --deployment-id {INGEST}")]);
}
