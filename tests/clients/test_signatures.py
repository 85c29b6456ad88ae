"""Who may not: wrong secret, unknown key, nobody, and signatures that are too old or too weak."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import requests
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from s3errors import refused
from server import ACCESS_KEY, SECRET_KEY, s3_client

CALLS = {
    "list_buckets": lambda s3, bucket: s3.list_buckets(),
    "create_bucket": lambda s3, bucket: s3.create_bucket(Bucket=f"new-{uuid.uuid4().hex[:8]}"),
    "delete_bucket": lambda s3, bucket: s3.delete_bucket(Bucket=bucket),
    "list_objects": lambda s3, bucket: s3.list_objects(Bucket=bucket),
    "list_objects_v2": lambda s3, bucket: s3.list_objects_v2(Bucket=bucket),
    "get_bucket_location": lambda s3, bucket: s3.get_bucket_location(Bucket=bucket),
    "put_object": lambda s3, bucket: s3.put_object(Bucket=bucket, Key="k", Body=b"changed"),
    "get_object": lambda s3, bucket: s3.get_object(Bucket=bucket, Key="k"),
    "copy_object": lambda s3, bucket: s3.copy_object(
        Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"}
    ),
    "delete_object": lambda s3, bucket: s3.delete_object(Bucket=bucket, Key="k"),
    "delete_objects": lambda s3, bucket: s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}]}),
    "create_multipart_upload": lambda s3, bucket: s3.create_multipart_upload(Bucket=bucket, Key="k"),
    "list_multipart_uploads": lambda s3, bucket: s3.list_multipart_uploads(Bucket=bucket),
}

INTRUDERS = {
    "wrong-secret": (ACCESS_KEY, "the-wrong-secret-altogether", {}, "SignatureDoesNotMatch"),
    "unknown-key": ("nobodyatall", SECRET_KEY, {}, "InvalidAccessKeyId"),
    "anonymous": (ACCESS_KEY, SECRET_KEY, {"signature_version": UNSIGNED}, "AccessDenied"),
}


@pytest.fixture
def guarded(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    return bucket


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("intruder", INTRUDERS)
def test_every_call_is_refused(s3, shared, guarded, intruder, call):
    access_key, secret_key, config, code = INTRUDERS[intruder]
    with refused(code, status=403):
        CALLS[call](s3_client(shared.s3_url, access_key, secret_key, **config), guarded)
    assert s3.get_object(Bucket=guarded, Key="k")["Body"].read() == b"content"
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=guarded)["Contents"]] == ["k"]


@pytest.mark.parametrize("intruder", INTRUDERS)
def test_head_is_refused(shared, guarded, intruder):
    access_key, secret_key, config, _ = INTRUDERS[intruder]
    stranger = s3_client(shared.s3_url, access_key, secret_key, **config)
    with refused("403", status=403):
        stranger.head_object(Bucket=guarded, Key="k")
    with refused("403", status=403):
        stranger.head_object(Bucket=guarded, Key="absent")


def test_the_old_signature_version_is_off(shared, guarded):
    old = s3_client(shared.s3_url, signature_version="s3")
    with refused():
        old.get_object(Bucket=guarded, Key="k")


def test_a_clock_that_is_an_hour_off_is_refused(shared, guarded):
    then = datetime.now(UTC) - timedelta(hours=1)
    answer = get_signed_at(shared.s3_url, guarded, "k", then)
    assert answer.status_code == 403
    assert "RequestTimeTooSkewed" in answer.text
    now = get_signed_at(shared.s3_url, guarded, "k", datetime.now(UTC))
    assert (now.status_code, now.content) == (200, b"content")


def get_signed_at(url, bucket, key, when):
    """A GET with a correct signature of the time `when`."""
    request = AWSRequest("GET", f"{url}/{bucket}/{key}")
    signer = S3SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", "us-east-1")
    request.context["timestamp"] = when.strftime("%Y%m%dT%H%M%SZ")
    signer._modify_request_before_signing(request)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    signer._inject_signature_to_request(request, signature)
    return requests.get(request.url, headers=dict(request.headers), timeout=30)


def test_errors_name_no_secret(shared, guarded):
    answer = requests.get(f"{shared.s3_url}/{guarded}/k", timeout=30)
    assert answer.status_code == 403
    assert SECRET_KEY not in answer.text
    assert answer.headers["Content-Type"].startswith("application/xml")
