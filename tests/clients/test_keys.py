"""Keys are bytes, never paths: odd ones are stored, listed and served under their own name."""

import pytest
from s3errors import refused

ODD = {
    "parent": "../../outside.jpg",
    "parent-inside": "input/../x.jpg",
    "dots": "./.",
    "only-parent": "..",
    "space": "a b c.jpg",
    "edge-spaces": " a ",
    "plus": "a+b=c.jpg",
    "percent-slash": "a%2Fb.jpg",
    "percent": "100%.jpg",
    "emoji": "📷/🌅.jpg",
    "umlaut": "Übergröße.jpg",
    "double-slash": "a//b///c.jpg",
    "leading-slash": "/a.jpg",
    "trailing-slash": "folder/",
    "query": "a?b#c&d.jpg",
    "xml": "<a>&amp;\"'.jpg",
    "backslash": "a\\..\\b.jpg",
    "colon": "C:a:b.jpg",
    "long": "k" * 1024,
    "long-emoji": "😀" * 256,
    "long-parts": "/".join(["p" * 100] * 10),
}


@pytest.mark.s3
@pytest.mark.parametrize("name", ODD)
def test_an_odd_key_is_kept_as_it_is(s3, bucket, name):
    key, body = ODD[name], name.encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body)
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(body)
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert [o["Key"] for o in s3.list_objects(Bucket=bucket, Prefix=key)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == body
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["copy"]


@pytest.mark.s3
@pytest.mark.parametrize("key", ["k" * 1025, "😀" * 256 + "k"], ids=["ascii", "emoji"])
def test_a_key_of_1025_bytes_is_refused(s3, bucket, key):
    with refused("KeyTooLongError", status=400):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    with refused("KeyTooLongError", status=400):
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@pytest.mark.s3
def test_keys_that_a_file_system_would_confuse_stay_apart(s3, bucket):
    keys = ["a/b", "a//b", "a/./b", "x/../a/b", "A/b", "a/b/", "a%2Fb", "é", "e\u0301"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for key in keys:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()


def test_no_key_becomes_a_path(serve):
    server = serve("thumbnail")
    s3 = server.s3()
    names = ("escaped-one", "escaped-two", "escaped-three")
    for key in (f"../{names[0]}", f"../../../{names[1]}", f"/{names[2]}"):
        s3.put_object(Bucket="local-bucket", Key=key, Body=b"x" * 100_000)
    found = [p for p in server.directory.parent.rglob("*") if p.name in names]
    assert found == []
