//! Which servers are trusted, and why one is not, in words.
//!
//! The system's authorities count, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, which *replace* them; the `ca_file` of
//! a profile or an index adds to them.

use std::{
    error::Error as StdError,
    io::Read,
    path::{Path, PathBuf},
};

use reqwest::Certificate;
use rustls::{CertificateError, pki_types::UnixTime};

use crate::{
    base::{
        error::{Failure, Result, config, innermost, plain_io, usage},
        files,
        time::timestamp,
    },
    program::APP,
};

/// The variables that name the authorities in the place of the system's (OpenSSL, SSL_CTX_load_verify_locations(3)).
const FILE: &str = "SSL_CERT_FILE";
const DIRS: &str = "SSL_CERT_DIR";
/// The largest file of certificates that is read, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Whose certificates are trusted besides the system's, and how another one is added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// A file of them.
    pub(crate) ca_file: Option<PathBuf>,
    /// Where it is named.
    origin: &'static str,
    /// What adds one.
    add: Option<String>,
}

impl Trust {
    /// The system's and no other's.
    pub(crate) fn system() -> Self {
        Self::default()
    }

    /// Those of a profile.
    pub(crate) fn of_profile(profile: Option<&str>, ca_file: Option<PathBuf>) -> Self {
        let add = profile.map(|name| format!("{APP} profile edit {name} --ca-file /PATH/FILE.pem"));
        Self { ca_file, origin: "ca_file of the profile", add }
    }

    /// Those of a sign-in, which are a profile's afterwards.
    pub(crate) fn of_login(ca_file: Option<PathBuf>) -> Self {
        Self {
            ca_file,
            origin: "--ca-file",
            add: Some(format!("{APP} login --ca-file /PATH/FILE.pem").to_owned()),
        }
    }

    /// Those of an index.
    pub(crate) fn of_index(ca_file: Option<PathBuf>) -> Self {
        let add =
            format!("`--ca-file` of `{APP} plugin index add`, or `ca_file` of the index in config.toml");
        Self { ca_file, origin: "ca_file of the index", add: Some(add.to_owned()) }
    }

    /// The certificates of the file.
    pub(crate) fn certificates(&self) -> Result<Vec<Certificate>> {
        let Some(path) = &self.ca_file else { return Ok(Vec::new()) };
        pem(path).map_err(|reason| {
            config(format!("the certificates in `{}` ({}) cannot be read", path.display(), self.origin))
                .cause(reason)
        })
    }

    /// What can be done where an authority is not trusted.
    pub(crate) fn ways_out(&self, failure: Failure) -> Failure {
        let failure = failure
            .help("install the certificates of the public authorities: the package ca-certificates")
            .help(format!(
                "or name a file in PEM form that holds all you trust: export {FILE}=/PATH/ALL.pem"
            ));
        match &self.add {
            Some(how) => failure.help(format!("or add the authority of your company: {how}")),
            None => failure,
        }
    }
}

/// The certificates of a file in PEM form; there is at least one.
fn pem(path: &Path) -> Result<Vec<Certificate>, String> {
    let in_words = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => plain_io(&error.to_string()),
    };
    let file = files::open(path).map_err(in_words)?;
    // The text between certificates is in any encoding.
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).map_err(in_words)?;
    let certificates = Certificate::from_pem_bundle(&bytes).map_err(|error| innermost(&error))?;
    match certificates.is_empty() {
        // An ASN.1 sequence with a long length: what a certificate in DER form begins with.
        true if bytes.starts_with(&[0x30, 0x82]) => Err(format!(
            "it is in DER form; make it PEM: openssl x509 -inform der -in {0} -out {0}.pem",
            path.display()
        )),
        true => Err("it holds no certificate in PEM form".to_owned()),
        false => Ok(certificates),
    }
}

/// A device or a pipe in place of certificates is never read: it may have no end, and may never begin.
pub(crate) fn check_variables() -> Result<()> {
    let Some(path) = std::env::var_os(FILE).map(PathBuf::from) else { return Ok(()) };
    match path.metadata() {
        Ok(found) if !found.is_file() && !found.is_dir() => {
            Err(config("no server can be verified: there are no certificates of authorities")
                .cause(format!("{FILE} names `{}`, which is not a regular file", path.display()))
                .help(format!("set it to a file with certificates in PEM form, or unset {FILE}")))
        }
        _ => Ok(()),
    }
}

