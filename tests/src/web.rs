//! A web server for the files of a directory, as any would do: an index is nothing more.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// A server on a free port of 127.0.0.1; it answers nobody any more when it is dropped.
pub struct Web {
    address: String,
    gone: Arc<AtomicBool>,
}

impl Web {
    /// Serves the files of a directory; `/redirect/PATH` redirects to `/PATH`.
    pub fn serving(dir: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let gone = Arc::new(AtomicBool::new(false));
        let (dir, ended) = (dir.to_owned(), Arc::clone(&gone));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let dir = dir.clone();
                thread::spawn(move || answer(stream, &dir));
            }
        });
        Self { address, gone }
    }

    /// Its address, without a slash at the end.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
        // The listener waits for one more before it looks.
        let _ = TcpStream::connect(self.address.trim_start_matches("http://"));
    }
}

fn answer(mut stream: TcpStream, dir: &Path) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    let (status, more, body) = match path.strip_prefix("redirect/") {
        Some(to) => ("302 Found", format!("location: /{to}\r\n"), Vec::new()),
        None => match fs::read(PathBuf::from(dir).join(&path)) {
            Ok(bytes) if !path.contains("..") => ("200 OK", String::new(), bytes),
            _ => ("404 Not Found", String::new(), b"none".to_vec()),
        },
    };
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{more}connection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).ok()
}
