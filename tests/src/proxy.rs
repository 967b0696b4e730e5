//! Proxies of a test's own: HTTP (CONNECT, RFC 9110, section 9.3.6) and SOCKS5 (RFC 1928, RFC 1929). Wherever a client
//! wants to go through one, it comes to the one server of the test.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use base64::{Engine, engine::general_purpose::STANDARD};

/// A proxy on a free port of 127.0.0.1; it ends with the test's process.
pub struct Proxy {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

/// Who may use a proxy: everybody, or one user with one password.
type User = Option<(&'static str, &'static str)>;

/// What one connection asked for, and whether it may go on.
type Greeting = fn(&mut TcpStream, User) -> io::Result<(String, bool)>;

impl Proxy {
    /// An HTTP proxy in front of a port of this machine.
    pub fn http(user: User, to: u16) -> Self {
        Self::start(user, to, connect)
    }

    /// A SOCKS5 proxy in front of a port of this machine.
    pub fn socks(user: User, to: u16) -> Self {
        Self::start(user, to, socks)
    }

    fn start(user: User, to: u16, greet: Greeting) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                thread::spawn(move || {
                    let (wanted, may_pass) = greet(&mut stream, user)?;
                    log.lock().unwrap_or_else(PoisonError::into_inner).push(wanted);
                    if may_pass {
                        tunnel(stream, TcpStream::connect((Ipv4Addr::LOCALHOST, to))?)
                    } else {
                        Ok(())
                    }
                });
            }
        });
        Self { port, seen }
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What each connection asked for, and as whom: `api.example:443 user:password`.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn tunnel(mut here: TcpStream, mut there: TcpStream) -> io::Result<()> {
    let (mut back, mut to_here) = (there.try_clone()?, here.try_clone()?);
    let backwards = thread::spawn(move || {
        io::copy(&mut back, &mut to_here)?;
        to_here.shutdown(Shutdown::Write)
    });
    io::copy(&mut here, &mut there)?;
    // A client that is gone has its answer.
    let _ = there.shutdown(Shutdown::Write);
    backwards.join().unwrap_or(Ok(()))
}

fn connect(stream: &mut TcpStream, user: User) -> io::Result<(String, bool)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let given = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let encoded =
            value.strip_prefix("Basic ").filter(|_| name.eq_ignore_ascii_case("proxy-authorization"))?;
        String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
    });
    let may_pass =
        user.is_none_or(|(name, password)| given.as_deref() == Some(&format!("{name}:{password}")));
    stream.write_all(match may_pass {
        true => b"HTTP/1.1 200 Connection established\r\n\r\n",
        false => b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"x\"\r\ncontent-length: 0\r\n\r\n",
    })?;
    Ok((format!("{target} {}", given.unwrap_or_default()).trim_end().to_owned(), may_pass))
}

fn socks(stream: &mut TcpStream, user: User) -> io::Result<(String, bool)> {
    // Version and number of methods.
    let [_, count] = bytes(stream)?;
    let mut methods = vec![0; count.into()];
    stream.read_exact(&mut methods)?;
    let wanted = if user.is_some() { 2 } else { 0 };
    if !methods.contains(&wanted) {
        stream.write_all(&[5, 0xff])?;
        return Ok(("without a user".to_owned(), false));
    }
    stream.write_all(&[5, wanted])?;
    let mut given = String::new();
    if let Some((name, password)) = user {
        let [_version] = bytes(stream)?;
        given = format!(" {}:{}", text(stream)?, text(stream)?);
        let is_right = given == format!(" {name}:{password}");
        stream.write_all(&[1, u8::from(!is_right)])?;
        if !is_right {
            return Ok((format!("refused{given}"), false));
        }
    }
    let [_version, _command, _reserved, kind] = bytes(stream)?;
    let host = match kind {
        1 => Ipv4Addr::from(bytes::<4>(stream)?).to_string(),
        3 => text(stream)?,
        _ => return Ok(("another kind of address".to_owned(), false)),
    };
    let port = u16::from_be_bytes(bytes(stream)?);
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    Ok((format!("{host}:{port}{given}"), true))
}

fn bytes<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut read = [0; N];
    stream.read_exact(&mut read)?;
    Ok(read)
}

/// A text with its length before it.
fn text(stream: &mut TcpStream) -> io::Result<String> {
    let [length] = bytes(stream)?;
    let mut read = vec![0; length.into()];
    stream.read_exact(&mut read)?;
    Ok(String::from_utf8_lossy(&read).into_owned())
}
