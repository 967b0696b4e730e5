//! The layout of a `NAME.astro-plugin` file, footer revision 1 (not signed) and 2 (signed).
//!
//! ```text
//! payload        the shared library, unchanged: loaders ignore what follows it
//! manifest       UTF-8 JSON
//! footer         512 bytes at the very end, integers little-endian
//!   0    8   magic "ASTROPLG"
//!   8    4   footer revision (1 or 2)
//!   12   4   payload kind (1 = shared library)
//!   16   64  target triple, padded with NUL
//!   80   4   ABI revision
//!   84   4   lowest glibc it needs: major * 1000 + minor, 0 = unknown
//!   88   8   manifest offset (= payload length)
//!   96   8   manifest length
//!   104  408 zero in revision 1; in revision 2 the signature of everything before it:
//!   104  2   length of the trusted comment
//!   106  74  minisign signature: "ED" (prehashed Ed25519), 8 bytes of key id, 64 bytes
//!   180  64  minisign global signature: of the 64 bytes above and the trusted comment
//!   244  268 trusted comment, UTF-8, padded with zero
//! ```
//!
//! The signature is minisign's (<https://jedisct1.github.io/minisign/>, "Signature format"): the file without its last
//! 408 bytes is what `minisign -V` verifies with the text of [`Signature::to_minisig`].
//!
//! The file is read and checked before any of the plugin's code can run. There is no archive, so there is
//! nothing to unpack. The reader is total: any bytes give a value or an error.

use std::fmt;

/// Length of the footer in bytes.
pub const FOOTER_LEN: usize = 512;
/// The first bytes of the footer.
pub const MAGIC: [u8; 8] = *b"ASTROPLG";
/// The footer revision of a file that is not signed.
pub const FOOTER_REVISION: u32 = 1;
/// The footer revision of a signed file, the newest that this package reads.
pub const SIGNED_REVISION: u32 = 2;
/// The length of the part of the footer that is not signed, at its very end: the signature.
pub const SIGNATURE_LEN: usize = FOOTER_LEN - SIGNATURE_AT;
/// Where the signature begins in the footer.
const SIGNATURE_AT: usize = 104;
/// The longest trusted comment in bytes.
const MAX_COMMENT: usize = 268;
/// The largest manifest in bytes (4 MiB).
pub const MAX_MANIFEST: u64 = 4 * 1024 * 1024;
/// The file name's ending.
pub const EXTENSION: &str = "astro-plugin";

/// What a footer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    /// Target triple, such as `x86_64-unknown-linux-gnu`.
    pub triple: String,
    /// ABI revision.
    pub abi: u32,
    /// Lowest glibc as (major, minor), when known.
    pub glibc: Option<(u32, u32)>,
    /// Where the manifest begins: the length of the payload.
    pub manifest_offset: u64,
    /// Length of the manifest in bytes.
    pub manifest_len: u64,
    /// The signature, when it is signed. Reading a footer does not verify it.
    pub signature: Option<Signature>,
}

/// A minisign signature as it stands in a footer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Algorithm, key id and signature.
    pub signature: [u8; 74],
    /// The signature of the signature and the trusted comment.
    pub global: [u8; 64],
    /// What the signer states: `name:NAME version:VERSION target:TRIPLE`.
    pub trusted_comment: String,
}

impl Signature {
    /// The id of the key in full: 16 hexadecimal digits. minisign shows it without the zeros it begins with.
    pub fn key_id(&self) -> String {
        self.signature[2..10].iter().rev().map(|byte| format!("{byte:02X}")).collect()
    }

    /// The text of a `.minisig` file. `base64` encodes with the standard alphabet and padding.
    pub fn to_minisig(&self, base64: impl Fn(&[u8]) -> String) -> String {
        format!(
            "untrusted comment: signature of an astro plugin\n{}\ntrusted comment: {}\n{}\n",
            base64(&self.signature),
            self.trusted_comment,
            base64(&self.global)
        )
    }

