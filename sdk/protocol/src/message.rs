//! The envelopes: a request names a service and carries a body, an answer is `ok` or `error`.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{MAX_MESSAGE, PROTOCOL_REVISION};

/// A request, in either direction: `{"v":1,"service":"http.request","body":{…}}`.
///
/// Towards a plugin `service` is the kind of the invocation (`run`); towards the host it is the name of a
/// service (see [`crate::service`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Protocol revision of the sender.
    pub v: u32,
    /// What is asked.
    pub service: String,
    /// The input of the service; its shape depends on `service`.
    #[serde(default)]
    pub body: Value,
}

/// The answer to a [`Request`]: `{"ok":…}` or `{"error":…}`. More keys may stand beside them one day; a reader
/// ignores what it does not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "AnswerFields", into = "AnswerFields")]
pub enum Answer {
    /// It was done; the value depends on the service.
    Ok(Value),
    /// It was not done.
    Error(Failure),
}

#[derive(Serialize, Deserialize)]
struct AnswerFields {
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    ok: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

/// `"ok":null` is an answer; only a missing key is none.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl TryFrom<AnswerFields> for Answer {
    type Error = &'static str;

    fn try_from(fields: AnswerFields) -> Result<Self, &'static str> {
        match (fields.error, fields.ok) {
            (Some(failure), _) => Ok(Self::Error(failure)),
            (None, Some(value)) => Ok(Self::Ok(value)),
            (None, None) => Err("neither `ok` nor `error`"),
        }
    }
}

impl From<Answer> for AnswerFields {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Ok(value) => Self { ok: Some(value), error: None },
            Answer::Error(failure) => Self { ok: None, error: Some(failure) },
        }
    }
}

/// An error as it travels. The receiver decides by `code`, a person reads the rest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// One of the constants of [`code`]; an unknown code is treated as [`code::FAILED`].
    pub code: String,
    /// What failed, on which object: a lower-case fragment without full stop.
    pub message: String,
    /// The chain of causes, nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What to type or do next, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub help: Vec<String>,
    /// What the server said, when a server said something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpFailure>,
    /// More for programs; shape depends on `code` (for [`code::USAGE`] a [`UsageProblem`]).
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
}

/// The part of a server's error answer that helps a person (API schema `Error`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HttpFailure {
    /// HTTP status.
    pub status: u16,
    /// `requestId` of the answer: what the vendor's support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// `fieldErrors` of a 400.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
}

impl HttpFailure {
    /// What is known of a refusal: its status (RFC 9110, section 15), the ID of the request, and what is wrong with which field.
    pub fn new(status: u16, request_id: Option<String>, fields: Vec<FieldError>) -> Self {
        Self { status, request_id, fields }
    }
}

impl FieldError {
    /// A field and what is wrong with it.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: String::new(), field: field.into(), message: message.into() }
    }
}

/// One refused field (API schema `FieldValidationError`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FieldError {
    /// Machine-readable reason; the API publishes no list of them.
    #[serde(default)]
    pub code: String,
    /// The field of the request body.
    #[serde(default)]
    pub field: String,
    /// The reason in words.
    #[serde(default)]
    pub message: String,
}

/// Why a command line was refused, as data: the host words it, so that every message has one voice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum UsageProblem {
    /// An option nobody declared.
    UnknownOption {
        /// As typed, with its dashes.
        option: String,
    },
    /// A word after the command that it does not take.
    UnexpectedArgument {
        /// As typed.
        argument: String,
    },
    /// An option that needs a value came without one.
    MissingValue {
        /// The option with its value name, such as `--name <NAME>`.
        option: String,
    },
    /// A flag that takes no value came with one.
    UnexpectedValue {
        /// The option with its dashes.
        option: String,
        /// The value as typed.
        value: String,
    },
    /// A value the option does not accept.
    InvalidValue {
        /// The option with its value name.
        option: String,
        /// The value as typed.
        value: String,
        /// What is accepted in words, such as `must be a whole number of days from 1 to 3650`.
        reason: String,
        /// The accepted values, when they can be listed.
        #[serde(default)]
        choices: Vec<String>,
    },
    /// An option that may be given once was given again.
    Repeated {
        /// The option.
        option: String,
    },
    /// Two options exclude each other.
    Conflict {
        /// The later option.
        option: String,
        /// What it excludes.
        with: Vec<String>,
    },
    /// Required options are absent.
    Required {
        /// The options.
        options: Vec<String>,
    },
    /// A problem of a newer plugin that this host cannot word; `message` of the failure says it.
    #[serde(other)]
    Unknown,
}

