//! Signing in at a real issuer that is found by discovery: the package oidc-provider, with an API beside it that checks the
//! signature of every token (`tests/node/issuer.mjs`).

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use astro_e2e::{Ran, client, node_packages, says, workspace};

use super::Acme;

/// The issuer and the API, until it is dropped.
struct Issuer {
    child: Child,
    address: String,
    /// It writes into it until it ends.
    _said: BufReader<ChildStdout>,
}

impl Issuer {
    fn new(packages: &Path) -> Self {
        let mut child = script("issuer.mjs")
            .arg(packages)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node runs");
        let mut said = BufReader::new(child.stdout.take().expect("piped"));
        let mut address = String::new();
        said.read_line(&mut address).expect("read");
        assert!(address.starts_with("http://127.0.0.1:"), "{address}");
        Self { child, address: address.trim().to_owned(), _said: said }
    }

    /// From now on the API refuses the tokens that it has seen.
    fn refuse(&self) {
        assert_eq!(client::get(&format!("{}/refuse", self.address)).status(), 200);
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn script(name: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(workspace().join("tests/node").join(name));
    command
}

/// Runs `acme login`, and somebody who opens the address that it names and agrees. What it said, and the last page.
fn sign_in(acme: &mut Acme, issuer: &Issuer, args: &str) -> (Ran, String) {
    let line = format!("login --insecure-storage {args}");
    let mut command = acme.command();
    command.args(line.split(' ')).env("ACME_API_URL", format!("{}/v2", issuer.address));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    let mut said = BufReader::new(child.stderr.take().expect("piped"));
    let mut stderr = String::new();
    let url = loop {
        let from = stderr.len();
        assert_ne!(said.read_line(&mut stderr).expect("read"), 0, "{:?}: {stderr}", child.wait());
        if let Some(url) = stderr[from..].trim().strip_prefix("http") {
            break format!("http{url}");
        }
    };
    let page = script("person.mjs").arg(url).output().expect("node runs");
    if !page.status.success() {
        let _ = child.kill();
        panic!("{page:?}: {stderr}");
    }
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    said.read_to_string(&mut stderr).expect("read");
    let ended = child.wait_with_output().expect("ends");
    let stdout = String::from_utf8_lossy(&ended.stdout).into_owned();
    let ran = Ran { stdout, stderr, code: ended.status.code() };
    acme.said.push((line, ran.clone()));
    (ran, page)
}

/// The files in which it keeps who is signed in.
fn kept(acme: &Acme) -> Vec<(PathBuf, Vec<u8>)> {
    let files = super::files(acme.env.home()).into_iter().filter(|path| path.is_file());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| (path.clone(), fs::read(&path).expect("read")))
        .collect()
}

#[test]
fn a_sign_in_with_the_browser_is_renewed_and_ended_at_a_real_issuer() {
    let Some(packages) = node_packages() else { return };
    let (mut acme, issuer) = (Acme::new(), Issuer::new(&packages));
    let (ran, page) = sign_in(&mut acme, &issuer, "--no-browser");
    says(&ran, 0, &["Signed in as ada@acme.example.", "The token belongs to the team team-1."]);
    assert!(page.contains("You can close this page"), "{page}");
    let shown = acme.run("context --check").ok();
    assert!(shown.contains("team-1") && shown.contains("token claim `team`"), "{shown}");

    // The API decides what has expired: the sign-in is renewed once, with a refresh token that works once.
    let before = kept(&acme);
    issuer.refuse();
    acme.run("context --check").ok();
    assert_ne!(kept(&acme), before, "the next refresh token is kept");
    issuer.refuse();
    acme.run("context --check").ok();

    let signed_in = kept(&acme);
    says(&acme.run("logout"), 0, &["Signed out, and removed the credential `default`."]);
    // Whoever copied the files has nothing any more.
    signed_in.iter().for_each(|(path, bytes)| fs::write(path, bytes).expect("written"));
    issuer.refuse();
    says(&acme.run("context --check"), 4, &["sign in again: acme login"]);
    acme.never_says_astro();
}

#[test]
fn a_device_signs_in_at_a_real_issuer() {
    let Some(packages) = node_packages() else { return };
    let (mut acme, issuer) = (Acme::new(), Issuer::new(&packages));
    let (ran, page) = sign_in(&mut acme, &issuer, "--device");
    says(&ran, 0, &["Signed in as ada@acme.example.", "The token belongs to the team team-1."]);
    assert!(page.contains("Success"), "{page}");
    acme.run("context --check").ok();
    issuer.refuse();
    acme.run("context --check").ok();
    acme.never_says_astro();
}

/// An API that names no issuer, and one whose issuer cannot be reached.
#[test]
fn a_sign_in_that_cannot_begin_says_why() {
    let mut acme = Acme::new();
    let stub = astro_e2e::stub::Stub::new(|_| astro_e2e::stub::Reply::Json(200, "{}".to_owned()));
    let address = stub.address().replace("/v1", "/v2");
    let ran = acme.run_with("login --no-browser", &[("ACME_API_URL", address.as_str())]);
    says(&ran, 1, &[]);
    acme.never_says_astro();
}
