//! A server that does what a real one should not: each request gets what the test says.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// What a request gets.
pub enum Reply {
    /// A status and a body of JSON.
    Json(u16, String),
    /// The same after some time.
    Later(Duration, u16, String),
    /// A status and a page that is not JSON.
    Page(u16, String),
    /// A status, a header line, and a body of JSON.
    With(u16, String, String),
    /// A redirect to a location.
    Redirect(u16, String),
    /// The connection ends without an answer.
    Nothing,
    /// The answer begins and breaks off.
    Half(u16, String),
}

/// A server on a free port of 127.0.0.1; it ends with the test's process.
pub struct Stub {
    port: u16,
    seen: Arc<Mutex<Vec<(String, String)>>>,
}

impl Stub {
    /// A server that answers each request (`GET /v1/…`) with what the function says.
    pub fn new(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_bodies(move |request, _| reply(request))
    }

    /// The same where the answer depends on the body.
    pub fn with_bodies(reply: impl Fn(&str, &[u8]) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, reply) = (Arc::clone(&seen), Arc::new(reply));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, reply) = (Arc::clone(&log), Arc::clone(&reply));
                thread::spawn(move || serve(stream, &log, &*reply));
            }
        });
        Self { port, seen }
    }

    /// A server without encryption on a socket of the file system; what it was asked is not kept.
    pub fn on_socket(path: &Path, reply: impl Fn(&str, &[u8]) -> Reply + Send + Sync + 'static) {
        let listener = UnixListener::bind(path).expect("bound");
        thread::spawn(move || {
            let log = Mutex::default();
            for stream in listener.incoming().flatten() {
                serve(stream, &log, &reply);
            }
        });
    }

    /// The base of its API.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// What it was asked, in order: `GET /v1/…`.
    pub fn seen(&self) -> Vec<String> {
        self.all().into_iter().map(|(request, _)| request).collect()
    }

    /// The headers of each request.
    pub fn heads(&self) -> Vec<String> {
        self.all().into_iter().map(|(_, head)| head).collect()
    }

    fn all(&self) -> Vec<(String, String)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A connection that is read and written apart.
trait Stream: Read + Write + Sized {
    fn twin(&self) -> Option<Self>;
}

impl Stream for TcpStream {
    fn twin(&self) -> Option<Self> {
        self.try_clone().ok()
    }
}

impl Stream for UnixStream {
    fn twin(&self) -> Option<Self> {
        self.try_clone().ok()
    }
}

fn serve(
    mut stream: impl Stream,
    log: &Mutex<Vec<(String, String)>>,
    reply: &dyn Fn(&str, &[u8]) -> Reply,
) -> Option<()> {
    let mut reader = BufReader::new(stream.twin()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let request = first.rsplit_once(' ')?.0.to_owned();
    let (mut length, mut head) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        head.push_str(&header);
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    log.lock().unwrap_or_else(PoisonError::into_inner).push((request.clone(), head));
    let mut more = String::new();
    let (status, kind, body, cut) = match reply(&request, &body) {
        Reply::Redirect(status, location) => {
            more = format!("location: {location}\r\n");
            (status, "text/html", String::new(), 0)
        }
        Reply::With(status, header, body) => {
            more = format!("{header}\r\n");
            (status, "application/json", body, 0)
        }
        Reply::Json(status, body) => (status, "application/json", body, 0),
        Reply::Later(time, status, body) => {
            thread::sleep(time);
            (status, "application/json", body, 0)
        }
        Reply::Page(status, body) => (status, "text/html", body, 0),
        Reply::Half(status, body) => (status, "application/json", body, 1),
        Reply::Nothing => return None,
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n{more}connection: close\r\n\r\n",
        body.len() + cut
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).ok()
}