/// The codes of a [`Failure`]. The host maps each to an exit code; a plugin passes on what it got.
pub mod code {
    /// The request was understood and refused or could not be done.
    pub const FAILED: &str = "failed";
    /// The command line or an input is wrong.
    pub const USAGE: &str = "usage";
    /// An answer is needed and nobody can be asked.
    pub const INPUT_REQUIRED: &str = "input_required";
    /// Configuration cannot be read or is invalid.
    pub const CONFIG: &str = "config";
    /// Not signed in, or the credential is expired or refused.
    pub const AUTH: &str = "auth";
    /// Nothing reached the server, or it did not answer.
    pub const NETWORK: &str = "network";
    /// A write may or may not have happened.
    pub const OUTCOME_UNKNOWN: &str = "outcome_unknown";
    /// A secret exists and could not be delivered.
    pub const DELIVERY: &str = "delivery";
    /// The plugin is unusable.
    pub const PLUGIN: &str = "plugin";
    /// No such command.
    pub const UNKNOWN_COMMAND: &str = "unknown_command";
    /// The user said no.
    pub const DECLINED: &str = "declined";
    /// The reader of the result is gone, or the invocation ended.
    pub const CLOSED: &str = "closed";
    /// The receiver does not know this service or kind.
    pub const UNIMPLEMENTED: &str = "unimplemented";
}

impl Failure {
    /// A failure with a code and a message.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), ..Self::default() }
    }

    /// Adds one line of help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds one cause below the last one.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }
}

/// The first byte of a message with bytes after it: a length follows, four bytes, little-endian, then that much JSON, then the bytes.
const WITH_BYTES: u8 = 1;

/// A message and the bytes that travel after it, which are not read on the way: the body of an HTTP request or answer.
pub fn with_bytes(message: &[u8], bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let length = 1 + 4 + message.len() + bytes.len();
    let (Ok(head), true) = (u32::try_from(message.len()), length <= MAX_MESSAGE) else {
        return Err(too_large(length));
    };
    let mut whole = Vec::with_capacity(length);
    whole.push(WITH_BYTES);
    whole.extend_from_slice(&head.to_le_bytes());
    whole.extend_from_slice(message);
    whole.extend_from_slice(bytes);
    Ok(whole)
}

/// A message and what travels after it, when something does. Never panics, whatever the bytes.
pub fn split(whole: &[u8]) -> Result<(&[u8], Option<&[u8]>), Failure> {
    let Some((&WITH_BYTES, rest)) = whole.split_first() else { return Ok((whole, None)) };
    let parts = rest
        .split_first_chunk::<4>()
        .and_then(|(length, rest)| rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?));
    match parts {
        Some((message, bytes)) => Ok((message, Some(bytes))),
        None => Err(Failure::new(code::FAILED, "a message is shorter than it says")),
    }
}

/// Encodes a request of this revision.
pub fn encode_request(service: &str, body: impl Serialize) -> Result<Vec<u8>, Failure> {
    #[derive(Serialize)]
    struct Out<'a, B> {
        v: u32,
        service: &'a str,
        body: B,
    }
    bounded(serde_json::to_vec(&Out { v: PROTOCOL_REVISION, service, body }))
}

/// Decodes a request. Never panics, whatever the bytes.
pub fn decode_request(bytes: &[u8]) -> Result<Request, Failure> {
    decode(bytes, "request")
}

