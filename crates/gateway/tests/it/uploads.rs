//! Multipart uploads.

use crate::raw;
use crate::sdk::{bytes, client, config, refusal};
use crate::server::{BUCKET, PART_MIN_BYTES, Server};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart, ObjectAttributes};
use md5::{Digest as _, Md5};
use minilab_model::EventKind;

async fn begin(s3: &Client, key: &str) -> String {
    s3.create_multipart_upload().bucket(BUCKET).key(key).send().await.unwrap().upload_id.unwrap()
}

async fn part(s3: &Client, key: &str, id: &str, number: i32, body: &[u8]) -> CompletedPart {
    let upload = s3.upload_part().bucket(BUCKET).key(key).upload_id(id).part_number(number).body(body.to_vec().into());
    let answer = upload.send().await.unwrap();
    CompletedPart::builder()
        .part_number(number)
        .e_tag(answer.e_tag().unwrap())
        .set_checksum_crc32(answer.checksum_crc32)
        .set_checksum_crc64_nvme(answer.checksum_crc64_nvme)
        .set_checksum_sha256(answer.checksum_sha256)
        .build()
}

fn complete(s3: &Client, key: &str, id: &str, parts: Vec<CompletedPart>) -> CompleteMultipartUploadFluentBuilder {
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    s3.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(id).multipart_upload(parts)
}

#[tokio::test]
async fn parts_make_one_object() {
    let server = Server::start().await;
    let s3 = client(&server);
    let create = s3.create_multipart_upload().bucket(BUCKET).key("x").content_type("image/jpeg").metadata("a", "1");
    let id = create.send().await.unwrap().upload_id.unwrap();
    // Out of order, with a gap, one of them twice.
    let (first, second, third) = (vec![1; PART_MIN_BYTES], vec![2; PART_MIN_BYTES + 1], vec![3; 10]);
    let third_part = part(&s3, "x", &id, 9, &third).await;
    part(&s3, "x", &id, 4, b"overwritten").await;
    let second_part = part(&s3, "x", &id, 4, &second).await;
    let first_part = part(&s3, "x", &id, 2, &first).await;
    assert_eq!(refusal(s3.head_object().bucket(BUCKET).key("x").send().await).0, 404);

    let parts = vec![first_part, second_part, third_part];
    let completed = complete(&s3, "x", &id, parts.clone()).send().await.unwrap();
    let digests = [&first, &second, &third].map(Md5::digest).concat();
    let etag = format!("\"{}-3\"", hex::encode(Md5::digest(digests)));
    assert_eq!(completed.e_tag(), Some(etag.as_str()));
    assert_eq!(completed.location(), Some(format!("http://{}/photos/x", server.address).as_str()));
    let got = s3.get_object().bucket(BUCKET).key("x").send().await.unwrap();
    assert_eq!((got.content_type(), got.e_tag()), (Some("image/jpeg"), Some(etag.as_str())));
    let whole = [first.clone(), second.clone(), third].concat();
    assert!(bytes(got).await == whole);
    // A range across the seam of two parts.
    let seam = format!("bytes={}-{}", PART_MIN_BYTES - 3, PART_MIN_BYTES + 2);
    let got = s3.get_object().bucket(BUCKET).key("x").range(seam).send().await.unwrap();
    assert_eq!(bytes(got).await, [1, 1, 1, 2, 2, 2]);

    // Whoever lost the answer asks again.
    let again = complete(&s3, "x", &id, parts).send().await.unwrap();
    assert_eq!(again.e_tag(), Some(etag.as_str()));
    assert_eq!(server.events(), [(EventKind::CreatedCompleteMultipartUpload, "x".to_owned())]);
    assert_eq!(refusal(s3.list_parts().bucket(BUCKET).key("x").upload_id(&id).send().await), (404, "NoSuchUpload".to_owned()));
}

