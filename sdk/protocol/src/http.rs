//! `http.request`: what is sent and what comes back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::one_time::{OneTimeSecret, Settle};
use crate::{
    manifest::Command,
    message::{Failure, code},
    text::{is_control, shown},
};

/// The methods that may be sent (RFC 9110, section 9.3, and RFC 5789).
pub const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
/// The longest segment of a path in bytes; no ID of an API comes near.
const LONGEST_SEGMENT: usize = 256;
/// Headers that the host or the connection sets (RFC 9110, section 7.6.1).
const HEADERS_OF_THE_HOST: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
/// Headers that turn a request into one of another method, for servers that look at them: what a command may send is judged by its method.
const HEADERS_OF_THE_METHOD: &[&str] = &["x-http-method", "x-http-method-override", "x-method-override"];
/// Headers that say who asks: to the profile's API the host alone says that.
const HEADERS_OF_THE_CREDENTIAL: &[&str] = &["authorization", "cookie"];

/// A request. To the API of the profile in use the host adds address, credential and time limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HttpRequest {
    /// One of [`METHODS`].
    pub method: String,
    /// The base address of another API than the profile's, such as `https://status.example.com/api/v2`: its host must be one of
    /// [`crate::manifest::Needs::hosts`]. No credential is sent there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Segments below the API's base; the host escapes each, so an id can never change the path.
    pub path: Vec<String>,
    /// Query pairs, in order; repeated keys are allowed.
    pub query: Vec<(String, String)>,
    /// Headers, in order. Those that the host or the connection sets are refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// JSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The bytes after the message are the body, and this is their media type, such as `text/csv`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Doing it twice is the same as doing it once, so the host may repeat it when no answer came. GET, HEAD, PUT
    /// and DELETE always are (RFC 9110, section 9.2.2).
    #[serde(skip_serializing_if = "is_false")]
    pub idempotent: bool,
    /// Give up after this many milliseconds, repetitions included; never later than the command's own time limit. For
    /// what a command can do without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<u64>,
    /// How the body of the answer comes.
    #[serde(skip_serializing_if = "AnswerForm::is_json")]
    pub answer: AnswerForm,
    /// Where the body of the answer goes instead: an absolute path, which is replaced once the whole body is there. For GET.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_file: Option<String>,
    /// The answer carries a secret that is shown once. Such a request is sent once and never repeated by
    /// anything; the host keeps the answer until the secret is delivered ([`crate::service::OUTPUT_SECRET`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_time_secret: Option<OneTimeSecret>,
}

/// How the body of an answer comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AnswerForm {
    /// In [`HttpResponse::body`].
    #[default]
    Json,
    /// As the bytes that came, after the message ([`crate::message::with_bytes`]).
    Bytes,
    /// A form of a newer plugin; answered as JSON.
    #[serde(other)]
    Unknown,
}

impl AnswerForm {
    fn is_json(&self) -> bool {
        *self == Self::Json
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A successful answer (status 200 to 299). Other statuses are failures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers in the order they came, names in small letters. Without those that set cookies, and those that are no text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// JSON body; null when there is none, or when it comes in another form.
    pub body: Value,
    /// How many bytes were written to [`HttpRequest::to_file`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<u64>,
}

/// The address of another API, as far as it has to be judged.
#[derive(Debug, PartialEq, Eq)]
struct Base<'b> {
    is_https: bool,
    host: &'b str,
}

