//! An https server with a certificate authority of its own.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    sync::Arc,
    thread,
};

use flate2::{Compression, write::GzEncoder};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivatePkcs8KeyDer};

/// A server on a free port that answers every request with one JSON body, compressed with gzip.
pub struct Tls {
    port: u16,
    authority: String,
}

impl Tls {
    /// A server whose certificate is for these names.
    pub fn new(names: &[&str], body: &'static str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed");
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let own = CertificateParams::new(names).expect("names").signed_by(&key, &authority).expect("signed");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .expect("a pair");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let config = Arc::new(config);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(connection) = ServerConnection::new(Arc::clone(&config)) else { continue };
                // A client that does not trust the certificate goes away.
                let _ = serve(StreamOwned::new(connection, stream), body);
            }
        });
        Self { port, authority: authority.pem() }
    }

    /// The base of its API under a name.
    pub fn address(&self, name: &str) -> String {
        format!("https://{name}:{}/v1", self.port)
    }

    /// Writes the authority's certificate.
    pub fn write_authority(&self, path: &Path) {
        std::fs::write(path, &self.authority).expect("written");
    }
}

fn serve(stream: impl Read + Write, body: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(body.as_bytes())?;
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
