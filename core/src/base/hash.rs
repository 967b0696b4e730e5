//! Checksums, and the words for a file whose checksum is another one than it should be.

use sha2::{Digest, Sha256};

use crate::base::error::{Failure, plugin};

/// What is wrong with a file whose bytes are not the expected ones.
pub const MISMATCH: &str = "checksum mismatch";

/// The failure of a file with another SHA-256 than expected. `what` says what cannot be done with it: ``cannot load plugin `x` ``.
pub fn mismatch(what: &str, found: &str, expected: &str) -> Failure {
    plugin(format!("{what}: {MISMATCH}")).cause(difference(found, expected))
}

/// Two checksums that should be one.
pub fn difference(found: &str, expected: &str) -> String {
    format!("SHA-256 {found}, expected {expected}")
}

/// SHA-256 of what a reader gives, as hexadecimal digits.
///
/// # Errors
/// Those of the reader.
pub fn sha256(mut reader: impl std::io::Read) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