    fn parse(bytes: &[u8; FOOTER_LEN]) -> Result<Self, FooterError> {
        let wrong = FooterError::Field("signature");
        let length = usize::from(u16::from_le_bytes([bytes[104], bytes[105]]));
        if length > MAX_COMMENT
            || bytes[106..108] != *b"ED"
            || bytes[244 + length..].iter().any(|byte| *byte != 0)
        {
            return Err(wrong);
        }
        let comment = std::str::from_utf8(&bytes[244..244 + length]).map_err(|_| wrong.clone())?;
        if comment.chars().any(char::is_control) {
            return Err(wrong);
        }
        let (mut signature, mut global) = ([0; 74], [0; 64]);
        signature.copy_from_slice(&bytes[106..180]);
        global.copy_from_slice(&bytes[180..244]);
        Ok(Self { signature, global, trusted_comment: comment.to_owned() })
    }

    fn write(&self, bytes: &mut [u8; FOOTER_LEN]) -> Result<(), FooterError> {
        let comment = self.trusted_comment.as_bytes();
        let length = u16::try_from(comment.len()).unwrap_or(u16::MAX);
        if comment.len() > MAX_COMMENT {
            return Err(FooterError::Field("signature"));
        }
        bytes[104..106].copy_from_slice(&length.to_le_bytes());
        bytes[106..180].copy_from_slice(&self.signature);
        bytes[180..244].copy_from_slice(&self.global);
        bytes[244..244 + comment.len()].copy_from_slice(comment);
        Ok(())
    }
}

/// Why a file is not a plugin file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FooterError {
    /// Shorter than a footer.
    TooShort,
    /// The magic is not there.
    NotAPlugin,
    /// A footer revision this reader does not know.
    Revision(u32),
    /// A payload kind this reader does not know.
    PayloadKind(u32),
    /// A field that cannot be.
    Field(&'static str),
}

impl fmt::Display for FooterError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => write!(formatter, "the file is too short to be a plugin"),
            Self::NotAPlugin => write!(formatter, "the file does not end with a plugin footer"),
            Self::Revision(found) => {
                write!(
                    formatter,
                    "its footer has revision {found}, this astro reads revisions up to {SIGNED_REVISION}"
                )
            }
            Self::PayloadKind(found) => {
                write!(formatter, "its payload kind {found} is not known to this astro")
            }
            Self::Field(name) => write!(formatter, "its footer's {name} cannot be right"),
        }
    }
}

impl std::error::Error for FooterError {}

impl Footer {
    /// Reads the last [`FOOTER_LEN`] bytes of a file whose whole length is `file_len`.
    pub fn parse(footer: &[u8], file_len: u64) -> Result<Self, FooterError> {
        let bytes: &[u8; FOOTER_LEN] = footer.try_into().map_err(|_| FooterError::TooShort)?;
        if bytes[..8] != MAGIC {
            return Err(FooterError::NotAPlugin);
        }
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        let signature = match u32_at(8) {
            FOOTER_REVISION if bytes[SIGNATURE_AT..].iter().any(|byte| *byte != 0) => {
                return Err(FooterError::Field("reserved part"));
            }
            FOOTER_REVISION => None,
            SIGNED_REVISION => Some(Signature::parse(bytes)?),
            other => return Err(FooterError::Revision(other)),
        };
        match u32_at(12) {
            1 => {}
            other => return Err(FooterError::PayloadKind(other)),
        }
        let triple = std::str::from_utf8(&bytes[16..80])
            .map_err(|_| FooterError::Field("target triple"))?
            .trim_end_matches('\0')
            .to_owned();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if triple.is_empty() || !triple.bytes().all(plain) {
            return Err(FooterError::Field("target triple"));
        }
        let (manifest_offset, manifest_len) = (u64_at(88), u64_at(96));
        let ends =
            manifest_offset.checked_add(manifest_len).and_then(|end| end.checked_add(FOOTER_LEN as u64));
        if manifest_offset == 0 || manifest_len == 0 || manifest_len > MAX_MANIFEST || ends != Some(file_len)
        {
            return Err(FooterError::Field("manifest position"));
        }
        let glibc = match u32_at(84) {
            0 => None,
            packed => Some((packed / 1000, packed % 1000)),
        };
        Ok(Self { triple, abi: u32_at(80), glibc, manifest_offset, manifest_len, signature })
    }

