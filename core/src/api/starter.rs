//! What to type when nothing listens at an address of this machine for which a plugin wrote a profile.

use std::{io::ErrorKind, net::TcpStream, time::Duration};

use reqwest::Url;

use crate::{
    base::error::{Failure, code},
    config::{Config, Dirs},
    net::address::Address,
    program::APP,
};

/// How long this machine may take to refuse a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);

/// Adds the command that starts what should listen there, when nothing does.
pub(crate) fn advised(failure: Failure, dirs: Option<&Dirs>, address: &Address) -> Failure {
    if failure.code != code::NETWORK || !address.is_loopback() {
        return failure;
    }
    match dirs.and_then(|dirs| starter(dirs, address)).filter(|_| is_closed(address)) {
        Some(command) => failure.help(format!("nothing listens there; start it: {APP} {command}")),
        None => failure,
    }
}

/// What a plugin gave with its profile of this address.
fn starter(dirs: &Dirs, address: &Address) -> Option<String> {
    let config = Config::load(dirs).ok()?;
    config.profiles.into_values().find_map(|profile| {
        let credential = config.credentials.get(profile.credential.as_deref()?)?;
        profile.start.filter(|_| profile.owner.is_some() && credential.address == address.as_str())
    })
}

/// Whether connections to an address of this machine are refused.
fn is_closed(address: &Address) -> bool {
    let addresses = Url::parse(address.as_str()).ok().and_then(|url| url.socket_addrs(|| None).ok());
    addresses.is_some_and(|all| {
        all.iter().all(|address| {
            let tried = TcpStream::connect_timeout(address, CONNECT_TIMEOUT);
            tried.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        })
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::base::files;

    #[test]
    fn the_starter_is_named_where_nothing_listens() {
        let home = tempfile::tempdir().expect("a directory");
        let dirs = Dirs {
            config: home.path().to_owned(),
            data: home.path().to_owned(),
            state: home.path().join("state"),
            cache: home.path().join("cache"),
            private_home: true,
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let text = |start: &str| {
            format!(
                "[profiles.a]\nowner = \"box\"\ncredential = \"a\"\n{start}\n[credentials.a]\naddress = \"http://127.0.0.1:{port}/v1\"\n"
            )
        };
        let advice = |code: &str, port: u16| {
            let address = Address::parse(&format!("http://127.0.0.1:{port}/v1"), "x").expect("an address");
            advised(Failure::new(code, "x"), Some(&dirs), &address).help
        };
        files::write(&dirs.config_file(), text("start = \"box start\"").as_bytes()).expect("written");
        assert!(advice(code::NETWORK, port).is_empty(), "something listens");
        drop(listener);
        assert_eq!(advice(code::NETWORK, port), ["nothing listens there; start it: astro box start"]);
        assert!(advice(code::FAILED, port).is_empty());
        assert!(advice(code::NETWORK, 1).is_empty(), "another address");
        files::write(&dirs.config_file(), text("").as_bytes()).expect("written");
        assert!(advice(code::NETWORK, port).is_empty(), "no command was given");
    }
}
