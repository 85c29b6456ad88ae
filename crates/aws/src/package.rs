//! The zip that Lambda runs: the program, and what it works by.

mod elf;
mod mend;
mod zip;

use crate::bundle::{self, Bundle};
use crate::config::Architecture;
use sha2::{Digest, Sha256};
use std::io;
use zip::Entry;

/// A zip that starts within the aim of this project is not larger than this, in bytes.
pub const AIM_BYTES: usize = 12_000_000;
/// The most that Lambda unpacks, in bytes ("Lambda quotas").
pub const MAX_UNPACKED_BYTES: usize = 250 << 20;

/// Why there is no zip.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// No program at all.
    #[error("is no 64-bit Linux program")]
    NotElf,
    /// A program for other processors.
    #[error("is for {machine}, and the functions are to run on {architecture}")]
    Machine {
        /// What it is for.
        machine: String,
        /// What it should be for.
        architecture: Architecture,
    },
    /// Its tables lead nowhere.
    #[error("is damaged or stripped of its sections, so that nobody can tell what it needs")]
    Damaged,
    /// It needs a newer system.
    #[error(
        "needs {version}, and Lambda's provided.al2023 has GLIBC_2.34 at most: build it with `cargo lambda build`, which links against an older one, \
         or on Amazon Linux 2023"
    )]
    Glibc {
        /// The version, as its symbols name it.
        version: String,
    },
    /// It needs a library that is not there.
    #[error("needs the library {name}, which Lambda's provided.al2023 does not have")]
    Library {
        /// The library's file.
        name: String,
    },
    /// It is too large.
    #[error("has {bytes} bytes; Lambda unpacks {MAX_UNPACKED_BYTES} at most")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The zip cannot be written.
    #[error("cannot be packed")]
    Pack(#[from] io::Error),
}

/// The program as Lambda's `provided.al2023` on this architecture can start it: as it is, or asking for older versions of functions that
/// are the same in them.
///
/// # Errors
/// [`PackageError`] says what is wrong with it.
pub fn fit(program: Vec<u8>, architecture: Architecture) -> Result<Vec<u8>, PackageError> {
    let program = mend::mend(program);
    elf::check(&program, architecture)?;
    Ok(program)
}

/// A zip, ready to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The zip.
    pub bytes: Vec<u8>,
    /// Its SHA-256, in hex.
    pub sha256: String,
}

impl Package {
    /// Packs a program and what it works by. The same program and the same configuration always give the same bytes.
    ///
    /// # Errors
    /// [`PackageError`] when Lambda could not start the program.
    pub fn new(program: &[u8], bundle: &Bundle) -> Result<Self, PackageError> {
        let program = fit(program.to_vec(), bundle.aws.architecture)?;
        if program.len() > MAX_UNPACKED_BYTES {
            return Err(PackageError::TooLarge { bytes: program.len() });
        }
        let mut bundle = serde_json::to_vec_pretty(bundle).map_err(io::Error::other)?;
        bundle.push(b'\n');
        let bytes = zip::write(&[
            Entry { name: "bootstrap", mode: 0o755, content: &program },
            Entry { name: bundle::FILE, mode: 0o644, content: &bundle },
        ])?;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        Ok(Self { bytes, sha256 })
    }

    /// A key for the zip on S3 that no other content has: CloudFormation looks at the key alone to tell whether the code changed.
    #[must_use]
    pub fn key(&self, bundle: &Bundle) -> String {
        format!("{}-{}-{}.zip", bundle.aws.name, bundle.aws.architecture, self.sha256.get(..16).unwrap_or_default())
    }
}
