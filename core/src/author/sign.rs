//! Signing a plugin file with a minisign key, and verifying it (<https://jedisct1.github.io/minisign/>).

use std::path::Path;

use astro_plugin_protocol::plugin_file::{self, FooterError, SIGNATURE_LEN, Signature};
use base64::{Engine, prelude::BASE64_STANDARD};
use dialoguer::{Password, console::Term, theme::SimpleTheme};
use minisign::{PublicKey, SecretKey, SecretKeyBox};

use crate::{
    app::App,
    console::no_answer,
    error::{Failure, Result, While, code, failed, usage},
    files,
    host::signals,
};

/// Bytes of a secret key of minisign.
const SECRET_LEN: usize = 158;

/// A key that can sign.
pub(crate) struct Key(SecretKey);

/// Reads a key as `minisign -G` writes it, asking for its password where it has one.
pub(crate) fn key(app: &App, path: &Path, may_ask: bool) -> Result<Key> {
    let text = files::read(path)?.ok_or_else(|| usage(format!("there is no file `{}`", path.display())))?;
    let not_a_key = || format!("`{}` is not a secret key of minisign", path.display());
    match stated(&text).as_deref() {
        // `minisign -G -W`: no password, and the checksum is zero, which the library would refuse.
        Some(bytes @ [b'E', b'd', 0, 0, ..]) if bytes.len() == SECRET_LEN => {
            return SecretKey::from_bytes(bytes).map(Key).while_doing(code::USAGE, not_a_key);
        }
        Some(bytes @ [b'E', b'd', b'S', b'c', ..]) if bytes.len() == SECRET_LEN => {}
        _ => return Err(usage(not_a_key())),
    }
    let facts = app.console.facts;
    if !may_ask || !facts.stdin || !facts.stderr {
        return Err(Failure::new(
            code::INPUT_REQUIRED,
            format!("the key `{}` has a password, and nobody can be asked for it here", path.display()),
        )
        .help("run it on a terminal, or make a key without a password for your CI: minisign -G -W"));
    }
    let password = signals::asking(|| {
        Password::with_theme(&SimpleTheme)
            .with_prompt(format!("Password of {}", path.display()))
            .interact_on(&Term::stderr())
    })
    .map_err(|error| no_answer(&error.to_string()))?;
    let sealed = SecretKeyBox::from_string(&text).while_doing(code::USAGE, not_a_key)?;
    sealed
        .into_secret_key(Some(password))
        .map(Key)
        .while_doing(code::USAGE, || format!("the password does not open the key `{}`", path.display()))
}

/// The bytes of a key file: algorithm, method of the password, and the rest.
fn stated(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text.lines().nth(1)?.trim()).ok()
}

impl Key {
    /// Signs a plugin file in place; the trusted comment binds name, version and target.
    pub(crate) fn sign(&self, file: &mut [u8], name: &str, version: &str, target: &str) -> Result<Signature> {
        let comment = format!("name:{name} version:{version} target:{target}");
        let mut made = None;
        plugin_file::sign(file, |signed| {
            let signature = self.signature(signed, &comment)?;
            made = Some(signature.clone());
            Ok::<_, NotSigned>(signature)
        })
        .map_err(|NotSigned(reason)| failed("the plugin file cannot be signed").cause(reason))?;
        // A key file that was damaged makes signatures that nobody can verify.
        let public = PublicKey::from_secret_key(&self.0);
        match (made, public) {
            (Some(signature), Ok(public)) if verify(&public, file, &signature) => Ok(signature),
            _ => Err(failed("the key made a signature that it does not verify").help("is its file damaged?")),
        }
    }

    fn signature(&self, signed: &[u8], comment: &str) -> Result<Signature, NotSigned> {
        let words = |error: minisign::PError| NotSigned(error.to_string());
        let signature = minisign::sign(None, &self.0, signed, Some(comment), None).map_err(words)?;
        // The text has four lines: a comment, the signature, the trusted comment, the global signature.
        let text = signature.into_string();
        let mut lines = text.lines().skip(1).step_by(2).map(|line| BASE64_STANDARD.decode(line.trim()));
        let mut next = || lines.next().and_then(std::result::Result::ok).unwrap_or_default();
        let wrong = |_| NotSigned("minisign made a signature of another form".to_owned());
        Ok(Signature {
            signature: next().try_into().map_err(wrong)?,
            global: next().try_into().map_err(wrong)?,
            trusted_comment: comment.to_owned(),
        })
    }
}

/// A public key: the path of a `.pub` file, or its text as minisign prints it.
pub(crate) fn public_key(given: &str) -> Result<PublicKey> {
    let path = Path::new(given);
    let text = match path.exists() {
        true => files::read(path)?.unwrap_or_default(),
        false => given.to_owned(),
    };
    // A file has a comment above the key.
    let text = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default().to_owned();
    PublicKey::from_base64(&text).while_doing(code::USAGE, || {
        format!("`{given}` is neither a public key of minisign nor a file with one")
    })
}

/// Whether the signature of a plugin file is one of this key over the bytes before it.
pub(crate) fn verify(key: &PublicKey, file: &[u8], signature: &Signature) -> bool {
    let text = signature.to_minisig(|bytes| BASE64_STANDARD.encode(bytes));
    let signed = &file[..file.len().saturating_sub(SIGNATURE_LEN)];
    minisign::SignatureBox::from_string(&text).is_ok_and(|signature| {
        minisign::verify(key, &signature, std::io::Cursor::new(signed), true, false, false).is_ok()
    })
}

struct NotSigned(String);

impl From<FooterError> for NotSigned {
    fn from(error: FooterError) -> Self {
        Self(error.to_string())
    }
}
