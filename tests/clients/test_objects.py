"""One object: written, read whole and in part, with its headers and metadata."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from photos import random_bytes
from s3errors import refused

pytestmark = pytest.mark.s3


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 1_000_000, 6_000_000], ids=lambda n: f"{n}-bytes")
def test_what_is_put_is_got(s3, bucket, size):
    body = random_bytes(size, seed=size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body)
    md5 = f'"{hashlib.md5(body).hexdigest()}"'
    assert put["ETag"] == md5
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body
    assert (got["ContentLength"], got["ETag"]) == (size, md5)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentLength"], head["ETag"]) == (size, md5)
    assert abs(head["LastModified"] - datetime.now(UTC)) < timedelta(minutes=2)


def test_a_newer_put_replaces_the_older_one_with_all_its_headers(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"older", ContentType="text/plain", Metadata={"a": "1"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"new")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"new"
    assert got["Metadata"] == {}
    assert got["ContentType"] != "text/plain"


def test_a_missing_key_says_so(s3, bucket):
    with refused("NoSuchKey", status=404):
        s3.get_object(Bucket=bucket, Key="nothing")
    with refused("404", status=404):
        s3.head_object(Bucket=bucket, Key="nothing")


@pytest.mark.parametrize(
    "wanted, first, last",
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-9", 0, 9),
        ("bytes=10-", 10, 99_999),
        ("bytes=-7", 99_993, 99_999),
        ("bytes=99990-200000", 99_990, 99_999),
        ("bytes=-200000", 0, 99_999),
        ("bytes=65530-65550", 65_530, 65_550),
    ],
)
def test_a_range_is_answered_with_206(s3, bucket, wanted, first, last):
    body = random_bytes(100_000)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    got = s3.get_object(Bucket=bucket, Key="k", Range=wanted)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["Body"].read() == body[first : last + 1]
    assert got["ContentRange"] == f"bytes {first}-{last}/100000"
    assert got["ContentLength"] == last - first + 1


def test_a_range_behind_the_end_is_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    with refused("InvalidRange", status=416):
        s3.get_object(Bucket=bucket, Key="k", Range="bytes=10-20")


def test_user_metadata_and_content_headers_come_back(s3, bucket):
    headers = {
        "ContentType": "image/x-own",
        "ContentDisposition": 'attachment; filename="a b.jpg"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "CacheControl": "max-age=60",
    }
    expires = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    metadata = {"camera": "pinhole", "with-dash": "two words", "number": "7"}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata=metadata, Expires=expires, **headers)
    for got in (s3.get_object(Bucket=bucket, Key="k"), s3.head_object(Bucket=bucket, Key="k")):
        assert got["Metadata"] == metadata
        assert {name: got[name] for name in headers} == headers
        assert got["ExpiresString"] == "Wed, 02 Jan 2030 03:04:05 GMT"


def test_too_much_user_metadata_is_refused(s3, bucket):
    with refused("MetadataTooLarge", status=400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "x" * 2100})
    with refused("404"):
        s3.head_object(Bucket=bucket, Key="k")


def test_response_headers_can_be_overridden(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/plain")
    got = s3.get_object(
        Bucket=bucket,
        Key="k",
        ResponseContentType="image/png",
        ResponseContentDisposition="inline",
        ResponseContentLanguage="fr",
        ResponseCacheControl="no-store",
    )
    assert (got["ContentType"], got["ContentDisposition"]) == ("image/png", "inline")
    assert (got["ContentLanguage"], got["CacheControl"]) == ("fr", "no-store")
    assert s3.head_object(Bucket=bucket, Key="k")["ContentType"] == "text/plain"


def test_a_wrong_md5_is_refused_and_nothing_is_kept(s3, bucket):
    wrong = base64.b64encode(hashlib.md5(b"something else").digest()).decode()
    with refused("BadDigest", status=400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"this", ContentMD5=wrong)
    with refused("404"):
        s3.head_object(Bucket=bucket, Key="k")


def test_a_failed_overwrite_leaves_the_older_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"older")
    wrong = base64.b64encode(hashlib.md5(b"something else").digest()).decode()
    with refused("BadDigest"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"newer", ContentMD5=wrong)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"older"


def test_keys_that_look_like_files_and_folders_live_side_by_side(s3, bucket):
    for key in ("a", "a/", "a/b", "a/b/c"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for key in ("a", "a/", "a/b", "a/b/c"):
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
