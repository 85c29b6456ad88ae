use http::{HeaderMap, HeaderValue, header};
use std::time::{Duration, SystemTime};

/// What a client may already hold: the validators of the answer about to be given.
pub(crate) struct Validators<'a> {
    /// The entity tag, quoted, with its `W/` when it is weak.
    pub etag: &'a str,
    /// When it was last changed, if that is known.
    pub modified_at: Option<SystemTime>,
}

impl<'a> Validators<'a> {
    /// The validators of something whose age plays no part.
    pub(crate) fn of(etag: &'a HeaderValue) -> Self {
        Self { etag: etag.to_str().unwrap_or_default(), modified_at: None }
    }

    /// Whether `If-None-Match`, or else `If-Modified-Since`, says that the client's copy is still good
    /// (RFC 9110, section 13.2.2).
    pub(crate) fn is_unchanged(&self, headers: &HeaderMap) -> bool {
        let mut tags = headers.get_all(header::IF_NONE_MATCH).iter().peekable();
        if tags.peek().is_some() {
            return tags.filter_map(|value| value.to_str().ok()).any(|list| self.is_listed(list));
        }
        match (date(headers, header::IF_MODIFIED_SINCE), self.modified_at) {
            (Some(since), Some(modified_at)) => whole_seconds(modified_at) <= since,
            _ => false,
        }
    }

    /// Whether a `Range` header may be honoured: there is no `If-Range`, or it names exactly what is here
    /// (RFC 9110, section 13.1.5).
    pub(crate) fn allows_range(&self, headers: &HeaderMap) -> bool {
        let Some(condition) = headers.get(header::IF_RANGE) else { return true };
        match condition.to_str() {
            Ok(tag) if tag.starts_with('"') => tag.trim() == self.etag,
            Ok(_) => match (date(headers, header::IF_RANGE), self.modified_at) {
                (Some(since), Some(modified_at)) => whole_seconds(modified_at) == since,
                _ => false,
            },
            Err(_) => false,
        }
    }

    /// Weak comparison with each tag of a list. Tags made here hold no comma, so splitting at commas is enough.
    fn is_listed(&self, list: &str) -> bool {
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        list.trim() == "*" || list.split(',').any(|tag| opaque(tag) == opaque(self.etag))
    }
}

fn date(headers: &HeaderMap, name: header::HeaderName) -> Option<SystemTime> {
    headers.get(name)?.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok())
}

/// HTTP dates have no fractions.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MODIFIED: &str = "Fri, 20 Nov 2026 12:00:00 GMT";

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    fn validators() -> Validators<'static> {
        let modified_at = httpdate::parse_http_date(MODIFIED).unwrap() + Duration::from_millis(250);
        Validators { etag: "\"abc\"", modified_at: Some(modified_at) }
    }

    #[test]
    fn entity_tags_are_compared_weakly_and_before_dates() {
        let check = |list: &str, expected: bool| {
            assert_eq!(validators().is_unchanged(&with(header::IF_NONE_MATCH, list)), expected, "{list}");
        };
        check("\"abc\"", true);
        check("W/\"abc\"", true);
        check("\"x\", \"abc\"", true);
        check("*", true);
        check("\"abd\"", false);
        check("abc", false);
        let mut both = with(header::IF_NONE_MATCH, "\"other\"");
        both.insert(header::IF_MODIFIED_SINCE, MODIFIED.parse().unwrap());
        assert!(!validators().is_unchanged(&both), "a date must not overrule a tag");
    }

    #[test]
    fn dates_are_compared_in_whole_seconds() {
        assert!(validators().is_unchanged(&with(header::IF_MODIFIED_SINCE, MODIFIED)));
        assert!(!validators().is_unchanged(&with(header::IF_MODIFIED_SINCE, "Fri, 20 Nov 2026 11:59:59 GMT")));
        assert!(!validators().is_unchanged(&with(header::IF_MODIFIED_SINCE, "yesterday")));
        assert!(!validators().is_unchanged(&HeaderMap::new()));
    }

    #[test]
    fn a_range_of_something_else_is_not_given() {
        assert!(validators().allows_range(&HeaderMap::new()));
        assert!(validators().allows_range(&with(header::IF_RANGE, "\"abc\"")));
        assert!(validators().allows_range(&with(header::IF_RANGE, MODIFIED)));
        for other in ["\"abd\"", "W/\"abc\"", "Fri, 20 Nov 2026 12:00:01 GMT", "x"] {
            assert!(!validators().allows_range(&with(header::IF_RANGE, other)), "{other}");
        }
    }
}
