"""Presigned URLs: anyone who holds one may do that one thing, for that time."""

import pytest
import requests
from s3errors import refused
from waiting import until


def presigned(s3, call, bucket, key="k", seconds=300, **extra):
    return s3.generate_presigned_url(call, Params={"Bucket": bucket, "Key": key, **extra}, ExpiresIn=seconds)


def error_code(answer):
    head, _, rest = answer.text.partition("<Code>")
    return rest.partition("</Code>")[0] if rest else ""


@pytest.mark.s3
def test_get_and_put(s3, bucket):
    put = requests.put(presigned(s3, "put_object", bucket), data=b"content", timeout=30)
    assert put.status_code == 200, put.text
    got = requests.get(presigned(s3, "get_object", bucket), timeout=30)
    assert (got.status_code, got.content) == (200, b"content")
    head = requests.head(presigned(s3, "head_object", bucket), timeout=30)
    assert (head.status_code, head.headers["Content-Length"]) == (200, "7")


@pytest.mark.s3
def test_keys_that_need_encoding(s3, bucket):
    key = "a b+c/ü %2F 😀.jpg"
    put = requests.put(presigned(s3, "put_object", bucket, key), data=b"content", timeout=30)
    assert put.status_code == 200, put.text
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"content"
    got = requests.get(presigned(s3, "get_object", bucket, key), timeout=30)
    assert (got.status_code, got.content) == (200, b"content")


@pytest.mark.s3
def test_response_headers_signed_into_the_url(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    url = presigned(s3, "get_object", bucket, ResponseContentType="image/png")
    assert requests.get(url, timeout=30).headers["Content-Type"] == "image/png"


def test_a_changed_url_is_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_object(Bucket=bucket, Key="other", Body=b"secret")
    url = presigned(s3, "get_object", bucket)
    for changed in (
        url.replace("/k?", "/other?"),
        url.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"),
        url + "&response-content-type=text/html",
    ):
        answer = requests.get(changed, timeout=30)
        assert (answer.status_code, error_code(answer)) == (403, "SignatureDoesNotMatch")
    assert requests.put(url, data=b"y", timeout=30).status_code == 403
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_an_unsigned_copy_header_does_not_turn_a_put_into_a_copy(s3, bucket):
    s3.put_object(Bucket=bucket, Key="secret", Body=b"secret")
    answer = requests.put(
        presigned(s3, "put_object", bucket), headers={"x-amz-copy-source": f"/{bucket}/secret"}, timeout=30
    )
    assert 400 <= answer.status_code < 500, answer.text
    with refused("404"):
        s3.head_object(Bucket=bucket, Key="k")


def test_it_expires(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    url = presigned(s3, "get_object", bucket, seconds=2)

    def expired():
        answer = requests.get(url, timeout=30)
        # Not the answer itself: one that says 4xx counts as false.
        return None if answer.status_code == 200 else (answer.status_code, error_code(answer))

    assert until(expired, "the URL to expire", every=0.2) == (403, "AccessDenied")


def test_more_than_a_week_is_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = requests.get(presigned(s3, "get_object", bucket, seconds=604_801), timeout=30)
    assert 400 <= answer.status_code < 500, answer.status_code
