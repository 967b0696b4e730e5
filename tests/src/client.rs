//! A plain HTTP client: it sends exactly the request that a test writes, follows nothing and believes nothing.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::Value;

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Head and body as they came.
    pub text: String,
}

impl Answer {
    /// The status of the first line.
    pub fn status(&self) -> u16 {
        let status = self.text.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no status: {}", self.text))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (head, _) = self.parts();
        head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// What stands below the head.
    pub fn body(&self) -> &str {
        self.parts().1
    }

    /// The body, which must be JSON and say so.
    pub fn json(&self) -> Value {
        let kind = self.header("content-type").unwrap_or_default();
        assert!(kind.contains("json"), "it is no JSON: {}", self.text);
        serde_json::from_str(self.body()).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn parts(&self) -> (&str, &str) {
        self.text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {}", self.text))
    }
}

/// Sends one request to an `http` URL of this machine.
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let rest = url.strip_prefix("http://").expect("plain");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut request = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        request.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    let mut stream = TcpStream::connect(host).expect("it listens");
    write!(stream, "{request}\r\n{body}").expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("answered");
    Answer { text }
}

/// A GET without headers.
pub fn get(url: &str) -> Answer {
    send("GET", url, &[], "")
}
