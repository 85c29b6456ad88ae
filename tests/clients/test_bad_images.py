"""What is not a good image: stored as it is, refused with a reason, and no harm to anything else."""

from pathlib import Path

import photos
import pytest
from s3errors import refused
from waiting import until

BAD = {
    "empty": b"",
    "text": b"This is a text that calls itself a photo.\n" * 50,
    "html": b"<!doctype html><script>alert(1)</script>",
    "only-a-signature": b"\xff\xd8\xff\xe0",
    "huge-png-header": photos.huge_png_header(),
    "zero-png": photos.huge_png_header(0, 10),
    "wide-png": photos.huge_png_header(40_000, 1),
    "noise": photos.random_bytes(200_000),
}
MIB = 1024 * 1024


def peak_memory(server):
    """Most memory that the server ever had resident, in bytes."""
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


@pytest.mark.parametrize("name", BAD)
def test_it_fails_with_a_reason_and_the_server_goes_on(serve, processed, name):
    server = serve("thumbnail")
    s3 = server.s3()
    s3.put_object(Bucket="local-bucket", Key="input/bad.jpg", Body=BAD[name])
    record = processed(server, "input/bad.jpg", state="failed")
    (failure,) = record["failures"]
    assert failure["rule"] == "thumbnail"
    assert len(failure["error"]) > 10
    assert record["variants"] == []

    # The upload itself is kept, byte for byte, and nothing half-made stands beside it.
    assert s3.get_object(Bucket="local-bucket", Key="input/bad.jpg")["Body"].read() == BAD[name]
    with refused("404"):
        s3.head_object(Bucket="local-bucket", Key="output/bad_thumbnail.jpg")

    # The next one is served as ever, and the statistics are of images only.
    s3.put_object(Bucket="local-bucket", Key="input/good.jpg", Body=photos.jpeg())
    processed(server, "input/good.jpg")
    statistics = server.statistics()
    assert (statistics["count"], statistics["types"], statistics["failed"]) == (1, {"jpeg": 1}, 1)
    assert server.get("/healthz").status_code == 200
    assert peak_memory(server) < 600 * MIB


def test_the_reason_names_the_size_that_was_too_large(serve, processed):
    server = serve("thumbnail")
    server.s3().put_object(Bucket="local-bucket", Key="input/bomb.png", Body=photos.huge_png_header())
    (failure,) = processed(server, "input/bomb.png", state="failed")["failures"]
    assert "50000" in failure["error"].replace(",", "").replace("_", "")


def test_a_truncated_jpeg(serve, processed):
    """Half a photo: refused with a reason, or shown as far as it goes; never a broken thumbnail."""
    server = serve("thumbnail")
    s3 = server.s3()
    body = photos.truncated_jpeg()
    s3.put_object(Bucket="local-bucket", Key="input/half.jpg", Body=body)
    s3.put_object(Bucket="local-bucket", Key="input/whole.jpg", Body=photos.jpeg())
    processed(server, "input/whole.jpg")

    def settled():
        record = server.record("input/half.jpg")
        return record if record and record["state"] in ("processed", "failed") else None

    record = until(settled, "the half photo to be settled")
    assert s3.get_object(Bucket="local-bucket", Key="input/half.jpg")["Body"].read() == body
    if record["state"] == "failed":
        assert record["failures"][0]["error"]
        assert record["variants"] == []
    else:
        made = s3.get_object(Bucket="local-bucket", Key="output/half_thumbnail.jpg")["Body"].read()
        assert photos.opened(made).size == (128, 96)


def test_the_format_is_told_by_content_not_by_name(serve, processed):
    server = serve("thumbnail")
    s3 = server.s3()
    s3.put_object(
        Bucket="local-bucket", Key="input/really-a-png.jpg", Body=photos.png(256, 256), ContentType="image/jpeg"
    )
    record = processed(server, "input/really-a-png.jpg")
    assert (record["format"], record["content_type"]) == ("png", "image/png")


def test_a_good_upload_mends_a_failed_one(serve, processed):
    server = serve("thumbnail")
    s3 = server.s3()
    s3.put_object(Bucket="local-bucket", Key="input/a.jpg", Body=b"no image")
    processed(server, "input/a.jpg", state="failed")
    etag = s3.put_object(Bucket="local-bucket", Key="input/a.jpg", Body=photos.jpeg())["ETag"]
    record = processed(server, "input/a.jpg", etag=etag)
    assert not record.get("failures")
    assert (server.statistics()["count"], server.statistics()["failed"]) == (1, 0)


def test_a_variant_whose_key_would_be_too_long_fails_with_a_reason(serve, processed):
    server = serve("thumbnail")
    key = "input/" + "k" * (1024 - len("input/.jpg")) + ".jpg"
    server.s3().put_object(Bucket="local-bucket", Key=key, Body=photos.jpeg(100, 100))
    (failure,) = processed(server, key, state="failed")["failures"]
    assert "key" in failure["error"]
    assert "1024" in failure["error"].replace(",", "")
