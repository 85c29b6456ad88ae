use crate::error::WebError;
use minilab_model::ObjectKey;

/// Reads the object key that stands after `prefix` in a request's raw path.
///
/// The key is percent-decoded exactly once and never normalised: `../`, `//`, `+` and an encoded `%2F` all mean what
/// they say, since a key is text and no path.
///
/// # Errors
/// [`WebError::BadRequest`] for a broken escape, for bytes that are not UTF-8, and for a key that is empty or too long.
pub(crate) fn object_key(path: &str, prefix: &str) -> Result<ObjectKey, WebError> {
    let raw = path.strip_prefix(prefix).unwrap_or_default();
    let bytes = percent_decode(raw).ok_or_else(|| {
        WebError::bad_request("the key holds a `%` that no two hex digits follow; a literal percent sign is written %25")
    })?;
    let text = String::from_utf8(bytes).map_err(|_| WebError::bad_request("the key is not UTF-8 once percent-decoded"))?;
    ObjectKey::new(text).map_err(|error| WebError::bad_request(error.to_string()))
}

/// Undoes percent-encoding (RFC 3986, section 2.1); `None` for a `%` without two hex digits after it.
fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => (hex_digit(bytes.next()?)? << 4) | hex_digit(bytes.next()?)?,
            other => other,
        });
    }
    Some(decoded)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Percent-encodes all but RFC 3986's unreserved characters, so that the result fits a path segment and an extended
/// header parameter (RFC 8187) alike.
pub(crate) fn percent_encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(encoded, "%{byte:02X}").unwrap_or_default();
        }
        encoded
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_once_and_never_normalised() {
        let check = |path: &str, expected: &str| {
            assert_eq!(object_key(path, "/images/").unwrap().as_str(), expected, "{path}");
        };
        check("/images/input/a.jpg", "input/a.jpg");
        check("/images/a%2Fb.jpg", "a/b.jpg");
        check("/images/a%252Fb.jpg", "a%2Fb.jpg");
        check("/images/a+b%20c.jpg", "a+b c.jpg");
        check("/images/../../etc/passwd", "../../etc/passwd");
        check("/images//double//", "/double//");
        check("/images/%F0%9F%93%B7.jpg", "📷.jpg");
        check("/images/%00", "\0");
        check(&format!("/images/{}", "x".repeat(1024)), &"x".repeat(1024));
    }

    #[test]
    fn broken_keys_are_refused() {
        for path in ["/images/", "/images/%", "/images/%2", "/images/%zz", "/images/%+1", "/images/%ff"] {
            assert!(object_key(path, "/images/").is_err(), "{path} was accepted");
        }
        assert!(object_key(&format!("/images/{}", "x".repeat(1025)), "/images/").is_err());
    }

    #[test]
    fn encoding_is_undone_by_decoding() {
        for text in ["a b+c/d%2F.jpg", "📷 é.png", "\r\n\"';", ""] {
            assert_eq!(percent_decode(&percent_encode(text)).unwrap(), text.as_bytes());
        }
    }
}
