//! Checksums that clients send along and want echoed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// A checksum algorithm of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChecksumAlgorithm {
    /// CRC-32 (ISO-HDLC), 4 bytes.
    Crc32,
    /// CRC-32C (Castagnoli), 4 bytes.
    Crc32c,
    /// CRC-64/NVME, 8 bytes.
    Crc64nvme,
    /// SHA-1, 20 bytes.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
}

/// What a checksum of a multipart object covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChecksumType {
    /// The checksums of the parts, written `value-N`.
    Composite,
    /// The whole content.
    FullObject,
}

/// A checksum of an object or part.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checksum {
    /// How it was computed.
    pub algorithm: ChecksumAlgorithm,
    /// What it covers.
    pub kind: ChecksumType,
    /// The value in base64, as in the `x-amz-checksum-*` headers; for a composite one with `-N` behind it.
    pub value: String,
}

/// Computes one checksum over bytes that come in pieces.
pub(crate) enum ChecksumHasher {
    Crc(ChecksumAlgorithm, crc_fast::Digest),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl ChecksumHasher {
    pub(crate) fn new(algorithm: ChecksumAlgorithm) -> Self {
        match algorithm {
            ChecksumAlgorithm::Sha1 => Self::Sha1(Sha1::new()),
            ChecksumAlgorithm::Sha256 => Self::Sha256(Sha256::new()),
            crc => Self::Crc(crc, crc_fast::Digest::new(crc_parameters(crc))),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(_, digest) => digest.update(bytes),
            Self::Sha1(digest) => digest.update(bytes),
            Self::Sha256(digest) => digest.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Checksum {
        let (algorithm, value) = match self {
            Self::Crc(algorithm, digest) => (algorithm, encode_crc(algorithm, digest.finalize())),
            Self::Sha1(digest) => (ChecksumAlgorithm::Sha1, STANDARD.encode(digest.finalize())),
            Self::Sha256(digest) => (ChecksumAlgorithm::Sha256, STANDARD.encode(digest.finalize())),
        };
        Checksum { algorithm, kind: ChecksumType::FullObject, value }
    }
}

/// The checksum of an object made of `parts` (checksum and length of each, in order).
///
/// `None` when a part has none, or when the algorithm cannot give a checksum of the whole (SHA).
pub(crate) fn combine<'a>(
    algorithm: ChecksumAlgorithm,
    kind: ChecksumType,
    parts: impl ExactSizeIterator<Item = (Option<&'a Checksum>, u64)>,
) -> Option<Checksum> {
    let count = parts.len();
    let value = match kind {
        ChecksumType::Composite => {
            let mut hasher = ChecksumHasher::new(algorithm);
            for (part, _) in parts {
                hasher.update(&STANDARD.decode(&part.filter(|part| part.algorithm == algorithm)?.value).ok()?);
            }
            format!("{}-{count}", hasher.finish().value)
        }
        ChecksumType::FullObject => {
            let mut whole: Option<u64> = None;
            for (part, size_bytes) in parts {
                let crc = decode_crc(part.filter(|part| part.algorithm == algorithm)?)?;
                whole = Some(match whole {
                    None => crc,
                    Some(sofar) => crc_fast::checksum_combine(crc_parameters(algorithm), sofar, crc, size_bytes),
                });
            }
            encode_crc(algorithm, whole?)
        }
    };
    Some(Checksum { algorithm, kind, value })
}

fn crc_parameters(algorithm: ChecksumAlgorithm) -> crc_fast::CrcAlgorithm {
    match algorithm {
        ChecksumAlgorithm::Crc32c => crc_fast::CrcAlgorithm::Crc32Iscsi,
        ChecksumAlgorithm::Crc64nvme => crc_fast::CrcAlgorithm::Crc64Nvme,
        _ => crc_fast::CrcAlgorithm::Crc32IsoHdlc,
    }
}

fn encode_crc(algorithm: ChecksumAlgorithm, value: u64) -> String {
    let bytes = value.to_be_bytes();
    match algorithm {
        ChecksumAlgorithm::Crc64nvme => STANDARD.encode(bytes),
        _ => STANDARD.encode(&bytes[4..]),
    }
}

fn decode_crc(checksum: &Checksum) -> Option<u64> {
    let bytes = match checksum.algorithm {
        ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256 => return None,
        _ => STANDARD.decode(&checksum.value).ok()?,
    };
    Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Checksum {
        let mut hasher = ChecksumHasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn values_are_those_of_s3() {
        // The check values of the CRC catalogue for "123456789", and the SHA standards' digests.
        let check = |algorithm, hex_value: &str| {
            let expected = STANDARD.encode(hex::decode(hex_value).unwrap());
            assert_eq!(of(algorithm, b"123456789").value, expected, "{algorithm:?}");
        };
        check(ChecksumAlgorithm::Crc32, "cbf43926");
        check(ChecksumAlgorithm::Crc32c, "e3069283");
        check(ChecksumAlgorithm::Crc64nvme, "ae8b14860a799888");
        check(ChecksumAlgorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
        check(ChecksumAlgorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
    }

    #[test]
    fn crcs_of_parts_give_the_crc_of_the_whole() {
        for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc32c, ChecksumAlgorithm::Crc64nvme] {
            let parts: [&[u8]; 3] = [b"one and ", b"", b"two"];
            let sums = parts.map(|part| of(algorithm, part));
            let listed: Vec<_> = sums.iter().zip(parts).map(|(sum, part)| (Some(sum), part.len() as u64)).collect();
            let whole = combine(algorithm, ChecksumType::FullObject, listed.clone().into_iter()).unwrap();
            assert_eq!(whole, of(algorithm, b"one and two"));
            let composite = combine(algorithm, ChecksumType::Composite, listed.into_iter()).unwrap();
            assert!(composite.value.ends_with("-3"));
        }
    }

    #[test]
    fn a_sha_of_the_whole_does_not_follow_from_its_parts() {
        let sum = of(ChecksumAlgorithm::Sha256, b"x");
        assert_eq!(combine(ChecksumAlgorithm::Sha256, ChecksumType::FullObject, [(Some(&sum), 1)].into_iter()), None);
    }
}
