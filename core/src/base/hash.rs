//! Checksums.

use sha2::{Digest, Sha256};

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
