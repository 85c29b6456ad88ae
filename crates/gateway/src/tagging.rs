//! Object tags: up to ten names and values beside an object, which change neither its ETag nor its time and start no job.

use crate::error::{store_error, too_many_tags};
use crate::operations::{null_version, object_ref};
use minilab_embedded::Embedded;
use minilab_model::MAX_TAGS;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use std::collections::BTreeMap;

/// Longest name and value of a tag, in characters.
const MAX_CHARACTERS: (usize, usize) = (128, 256);

pub(crate) async fn get(
    store: &Embedded,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let input = request.input;
    null_version(input.version_id.as_deref())?;
    let info = store.object(&object_ref(&input.bucket, &input.key)?).await.map_err(store_error)?;
    let tag = |(key, value)| Tag { key: Some(key), value: Some(value) };
    let tag_set = info.attributes.tags.into_iter().map(tag).collect();
    Ok(S3Response::new(GetObjectTaggingOutput { tag_set, version_id: None }))
}

pub(crate) async fn put(
    store: &Embedded,
    request: S3Request<PutObjectTaggingInput>,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let input = request.input;
    null_version(input.version_id.as_deref())?;
    let pairs = input.tagging.tag_set.into_iter().map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
    let tags = checked(pairs)?;
    store.set_tags(&object_ref(&input.bucket, &input.key)?, tags).await.map_err(store_error)?;
    Ok(S3Response::new(PutObjectTaggingOutput::default()))
}

pub(crate) async fn delete(
    store: &Embedded,
    request: S3Request<DeleteObjectTaggingInput>,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    let input = request.input;
    null_version(input.version_id.as_deref())?;
    store.set_tags(&object_ref(&input.bucket, &input.key)?, BTreeMap::new()).await.map_err(store_error)?;
    let mut response = S3Response::new(DeleteObjectTaggingOutput::default());
    response.status = Some(http::StatusCode::NO_CONTENT);
    Ok(response)
}

/// The tags of an `x-amz-tagging` header: names and values as in the query of a URL.
pub(crate) fn parse(header: Option<&str>) -> S3Result<BTreeMap<String, String>> {
    let pairs = url::form_urlencoded::parse(header.unwrap_or_default().as_bytes());
    checked(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())))
}

/// The tags that a copy gets; `None` stands for the source's.
pub(crate) fn of_copy(directive: Option<&TaggingDirective>, header: Option<&str>) -> S3Result<Option<BTreeMap<String, String>>> {
    match directive.map(TaggingDirective::as_str) {
        None | Some(TaggingDirective::COPY) => Ok(None),
        Some(TaggingDirective::REPLACE) => parse(header).map(Some),
        Some(_) => Err(s3_error!(InvalidArgument, "Unknown tagging directive.")),
    }
}

fn checked(pairs: impl Iterator<Item = (String, String)>) -> S3Result<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for (name, value) in pairs {
        if name.is_empty() || name.chars().count() > MAX_CHARACTERS.0 || !is_allowed(&name) {
            return Err(s3_error!(InvalidTag, "The TagKey you have provided is invalid"));
        }
        if value.chars().count() > MAX_CHARACTERS.1 || !is_allowed(&value) {
            return Err(s3_error!(InvalidTag, "The TagValue you have provided is invalid"));
        }
        if name.starts_with("aws:") {
            return Err(s3_error!(InvalidTag, "System tags cannot be added/updated by requester"));
        }
        if tags.insert(name, value).is_some() {
            return Err(s3_error!(InvalidTag, "Cannot provide multiple Tags with the same key"));
        }
        if tags.len() > MAX_TAGS {
            return Err(too_many_tags());
        }
    }
    Ok(tags)
}

/// Letters, digits and spaces of any script, and `+ - = . _ : / @` (Amazon S3 User Guide, "Categorizing your objects").
fn is_allowed(text: &str) -> bool {
    text.chars().all(|character| character.is_alphanumeric() || character == ' ' || "+-=._:/@".contains(character))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_a_query() {
        let tags = parse(Some("a=1&b+c=%C3%A4&d")).unwrap();
        let pairs: Vec<_> = tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("a", "1"), ("b c", "ä"), ("d", "")]);
        let refuse = |header: &str, code: &str| {
            assert_eq!(parse(Some(header)).unwrap_err().code().as_str(), code, "{header}");
        };
        refuse("a=1&a=2", "InvalidTag");
        refuse("=1", "InvalidTag");
        refuse("a=%3C", "InvalidTag");
        refuse("aws:x=1", "InvalidTag");
        refuse("a&b&c&d&e&f&g&h&i&j&k", "BadRequest");
        refuse(&"x".repeat(129), "InvalidTag");
    }
}
