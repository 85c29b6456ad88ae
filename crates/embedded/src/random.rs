//! Random names.

use std::io;

/// 128 random bits from the operating system.
pub(crate) fn bits() -> io::Result<[u8; 16]> {
    let mut bits = [0; 16];
    match getrandom::fill(&mut bits) {
        Ok(()) => Ok(bits),
        Err(error) => Err(io::Error::other(error.to_string())),
    }
}