#[tokio::test]
async fn single_parts_can_be_read() {
    let server = Server::start().await;
    let s3 = client(&server);
    let id = begin(&s3, "x").await;
    let parts = vec![part(&s3, "x", &id, 1, &vec![1; PART_MIN_BYTES]).await, part(&s3, "x", &id, 2, b"tail").await];
    complete(&s3, "x", &id, parts).send().await.unwrap();
    let second = s3.get_object().bucket(BUCKET).key("x").part_number(2).send().await.unwrap();
    assert_eq!(second.parts_count(), Some(2));
    assert_eq!(
        second.content_range(),
        Some(format!("bytes {PART_MIN_BYTES}-{}/{}", PART_MIN_BYTES + 3, PART_MIN_BYTES + 4).as_str())
    );
    assert_eq!(bytes(second).await, b"tail");
    let head = s3.head_object().bucket(BUCKET).key("x").part_number(1).send().await.unwrap();
    assert_eq!((head.parts_count(), head.content_length()), (Some(2), Some(PART_MIN_BYTES as i64)));
    assert_eq!(refusal(s3.get_object().bucket(BUCKET).key("x").part_number(3).send().await), (416, "InvalidPartNumber".to_owned()));
    assert_eq!(refusal(s3.get_object().bucket(BUCKET).key("x").part_number(0).send().await), (400, "InvalidArgument".to_owned()));
    let both = s3.get_object().bucket(BUCKET).key("x").part_number(1).range("bytes=0-1").send().await;
    assert_eq!(refusal(both), (400, "InvalidRequest".to_owned()));
    let attributes = s3.get_object_attributes().bucket(BUCKET).key("x").object_attributes(ObjectAttributes::ObjectParts);
    assert_eq!(attributes.send().await.unwrap().object_parts().unwrap().total_parts_count(), Some(2));

    s3.put_object().bucket(BUCKET).key("plain").body(b"one".to_vec().into()).send().await.unwrap();
    let plain = s3.get_object().bucket(BUCKET).key("plain").part_number(1).send().await.unwrap();
    assert_eq!(bytes(plain).await, b"one");
}

#[tokio::test]
async fn parts_and_uploads_are_listed_in_pages() {
    let server = Server::start().await;
    let s3 = client(&server);
    let id = begin(&s3, "dir/a").await;
    for number in [1, 3, 5] {
        part(&s3, "dir/a", &id, number, format!("part {number}").as_bytes()).await;
    }
    let page = s3.list_parts().bucket(BUCKET).key("dir/a").upload_id(&id).max_parts(2).send().await.unwrap();
    assert_eq!(page.parts().iter().filter_map(|part| part.part_number()).collect::<Vec<_>>(), [1, 3]);
    assert_eq!((page.is_truncated(), page.next_part_number_marker()), (Some(true), Some("3")));
    let rest = s3.list_parts().bucket(BUCKET).key("dir/a").upload_id(&id).part_number_marker("3").send().await.unwrap();
    assert_eq!((rest.parts()[0].part_number(), rest.parts()[0].size(), rest.is_truncated()), (Some(5), Some(6), Some(false)));

    let other = begin(&s3, "b").await;
    let second = begin(&s3, "dir/a").await;
    let all = s3.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    let found: Vec<_> = all.uploads().iter().map(|upload| (upload.key().unwrap(), upload.upload_id().unwrap())).collect();
    assert_eq!(found, [("b", other.as_str()), ("dir/a", id.as_str()), ("dir/a", second.as_str())]);
    let page = s3.list_multipart_uploads().bucket(BUCKET).max_uploads(2).send().await.unwrap();
    let rest = s3.list_multipart_uploads().bucket(BUCKET).set_key_marker(page.next_key_marker);
    let rest = rest.set_upload_id_marker(page.next_upload_id_marker).send().await.unwrap();
    assert_eq!(rest.uploads().iter().filter_map(|upload| upload.upload_id()).collect::<Vec<_>>(), [second.as_str()]);
    let rolled = s3.list_multipart_uploads().bucket(BUCKET).delimiter("/").send().await.unwrap();
    assert_eq!((rolled.uploads().len(), rolled.common_prefixes()[0].prefix()), (1, Some("dir/")));
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    let server = Server::start().await;
    let s3 = client(&server);
    let id = begin(&s3, "x").await;
    part(&s3, "x", &id, 1, &vec![1; 2 * PART_MIN_BYTES]).await;
    s3.abort_multipart_upload().bucket(BUCKET).key("x").upload_id(&id).send().await.unwrap();
    let gone = (404, "NoSuchUpload".to_owned());
    assert_eq!(refusal(s3.abort_multipart_upload().bucket(BUCKET).key("x").upload_id(&id).send().await), gone);
    assert_eq!(refusal(s3.upload_part().bucket(BUCKET).key("x").upload_id(&id).part_number(1).send().await), gone);
    assert_eq!(
        refusal(complete(&s3, "x", &id, vec![CompletedPart::builder().part_number(1).e_tag("a").build()]).send().await),
        gone
    );
    let wrong_key = begin(&s3, "y").await;
    assert_eq!(refusal(s3.list_parts().bucket(BUCKET).key("z").upload_id(&wrong_key).send().await), gone);
    assert!(server.events().is_empty());
}