    /// The bytes of the footer. A triple longer than 64 bytes is refused.
    pub fn to_bytes(&self) -> Result<[u8; FOOTER_LEN], FooterError> {
        if self.triple.len() > 64 {
            return Err(FooterError::Field("target triple"));
        }
        let mut bytes = [0; FOOTER_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        let revision = if self.signature.is_some() { SIGNED_REVISION } else { FOOTER_REVISION };
        bytes[8..12].copy_from_slice(&revision.to_le_bytes());
        bytes[12..16].copy_from_slice(&1u32.to_le_bytes());
        bytes[16..16 + self.triple.len()].copy_from_slice(self.triple.as_bytes());
        bytes[80..84].copy_from_slice(&self.abi.to_le_bytes());
        let glibc = self.glibc.map_or(0, |(major, minor)| major * 1000 + minor.min(999));
        bytes[84..88].copy_from_slice(&glibc.to_le_bytes());
        bytes[88..96].copy_from_slice(&self.manifest_offset.to_le_bytes());
        bytes[96..104].copy_from_slice(&self.manifest_len.to_le_bytes());
        if let Some(signature) = &self.signature {
            signature.write(&mut bytes)?;
        }
        Ok(bytes)
    }
}

/// Signs a plugin file in place. `sign` gets the bytes that are signed: everything before the signature.
pub fn sign<E: From<FooterError>>(
    file: &mut [u8],
    sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
) -> Result<(), E> {
    let at = file.len().checked_sub(FOOTER_LEN).ok_or(FooterError::TooShort)?;
    let mut footer = Footer::parse(&file[at..], file.len() as u64)?;
    // The revision is part of what is signed.
    file[at + 8..at + 12].copy_from_slice(&SIGNED_REVISION.to_le_bytes());
    footer.signature = Some(sign(&file[..file.len() - SIGNATURE_LEN])?);
    let bytes = footer.to_bytes()?;
    file[at..].copy_from_slice(&bytes);
    Footer::parse(&file[at..], file.len() as u64)?;
    Ok(())
}

/// Puts a plugin file together.
pub fn assemble(
    payload: &[u8],
    manifest: &[u8],
    triple: &str,
    abi: u32,
    glibc: Option<(u32, u32)>,
) -> Result<Vec<u8>, FooterError> {
    let footer = Footer {
        triple: triple.to_owned(),
        abi,
        glibc,
        manifest_offset: payload.len() as u64,
        manifest_len: manifest.len() as u64,
        signature: None,
    };
    let mut file = Vec::with_capacity(payload.len() + manifest.len() + FOOTER_LEN);
    file.extend_from_slice(payload);
    file.extend_from_slice(manifest);
    file.extend_from_slice(&footer.to_bytes()?);
    // What cannot be read back must not be written.
    Footer::parse(&file[file.len() - FOOTER_LEN..], file.len() as u64)?;
    Ok(file)
}

/// The lowest glibc that the symbol versions named in a shared library ask for: the highest `GLIBC_x.y`
/// text in it. A heuristic over bytes that errs on the safe side.
pub fn glibc_floor(payload: &[u8]) -> Option<(u32, u32)> {
    let number = |bytes: &[u8]| -> Option<(u32, usize)> {
        let digits = bytes.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        std::str::from_utf8(&bytes[..digits]).ok()?.parse().ok().map(|value| (value, digits))
    };
    let mut floor = None;
    for at in payload.windows(6).enumerate().filter(|(_, window)| window == b"GLIBC_").map(|(at, _)| at + 6) {
        let Some((major, digits)) = number(&payload[at..]) else { continue };
        let rest = &payload[at + digits..];
        if let Some((minor, _)) = rest.strip_prefix(b".").and_then(number) {
            floor = floor.max(Some((major, minor)));
        }
    }
    floor
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRIPLE: &str = "x86_64-unknown-linux-gnu";

    #[test]
    fn glibc_floor_is_the_highest_version() {
        assert_eq!(glibc_floor(b"..GLIBC_2.4\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_PRIVATE\0"), Some((2, 34)));
        assert_eq!(glibc_floor(b"nothing"), None);
    }

    #[test]
    fn a_signature_covers_everything_before_it() {
        let mut file = assemble(b"payload", b"{}", TRIPLE, 1, None).expect("assembled");
        let unsigned = file.clone();
        let mut signed = Vec::new();
        let mut bytes = [7; 74];
        bytes[..2].copy_from_slice(b"ED");
        let signature =
            Signature { signature: bytes, global: [9; 64], trusted_comment: "name:x version:1.0.0".into() };
        sign(&mut file, |all| {
            signed = all.to_vec();
            Ok::<_, FooterError>(signature.clone())
        })
        .expect("signed");
        let footer = Footer::parse(&file[file.len() - FOOTER_LEN..], file.len() as u64).expect("read");
        assert_eq!(footer.signature, Some(signature.clone()));
        assert_eq!(signed, file[..file.len() - SIGNATURE_LEN]);
        assert_eq!(file.len(), unsigned.len());
        let long = Signature { trusted_comment: "x".repeat(MAX_COMMENT + 1), ..signature };
        assert!(sign(&mut unsigned.clone(), |_| Ok::<_, FooterError>(long)).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(payload in prop::collection::vec(any::<u8>(), 1..64),
            manifest in prop::collection::vec(any::<u8>(), 1..64), abi: u32, minor in 0u32..999) {
            let file = assemble(&payload, &manifest, TRIPLE, abi, Some((2, minor))).expect("assembled");
            let footer = Footer::parse(&file[file.len() - FOOTER_LEN..], file.len() as u64).expect("read");
            prop_assert_eq!((footer.abi, footer.glibc, footer.triple.as_str()), (abi, Some((2, minor)), TRIPLE));
            let offset = footer.manifest_offset as usize;
            prop_assert_eq!(&file[offset..offset + footer.manifest_len as usize], &manifest[..]);
        }

        #[test]
        fn any_bytes_give_a_value_or_an_error(mut bytes in prop::collection::vec(any::<u8>(), FOOTER_LEN),
            len: u64, magic: bool) {
            if magic { bytes[..8].copy_from_slice(&MAGIC); }
            for revision in [0u8, 1, 2] {
                if magic && revision > 0 { bytes[8..12].copy_from_slice(&[revision, 0, 0, 0]); }
                // What is read is written again as it was.
                if let Ok(footer) = Footer::parse(&bytes, len) {
                    let written = footer.to_bytes().expect("fits");
                    let again = Footer::parse(&written, len).expect("read again");
                    prop_assert_eq!(format!("{again:?}"), format!("{footer:?}"));
                }
            }
        }

        #[test]
        fn a_changed_bit_is_another_footer_or_an_error(bit in 0..FOOTER_LEN * 8) {
            let file = assemble(b"payload", b"{}", TRIPLE, 1, None).expect("assembled");
            let mut footer = file[file.len() - FOOTER_LEN..].to_vec();
            let before = Footer::parse(&footer, file.len() as u64).expect("read");
            footer[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(Footer::parse(&footer, file.len() as u64).ok(), Some(before));
        }
    }
}
