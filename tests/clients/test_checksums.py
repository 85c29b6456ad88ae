"""Checksums that clients send: compared with the body, stored, and told again."""

import base64
import hashlib
import zlib

import pytest
import requests
from awscrt import checksums
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from photos import random_bytes
from s3errors import refused

pytestmark = pytest.mark.s3


def encoded(number, size):
    return base64.b64encode(number.to_bytes(size, "big")).decode()


SUMS = {
    "CRC32": lambda body: encoded(zlib.crc32(body), 4),
    "CRC32C": lambda body: encoded(checksums.crc32c(body), 4),
    "CRC64NVME": lambda body: encoded(checksums.crc64nvme(body), 8),
    "SHA1": lambda body: base64.b64encode(hashlib.sha1(body).digest()).decode(),
    "SHA256": lambda body: base64.b64encode(hashlib.sha256(body).digest()).decode(),
}


@pytest.mark.parametrize("size", [11, 300_000])
@pytest.mark.parametrize("kind", SUMS)
def test_a_checksum_is_stored_and_echoed(s3, bucket, kind, size):
    body = random_bytes(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm=kind)
    assert put[f"Checksum{kind}"] == SUMS[kind](body)
    for call in (s3.head_object, s3.get_object):
        got = call(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
        assert got[f"Checksum{kind}"] == SUMS[kind](body)


@pytest.mark.parametrize("kind", SUMS)
def test_a_wrong_checksum_is_refused_and_nothing_is_kept(s3, bucket, kind):
    wrong = SUMS[kind](b"something else")
    with refused("BadDigest", "XAmzContentChecksumMismatch", status=400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"this", **{f"Checksum{kind}": wrong})
    with refused("404"):
        s3.head_object(Bucket=bucket, Key="k")


def test_a_listing_names_the_algorithm(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ChecksumAlgorithm="CRC32C")
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["ChecksumAlgorithm"] == ["CRC32C"]


def test_checksums_of_parts_are_put_together(s3, bucket):
    first, second = random_bytes(5 * 1024 * 1024, 1), b"the end"
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, body in enumerate((first, second), 1):
        answer = s3.upload_part(
            Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256"
        )
        assert answer["ChecksumSHA256"] == SUMS["SHA256"](body)
        parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": answer["ChecksumSHA256"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    both = hashlib.sha256(first).digest() + hashlib.sha256(second).digest()
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == SUMS["SHA256"](both) + "-2"


class TrailerAuth(S3SigV4Auth):
    """SigV4 for a body whose checksum follows it, as SDKs send over TLS."""

    def payload(self, request):
        return "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def put_with_trailer(endpoint, bucket, body, checksum, encoding="aws-chunked"):
    url, access_key, secret_key = endpoint
    headers = {
        "content-encoding": encoding,
        "x-amz-decoded-content-length": str(len(body)),
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    request = AWSRequest("PUT", f"{url}/{bucket}/k", headers=headers)
    TrailerAuth(Credentials(access_key, secret_key), "s3", "us-east-1").add_auth(request)
    half = len(body) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:half], body[half:]))
    framed = chunks + b"0\r\nx-amz-checksum-crc32:" + checksum.encode() + b"\r\n\r\n"
    return requests.put(request.url, data=framed, headers=dict(request.headers), timeout=30)


def test_a_checksum_behind_the_body_is_stored(s3, endpoint, bucket):
    body = random_bytes(200_000)
    answer = put_with_trailer(endpoint, bucket, body, SUMS["CRC32"](body))
    assert answer.status_code == 200, answer.text
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["ChecksumCRC32"] == SUMS["CRC32"](body)
    assert got["Body"].read() == body
    assert not got.get("ContentEncoding"), "aws-chunked belongs to the transfer, not to the object"


def test_a_wrong_checksum_behind_the_body_is_refused(s3, endpoint, bucket):
    answer = put_with_trailer(endpoint, bucket, b"this body", SUMS["CRC32"](b"another"))
    assert answer.status_code == 400, answer.text
    with refused("404"):
        s3.head_object(Bucket=bucket, Key="k")


def test_the_objects_own_encoding_stays(s3, endpoint, bucket):
    body = b"pretend this is gzip"
    answer = put_with_trailer(endpoint, bucket, body, SUMS["CRC32"](body), "aws-chunked,gzip")
    assert answer.status_code == 200, answer.text
    assert s3.head_object(Bucket=bucket, Key="k")["ContentEncoding"] == "gzip"
