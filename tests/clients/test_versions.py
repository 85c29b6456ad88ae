"""Newer uploads and deletions: what stands in the end belongs to the last of them."""

import uuid

import photos
import pytest
from waiting import until

COLOURS = [(230, 20, 20), (20, 200, 20), (20, 20, 230), (220, 220, 20), (20, 210, 210), (200, 20, 200)]
THUMBNAIL = {"Bucket": "local-bucket", "Key": "output/a_thumbnail.jpg"}
SOURCE = {"Bucket": "local-bucket", "Key": "input/a.jpg"}


def near(first, second):
    return all(abs(a - b) < 12 for a, b in zip(first, second, strict=True))


def exists(s3, Bucket, Key):
    return any(o["Key"] == Key for o in s3.list_objects_v2(Bucket=Bucket, Prefix=Key).get("Contents", []))


def passed_through(server, processed):
    """Waits until an image uploaded now is processed: what was queued before it has had its turn."""
    key = f"input/marker-{uuid.uuid4().hex}.jpg"
    server.s3().put_object(Bucket="local-bucket", Key=key, Body=photos.jpeg(64, 64))
    processed(server, key)


def test_the_newest_of_many_uploads_wins(serve, processed):
    server = serve("thumbnail")
    s3 = server.s3()
    for turn in range(4):
        for number, colour in enumerate(COLOURS):
            # Large first, small last: the older work takes longer than the newest.
            side = 1600 - 250 * number
            etag = s3.put_object(**SOURCE, Body=photos.jpeg(side, side, colour))["ETag"]
        record = processed(server, SOURCE["Key"], etag=etag)
        assert record["width"] == side

        def newest():
            return near(photos.middle_colour(s3.get_object(**THUMBNAIL)["Body"].read()), COLOURS[-1])

        assert newest(), f"turn {turn}: the record is of the newest upload, the thumbnail is not"
        passed_through(server, processed)
        assert newest(), f"turn {turn}: an older upload's thumbnail came later"
        assert server.record(SOURCE["Key"])["etag"].strip('"') == etag.strip('"')


def test_deleting_a_source_removes_record_and_variants(serve, processed):
    server = serve("sizes")
    s3 = server.s3()
    s3.put_object(Bucket="photos", Key="photo.jpg", Body=photos.jpeg())
    s3.put_object(Bucket="photos", Key="other.jpg", Body=photos.jpeg())
    processed(server, "photo.jpg")
    processed(server, "other.jpg")
    s3.delete_object(Bucket="photos", Key="photo.jpg")
    until(lambda: server.record("photo.jpg") is None, "the record to go")

    def left():
        return {o["Key"] for o in s3.list_objects_v2(Bucket="prints").get("Contents", [])}

    until(lambda: not any("photo" in key for key in left()), "the variants to go")
    assert len(left()) == 4  # the other photo's
    assert server.record("other.jpg")["state"] == "processed"
    assert server.statistics()["count"] == 1
    assert server.get("/downloadimages/photo.jpg").status_code == 404


def test_variants_stay_when_the_rule_says_so(serve, processed):
    config = """
[server]
buckets = ["local-bucket"]
[[rules]]
name = "thumbnail"
bucket = "local-bucket"
prefix = "input/"
on_delete = "keep"
[[rules.variants]]
name = "thumb"
key = "output/{stem}_thumbnail.{ext}"
steps = [{ resize = { width = 128, height = 128 } }]
format = "jpeg"
"""
    server = serve(config=config)
    s3 = server.s3()
    s3.put_object(**SOURCE, Body=photos.jpeg())
    processed(server, SOURCE["Key"])
    s3.delete_object(**SOURCE)
    until(lambda: server.record(SOURCE["Key"]) is None, "the record to go")
    passed_through(server, processed)
    assert exists(s3, **THUMBNAIL)
    assert server.statistics()["count"] == 1  # the marker


def test_deleted_at_once_leaves_nothing_behind(serve, processed):
    """The deletion comes while the upload is still being worked on."""
    server = serve("thumbnail")
    s3 = server.s3()
    photo = photos.jpeg(1600, 1600)
    for _ in range(8):
        s3.put_object(**SOURCE, Body=photo)
        s3.delete_object(**SOURCE)
    passed_through(server, processed)
    until(lambda: not exists(s3, **THUMBNAIL), "the thumbnail to go")
    assert server.record(SOURCE["Key"]) is None
    assert server.statistics()["count"] == 1  # the marker


def test_deleted_and_uploaded_again(serve, processed):
    server = serve("thumbnail")
    s3 = server.s3()
    for colour in COLOURS:
        s3.put_object(**SOURCE, Body=photos.jpeg(500, 500, COLOURS[0]))
        s3.delete_object(**SOURCE)
        etag = s3.put_object(**SOURCE, Body=photos.jpeg(300, 300, colour))["ETag"]
        processed(server, SOURCE["Key"], etag=etag)
        passed_through(server, processed)
        assert near(photos.middle_colour(s3.get_object(**THUMBNAIL)["Body"].read()), colour)


def test_a_variant_put_back_as_a_source_starts_nothing(serve, processed):
    """Objects that carry our provenance are ours, wherever they are copied to."""
    server = serve("thumbnail")
    s3 = server.s3()
    s3.put_object(**SOURCE, Body=photos.jpeg())
    processed(server, SOURCE["Key"])
    s3.copy_object(Bucket="local-bucket", Key="input/again.jpg", CopySource=THUMBNAIL)
    passed_through(server, processed)
    assert exists(s3, "local-bucket", "input/again.jpg")
    assert not exists(s3, "local-bucket", "output/again_thumbnail.jpg")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L"])
def test_png_kinds_become_jpeg(serve, processed, mode):
    server = serve("thumbnail")
    image = photos.picture(300, 200, mode="RGBA").convert(mode)
    server.s3().put_object(Bucket="local-bucket", Key="input/a.png", Body=photos.encoded(image, "PNG"))
    processed(server, "input/a.png")
    made = photos.opened(server.s3().get_object(**THUMBNAIL)["Body"].read())
    assert (made.format, made.size) == ("JPEG", (128, 85))
