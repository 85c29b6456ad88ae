use crate::options::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use subtle::{Choice, ConstantTimeEq as _};

/// Wrong sign-ins that one address may make in [`WINDOW`].
const MAX_FAILURES: u32 = 5;
/// How long failures count.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses remembered at a time; when as many are fresh, further ones share one count.
const MAX_ADDRESSES: usize = 4096;

/// Checks HTTP Basic credentials (RFC 7617) and slows down guessing.
pub(crate) struct SignIn {
    /// SHA-256 of each `access key:secret key`: equal lengths to compare, and no secret kept in the clear here.
    accepted: Vec<[u8; 32]>,
    failures: Mutex<HashMap<IpAddr, Failures>>,
}

struct Failures {
    count: u32,
    since: Instant,
}

/// How a sign-in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignedIn {
    /// The pair is right.
    Yes,
    /// Nothing was offered.
    NotTried,
    /// The pair is wrong.
    No,
    /// Too many wrong pairs came from there; the pair was not looked at.
    TryAgainIn(Duration),
}

impl SignIn {
    pub(crate) fn new(credentials: &[Credentials]) -> Self {
        let accepted =
            credentials.iter().map(|pair| digest(format!("{}:{}", pair.access_key, pair.secret_key).as_bytes())).collect();
        Self { accepted, failures: Mutex::default() }
    }

    /// Checks an `Authorization` header that came from `address` at `now`.
    pub(crate) fn check(&self, authorization: Option<&[u8]>, address: IpAddr, now: Instant) -> SignedIn {
        let Some(authorization) = authorization else { return SignedIn::NotTried };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let address = counted_as(address, &mut failures, now);
        let earlier = failures.get(&address).filter(|failures| now.duration_since(failures.since) < WINDOW);
        if let Some(earlier) = earlier.filter(|earlier| earlier.count >= MAX_FAILURES) {
            return SignedIn::TryAgainIn(WINDOW.saturating_sub(now.duration_since(earlier.since)));
        }
        if basic_pair(authorization).is_some_and(|pair| self.accepts(&pair)) {
            return SignedIn::Yes;
        }
        let (count, since) = earlier.map_or((1, now), |earlier| (earlier.count + 1, earlier.since));
        failures.insert(address, Failures { count, since });
        SignedIn::No
    }

    /// Compares with every pair, each in constant time, so that the time taken tells nothing about any of them.
    fn accepts(&self, pair: &[u8]) -> bool {
        let offered = digest(pair);
        self.accepted.iter().fold(Choice::from(0), |found, accepted| found | accepted.ct_eq(&offered)).into()
    }
}

/// The address that failures are counted under: a whole /64 for IPv6, since that is what one customer has; one for all
/// when too many are remembered.
fn counted_as(address: IpAddr, failures: &mut HashMap<IpAddr, Failures>, now: Instant) -> IpAddr {
    let address = match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    };
    if failures.len() >= MAX_ADDRESSES && !failures.contains_key(&address) {
        failures.retain(|_, failures| now.duration_since(failures.since) < WINDOW);
        if failures.len() >= MAX_ADDRESSES {
            return IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        }
    }
    address
}

/// `user:password` of a Basic header.
fn basic_pair(authorization: &[u8]) -> Option<Vec<u8>> {
    let (scheme, encoded) = std::str::from_utf8(authorization).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()).ok()).flatten()
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sign_in() -> SignIn {
        let pair = |access: &str, secret: &str| Credentials { access_key: access.to_owned(), secret_key: secret.to_owned() };
        SignIn::new(&[pair("first", "one:two"), pair("second", "Ünïcode")])
    }

    fn basic(pair: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(pair)).into_bytes()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_the_right_pairs_sign_in() {
        let check = |header: &[u8], expected: SignedIn| {
            assert_eq!(sign_in().check(Some(header), address("10.0.0.1"), Instant::now()), expected, "{}", header.escape_ascii());
        };
        check(&basic("first:one:two"), SignedIn::Yes);
        check(&basic("second:Ünïcode"), SignedIn::Yes);
        check(format!("bASIC {}", STANDARD.encode("first:one:two")).as_bytes(), SignedIn::Yes);
        for wrong in ["first:one", "first:", "", ":", "second:one:two", "first:one:two ", "FIRST:one:two"] {
            check(&basic(wrong), SignedIn::No);
        }
        check(b"Bearer first:one:two", SignedIn::No);
        check(b"Basic ***", SignedIn::No);
        check(b"Basic", SignedIn::No);
        check(b"\xFF\xFE", SignedIn::No);
        assert_eq!(sign_in().check(None, address("10.0.0.1"), Instant::now()), SignedIn::NotTried);
        assert_eq!(SignIn::new(&[]).check(Some(&basic(":")), address("10.0.0.1"), Instant::now()), SignedIn::No);
    }

    #[test]
    fn guessing_is_slowed_down_by_address() {
        let (sign_in, start) = (sign_in(), Instant::now());
        let guess = |from: &str, pair: &str, at: Instant| sign_in.check(Some(&basic(pair)), address(from), at);
        for _ in 0..MAX_FAILURES {
            assert_eq!(guess("2001:db8::1", "first:guess", start), SignedIn::No);
        }
        assert_eq!(guess("2001:db8::ffff", "first:one:two", start), SignedIn::TryAgainIn(WINDOW), "the same /64");
        assert_eq!(guess("2001:db8:0:1::1", "first:one:two", start), SignedIn::Yes, "another network");
        assert_eq!(guess("2001:db8::1", "first:one:two", start + WINDOW), SignedIn::Yes, "a minute later");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (sign_in, start) = (sign_in(), Instant::now());
        for number in 0..u32::try_from(2 * MAX_ADDRESSES).unwrap() {
            sign_in.check(Some(b"Basic x"), IpAddr::V4(number.into()), start);
        }
        assert!(sign_in.failures.lock().unwrap().len() <= MAX_ADDRESSES + 1);
    }
}