/// Encodes an answer; what cannot be encoded or is too large becomes a failure itself.
pub fn encode_answer(answer: &Answer) -> Vec<u8> {
    bounded(serde_json::to_vec(answer)).unwrap_or_else(|failure| {
        let fallback = Answer::Error(failure);
        serde_json::to_vec(&fallback)
            .unwrap_or_else(|_| br#"{"error":{"code":"failed","message":""}}"#.into())
    })
}

/// Decodes an answer as it stands: an error that travels is a value here, a failure means that the bytes are none. Never
/// panics.
pub fn read_answer(bytes: &[u8]) -> Result<Answer, Failure> {
    decode(bytes, "answer")
}

/// Decodes an answer. Never panics, whatever the bytes.
pub fn decode_answer(bytes: &[u8]) -> Result<Value, Failure> {
    match read_answer(bytes)? {
        Answer::Ok(value) => Ok(value),
        Answer::Error(failure) => Err(failure),
    }
}

/// Reads the body of a request or the value of an answer into its type.
pub fn read<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| {
        Failure::new(code::FAILED, "a message does not have the expected shape").cause(error.to_string())
    })
}

fn decode<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Failure> {
    if bytes.len() > MAX_MESSAGE {
        return Err(too_large(bytes.len()));
    }
    if bytes.first() != Some(&b'{') {
        return Err(Failure::new(
            code::UNIMPLEMENTED,
            format!("the {what} is in an encoding that is not known"),
        ));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        Failure::new(code::FAILED, format!("the {what} cannot be read")).cause(error.to_string())
    })
}

fn bounded(encoded: Result<Vec<u8>, serde_json::Error>) -> Result<Vec<u8>, Failure> {
    match encoded {
        Ok(bytes) if bytes.len() > MAX_MESSAGE => Err(too_large(bytes.len())),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(Failure::new(code::FAILED, "a message cannot be encoded").cause(error.to_string())),
    }
}

fn too_large(length: usize) -> Failure {
    Failure::new(
        code::FAILED,
        format!("a message of {length} bytes is over the limit of {MAX_MESSAGE} bytes"),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn newer_fields_and_problems_are_ignored() {
        let request = decode_request(br#"{"v":9,"service":"x","body":{},"later":1}"#).expect("readable");
        assert_eq!(request.v, 9);
        let problem: UsageProblem =
            serde_json::from_value(json!({"problem": "from_the_future", "x": 1})).expect("readable");
        assert_eq!(problem, UsageProblem::Unknown);
        assert_eq!(decode_answer(br#"{"ok":null,"warnings":[]}"#), Ok(Value::Null));
        assert_eq!(decode_answer(br#"{"later":1}"#).expect_err("nothing is answered").code, code::FAILED);
    }

    #[test]
    fn another_encoding_is_unimplemented() {
        for bytes in [&b"\x00abc"[..], b"[]", b""] {
            assert_eq!(decode_request(bytes).expect_err("refused").code, code::UNIMPLEMENTED);
        }
    }

    #[test]
    fn bytes_travel_after_a_message_as_they_are() {
        for bytes in [&b""[..], b"\x00\xff{", b"{}"] {
            let whole = with_bytes(b"{\"ok\":1}", bytes).expect("small");
            assert_eq!(split(&whole), Ok((&b"{\"ok\":1}"[..], Some(bytes))));
        }
        assert_eq!(split(b"{}"), Ok((&b"{}"[..], None)));
        assert_eq!(split(b""), Ok((&b""[..], None)));
        for short in [&b"\x01"[..], b"\x01\x02\x00\x00\x00{", b"\x01\xff\xff\xff\xff{}"] {
            assert!(split(short).is_err(), "{short:?}");
        }
        assert!(with_bytes(b"{}", &vec![0; MAX_MESSAGE]).is_err());
    }

    proptest! {
        #[test]
        fn failures_survive_the_trip(code in "[a-z_]{1,12}", message in ".*", causes in prop::collection::vec(".*", 0..3),
            help in prop::collection::vec(".*", 0..3), status in 0u16..700) {
            let failure = Failure { code, message, causes, help,
                http: Some(HttpFailure::new(status, None, Vec::new())), details: json!({"a": 1}) };
            let bytes = encode_answer(&Answer::Error(failure.clone()));
            prop_assert_eq!(decode_answer(&bytes), Err(failure));
        }

        #[test]
        fn any_bytes_give_a_value_or_a_failure(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = decode_request(&bytes);
            let _ = decode_answer(&bytes);
            if let Ok((message, Some(after))) = split(&bytes) {
                prop_assert_eq!(with_bytes(message, after), Ok(bytes.clone()));
            }
        }
    }
}
