//! CopyObject and UploadPartCopy.

use crate::sdk::{bytes, client, refusal};
use crate::server::{BUCKET, PART_MIN_BYTES, Server};
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, MetadataDirective};
use minilab_model::EventKind;

#[tokio::test]
async fn a_copy_has_the_bytes_and_the_metadata() {
    let server = Server::start().await;
    let s3 = client(&server);
    s3.create_bucket().bucket("other").send().await.unwrap();
    for (key, length) in [("small", 10), ("large ü+%2F", 300_000)] {
        let put = s3.put_object().bucket(BUCKET).key(key).content_type("image/png").metadata("a", "1").body(vec![7; length].into());
        let put = put.send().await.unwrap();
        let source = format!("{BUCKET}/{}", crate::raw::percent(key, "/"));
        let copied = s3.copy_object().bucket("other").key("copy").copy_source(source).send().await.unwrap();
        assert_eq!(copied.copy_object_result().unwrap().e_tag(), put.e_tag());
        let got = s3.get_object().bucket("other").key("copy").send().await.unwrap();
        assert_eq!((got.content_type(), got.metadata().unwrap()["a"].as_str()), (Some("image/png"), "1"));
        assert!(bytes(got).await == vec![7; length]);
    }
    // The source may go: the copy stays.
    s3.delete_object().bucket(BUCKET).key("large ü+%2F").send().await.unwrap();
    assert_eq!(bytes(s3.get_object().bucket("other").key("copy").send().await.unwrap()).await.len(), 300_000);
    assert_eq!(server.events()[1], (EventKind::CreatedCopy, "copy".to_owned()));
}

#[tokio::test]
async fn metadata_is_replaced_when_asked() {
    let server = Server::start().await;
    let s3 = client(&server);
    s3.put_object().bucket(BUCKET).key("x").content_type("image/png").metadata("a", "1").send().await.unwrap();
    let copy = || s3.copy_object().bucket(BUCKET).key("x").copy_source(format!("{BUCKET}/x?versionId=null"));
    assert_eq!(refusal(copy().send().await), (400, "InvalidRequest".to_owned()));
    copy().metadata_directive(MetadataDirective::Replace).content_type("image/webp").metadata("b", "2").send().await.unwrap();
    let head = s3.head_object().bucket(BUCKET).key("x").send().await.unwrap();
    assert_eq!(head.content_type(), Some("image/webp"));
    assert_eq!(head.metadata().unwrap().iter().collect::<Vec<_>>(), [(&"b".to_owned(), &"2".to_owned())]);
}

#[tokio::test]
async fn a_copy_can_have_another_checksum() {
    let server = Server::start().await;
    let s3 = client(&server);
    s3.put_object().bucket(BUCKET).key("x").body(ByteStream::from_static(b"123456789")).send().await.unwrap();
    let copy = s3.copy_object().bucket(BUCKET).key("y").copy_source("photos/x").checksum_algorithm(ChecksumAlgorithm::Sha1);
    let copied = copy.send().await.unwrap();
    assert_eq!(copied.copy_object_result().unwrap().checksum_sha1(), Some("98O8HYCOBHMq32eZZczDTKeuNEE="));
}

#[tokio::test]
async fn conditions_on_the_source_and_the_destination_hold() {
    let server = Server::start().await;
    let s3 = client(&server);
    let put = s3.put_object().bucket(BUCKET).key("x").send().await.unwrap();
    let etag = put.e_tag().unwrap();
    let copy = || s3.copy_object().bucket(BUCKET).key("y").copy_source("photos/x");
    let failed = (412, "PreconditionFailed".to_owned());
    assert_eq!(refusal(copy().copy_source_if_match("\"other\"").send().await), failed);
    assert_eq!(refusal(copy().copy_source_if_none_match(etag).send().await), failed);
    assert_eq!(refusal(copy().copy_source_if_unmodified_since(DateTime::from_secs(1)).send().await), failed);
    copy().copy_source_if_match(etag).if_none_match("*").send().await.unwrap();
    assert_eq!(refusal(copy().if_none_match("*").send().await), failed);
}

#[tokio::test]
async fn a_source_that_cannot_be_is_refused() {
    let server = Server::start().await;
    let s3 = client(&server);
    s3.put_object().bucket(BUCKET).key("x").send().await.unwrap();
    let copy = |source: &str| s3.copy_object().bucket(BUCKET).key("y").copy_source(source).send();
    assert_eq!(refusal(copy("photos/missing").await), (404, "NoSuchKey".to_owned()));
    assert_eq!(refusal(copy("missing/x").await), (404, "NoSuchBucket".to_owned()));
    assert_eq!(refusal(copy("photos").await), (400, "InvalidArgument".to_owned()));
    assert_eq!(refusal(copy("photos/x?versionId=abc").await), (400, "InvalidArgument".to_owned()));
    let lost = s3.copy_object().bucket("missing").key("y").copy_source("photos/x").send().await;
    assert_eq!(refusal(lost), (404, "NoSuchBucket".to_owned()));
}

#[tokio::test]
async fn parts_are_copied_by_range() {
    let server = Server::start().await;
    let s3 = client(&server);
    let source: Vec<u8> = (0..3 * PART_MIN_BYTES).map(|index| (index % 253) as u8).collect();
    s3.put_object().bucket(BUCKET).key("x").body(source.clone().into()).send().await.unwrap();
    let upload = s3.create_multipart_upload().bucket(BUCKET).key("y").send().await.unwrap();
    let id = upload.upload_id().unwrap();
    let copy = |number: i32, range: String| {
        s3.upload_part_copy()
            .bucket(BUCKET)
            .key("y")
            .upload_id(id)
            .part_number(number)
            .copy_source("photos/x")
            .copy_source_range(range)
    };
    let last = source.len() - 1;
    let mut parts = CompletedMultipartUpload::builder();
    for (number, range) in [(1, format!("bytes={PART_MIN_BYTES}-{last}")), (2, "bytes=0-9".to_owned())] {
        let part = copy(number, range).send().await.unwrap();
        let etag = part.copy_part_result().unwrap().e_tag().unwrap().to_owned();
        parts = parts.parts(CompletedPart::builder().part_number(number).e_tag(etag).build());
    }
    for wrong in [format!("bytes=0-{}", source.len()), "bytes=5-".to_owned(), "bytes=-5".to_owned(), "0-5".to_owned()] {
        assert_eq!(refusal(copy(3, wrong.clone()).send().await), (400, "InvalidArgument".to_owned()), "{wrong}");
    }
    let none = copy(3, "bytes=0-1".to_owned()).copy_source("photos/missing").send().await;
    assert_eq!(refusal(none), (404, "NoSuchKey".to_owned()));
    let complete = s3.complete_multipart_upload().bucket(BUCKET).key("y").upload_id(id).multipart_upload(parts.build());
    complete.send().await.unwrap();
    let got = bytes(s3.get_object().bucket(BUCKET).key("y").send().await.unwrap()).await;
    assert!(got == [&source[PART_MIN_BYTES..], &source[..10]].concat());
}
