//! What clients ask about access: everything belongs to the one owner.

use crate::error::store_error;
use crate::operations::{bucket_name, null_version, object_ref, owner};
use minilab_embedded::Embedded;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

/// The canned ACLs that change nothing, because everything belongs to the owner alone.
const HARMLESS: [&str; 2] = ["private", "bucket-owner-full-control"];

fn full_control() -> Vec<Grant> {
    let Owner { display_name, id } = owner();
    let grantee = Grantee { display_name, id, email_address: None, type_: Type::from_static(Type::CANONICAL_USER), uri: None };
    vec![Grant { grantee: Some(grantee), permission: Some(Permission::from_static(Permission::FULL_CONTROL)) }]
}

pub(crate) async fn of_bucket(store: &Embedded, request: S3Request<GetBucketAclInput>) -> S3Result<S3Response<GetBucketAclOutput>> {
    store.bucket(&bucket_name(&request.input.bucket)?).await.map_err(store_error)?;
    Ok(S3Response::new(GetBucketAclOutput { grants: Some(full_control()), owner: Some(owner()) }))
}

pub(crate) async fn of_object(store: &Embedded, request: S3Request<GetObjectAclInput>) -> S3Result<S3Response<GetObjectAclOutput>> {
    let input = request.input;
    null_version(input.version_id.as_deref())?;
    store.object(&object_ref(&input.bucket, &input.key)?).await.map_err(store_error)?;
    Ok(S3Response::new(GetObjectAclOutput { grants: Some(full_control()), owner: Some(owner()), request_charged: None }))
}

/// Takes an ACL that says what is so anyway, as some clients send with each copy.
pub(crate) async fn set_on_object(
    store: &Embedded,
    request: S3Request<PutObjectAclInput>,
) -> S3Result<S3Response<PutObjectAclOutput>> {
    let input = request.input;
    null_version(input.version_id.as_deref())?;
    refuse_grants(
        input.acl.as_ref().map(ObjectCannedACL::as_str),
        input.grant_full_control.is_some()
            || input.grant_read.is_some()
            || input.grant_read_acp.is_some()
            || input.grant_write.is_some()
            || input.grant_write_acp.is_some(),
    )?;
    let grants = input.access_control_policy.and_then(|policy| policy.grants).unwrap_or_default();
    if grants.iter().any(|grant| !is_owners(grant)) {
        return Err(s3_error!(AccessControlListNotSupported));
    }
    store.object(&object_ref(&input.bucket, &input.key)?).await.map_err(store_error)?;
    Ok(S3Response::new(PutObjectAclOutput::default()))
}

fn is_owners(grant: &Grant) -> bool {
    grant.grantee.as_ref().is_some_and(|grantee| grantee.id == owner().id)
}

/// Silence would be a lie: a thing that was asked to be public and is not.
pub(crate) fn refuse_grants(canned: Option<&str>, granted: bool) -> S3Result<()> {
    if granted || canned.is_some_and(|acl| !HARMLESS.contains(&acl)) {
        return Err(s3_error!(AccessControlListNotSupported));
    }
    Ok(())
}