#[tokio::test]
async fn what_does_not_fit_together_is_refused() {
    let server = Server::start().await;
    let s3 = client(&server);
    let id = begin(&s3, "x").await;
    let small = part(&s3, "x", &id, 1, b"small").await;
    let last = part(&s3, "x", &id, 2, b"last").await;
    let code = async |parts: Vec<CompletedPart>| refusal(complete(&s3, "x", &id, parts).send().await).1;
    assert_eq!(code(vec![small.clone(), last.clone()]).await, "EntityTooSmall");
    assert_eq!(code(vec![last.clone(), small.clone()]).await, "InvalidPartOrder");
    assert_eq!(code(vec![small.clone(), CompletedPart::builder().part_number(7).e_tag("a").build()]).await, "InvalidPart");
    assert_eq!(code(vec![CompletedPart::builder().part_number(1).e_tag("other").build()]).await, "InvalidPart");
    assert_eq!(code(vec![]).await, "MalformedXML");
    for number in [0, 10_001, -1] {
        let answer = s3.upload_part().bucket(BUCKET).key("x").upload_id(&id).part_number(number).send().await;
        assert_eq!(refusal(answer), (400, "InvalidArgument".to_owned()), "{number}");
    }
    let wrong_size = complete(&s3, "x", &id, vec![last.clone()]).mpu_object_size(5).send().await;
    assert_eq!(refusal(wrong_size), (400, "InvalidRequest".to_owned()));
    s3.put_object().bucket(BUCKET).key("x").send().await.unwrap();
    let taken = complete(&s3, "x", &id, vec![last.clone()]).if_none_match("*").send().await;
    assert_eq!(refusal(taken), (412, "PreconditionFailed".to_owned()));
    complete(&s3, "x", &id, vec![last]).mpu_object_size(4).send().await.unwrap();
}

#[tokio::test]
async fn checksums_of_parts_become_one_of_the_object() {
    let server = Server::start().await;
    let s3 = client(&server);
    for (algorithm, kind) in [
        (ChecksumAlgorithm::Crc32, ChecksumType::Composite),
        (ChecksumAlgorithm::Crc32, ChecksumType::FullObject),
        (ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject),
        (ChecksumAlgorithm::Sha256, ChecksumType::Composite),
    ] {
        let create =
            s3.create_multipart_upload().bucket(BUCKET).key("x").checksum_algorithm(algorithm.clone()).checksum_type(kind.clone());
        let created = create.send().await.unwrap();
        assert_eq!((created.checksum_algorithm(), created.checksum_type()), (Some(&algorithm), Some(&kind)));
        let id = created.upload_id.unwrap();
        let mut parts = Vec::new();
        for (number, body) in [(1, vec![1; PART_MIN_BYTES]), (2, b"tail".to_vec())] {
            let upload = s3.upload_part().bucket(BUCKET).key("x").upload_id(&id).part_number(number);
            let answer = upload.checksum_algorithm(algorithm.clone()).body(body.into()).send().await.unwrap();
            let part = CompletedPart::builder().part_number(number).e_tag(answer.e_tag().unwrap());
            let part = part.set_checksum_crc32(answer.checksum_crc32).set_checksum_sha256(answer.checksum_sha256);
            parts.push(part.set_checksum_crc64_nvme(answer.checksum_crc64_nvme).build());
        }
        let done = complete(&s3, "x", &id, parts).checksum_type(kind.clone()).send().await.unwrap();
        let value = done.checksum_crc32.or(done.checksum_crc64_nvme).or(done.checksum_sha256).unwrap();
        assert_eq!(value.ends_with("-2"), kind == ChecksumType::Composite, "{algorithm} {kind} {value}");
        // The SDK compares a checksum of the whole with what it reads.
        let got = s3.get_object().bucket(BUCKET).key("x").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
        assert_eq!(got.checksum_type(), Some(&kind));
        assert_eq!(bytes(got).await.len(), PART_MIN_BYTES + 4);
    }
}

