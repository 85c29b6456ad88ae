"""Buckets: made, listed, found, removed only when empty."""

import uuid

import pytest
from s3errors import refused

pytestmark = pytest.mark.s3


def test_a_bucket_is_made_listed_found_and_removed(s3):
    name = f"made-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    assert name in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"] == 200
    answer = s3.delete_bucket(Bucket=name)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    with refused("404", status=404):
        s3.head_bucket(Bucket=name)
    assert name not in [b["Name"] for b in s3.list_buckets()["Buckets"]]


def test_listed_buckets_say_when_they_were_made(s3, bucket):
    listed = {b["Name"]: b for b in s3.list_buckets()["Buckets"]}
    assert listed[bucket]["CreationDate"].tzinfo is not None


def test_the_location_is_the_default_region(s3, bucket):
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] in (None, "", "us-east-1")


def test_a_bucket_with_an_object_is_not_removed(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    with refused("BucketNotEmpty", status=409):
        s3.delete_bucket(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"
    s3.delete_object(Bucket=bucket, Key="a")
    s3.delete_bucket(Bucket=bucket)


def test_making_a_bucket_again_keeps_its_objects(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    try:
        s3.create_bucket(Bucket=bucket)  # AWS answers 200 in us-east-1, other regions refuse
    except s3.exceptions.BucketAlreadyOwnedByYou:
        pass
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


@pytest.mark.parametrize("name", ["ab", "Upper-Case", "under_score", "-begins", "two..dots", "192.168.0.1"])
def test_impossible_bucket_names_are_refused(s3, name):
    with refused("InvalidBucketName", status=400):
        s3.create_bucket(Bucket=name)


def test_a_missing_bucket_says_so_everywhere(s3):
    missing = f"missing-{uuid.uuid4().hex[:8]}"
    calls = [
        lambda: s3.list_objects(Bucket=missing),
        lambda: s3.list_objects_v2(Bucket=missing),
        lambda: s3.put_object(Bucket=missing, Key="k", Body=b"x"),
        lambda: s3.get_object(Bucket=missing, Key="k"),
        lambda: s3.delete_object(Bucket=missing, Key="k"),
        lambda: s3.delete_objects(Bucket=missing, Delete={"Objects": [{"Key": "k"}]}),
        lambda: s3.delete_bucket(Bucket=missing),
        lambda: s3.get_bucket_location(Bucket=missing),
        lambda: s3.create_multipart_upload(Bucket=missing, Key="k"),
    ]
    for call in calls:
        with refused("NoSuchBucket", status=404):
            call()
    with refused("404", status=404):
        s3.head_object(Bucket=missing, Key="k")
