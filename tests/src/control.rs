//! The sandbox's `/sandbox` endpoints: order faults, see what was asked and issued.

use serde_json::{Value, json};

use crate::{TestEnv, client::send};

/// A line to the running sandbox of a user, as an administrator.
pub struct Control {
    host: String,
    token: String,
}

impl Control {
    /// The sandbox of this user.
    pub fn of(env: &TestEnv) -> Self {
        let variables = env.run(["sandbox", "env", "-o", "json"]).json();
        let text = |name: &str| variables[name].as_str().expect("text").to_owned();
        let host = text("ASTRO_API_URL").trim_start_matches("http://").trim_end_matches("/v1").to_owned();
        Self { host, token: text("ASTRO_API_TOKEN") }
    }

    /// The next request that fits gets this fault; `kind` is the sandbox's name of it.
    pub fn order(&self, method: &str, path_end: &str, kind: Value) {
        self.order_after(0, method, path_end, kind, 1);
    }

    /// The same for a number of requests, after others that fit were served.
    pub fn order_after(&self, after: u32, method: &str, path_end: &str, kind: Value, times: u32) {
        let fault =
            json!({ "method": method, "path_end": path_end, "kind": kind, "after": after, "times": times });
        self.call("POST", "/sandbox/faults", &fault);
    }

    /// Every request below `/v1`: `POST /v1/…`.
    pub fn requests(&self) -> Vec<String> {
        let answer = self.call("GET", "/sandbox/requests", &Value::Null);
        answer["requests"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|text| text.as_str().expect("text").to_owned())
            .collect()
    }

    /// How many POST requests there were.
    pub fn posts(&self) -> usize {
        self.requests().iter().filter(|request| request.starts_with("POST ")).count()
    }

    /// Every value that was issued, with the token's name: oldest first.
    pub fn issued(&self) -> Vec<(String, String)> {
        let answer = self.call("GET", "/sandbox/issued", &Value::Null);
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let issued = answer["issued"].as_array().expect("a list").iter();
        issued.map(|value| (text(&value["name"]), text(&value["token"]))).collect()
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let answer = send(method, &format!("http://{}{path}", self.host), &headers, &body.to_string());
        assert_eq!(answer.status(), 200, "{method} {path}: {answer:?}");
        answer.json()
    }
}
