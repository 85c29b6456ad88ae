//! Checksums: compared, stored, echoed.

use crate::raw;
use crate::sdk::{client, config, refusal};
use crate::server::{BUCKET, Server};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ChecksumType, ObjectAttributes};

const BODY: &[u8] = b"123456789";
/// The check values of the CRC catalogue and the SHA standards for [`BODY`].
const VALUES: [(&str, &str); 5] = [
    ("crc32", "y/Q5Jg=="),
    ("crc32c", "4waSgw=="),
    ("crc64nvme", "rosUhgp5mIg="),
    ("sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
    ("sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
];

#[tokio::test]
async fn each_algorithm_is_compared_and_echoed() {
    let server = Server::start().await;
    for (name, value) in VALUES {
        let header = format!("x-amz-checksum-{name}");
        let put = || raw::Request::new("PUT", "/photos/x").body(BODY);
        let stored = put().header(&header, value).send(&server).await;
        assert_eq!((stored.status, stored.header(&header)), (200, Some(value)), "{name}");
        let got = raw::Request::new("GET", "/photos/x").header("x-amz-checksum-mode", "ENABLED").send(&server).await;
        assert_eq!((got.header(&header), got.header("x-amz-checksum-type")), (Some(value), Some("FULL_OBJECT")), "{name}");
        let silent = raw::Request::new("GET", "/photos/x").send(&server).await;
        assert_eq!(silent.header(&header), None, "{name}");
        let part = raw::Request::new("GET", "/photos/x").header("x-amz-checksum-mode", "ENABLED").header("range", "bytes=0-3");
        assert_eq!(part.send(&server).await.header(&header), None, "a checksum of the whole on a part");

        let wrong = put().body(b"something else".to_vec()).header(&header, value).send(&server).await;
        assert_eq!(wrong.refusal(), (400, "BadDigest"), "{name}");
        let nonsense = put().header(&header, "nonsense").send(&server).await;
        assert_eq!(nonsense.refusal(), (400, "InvalidRequest"), "{name}");
    }
    assert_eq!(server.events().len(), VALUES.len());
    server.blob_files(0).await;
}

#[tokio::test]
async fn checksums_in_trailers_are_those_of_the_body() {
    let server = Server::start().await;
    let chunked = |trailer: &str| {
        raw::Request::new("PUT", "/photos/x")
            .payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .header("content-encoding", "aws-chunked,gzip")
            .header("x-amz-decoded-content-length", "9")
            .header("x-amz-trailer", "x-amz-checksum-crc32")
            .body(format!("9\r\n123456789\r\n0\r\n{trailer}\r\n"))
    };
    let stored = chunked("x-amz-checksum-crc32:y/Q5Jg==\r\n").send(&server).await;
    assert_eq!((stored.status, stored.header("x-amz-checksum-crc32")), (200, Some("y/Q5Jg==")));
    let got = raw::Request::new("GET", "/photos/x").send(&server).await;
    assert_eq!((got.body.as_str(), got.header("content-encoding")), ("123456789", Some("gzip")));
    for (trailer, code) in [
        ("x-amz-checksum-crc32:AAAAAA==\r\n", "BadDigest"),
        ("x-amz-checksum-crc32:nonsense\r\n", "InvalidRequest"),
        ("x-amz-checksum-sha1:98O8HYCOBHMq32eZZczDTKeuNEE=\r\n", "MalformedTrailerError"),
        ("", "MalformedTrailerError"),
    ] {
        assert_eq!(chunked(trailer).send(&server).await.refusal(), (400, code), "{trailer:?}");
    }
    assert_eq!(server.events().len(), 1);
}

#[tokio::test]
async fn headers_that_contradict_are_refused() {
    let server = Server::start().await;
    let put = || raw::Request::new("PUT", "/photos/x").body(BODY);
    let two = put().header("x-amz-checksum-crc32", "y/Q5Jg==").header("x-amz-checksum-crc32c", "4waSgw==");
    assert_eq!(two.send(&server).await.refusal(), (400, "InvalidRequest"));
    let none = put().header("x-amz-sdk-checksum-algorithm", "CRC32");
    assert_eq!(none.send(&server).await.refusal(), (400, "InvalidRequest"));
    let unknown = put().header("x-amz-checksum-sha512", "AAAA");
    assert_eq!(unknown.send(&server).await.refusal(), (501, "NotImplemented"));
}

#[tokio::test]
async fn content_md5_is_compared() {
    let server = Server::start().await;
    let put = |md5: &str| raw::Request::new("PUT", "/photos/x").body(BODY).header("content-md5", md5);
    assert_eq!(put("JfnnlDI7RTiF9RgfG2JNCw==").send(&server).await.status, 200);
    assert_eq!(put("1B2M2Y8AsgTpgAmY7PhCfg==").send(&server).await.refusal(), (400, "BadDigest"));
    assert_eq!(put("nonsense").send(&server).await.refusal(), (400, "InvalidDigest"));
}

#[tokio::test]
async fn the_sdk_compares_what_it_gets() {
    let server = Server::start().await;
    let s3 = client(&server);
    for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc32C, ChecksumAlgorithm::Crc64Nvme, ChecksumAlgorithm::Sha1] {
        let put = s3.put_object().bucket(BUCKET).key("x").checksum_algorithm(algorithm.clone()).body(vec![5; 200_000].into());
        assert_eq!(put.send().await.unwrap().checksum_type(), Some(&ChecksumType::FullObject));
        let got = s3.get_object().bucket(BUCKET).key("x").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
        assert_eq!(got.body.collect().await.unwrap().into_bytes().len(), 200_000, "{algorithm}");
    }
}

#[tokio::test]
async fn an_object_without_a_checksum_gets_one() {
    let server = Server::start().await;
    let quiet = config(&server)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    let s3 = Client::from_conf(quiet.build());
    let put = s3.put_object().bucket(BUCKET).key("x").body(ByteStream::from_static(BODY)).send().await.unwrap();
    assert_eq!(put.checksum_crc64_nvme(), Some("rosUhgp5mIg="));
    let attributes = s3.get_object_attributes().bucket(BUCKET).key("x");
    let attributes = attributes.object_attributes(ObjectAttributes::Checksum).object_attributes(ObjectAttributes::ObjectSize);
    let attributes = attributes.object_attributes(ObjectAttributes::Etag).send().await.unwrap();
    assert_eq!(attributes.checksum().unwrap().checksum_crc64_nvme(), Some("rosUhgp5mIg="));
    assert_eq!((attributes.object_size(), attributes.storage_class()), (Some(9), None));
    assert!(attributes.e_tag().is_some());
    assert_eq!(
        refusal(s3.get_object_attributes().bucket(BUCKET).key("y").object_attributes(ObjectAttributes::Etag).send().await).0,
        404
    );
}
