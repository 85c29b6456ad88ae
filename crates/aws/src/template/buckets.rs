//! Buckets that the stack makes.

use super::Template;
use super::names::{self, bucket_arn, objects_arn};
use super::node::{Node, list, map, reference};
use super::queues;
use super::stack::{Bucket, Stack};

pub(super) fn add(template: &mut Template, stack: &Stack<'_>) {
    for bucket in stack.buckets.iter().filter(|bucket| !bucket.exists) {
        let logical = names::bucket(&bucket.name);
        template.resource(&logical, made(bucket, stack));
        template.resource(&format!("{logical}Policy"), only_encrypted(&logical, bucket));
    }
}

fn made(bucket: &Bucket, stack: &Stack<'_>) -> Node {
    let mut properties = map! {
        "BucketName" => bucket.name.as_str(),
        "BucketEncryption" => map! {
            "ServerSideEncryptionConfiguration" => list![map! {
                "ServerSideEncryptionByDefault" => map! { "SSEAlgorithm" => "AES256" },
            }],
        },
        "PublicAccessBlockConfiguration" => map! {
            "BlockPublicAcls" => true,
            "BlockPublicPolicy" => true,
            "IgnorePublicAcls" => true,
            "RestrictPublicBuckets" => true,
        },
        "OwnershipControls" => map! { "Rules" => list![map! { "ObjectOwnership" => "BucketOwnerEnforced" }] },
        "LifecycleConfiguration" => map! { "Rules" => lifecycle(stack) },
    };
    let mut resource = map! {
        "Type" => "AWS::S3::Bucket",
        // Images outlive the stack that made things of them.
        "DeletionPolicy" => "Retain",
        "UpdateReplacePolicy" => "Retain",
    };
    if let Some(notifications) = queues::notifications(bucket, stack) {
        properties.insert("NotificationConfiguration", notifications);
        // S3 tries whether it may send when it is told to.
        resource.insert("DependsOn", queues::INGEST_POLICY);
    }
    resource.insert("Properties", properties);
    resource
}

fn lifecycle(stack: &Stack<'_>) -> Node {
    let mut rules = vec![map! {
        "Id" => "uploads-that-were-never-completed",
        "Status" => "Enabled",
        "AbortIncompleteMultipartUpload" => map! { "DaysAfterInitiation" => stack.aws.abort_uploads_days },
    }];
    if stack.aws.intelligent_tiering_days > 0 {
        rules.push(map! {
            "Id" => "intelligent-tiering",
            "Status" => "Enabled",
            "Transitions" => list![map! {
                "StorageClass" => "INTELLIGENT_TIERING",
                "TransitionInDays" => stack.aws.intelligent_tiering_days,
            }],
        });
    }
    Node::List(rules)
}

/// Nobody reads or writes without TLS.
fn only_encrypted(logical: &str, bucket: &Bucket) -> Node {
    map! {
        "Type" => "AWS::S3::BucketPolicy",
        "Properties" => map! {
            "Bucket" => reference(logical),
            "PolicyDocument" => map! {
                "Version" => "2012-10-17",
                "Statement" => list![map! {
                    "Sid" => "OnlyOverTls",
                    "Effect" => "Deny",
                    "Principal" => "*",
                    "Action" => "s3:*",
                    "Resource" => list![bucket_arn(&bucket.name), objects_arn(&bucket.name, "")],
                    "Condition" => map! { "Bool" => map! { "aws:SecureTransport" => "false" } },
                }],
            },
        },
    }
}
