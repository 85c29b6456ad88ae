//! Which operation is answered where. What is not named here answers NotImplemented.

use crate::error::name_error;
use crate::{acl, bucket, copy, delete, get, list, multipart, notification, post, put, tagging};
use minilab_embedded::Embedded;
use minilab_model::ObjectRef;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use std::sync::Arc;

/// The operations over one store.
pub(crate) struct Operations {
    store: Embedded,
    region: Arc<str>,
    /// The webhooks that a bucket's notification configuration may name.
    webhooks: Vec<String>,
}

impl Operations {
    pub(crate) fn new(store: Embedded, region: Arc<str>, webhooks: Vec<String>) -> Self {
        Self { store, region, webhooks }
    }
}

type Answer<T> = S3Result<S3Response<T>>;

#[async_trait::async_trait]
impl S3 for Operations {
    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        bucket::create(&self.store, &self.region, request).await
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        bucket::head(&self.store, &self.region, request).await
    }

    async fn list_buckets(&self, request: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        bucket::list(&self.store, request).await
    }

    async fn delete_bucket(&self, request: S3Request<DeleteBucketInput>) -> Answer<DeleteBucketOutput> {
        bucket::delete(&self.store, request).await
    }

    async fn get_bucket_location(&self, request: S3Request<GetBucketLocationInput>) -> Answer<GetBucketLocationOutput> {
        bucket::location(&self.store, &self.region, request).await
    }

    async fn get_bucket_versioning(&self, request: S3Request<GetBucketVersioningInput>) -> Answer<GetBucketVersioningOutput> {
        bucket::versioning(&self.store, request).await
    }

    async fn get_bucket_notification_configuration(
        &self,
        request: S3Request<GetBucketNotificationConfigurationInput>,
    ) -> Answer<GetBucketNotificationConfigurationOutput> {
        notification::get(&self.store, request).await
    }

    async fn put_bucket_notification_configuration(
        &self,
        request: S3Request<PutBucketNotificationConfigurationInput>,
    ) -> Answer<PutBucketNotificationConfigurationOutput> {
        notification::put(&self.store, &self.webhooks, request).await
    }

    async fn get_bucket_acl(&self, request: S3Request<GetBucketAclInput>) -> Answer<GetBucketAclOutput> {
        acl::of_bucket(&self.store, request).await
    }

    async fn get_object_acl(&self, request: S3Request<GetObjectAclInput>) -> Answer<GetObjectAclOutput> {
        acl::of_object(&self.store, request).await
    }

    async fn put_object_acl(&self, request: S3Request<PutObjectAclInput>) -> Answer<PutObjectAclOutput> {
        acl::set_on_object(&self.store, request).await
    }

    async fn get_object_tagging(&self, request: S3Request<GetObjectTaggingInput>) -> Answer<GetObjectTaggingOutput> {
        tagging::get(&self.store, request).await
    }

    async fn put_object_tagging(&self, request: S3Request<PutObjectTaggingInput>) -> Answer<PutObjectTaggingOutput> {
        tagging::put(&self.store, request).await
    }

    async fn delete_object_tagging(&self, request: S3Request<DeleteObjectTaggingInput>) -> Answer<DeleteObjectTaggingOutput> {
        tagging::delete(&self.store, request).await
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        put::put(&self.store, request).await
    }

    async fn post_object(&self, request: S3Request<PostObjectInput>) -> Answer<PostObjectOutput> {
        post::post(&self.store, request).await
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        get::get(&self.store, request).await
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        get::head(&self.store, request).await
    }

    async fn get_object_attributes(&self, request: S3Request<GetObjectAttributesInput>) -> Answer<GetObjectAttributesOutput> {
        get::attributes(&self.store, request).await
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        copy::copy(&self.store, request).await
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        delete::one(&self.store, request).await
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> Answer<DeleteObjectsOutput> {
        delete::many(&self.store, request).await
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        list::v1(&self.store, request).await
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        list::v2(&self.store, request).await
    }

    async fn list_object_versions(&self, request: S3Request<ListObjectVersionsInput>) -> Answer<ListObjectVersionsOutput> {
        list::versions(&self.store, request).await
    }

    async fn create_multipart_upload(&self, request: S3Request<CreateMultipartUploadInput>) -> Answer<CreateMultipartUploadOutput> {
        multipart::create(&self.store, request).await
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        multipart::put_part(&self.store, request).await
    }

    async fn upload_part_copy(&self, request: S3Request<UploadPartCopyInput>) -> Answer<UploadPartCopyOutput> {
        copy::part(&self.store, request).await
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        multipart::list_parts(&self.store, request).await
    }

    async fn list_multipart_uploads(&self, request: S3Request<ListMultipartUploadsInput>) -> Answer<ListMultipartUploadsOutput> {
        list::uploads(&self.store, request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        multipart::complete(&self.store, request).await
    }

    async fn abort_multipart_upload(&self, request: S3Request<AbortMultipartUploadInput>) -> Answer<AbortMultipartUploadOutput> {
        multipart::abort(&self.store, request).await
    }
}

pub(crate) fn bucket_name(name: &str) -> S3Result<minilab_model::BucketName> {
    minilab_model::BucketName::new(name).map_err(name_error)
}

pub(crate) fn object_ref(bucket: &str, key: &str) -> S3Result<ObjectRef> {
    Ok(ObjectRef::new(bucket_name(bucket)?, minilab_model::ObjectKey::new(key).map_err(name_error)?))
}

/// Buckets have no versions: the one that every object has is called `null`.
pub(crate) fn null_version(id: Option<&str>) -> S3Result<()> {
    match id {
        None | Some("null") => Ok(()),
        Some(_) => Err(s3_error!(InvalidArgument, "Invalid version id specified")),
    }
}

/// Whom everything belongs to: there is one account.
pub(crate) fn owner() -> Owner {
    Owner { display_name: Some("minilab".to_owned()), id: Some("minilab".to_owned()) }
}
