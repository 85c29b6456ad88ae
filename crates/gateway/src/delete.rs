//! DeleteObject and DeleteObjects.

use crate::checksum::check_parsed_body;
use crate::conditional;
use crate::error::{not_implemented, store_error};
use crate::operations::{bucket_name, null_version, object_ref};
use crate::request::{BodyDigests, origin};
use minilab_embedded::{Embedded, Origin, Precondition};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

/// The most keys of one DeleteObjects.
const MAX_KEYS: usize = 1000;

pub(crate) async fn one(store: &Embedded, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
    let origin = origin(&request);
    let input = request.input;
    null_version(input.version_id.as_deref())?;
    if input.if_match_size.is_some() || input.if_match_last_modified_time.is_some() {
        return Err(not_implemented("conditions on size and time"));
    }
    let object = object_ref(&input.bucket, &input.key)?;
    let precondition = conditional::of_write(input.if_match.as_ref(), None)?;
    store.delete_object(&object, precondition, origin).await.map_err(store_error)?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

pub(crate) async fn many(store: &Embedded, request: S3Request<DeleteObjectsInput>) -> S3Result<S3Response<DeleteObjectsOutput>> {
    check_parsed_body(&request.headers, request.extensions.get::<BodyDigests>().and_then(BodyDigests::get))?;
    let origin = origin(&request);
    let input = request.input;
    let bucket = bucket_name(&input.bucket)?;
    if input.delete.objects.is_empty() || input.delete.objects.len() > MAX_KEYS {
        return Err(s3_error!(MalformedXML));
    }
    // A bucket that is missing is one error, not one for each key.
    store.bucket(&bucket).await.map_err(store_error)?;

    let mut refused = Vec::new();
    let mut plain = Vec::new();
    let mut conditional = Vec::new();
    for identifier in input.delete.objects {
        match check(&input.bucket, &identifier) {
            Err(error) => refused.push((identifier, error)),
            Ok(object) if identifier.e_tag.is_some() => conditional.push((identifier, object)),
            Ok(object) => plain.push((identifier, object)),
        }
    }

    let mut deleted = Vec::new();
    // All without a condition go in one transaction, and so do their events.
    let keys = plain.iter().map(|(_, object)| object.key.clone()).collect::<Vec<_>>();
    if !keys.is_empty() {
        store.delete_objects(&bucket, keys, origin.clone()).await.map_err(store_error)?;
        deleted.extend(plain.into_iter().map(|(identifier, _)| identifier));
    }
    for (identifier, object) in conditional {
        let if_match = identifier.e_tag.clone().map(ETagCondition::ETag);
        let outcome = match conditional::of_write(if_match.as_ref(), None) {
            Ok(precondition) => delete(store, &object, precondition, origin.clone()).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => deleted.push(identifier),
            Err(error) => refused.push((identifier, error)),
        }
    }

    let quiet = input.delete.quiet.unwrap_or_default();
    let deleted = deleted.into_iter().filter(|identifier| !quiet && is_xml(&identifier.key)).map(|identifier| DeletedObject {
        key: Some(identifier.key),
        version_id: identifier.version_id,
        ..DeletedObject::default()
    });
    let errors = refused.into_iter().map(|(identifier, error)| Error {
        code: Some(error.code().as_str().to_owned()),
        message: error.message().map(str::to_owned),
        key: Some(identifier.key).filter(|key| is_xml(key)),
        version_id: identifier.version_id,
    });
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: Some(deleted.collect()),
        errors: Some(errors.collect()),
        request_charged: None,
    }))
}

fn check(bucket: &str, identifier: &ObjectIdentifier) -> Result<minilab_model::ObjectRef, S3Error> {
    null_version(identifier.version_id.as_deref())?;
    if identifier.size.is_some() || identifier.last_modified_time.is_some() {
        return Err(not_implemented("conditions on size and time"));
    }
    object_ref(bucket, &identifier.key)
}

async fn delete(store: &Embedded, object: &minilab_model::ObjectRef, precondition: Precondition, origin: Origin) -> S3Result<()> {
    store.delete_object(object, precondition, origin).await.map(drop).map_err(store_error)
}

/// Whether XML 1.0 can hold the text. What it cannot is deleted all the same, but not echoed.
pub(crate) fn is_xml(text: &str) -> bool {
    !text.chars().any(|character| {
        character < ' ' && !matches!(character, '\t' | '\n' | '\r') || matches!(character, '\u{fffe}' | '\u{ffff}')
    })
}
