"""CopyObject: within a bucket, between buckets, with the old metadata or new."""

import uuid

import pytest
from s3errors import refused

pytestmark = pytest.mark.s3


@pytest.fixture
def source(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=b"content" * 20_000, ContentType="text/x-own", Metadata={"a": "1"})
    return {"Bucket": bucket, "Key": "from"}


def test_a_copy_carries_bytes_and_metadata(s3, bucket, source):
    result = s3.copy_object(Bucket=bucket, Key="to", CopySource=source)["CopyObjectResult"]
    got = s3.get_object(Bucket=bucket, Key="to")
    assert got["Body"].read() == b"content" * 20_000
    assert (got["ContentType"], got["Metadata"]) == ("text/x-own", {"a": "1"})
    assert result["ETag"] == got["ETag"]
    assert s3.head_object(**source)["ETag"] == got["ETag"]


def test_a_copy_to_another_bucket_outlives_its_source(s3, bucket, source):
    other = f"other-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=other)
    s3.copy_object(Bucket=other, Key="to", CopySource=source)
    s3.delete_object(**source)
    assert s3.get_object(Bucket=other, Key="to")["Body"].read() == b"content" * 20_000


def test_a_copy_with_replaced_metadata(s3, bucket, source):
    s3.copy_object(
        Bucket=bucket,
        Key="to",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"b": "2"},
        ContentType="text/y-own",
    )
    got = s3.head_object(Bucket=bucket, Key="to")
    assert (got["ContentType"], got["Metadata"]) == ("text/y-own", {"b": "2"})


def test_a_copy_onto_itself_needs_a_change(s3, bucket, source):
    with refused("InvalidRequest", status=400):
        s3.copy_object(Bucket=bucket, Key="from", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="from", CopySource=source, MetadataDirective="REPLACE", Metadata={"c": "3"})
    got = s3.get_object(**source)
    assert (got["Metadata"], got["Body"].read()) == ({"c": "3"}, b"content" * 20_000)


def test_a_copy_of_nothing(s3, bucket):
    with refused("NoSuchKey", status=404):
        s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "absent"})
    with refused("NoSuchBucket", status=404):
        s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": "no-such-bucket-here", "Key": "k"})


def test_a_copy_under_a_condition(s3, bucket, source):
    etag = s3.head_object(**source)["ETag"]
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source, CopySourceIfMatch=etag)
    with refused("PreconditionFailed", status=412):
        s3.copy_object(Bucket=bucket, Key="not", CopySource=source, CopySourceIfNoneMatch=etag)
    with refused("404"):
        s3.head_object(Bucket=bucket, Key="not")


def test_a_copy_of_a_key_that_needs_encoding(s3, bucket):
    key = "a b+c/ü/%2F?x=1&y"
    s3.put_object(Bucket=bucket, Key=key, Body=b"odd")
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"odd"
