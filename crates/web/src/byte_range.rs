use std::ops::Range;

/// What a `Range` header asks of a body of known length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it: no header, one that asks for several ranges, or one that is not understood, which a server is to
    /// ignore (RFC 9110, section 14.2).
    Whole,
    /// These bytes; never empty.
    Part(Range<u64>),
    /// Bytes that are not there.
    Unsatisfiable,
}

/// Reads a `Range` header (RFC 9110, section 14.1) against a body of `size_bytes`.
pub(crate) fn wanted(header: Option<&str>, size_bytes: u64) -> Wanted {
    let Some(set) = header.and_then(|header| header.trim().split_once('=')) else { return Wanted::Whole };
    let (unit, ranges) = set;
    if !unit.trim().eq_ignore_ascii_case("bytes") || ranges.contains(',') {
        return Wanted::Whole;
    }
    let Some((first, last)) = ranges.trim().split_once('-') else { return Wanted::Whole };
    match (number(first), number(last)) {
        (Number::None, Number::Is(suffix)) => match suffix.min(size_bytes) {
            0 => Wanted::Unsatisfiable,
            suffix => Wanted::Part(size_bytes - suffix..size_bytes),
        },
        (Number::Is(first), last) => {
            let last = match last {
                Number::None => u64::MAX,
                Number::Is(last) if last >= first => last,
                _ => return Wanted::Whole,
            };
            if first >= size_bytes { Wanted::Unsatisfiable } else { Wanted::Part(first..last.saturating_add(1).min(size_bytes)) }
        }
        _ => Wanted::Whole,
    }
}

enum Number {
    None,
    Is(u64),
    Bad,
}

fn number(text: &str) -> Number {
    if text.is_empty() {
        return Number::None;
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Number::Bad;
    }
    // More digits than fit ask for bytes beyond any object.
    Number::Is(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        let check = |header: &str, expected: Wanted| assert_eq!(wanted(Some(header), 10), expected, "{header}");
        assert_eq!(wanted(None, 10), Wanted::Whole);
        check("bytes=0-0", Wanted::Part(0..1));
        check("bytes=2-5", Wanted::Part(2..6));
        check("Bytes = 2-", Wanted::Part(2..10));
        check("bytes=2-99999999999999999999999", Wanted::Part(2..10));
        check("bytes=-3", Wanted::Part(7..10));
        check("bytes=-30", Wanted::Part(0..10));
        check("bytes=-0", Wanted::Unsatisfiable);
        check("bytes=10-", Wanted::Unsatisfiable);
        check("bytes=99999999999999999999999-", Wanted::Unsatisfiable);
        for ignored in ["bytes=5-2", "bytes=", "bytes=-", "bytes=a-b", "bytes=+1-2", "bytes=0-1,3-4", "lines=0-1", "bytes"] {
            check(ignored, Wanted::Whole);
        }
    }

    #[test]
    fn an_empty_body_has_no_ranges() {
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Unsatisfiable);
        assert_eq!(wanted(Some("bytes=-5"), 0), Wanted::Unsatisfiable);
    }
}
