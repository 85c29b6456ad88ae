//! Signatures after Standard Webhooks (<https://github.com/standard-webhooks/standard-webhooks>, `spec/standard-webhooks.md`).

use crate::Secret;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Padding may be left out, as the reference libraries allow.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true),
);

/// The keys that one webhook's messages are signed with: more than one while a secret is being replaced.
#[derive(Clone)]
pub(crate) struct SigningKeys(Vec<Vec<u8>>);

impl SigningKeys {
    /// Reads one or more secrets, separated by spaces. `whsec_…` is base64 after its prefix, as the specification
    /// serialises symmetric secrets. Anything else is a key as it stands, by its UTF-8 bytes; since the reference libraries
    /// read even that as base64, it signs a second time with the decoded bytes where it is valid base64.
    pub fn parse(secret: &Secret) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (index, part) in secret.expose().split_whitespace().enumerate() {
            let which = index + 1;
            match part.strip_prefix("whsec_") {
                Some(encoded) => {
                    let key = BASE64.decode(encoded).map_err(|_| {
                        format!("secret {which} begins with `whsec_`, but what follows is not base64; make one with `openssl rand -base64 32`")
                    })?;
                    if key.is_empty() {
                        return Err(format!("secret {which} is `whsec_` with nothing after it"));
                    }
                    keys.push(key);
                }
                None => {
                    keys.push(part.as_bytes().to_vec());
                    keys.extend(BASE64.decode(part).ok().filter(|key| !key.is_empty()));
                }
            }
        }
        if keys.is_empty() { Err("it is empty".to_owned()) } else { Ok(Self(keys)) }
    }

    /// The value of `webhook-signature`: a `v1` signature for each key, the oldest secret last or first as it was given.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signatures: Vec<String> = self.0.iter().map(|key| sign(key, id, timestamp, body)).collect();
        signatures.join(" ")
    }
}

fn sign(key: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    // HMAC takes keys of any length (RFC 2104), so this one is always taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn keys(secret: &str) -> Result<SigningKeys, String> {
        SigningKeys::parse(&Secret::new(secret))
    }

    /// The example of the specification's reference libraries.
    #[test]
    fn the_reference_vector_is_met() {
        let keys = keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_secret_signs_and_plain_ones_in_both_readings() {
        let count = |secret: &str| keys(secret).unwrap().sign("a", 1, b"b").split(' ').count();
        assert_eq!(count("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsec_c2VjcmV0c2VjcmV0c2VjcmV0"), 2);
        assert_eq!(count("not-base64!"), 1);
        assert_eq!(count("c2VjcmV0"), 2);
        assert_eq!(keys("whsec_c2VjcmU").unwrap().0, [b"secre".to_vec()], "padding may be left out");
    }

    #[test]
    fn what_cannot_sign_is_refused_without_showing_it() {
        for secret in ["", "  ", "whsec_", "whsec_%%%hidden"] {
            let reason = keys(secret).err().unwrap();
            assert!(!reason.contains("hidden"), "{reason}");
        }
    }
}
