"""DeleteObject and DeleteObjects."""

import pytest
from s3errors import refused

pytestmark = pytest.mark.s3


def keys(s3, bucket):
    return [o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_a_deleted_object_is_gone(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.delete_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"] == 204
    with refused("NoSuchKey", status=404):
        s3.get_object(Bucket=bucket, Key="k")
    assert keys(s3, bucket) == []


def test_deleting_what_is_not_there_succeeds(s3, bucket):
    assert s3.delete_object(Bucket=bucket, Key="absent")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_many_at_once(s3, bucket):
    for number in range(20):
        s3.put_object(Bucket=bucket, Key=f"k{number:02}", Body=b"x")
    wanted = [f"k{number:02}" for number in range(10)] + ["absent", "odd & <key>"]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in wanted]})
    assert sorted(d["Key"] for d in answer["Deleted"]) == sorted(wanted)
    assert "Errors" not in answer
    assert keys(s3, bucket) == [f"k{number:02}" for number in range(10, 20)]


def test_many_at_once_quietly(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "b"}], "Quiet": True})
    assert not answer.get("Deleted")
    assert keys(s3, bucket) == []


def test_a_thousand_are_accepted_and_one_more_is_not(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k1000", Body=b"x")
    names = [{"Key": f"k{number}"} for number in range(1001)]
    with refused("MalformedXML", status=400):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": names})
    assert keys(s3, bucket) == ["k1000"]
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": names[:1000]})["Deleted"]) == 1000
