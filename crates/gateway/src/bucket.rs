//! Buckets: create, head, list, delete, location, versioning.

use crate::attributes::{Asked, refuse};
use crate::conditional::dto_moment;
use crate::error::store_error;
use crate::operations::{bucket_name, owner};
use minilab_embedded::Embedded;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

/// The region whose CreateBucket answers 200 for a bucket that one has already.
const CLASSIC_REGION: &str = "us-east-1";
/// The most buckets a page of ListBuckets has.
const MAX_BUCKETS: i32 = 10_000;

pub(crate) async fn create(
    store: &Embedded,
    region: &str,
    request: S3Request<CreateBucketInput>,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let input = request.input;
    refuse(&Asked {
        acl: input.acl.as_ref().map(BucketCannedACL::as_str),
        grants: input.grant_full_control.is_some()
            || input.grant_read.is_some()
            || input.grant_read_acp.is_some()
            || input.grant_write.is_some()
            || input.grant_write_acp.is_some(),
        encryption: false,
        object_lock: input.object_lock_enabled_for_bucket.unwrap_or_default(),
        storage_class: None,
    })?;
    // Where the bucket is to be is not asked: there is one place, and any region may sign.
    let bucket = bucket_name(&input.bucket)?;
    let newly_made = store.create_bucket(&bucket).await.map_err(store_error)?;
    if !newly_made && region != CLASSIC_REGION {
        return Err(s3_error!(BucketAlreadyOwnedByYou));
    }
    Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{bucket}")), ..CreateBucketOutput::default() }))
}

pub(crate) async fn head(
    store: &Embedded,
    region: &str,
    request: S3Request<HeadBucketInput>,
) -> S3Result<S3Response<HeadBucketOutput>> {
    store.bucket(&bucket_name(&request.input.bucket)?).await.map_err(store_error)?;
    Ok(S3Response::new(HeadBucketOutput { bucket_region: Some(region.to_owned()), ..HeadBucketOutput::default() }))
}

pub(crate) async fn list(store: &Embedded, request: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
    let input = request.input;
    let max = match input.max_buckets {
        None => MAX_BUCKETS,
        Some(max @ 1..=MAX_BUCKETS) => max,
        Some(_) => return Err(s3_error!(InvalidArgument, "Argument max-buckets must be an integer between 1 and 10000.")),
    };
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = input.continuation_token.unwrap_or_default();
    let mut named: Vec<_> = store.buckets().await.map_err(store_error)?;
    named.retain(|bucket| bucket.name.as_str().starts_with(&prefix) && bucket.name.as_str() > after.as_str());
    named.sort_by(|one, other| one.name.cmp(&other.name));
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let continuation_token = (named.len() > max).then(|| named[max - 1].name.to_string());
    named.truncate(max);
    let buckets = named.into_iter().map(|bucket| Bucket {
        creation_date: Some(dto_moment(bucket.created_at)),
        name: Some(bucket.name.into()),
        ..Bucket::default()
    });
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(buckets.collect()),
        continuation_token,
        owner: Some(owner()),
        prefix: input.prefix,
    }))
}

pub(crate) async fn delete(store: &Embedded, request: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
    store.delete_bucket(&bucket_name(&request.input.bucket)?).await.map_err(store_error)?;
    Ok(S3Response::new(DeleteBucketOutput::default()))
}

pub(crate) async fn location(
    store: &Embedded,
    region: &str,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    store.bucket(&bucket_name(&request.input.bucket)?).await.map_err(store_error)?;
    // The oldest region has no name here.
    let constraint = if region == CLASSIC_REGION { String::new() } else { region.to_owned() };
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint: Some(constraint.into()) }))
}

/// Buckets have no versions. Clients ask all the same before they clean up.
pub(crate) async fn versioning(
    store: &Embedded,
    request: S3Request<GetBucketVersioningInput>,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    store.bucket(&bucket_name(&request.input.bucket)?).await.map_err(store_error)?;
    Ok(S3Response::new(GetBucketVersioningOutput::default()))
}
