//! An https server with a certificate authority of its own.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use flate2::{Compression, write::GzEncoder};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd,
};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivatePkcs8KeyDer};

/// What is special about a server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Issued,
    /// It expired in 2001.
    Expired,
    /// It is valid from 2099 on.
    NotYet,
    /// It is an authority's own, as `openssl req -x509` makes it.
    SelfSigned,
}

/// A server on a free port; its answers are compressed with gzip.
pub struct Tls {
    port: u16,
    authority: String,
    der: Vec<u8>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Tls {
    /// A server whose certificate is for these names, and that answers every request with one JSON body.
    pub fn new(names: &[&str], body: &'static str) -> Self {
        Self::answering(names, Kind::Issued, move |_, _| body.to_owned())
    }

    /// The same with a body for each request (`GET /v1/…`, with its own body after a blank); the first argument is the
    /// server's port.
    pub fn answering(
        names: &[&str],
        kind: Kind,
        reply: impl Fn(u16, &str) -> String + Send + Sync + 'static,
    ) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed");
        let key = KeyPair::generate().expect("a key");
        let own = certificate(names, kind, &key, &authority);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .expect("a pair");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (config, seen) = (Arc::new(config), Arc::new(Mutex::new(Vec::new())));
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(connection) = ServerConnection::new(Arc::clone(&config)) else { continue };
                // A client that does not trust the certificate goes away.
                let _ = serve(StreamOwned::new(connection, stream), |request| {
                    log.lock().unwrap_or_else(PoisonError::into_inner).push(request.to_owned());
                    reply(port, request)
                });
            }
        });
        Self { port, authority: authority.pem(), der: authority.der().to_vec(), seen }
    }

    /// The base of its API under a name.
    pub fn address(&self, name: &str) -> String {
        format!("https://{name}:{}/v1", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it was asked, in order.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes the authority's certificate.
    pub fn write_authority(&self, path: &Path) {
        std::fs::write(path, &self.authority).expect("written");
    }

    /// The same in the binary form.
    pub fn write_authority_as_der(&self, path: &Path) {
        std::fs::write(path, &self.der).expect("written");
    }
}

fn certificate(
    names: &[&str],
    kind: Kind,
    key: &KeyPair,
    authority: &CertifiedIssuer<'_, KeyPair>,
) -> Certificate {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    match kind {
        Kind::Issued => {}
        Kind::Expired => {
            (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
        }
        Kind::NotYet => {
            (params.not_before, params.not_after) = (date_time_ymd(2099, 1, 1), date_time_ymd(2100, 1, 1));
        }
        Kind::SelfSigned => {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            return params.self_signed(key).expect("signed");
        }
    }
    params.signed_by(key, authority).expect("signed")
}

fn serve(stream: impl Read + Write, reply: impl Fn(&str) -> String) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if request.is_empty() {
            request = line.rsplit_once(' ').map(|(request, _)| request.to_owned()).unwrap_or_default();
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request = format!("{request} {}", String::from_utf8_lossy(&body));
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(reply(request.trim_end()).as_bytes())?;
    let packed = packed.finish()?;
    let head = format!(
        "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        packed.len()
    );
    let stream = reader.get_mut();
    stream.write_all(head.as_bytes())?;
    stream.write_all(&packed)?;
    stream.flush()
}
