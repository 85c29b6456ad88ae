"""If-Match and its kin: decided against the object that is there at that moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from s3errors import refused

pytestmark = pytest.mark.s3
DAY = timedelta(days=1)


@pytest.fixture
def etag(s3, bucket):
    return s3.put_object(Bucket=bucket, Key="k", Body=b"content")["ETag"]


@pytest.mark.parametrize("call", ["get_object", "head_object"])
def test_reads_under_a_condition(s3, bucket, etag, call):
    read = getattr(s3, call)
    now = datetime.now(UTC)
    failed = "PreconditionFailed" if call == "get_object" else "412"

    assert read(Bucket=bucket, Key="k", IfMatch=etag)["ETag"] == etag
    with refused(failed, status=412):
        read(Bucket=bucket, Key="k", IfMatch='"0123456789abcdef0123456789abcdef"')

    assert read(Bucket=bucket, Key="k", IfNoneMatch='"other"')["ETag"] == etag
    with refused("304", status=304):
        read(Bucket=bucket, Key="k", IfNoneMatch=etag)

    assert read(Bucket=bucket, Key="k", IfModifiedSince=now - DAY)["ETag"] == etag
    modified = read(Bucket=bucket, Key="k")["LastModified"]
    with refused("304", status=304):
        read(Bucket=bucket, Key="k", IfModifiedSince=modified)

    assert read(Bucket=bucket, Key="k", IfUnmodifiedSince=now + DAY)["ETag"] == etag
    with refused(failed, status=412):
        read(Bucket=bucket, Key="k", IfUnmodifiedSince=now - DAY)


def test_if_match_outweighs_if_unmodified_since(s3, bucket, etag):
    past = datetime.now(UTC) - DAY
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=etag, IfUnmodifiedSince=past)["ETag"] == etag


def test_put_only_when_nothing_is_there(s3, bucket, etag):
    with refused("PreconditionFailed", status=412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"content"
    s3.put_object(Bucket=bucket, Key="new", Body=b"first", IfNoneMatch="*")
    s3.delete_object(Bucket=bucket, Key="k")
    s3.put_object(Bucket=bucket, Key="k", Body=b"again", IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"again"


def test_put_only_over_the_version_that_was_read(s3, bucket, etag):
    newer = s3.put_object(Bucket=bucket, Key="k", Body=b"newer", IfMatch=etag)["ETag"]
    with refused("PreconditionFailed", status=412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"late", IfMatch=etag)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read(), got["ETag"]) == (b"newer", newer)


def test_put_over_a_version_of_nothing(s3, bucket, etag):
    with refused("NoSuchKey", status=404):
        s3.put_object(Bucket=bucket, Key="absent", Body=b"x", IfMatch=etag)
    with refused("404"):
        s3.head_object(Bucket=bucket, Key="absent")


def test_of_many_that_create_at_once_exactly_one_wins(s3, bucket):
    def create(number):
        try:
            s3.put_object(Bucket=bucket, Key="race", Body=b"%d" % number * 1000, IfNoneMatch="*")
            return number
        except ClientError as error:
            # AWS may also answer 409 when two conditional writes meet.
            assert error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict")
            return None

    with ThreadPoolExecutor(16) as pool:
        winners = [number for number in pool.map(create, range(16)) if number is not None]
    assert len(winners) == 1
    assert s3.get_object(Bucket=bucket, Key="race")["Body"].read() == b"%d" % winners[0] * 1000
