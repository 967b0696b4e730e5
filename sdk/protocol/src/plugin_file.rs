//! The layout of a `NAME.astro-plugin` file, footer revision 1.
//!
//! ```text
//! payload        the shared library, unchanged: loaders ignore what follows it
//! manifest       UTF-8 JSON
//! footer         512 bytes at the very end, integers little-endian
//!   0    8   magic "ASTROPLG"
//!   8    4   footer revision (1)
//!   12   4   payload kind (1 = shared library)
//!   16   64  target triple, padded with NUL
//!   80   4   ABI revision
//!   84   4   lowest glibc it needs: major * 1000 + minor, 0 = unknown
//!   88   8   manifest offset (= payload length)
//!   96   8   manifest length
//!   104  408 zero in revision 1
//! ```
//!
//! The file is read and checked before any of the plugin's code can run. There is no archive, so there is
//! nothing to unpack. The reader is total: any bytes give a value or an error.

use std::fmt;

/// Length of the footer in bytes.
pub const FOOTER_LEN: usize = 512;
/// The first bytes of the footer.
pub const MAGIC: [u8; 8] = *b"ASTROPLG";
/// The footer revision this package writes.
pub const FOOTER_REVISION: u32 = 1;
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
                    "its footer has revision {found}, this astro reads revision {FOOTER_REVISION}"
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
        match u32_at(8) {
            FOOTER_REVISION => {}
            other => return Err(FooterError::Revision(other)),
        }
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
        if bytes[104..].iter().any(|byte| *byte != 0) {
            return Err(FooterError::Field("reserved part"));
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
        Ok(Self { triple, abi: u32_at(80), glibc, manifest_offset, manifest_len })
    }

    /// The bytes of the footer. A triple longer than 64 bytes is refused.
    pub fn to_bytes(&self) -> Result<[u8; FOOTER_LEN], FooterError> {
        if self.triple.len() > 64 {
            return Err(FooterError::Field("target triple"));
        }
        let mut bytes = [0; FOOTER_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FOOTER_REVISION.to_le_bytes());
        bytes[12..16].copy_from_slice(&1u32.to_le_bytes());
        bytes[16..16 + self.triple.len()].copy_from_slice(self.triple.as_bytes());
        bytes[80..84].copy_from_slice(&self.abi.to_le_bytes());
        let glibc = self.glibc.map_or(0, |(major, minor)| major * 1000 + minor.min(999));
        bytes[84..88].copy_from_slice(&glibc.to_le_bytes());
        bytes[88..96].copy_from_slice(&self.manifest_offset.to_le_bytes());
        bytes[96..104].copy_from_slice(&self.manifest_len.to_le_bytes());
        Ok(bytes)
    }
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
            let _ = Footer::parse(&bytes, len);
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
