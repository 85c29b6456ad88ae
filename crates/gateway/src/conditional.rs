//! Conditional requests: `If-Match` and its kin, for reads, writes and the sources of copies.

use crate::error::not_implemented;
use http::header::{HeaderMap, HeaderValue};
use minilab_embedded::{EtagCondition, Precondition};
use minilab_model::Timestamp;
use s3s::dto::{self, ETagCondition};
use s3s::{S3Result, s3_error};

/// The condition of an `If-Match` (`strong`: weak ETags match nothing) or `If-None-Match` header, which may list
/// several ETags.
pub(crate) fn etags(headers: &HeaderMap, name: &str, strong: bool) -> S3Result<Option<EtagCondition>> {
    let Some(header) = headers.get(name) else { return Ok(None) };
    parse(header, strong).map(Some).ok_or_else(|| s3_error!(InvalidArgument, "The {name} header is not a list of ETags"))
}

fn parse(header: &HeaderValue, strong: bool) -> Option<EtagCondition> {
    let text = header.to_str().ok()?.trim();
    if text == "*" {
        return Some(EtagCondition::Any);
    }
    let mut etags = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (weak, tagged) = match rest.strip_prefix("W/") {
            Some(tagged) => (true, tagged),
            None => (false, rest),
        };
        let (etag, behind) = match tagged.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            // Many clients leave the quotes out.
            None => tagged.split_at(tagged.find(',').unwrap_or(tagged.len())),
        };
        if !(weak && strong) {
            etags.push(etag.trim().to_owned());
        }
        let behind = behind.trim_start();
        rest = match behind.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if behind.is_empty() => behind,
            None => return None,
        };
    }
    Some(EtagCondition::OneOf(etags))
}

/// The conditions of a read.
pub(crate) fn of_read(
    headers: &HeaderMap,
    if_modified_since: Option<&dto::Timestamp>,
    if_unmodified_since: Option<&dto::Timestamp>,
) -> S3Result<Precondition> {
    Ok(Precondition {
        if_match: etags(headers, "if-match", true)?,
        if_none_match: etags(headers, "if-none-match", false)?,
        if_modified_since: if_modified_since.map(moment),
        if_unmodified_since: if_unmodified_since.map(moment),
    })
}

/// The conditions on the source of a copy.
pub(crate) fn of_copy_source(
    headers: &HeaderMap,
    if_modified_since: Option<&dto::Timestamp>,
    if_unmodified_since: Option<&dto::Timestamp>,
) -> S3Result<Precondition> {
    Ok(Precondition {
        if_match: etags(headers, "x-amz-copy-source-if-match", true)?,
        if_none_match: etags(headers, "x-amz-copy-source-if-none-match", false)?,
        if_modified_since: if_modified_since.map(moment),
        if_unmodified_since: if_unmodified_since.map(moment),
    })
}

/// The conditions of a write. As in S3, `If-None-Match` takes `*` only.
pub(crate) fn of_write(if_match: Option<&ETagCondition>, if_none_match: Option<&ETagCondition>) -> S3Result<Precondition> {
    if if_match.is_some() && if_none_match.is_some() {
        return Err(not_implemented("If-Match together with If-None-Match"));
    }
    let if_none_match = match if_none_match {
        None => None,
        Some(ETagCondition::Any) => Some(EtagCondition::Any),
        Some(ETagCondition::ETag(_)) => return Err(not_implemented("If-None-Match with an ETag")),
    };
    let if_match = if_match.map(|condition| match condition {
        ETagCondition::Any => EtagCondition::Any,
        ETagCondition::ETag(etag) => EtagCondition::OneOf(etag.as_strong().map(str::to_owned).into_iter().collect()),
    });
    Ok(Precondition { if_match, if_none_match, ..Precondition::default() })
}

pub(crate) fn moment(timestamp: &dto::Timestamp) -> Timestamp {
    let moment = time::OffsetDateTime::from(timestamp.clone());
    Timestamp::from_millis(i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX))
}

pub(crate) fn dto_moment(timestamp: Timestamp) -> dto::Timestamp {
    dto::Timestamp::from(timestamp.as_system_time())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etag_lists_are_read_as_clients_write_them() {
        let check = |text: &'static str, strong, expected: Option<&[&str]>| {
            let expected = expected.map(|etags| EtagCondition::OneOf(etags.iter().map(|etag| (*etag).to_owned()).collect()));
            assert_eq!(parse(&HeaderValue::from_static(text), strong), expected, "{text}");
        };
        check("\"a\"", true, Some(&["a"]));
        check("a-2", true, Some(&["a-2"]));
        check("\"a\", \"b,c\" ,d", true, Some(&["a", "b,c", "d"]));
        check("W/\"a\", \"b\"", true, Some(&["b"]));
        check("W/\"a\", \"b\"", false, Some(&["a", "b"]));
        check("\"a", true, None);
        check("\"a\" \"b\"", true, None);
        assert_eq!(parse(&HeaderValue::from_static("*"), true), Some(EtagCondition::Any));
    }
}