#[tokio::test]
async fn clients_that_know_no_checksums_upload_parts_too() {
    let server = Server::start().await;
    let s3 = Client::from_conf(config(&server).request_checksum_calculation(RequestChecksumCalculation::WhenRequired).build());
    let created = s3.create_multipart_upload().bucket(BUCKET).key("x").send().await.unwrap();
    assert_eq!(created.checksum_algorithm(), None);
    let id = created.upload_id.unwrap();
    let bare = |part: CompletedPart| CompletedPart::builder().set_part_number(part.part_number).set_e_tag(part.e_tag).build();
    let first = bare(part(&s3, "x", &id, 1, &vec![1; PART_MIN_BYTES]).await);
    // A part with a checksum of another kind than the upload keeps is compared all the same.
    let target = |value: &str| {
        raw::Request::new("PUT", "/photos/x")
            .query("uploadId", &id)
            .query("partNumber", "2")
            .body("123456789")
            .header("x-amz-checksum-crc32", value)
    };
    assert_eq!(target("AAAAAA==").send(&server).await.refusal(), (400, "BadDigest"));
    let second = target("y/Q5Jg==").send(&server).await;
    let second = CompletedPart::builder().part_number(2).e_tag(second.header("etag").unwrap()).build();
    let done = complete(&s3, "x", &id, vec![first, second]).send().await.unwrap();
    assert!(done.checksum_crc64_nvme().is_some());

    let sha =
        s3.create_multipart_upload().bucket(BUCKET).key("y").checksum_algorithm(ChecksumAlgorithm::Sha256).send().await.unwrap();
    let mismatch = raw::Request::new("PUT", "/photos/y").query("uploadId", sha.upload_id().unwrap()).query("partNumber", "1");
    let mismatch = mismatch.body("123456789").header("x-amz-checksum-crc32", "y/Q5Jg==").send(&server).await;
    assert_eq!(mismatch.refusal(), (400, "InvalidRequest"));
}

#[tokio::test]
async fn a_part_with_a_wrong_checksum_in_complete_is_refused() {
    let server = Server::start().await;
    let s3 = client(&server);
    let create = s3.create_multipart_upload().bucket(BUCKET).key("x").checksum_algorithm(ChecksumAlgorithm::Crc32);
    let id = create.send().await.unwrap().upload_id.unwrap();
    let good = part(&s3, "x", &id, 1, b"123456789").await;
    let wrong = CompletedPart::builder().part_number(1).set_e_tag(good.e_tag.clone()).checksum_crc32("AAAAAA==").build();
    assert_eq!(refusal(complete(&s3, "x", &id, vec![wrong]).send().await), (400, "InvalidPart".to_owned()));
    let whole = complete(&s3, "x", &id, vec![good.clone()]).checksum_crc32("AAAAAA==").send().await;
    assert_eq!(refusal(whole), (400, "BadDigest".to_owned()));
    complete(&s3, "x", &id, vec![good]).send().await.unwrap();
}
