"""Multipart uploads, as the clients do them above 8 MB and by hand."""

import hashlib

import pytest
from boto3.s3.transfer import TransferConfig
from photos import random_bytes
from s3errors import refused

pytestmark = pytest.mark.s3
MIB = 1024 * 1024


def begun(s3, bucket, key="big", **options):
    return s3.create_multipart_upload(Bucket=bucket, Key=key, **options)["UploadId"]


def part(s3, bucket, upload, number, body, key="big"):
    answer = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=body)
    return {"PartNumber": number, "ETag": answer["ETag"]}


def completed(s3, bucket, upload, parts, key="big"):
    return s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


def multipart_etag(*bodies):
    digests = b"".join(hashlib.md5(body).digest() for body in bodies)
    return f'"{hashlib.md5(digests).hexdigest()}-{len(bodies)}"'


def test_a_large_file_goes_up_and_down(s3, bucket, work):
    body = random_bytes(20 * MIB + 123)
    (work / "up").write_bytes(body)
    config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB)
    extra = {"ContentType": "image/x-own", "Metadata": {"a": "1"}}
    s3.upload_file(str(work / "up"), bucket, "big", Config=config, ExtraArgs=extra)
    head = s3.head_object(Bucket=bucket, Key="big")
    assert head["ETag"] == multipart_etag(body[: 8 * MIB], body[8 * MIB : 16 * MIB], body[16 * MIB :])
    assert (head["ContentLength"], head["ContentType"], head["Metadata"]) == (len(body), "image/x-own", {"a": "1"})
    s3.download_file(bucket, "big", str(work / "down"), Config=config)
    assert (work / "down").read_bytes() == body


def test_parts_in_any_order_with_gaps_in_their_numbers(s3, bucket):
    first, second, third = random_bytes(5 * MIB, 1), random_bytes(5 * MIB, 2), b"the end"
    upload = begun(s3, bucket)
    last = part(s3, bucket, upload, 90, third)
    middle = part(s3, bucket, upload, 12, second)
    start = part(s3, bucket, upload, 3, first)
    answer = completed(s3, bucket, upload, [start, middle, last])
    assert answer["ETag"] == multipart_etag(first, second, third)
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == first + second + third
    across = f"bytes={5 * MIB - 3}-{5 * MIB + 2}"
    assert s3.get_object(Bucket=bucket, Key="big", Range=across)["Body"].read() == first[-3:] + second[:3]


def test_nothing_is_visible_before_the_end(s3, bucket):
    s3.put_object(Bucket=bucket, Key="big", Body=b"older")
    upload = begun(s3, bucket)
    one = part(s3, bucket, upload, 1, b"newer")
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"older"
    assert [o["Size"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [5]
    completed(s3, bucket, upload, [one])
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"newer"


def test_a_part_sent_again_replaces_the_first(s3, bucket):
    upload = begun(s3, bucket)
    part(s3, bucket, upload, 1, b"wrong")
    right = part(s3, bucket, upload, 1, b"right")
    completed(s3, bucket, upload, [right])
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"right"


def test_parts_that_are_not_named_are_left_out(s3, bucket):
    upload = begun(s3, bucket)
    one = part(s3, bucket, upload, 1, b"kept")
    part(s3, bucket, upload, 2, b"left out")
    completed(s3, bucket, upload, [one])
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"kept"


def test_parts_are_listed_in_pages(s3, bucket):
    upload = begun(s3, bucket)
    sent = [part(s3, bucket, upload, number, b"x" * number) for number in (1, 2, 5, 7)]
    first = s3.list_parts(Bucket=bucket, Key="big", UploadId=upload, MaxParts=3)
    assert first["IsTruncated"] is True
    rest = s3.list_parts(Bucket=bucket, Key="big", UploadId=upload, PartNumberMarker=int(first["NextPartNumberMarker"]))
    listed = first["Parts"] + rest["Parts"]
    assert [(p["PartNumber"], p["ETag"], p["Size"]) for p in listed] == [
        (p["PartNumber"], p["ETag"], p["PartNumber"]) for p in sent
    ]
    s3.abort_multipart_upload(Bucket=bucket, Key="big", UploadId=upload)


def test_uploads_under_way_are_listed_until_they_end(s3, bucket):
    first, second = begun(s3, bucket, "one"), begun(s3, bucket, "two")
    listed = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [(u["Key"], u["UploadId"]) for u in listed] == [("one", first), ("two", second)]
    s3.abort_multipart_upload(Bucket=bucket, Key="one", UploadId=first)
    completed(s3, bucket, second, [part(s3, bucket, second, 1, b"x", "two")], "two")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_an_aborted_upload_is_gone(s3, bucket):
    upload = begun(s3, bucket)
    one = part(s3, bucket, upload, 1, b"x")
    s3.abort_multipart_upload(Bucket=bucket, Key="big", UploadId=upload)
    with refused("NoSuchUpload", status=404):
        part(s3, bucket, upload, 2, b"y")
    with refused("NoSuchUpload", status=404):
        s3.list_parts(Bucket=bucket, Key="big", UploadId=upload)
    with refused("NoSuchUpload", status=404):
        completed(s3, bucket, upload, [one])
    with refused("404"):
        s3.head_object(Bucket=bucket, Key="big")


def test_what_cannot_be_completed_says_why_and_stays(s3, bucket):
    upload = begun(s3, bucket)
    small = part(s3, bucket, upload, 1, b"too small to be followed")
    full = part(s3, bucket, upload, 2, random_bytes(5 * MIB))
    last = part(s3, bucket, upload, 3, random_bytes(5 * MIB))
    with refused("EntityTooSmall", status=400):
        completed(s3, bucket, upload, [small, last])
    with refused("InvalidPartOrder", status=400):
        completed(s3, bucket, upload, [last, full])
    with refused("InvalidPart", status=400):
        completed(s3, bucket, upload, [{"PartNumber": 1, "ETag": '"0123456789abcdef0123456789abcdef"'}])
    with refused("InvalidPart", status=400):
        completed(s3, bucket, upload, [{"PartNumber": 9, "ETag": small["ETag"]}])
    completed(s3, bucket, upload, [small])
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"too small to be followed"


def test_completing_twice_succeeds_like_the_first_time(s3, bucket):
    upload = begun(s3, bucket)
    one = part(s3, bucket, upload, 1, b"once")
    first = completed(s3, bucket, upload, [one])
    again = completed(s3, bucket, upload, [one])
    assert again["ETag"] == first["ETag"]


def test_a_part_copied_from_another_object(s3, bucket):
    source = random_bytes(6 * MIB)
    s3.put_object(Bucket=bucket, Key="from", Body=source)
    upload = begun(s3, bucket)
    copied = s3.upload_part_copy(
        Bucket=bucket,
        Key="big",
        UploadId=upload,
        PartNumber=1,
        CopySource={"Bucket": bucket, "Key": "from"},
        CopySourceRange=f"bytes=10-{5 * MIB + 9}",
    )["CopyPartResult"]
    own = part(s3, bucket, upload, 2, b"own")
    completed(s3, bucket, upload, [{"PartNumber": 1, "ETag": copied["ETag"]}, own])
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == source[10 : 5 * MIB + 10] + b"own"
