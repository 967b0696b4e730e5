//! The sandbox's `/sandbox` endpoints: order faults, see what was asked and issued.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::{Value, json};

use crate::TestEnv;

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
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.host).expect("the sandbox listens");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.host,
            self.token,
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        assert!(head.starts_with("HTTP/1.1 200"), "{method} {path}: {answer}");
        serde_json::from_str(body).expect("json")
    }
}