/// What an option or a setting that names certificates has to be: a file in PEM form.
pub(crate) fn check_file(option: &str, path: &Path) -> Result<()> {
    let checked = match path.metadata() {
        Ok(found) if found.is_dir() => Err("it is a directory".to_owned()),
        Ok(found) if !found.is_file() => Err("it is not a regular file".to_owned()),
        _ => pem(path).map(drop),
    };
    checked.map_err(|reason| usage(format!("`{option}` cannot be `{}`", path.display())).cause(reason))
}

/// What is wrong with the variables that replace the system's authorities, one text for each.
pub(crate) fn wrong_variables() -> Vec<String> {
    let value = |name| std::env::var_os(name).map(PathBuf::from);
    wrong(value(FILE).as_deref(), value(DIRS).map(|dirs| std::env::split_paths(&dirs).collect()))
}

fn wrong(file: Option<&Path>, dirs: Option<Vec<PathBuf>>) -> Vec<String> {
    let mut found = Vec::new();
    match file {
        Some(path) if path.as_os_str().is_empty() => found.push(format!("{FILE} is set and empty")),
        Some(path) if path.is_dir() => {
            found.push(format!("{FILE} names `{}`, which is a directory", path.display()));
        }
        Some(path) => {
            found.extend(pem(path).err().map(|reason| format!("{FILE} names `{}`: {reason}", path.display())))
        }
        None => {}
    }
    // An empty element names no directory.
    let dirs = dirs.unwrap_or_default().into_iter().filter(|dir| !dir.as_os_str().is_empty());
    for dir in dirs {
        let reason = match std::fs::read_dir(&dir) {
            Err(error) => plain_io(&error.to_string()),
            Ok(entries) => match entries.flatten().any(|entry| pem(&entry.path()).is_ok()) {
                true => continue,
                false => "it holds no certificate in PEM form".to_owned(),
            },
        };
        found.push(format!("{DIRS} names `{}`: {reason}", dir.display()));
    }
    found
}

/// Why no client could be built: there is nothing to verify a server with.
pub(crate) fn unbuilt(error: &reqwest::Error, trust: &Trust) -> Failure {
    let reason = innermost(error);
    let variables = wrong_variables();
    if !variables.is_empty() {
        let failure = config("no server can be verified: there are no certificates of authorities");
        return variables.into_iter().fold(failure, Failure::cause).help(
            "set it to a file or directory with certificates in PEM form, or unset it to use the system's",
        );
    }
    if reason.contains("No CA certificates") {
        return trust
            .ways_out(config("no server can be verified: this system has no certificates of authorities"));
    }
    config("the HTTP client cannot be built").cause(reason)
}

/// Why a server's certificate was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// In words.
    pub(crate) reason: String,
    /// An authority that is not trusted; trusting it is a way out.
    pub(crate) is_unknown: bool,
}

/// The reason when it is the certificate that a request failed for.
pub(crate) fn refused(error: &reqwest::Error) -> Option<Refused> {
    match find::<rustls::Error>(error)? {
        rustls::Error::InvalidCertificate(reason) => Some(explained(reason)),
        _ => None,
    }
}

fn explained(error: &CertificateError) -> Refused {
    let day = |time: &UnixTime| timestamp(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    let known = |reason: String| Refused { reason, is_unknown: false };
    match error {
        CertificateError::UnknownIssuer => Refused {
            reason: "its certificate was issued by an authority that is not trusted here".to_owned(),
            is_unknown: true,
        },
        // Made anew under the same name, most likely.
        CertificateError::BadSignature => Refused {
            reason: "its certificate was issued by an authority that is not the one of that name which is trusted here".to_owned(),
            is_unknown: true,
        },
        CertificateError::ExpiredContext { time, not_after } => known(format!(
            "its certificate expired at {}; by the clock of this machine it is {}",
            day(not_after),
            day(time)
        )),
        CertificateError::NotValidYetContext { time, not_before } => known(format!(
            "its certificate is valid from {} on; by the clock of this machine it is {}",
            day(not_before),
            day(time)
        )),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let bare = |name: &String| {
                let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
                format!("`{}`", inner.unwrap_or(name).trim_matches('"'))
            };
            let names: Vec<String> = presented.iter().map(bare).collect();
            let names = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
            known(format!("its certificate is for {names}, not for `{}`", expected.to_str()))
        }
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => known(
            "its certificate is self-signed as an authority; such a certificate cannot be trusted as a server's, not even by ca_file: an authority has to issue one for the server".to_owned(),
        ),
        other => known(format!("its certificate is refused: {other}")),
    }
}