impl<'b> Base<'b> {
    /// `https://HOST[:PORT][/PATH]`, or `http` on this machine. Nothing else is taken, so that there is one way to read it.
    fn parse(text: &'b str) -> Option<Self> {
        let (is_https, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://")?),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let is_path = path.bytes().all(is_plain) && path.split('/').all(|part| !matches!(part, "." | ".."));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number > 0));
        (is_path && is_port && is_host(host)).then_some(Self { is_https, host })
    }
}

/// Whether a text names a host: small letters, digits, dots and hyphens.
pub fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Whether a host is this machine.
fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl HttpRequest {
    /// A request of this method and path.
    pub fn new(method: impl Into<String>, path: Vec<String>) -> Self {
        Self { method: method.into(), path, ..Self::default() }
    }

    /// With these query pairs.
    #[must_use]
    pub fn with_query(mut self, query: Vec<(String, String)>) -> Self {
        self.query = query;
        self
    }

    /// Why it is not sent for a command, as far as that can be told before the network is used.
    pub fn refusal(&self, command: &Command) -> Option<Failure> {
        let refused = |why: String| {
            let path: String = self.path.iter().map(|segment| format!("/{segment}")).collect();
            let what = format!("cannot send {} {}", shown(&self.method), shown(&path));
            Failure::new(code::FAILED, format!("{what}: {why}"))
        };
        if !METHODS.contains(&self.method.as_str()) {
            return Some(refused(format!("the method is not one of {}", METHODS.join(", "))));
        }
        let base = self.base.as_deref();
        if let Some(failure) = base.and_then(|base| self.refused_base(base, command, &refused)) {
            return Some(failure);
        }
        if self.path.is_empty() && self.base.is_none() {
            return Some(refused("it has no path".to_owned()));
        }
        for segment in &self.path {
            // Control characters are dropped by who reads an address, and what is left may be another one.
            let is_hostile = matches!(segment.as_str(), "." | "..") || segment.chars().any(is_control);
            if segment.is_empty() || segment.len() > LONGEST_SEGMENT || is_hostile {
                let short: String = segment.chars().take(40).collect();
                return Some(Failure::new(code::USAGE, format!("`{}` is not an ID", shown(&short))));
            }
        }
        if let Some((name, _)) = self.headers.iter().find(|(name, value)| !is_header(name, value)) {
            return Some(refused(format!("`{}` is not a header with a value of one line", shown(name))));
        }
        let is_taken = |name: &String| {
            let name = name.to_ascii_lowercase();
            HEADERS_OF_THE_HOST.contains(&name.as_str())
                || self.base.is_none() && HEADERS_OF_THE_CREDENTIAL.contains(&name.as_str())
        };
        if let Some((name, _)) = self.headers.iter().find(|(name, _)| is_taken(name)) {
            return Some(refused(format!("the header `{}` is set by the host", shown(name))));
        }
        let is_method = |name: &String| HEADERS_OF_THE_METHOD.contains(&name.to_ascii_lowercase().as_str());
        if let Some((name, _)) = self.headers.iter().find(|(name, _)| is_method(name)) {
            return Some(refused(format!("the header `{}` would change the method", shown(name))));
        }
        if self.content_type.as_ref().is_some_and(|kind| !is_header("content-type", kind)) {
            return Some(refused("the media type of the body is not one line".to_owned()));
        }
        if self.body.is_some() && self.content_type.is_some() {
            return Some(refused("it has two bodies".to_owned()));
        }
        if self.to_file.is_some() && (self.method != "GET" || self.one_time_secret.is_some()) {
            return Some(refused("only the answer to a GET goes to a file".to_owned()));
        }
        if self.to_file.is_some() && (self.body.is_some() || self.content_type.is_some()) {
            return Some(refused("a request whose answer goes to a file has no body".to_owned()));
        }
        if self.base.is_some() && self.one_time_secret.is_some() {
            return Some(refused("a one-time secret comes from the profile's API alone".to_owned()));
        }
        None
    }

    fn refused_base(
        &self,
        base: &str,
        command: &Command,
        refused: &impl Fn(String) -> Failure,
    ) -> Option<Failure> {
        let Some(known) = Base::parse(base) else {
            let why = format!("`{}` is not of the form https://HOST/PATH", shown(base));
            return Some(refused(why));
        };
        if !known.is_https && !is_this_machine(known.host) {
            return Some(refused(format!("`{}` is neither https nor on this machine", shown(base))));
        }
        let is_declared = command.needs.hosts.iter().any(|host| host == known.host);
        (!is_declared).then(|| {
            let why = format!("`{}` does not declare the host `{}`", shown(&command.path), known.host);
            let how = format!("declare it with `spec.needs_host(\"{}\")`", known.host);
            refused(why).help(format!("this is for the plugin's author: {how}"))
        })
    }
}

/// A name that is a token and a value that is visible text (RFC 9110, sections 5.1 and 5.5).
fn is_header(name: &str, value: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(is_token)
        && value.len() <= 8192
        && value.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\t')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::Needs;

    fn command() -> Command {
        let hosts = vec!["status.example.com".to_owned(), "localhost".to_owned()];
        Command {
            path: "x".into(),
            needs: Needs { api: true, hosts, ..Needs::default() },
            ..Command::default()
        }
    }

    fn request(change: impl FnOnce(&mut HttpRequest)) -> HttpRequest {
        let mut request =
            HttpRequest { method: "GET".into(), path: vec!["a".into()], ..HttpRequest::default() };
        change(&mut request);
        request
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        let base = |text: &str| Some(text.to_owned());
        let rows = [
            (request(|_| ()), ""),
            (request(|r| r.method = "TRACE".into()), "is not one of GET, HEAD"),
            (request(|r| r.path.clear()), "no path"),
            (request(|r| r.path = vec!["..".into()]), "`..` is not an ID"),
            (request(|r| r.path = vec!["x".repeat(257)]), "is not an ID"),
            (request(|r| r.path = vec![".\t.".into()]), "is not an ID"),
            (request(|r| r.path = vec!["a\nb".into()]), "is not an ID"),
            (request(|r| r.path = vec!["a b/ü?#%2e%2e".into()]), ""),
            (request(|r| r.headers = header("X-HTTP-Method-Override", "DELETE")), "would change the method"),
            (request(|r| r.headers = header("accept", "text/csv")), ""),
            (request(|r| r.headers = header("x y", "z")), "`x y` is not a header"),
            (request(|r| r.headers = header("x", "a\r\nb: c")), "`x` is not a header"),
            (request(|r| r.headers = header("Authorization", "x")), "is set by the host"),
            (request(|r| r.headers = header("Host", "x")), "is set by the host"),
            (request(|r| r.base = base("https://status.example.com/api/v2")), ""),
            (
                request(|r| {
                    r.base = base("https://status.example.com");
                    r.path.clear();
                }),
                "",
            ),
            (
                request(|r| {
                    r.base = base("https://status.example.com");
                    r.headers = header("authorization", "x");
                }),
                "",
            ),
            (request(|r| r.base = base("http://localhost:8080/x")), ""),
            (request(|r| r.base = base("http://status.example.com")), "neither https nor"),
            (
                request(|r| r.base = base("https://other.example.com")),
                "does not declare the host `other.example.com`",
            ),
            (
                request(|r| r.base = base("https://status.example.com.evil.example")),
                "does not declare the host",
            ),
            (request(|r| r.base = base("https://status.example.com@evil.example/")), "is not of the form"),
            (request(|r| r.base = base("https://status.example.com?x")), "is not of the form"),
            (request(|r| r.base = base("ftp://status.example.com")), "is not of the form"),
            (request(|r| r.base = base("https://status.example.com:0")), "is not of the form"),
            (request(|r| r.base = base("https://status.example.com/../x")), "is not of the form"),
            (
                request(|r| {
                    r.body = Some(Value::Null);
                    r.content_type = Some("text/csv".into());
                }),
                "two bodies",
            ),
            (
                request(|r| {
                    r.method = "POST".into();
                    r.to_file = Some("/x".into());
                }),
                "only the answer to a GET",
            ),
            (
                request(|r| {
                    r.base = base("https://status.example.com");
                    r.one_time_secret = Some(OneTimeSecret::default());
                }),
                "comes from the profile's API alone",
            ),
        ];
        for (request, expected) in rows {
            match request.refusal(&command()) {
                None => assert_eq!(expected, "", "{request:?}"),
                Some(failure) => {
                    assert!(
                        !expected.is_empty() && failure.message.contains(expected),
                        "{request:?}: {failure:?}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_the_base_is_its_host_is_one_that_is_declared(base in "(https?://)?[a-z./:@?#%-]{0,40}") {
            let mut command = command();
            command.needs.hosts = vec!["a".into(), "b.a".into()];
            let request = request(|r| r.base = Some(base.clone()));
            if request.refusal(&command).is_none() {
                let rest = base.strip_prefix("https://").expect("https");
                let host = rest.split(['/', ':']).next().expect("a host");
                prop_assert!(command.needs.hosts.iter().any(|known| known == host), "{}", base);
            }
        }
    }
}
