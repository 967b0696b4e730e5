//! Signing a plugin file or an index with a minisign key (<https://jedisct1.github.io/minisign/>).

use std::path::Path;

use astro_plugin_protocol::plugin_file::{self, FooterError, Signature};
use base64::{Engine, prelude::BASE64_STANDARD};
use dialoguer::{Password, console::Term, theme::SimpleTheme};
use minisign::{PublicKey, SecretKey, SecretKeyBox};

use crate::{
    base::{
        error::{Failure, Result, ResultExt, code, failed, usage},
        files,
    },
    console::no_answer,
    env::Env,
    program::APP,
    sys::signals,
    trust::{self, trusted_comment},
};

/// Bytes of a secret key of minisign.
const SECRET_LEN: usize = 158;

/// A key that can sign.
pub(crate) struct Key(SecretKey);

/// Reads a key as `minisign -G` writes it, asking for its password where it has one.
pub(crate) fn key(env: &Env, path: &Path, may_ask: bool) -> Result<Key> {
    let text = files::read(path)?.ok_or_else(|| usage(format!("there is no file `{}`", path.display())))?;
    let not_a_key = || format!("`{}` is not a secret key of minisign", path.display());
    match stated(&text).as_deref() {
        // `minisign -G -W`: no password, and the checksum is zero, which the library would refuse.
        Some(bytes @ [b'E', b'd', 0, 0, ..]) if bytes.len() == SECRET_LEN => {
            return SecretKey::from_bytes(bytes).map(Key).context(code::USAGE, not_a_key);
        }
        Some(bytes @ [b'E', b'd', b'S', b'c', ..]) if bytes.len() == SECRET_LEN => {}
        _ => return Err(usage(not_a_key())),
    }
    let facts = env.console.facts;
    if !may_ask || !facts.stdin || !facts.stderr {
        return Err(Failure::new(
            code::INPUT_REQUIRED,
            format!("the key `{}` has a password, which needs an interactive terminal", path.display()),
        )
        .help("run it on a terminal, or make a key without a password for your CI: minisign -G -W"));
    }
    let password = signals::asking(|| {
        Password::with_theme(&SimpleTheme)
            .with_prompt(format!("Password of {}", path.display()))
            .interact_on(&Term::stderr())
    })
    .map_err(|error| no_answer(&error.to_string()))?;
    let sealed = SecretKeyBox::from_string(&text).context(code::USAGE, not_a_key)?;
    sealed
        .into_secret_key(Some(password))
        .map(Key)
        .context(code::USAGE, || format!("the password does not open the key `{}`", path.display()))
}

/// The bytes of a key file: algorithm, method of the password, and the rest.
fn stated(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text.lines().nth(1)?.trim()).ok()
}

impl Key {
    /// Signs a plugin file in place; the trusted comment binds name, version and target.
    pub(crate) fn sign(&self, file: &mut [u8], name: &str, version: &str, target: &str) -> Result<Signature> {
        let comment = trusted_comment(name, version, target);
        let mut made = None;
        plugin_file::sign(file, |signed| {
            let signature = self.signature(signed, &comment)?;
            made = Some(signature.clone());
            Ok::<_, NotSigned>(signature)
        })
        .map_err(|NotSigned(reason)| failed("the plugin file cannot be signed").cause(reason))?;
        // A key file that was damaged makes signatures that nobody can verify.
        match (made, self.public()) {
            (Some(signature), Some(public)) if public.signed(file, &signature) => Ok(signature),
            _ => Err(failed("the key made a signature that it does not verify").help("is its file damaged?")),
        }
    }

    /// Signs any bytes. Answers the text of a `.minisig` file.
    pub(crate) fn sign_detached(&self, bytes: &[u8], comment: &str) -> Result<String> {
        let about = &format!("signature of an {APP} plugin index");
        let signature = minisign::sign(None, &self.0, bytes, Some(comment), Some(about))
            .context(code::FAILED, || "the index cannot be signed".to_owned())?
            .into_string();
        match self.public().is_some_and(|key| key.verified(bytes, &signature).is_some()) {
            true => Ok(signature),
            false => {
                Err(failed("the key made a signature that it does not verify").help("is its file damaged?"))
            }
        }
    }

    /// The public key.
    pub(crate) fn public(&self) -> Option<trust::Key> {
        trust::Key::parse(&PublicKey::from_secret_key(&self.0).ok()?.to_base64())
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

struct NotSigned(String);

impl From<FooterError> for NotSigned {
    fn from(error: FooterError) -> Self {
        Self(error.to_string())
    }
}