/// The first error of a type in a chain of causes. What an `io::Error` wraps is not among its sources.
pub(crate) fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";

    #[test]
    fn variables_that_name_no_certificates_are_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            files::write(&path, bytes).expect("written");
            path
        };
        let good = file("good.pem", CERTIFICATE.as_bytes());
        let latin = file("latin.pem", &[b"# Aut\xf3ridad\n", CERTIFICATE.as_bytes()].concat());
        let (empty, der, text) =
            (file("empty", b""), file("der", &[0x30, 0x82, 1, 2, 3]), file("text", b"nothing"));
        let (full, bare) = (dir.path().join("full"), dir.path().join("bare"));
        fs::create_dir(&full).and_then(|()| fs::create_dir(&bare)).expect("made");
        fs::copy(&good, full.join("0.pem")).expect("copied");
        let missing = dir.path().join("missing");
        type Case<'c> = (Option<&'c Path>, Option<&'c Path>, Option<&'c str>);
        let cases: &[Case<'_>] = &[
            (None, None, None),
            (Some(&good), None, None),
            (Some(&latin), Some(&full), None),
            (Some(Path::new("")), None, Some("SSL_CERT_FILE is set and empty")),
            (Some(&missing), None, Some("there is no such file")),
            (Some(&full), None, Some("which is a directory")),
            (Some(&empty), None, Some("no certificate in PEM form")),
            (Some(&text), None, Some("no certificate in PEM form")),
            (Some(&der), None, Some("openssl x509 -inform der")),
            (None, Some(&missing), Some("SSL_CERT_DIR names")),
            (None, Some(&bare), Some("no certificate in PEM form")),
            (None, Some(Path::new("")), None),
        ];
        for (path, directory, expected) in cases {
            let found = wrong(*path, directory.map(|directory| vec![directory.to_owned()]));
            match expected {
                None => assert!(found.is_empty(), "{path:?} {directory:?}: {found:?}"),
                Some(text) => assert!(
                    matches!(found.as_slice(), [one] if one.contains(text)),
                    "{path:?} {directory:?}: {found:?}"
                ),
            }
        }
    }

    #[test]
    fn a_refused_certificate_is_explained() {
        let at = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let name = rustls::pki_types::ServerName::try_from("api.example").expect("a name");
        for (error, words) in [
            (CertificateError::UnknownIssuer, "not trusted here"),
            (
                CertificateError::ExpiredContext { time: at(86_400), not_after: at(0) },
                "expired at 1970-01-01T00:00:00Z; by the clock of this machine it is 1970-01-02T00:00:00Z",
            ),
            (
                CertificateError::NotValidYetContext { time: at(0), not_before: at(60) },
                "valid from 1970-01-01T00:01:00Z on",
            ),
            (
                CertificateError::NotValidForNameContext {
                    expected: name.clone(),
                    presented: vec![
                        "DnsName(\"other.example\")".to_owned(),
                        "IpAddress(10.0.0.1)".to_owned(),
                    ],
                },
                "is for `other.example`, `10.0.0.1`, not for `api.example`",
            ),
            (
                CertificateError::NotValidForNameContext { expected: name, presented: Vec::new() },
                "is for no name at all",
            ),
            (CertificateError::BadSignature, "not the one of that name"),
            (CertificateError::Revoked, "Revoked"),
        ] {
            let found = explained(&error);
            assert!(found.reason.contains(words), "{found:?}");
            let is_unknown =
                matches!(error, CertificateError::UnknownIssuer | CertificateError::BadSignature);
            assert_eq!(found.is_unknown, is_unknown, "{found:?}");
        }
    }
}
