"""Each file under examples/ does what its comments say."""

import sqlite3
import tomllib
from contextlib import closing

import photos
import pytest
from server import EXAMPLES, ROOT
from waiting import until


def test_every_example_is_driven_here():
    driven = {"aws", "metadata-only", "notifications", "pass-through", "sizes", "thumbnail", "two-buckets", "web"}
    assert {path.stem for path in EXAMPLES.glob("*.toml")} == driven


def keys(s3, bucket):
    return [o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.mark.parametrize("kind", ["jpg", "jpeg", "png"])
def test_thumbnail(serve, processed, kind):
    server = serve("thumbnail")
    s3 = server.s3()
    body = photos.png(400, 300) if kind == "png" else photos.jpeg(400, 300)
    s3.put_object(Bucket="local-bucket", Key=f"input/photo.{kind}", Body=body)
    processed(server, f"input/photo.{kind}")
    made = s3.get_object(Bucket="local-bucket", Key="output/photo_thumbnail.jpg")["Body"].read()
    assert (photos.opened(made).format, photos.opened(made).size) == ("JPEG", (128, 96))


def test_aws_runs_here_too(serve, processed):
    server = serve("aws")
    s3 = server.s3()
    s3.put_object(Bucket="photos", Key="input/a.png", Body=photos.png(800, 600))
    processed(server, "input/a.png")
    expected = {"thumb/input/a.png.jpg": (128, 96), "medium/input/a.png.webp": (512, 384), "large/input/a.png.jpg": (800, 600)}
    assert set(keys(s3, "prints")) == set(expected)
    for key, size in expected.items():
        assert photos.opened(s3.get_object(Bucket="prints", Key=key)["Body"].read()).size == size


def test_metadata_only(serve, processed):
    server = serve("metadata-only")
    s3 = server.s3()
    ignored = ["photo.jpg", "uploads/photo.png", "uploads/photo.JPG", "other/uploads/photo.jpg", "uploads.jpg"]
    for key in ignored:
        s3.put_object(Bucket="archive", Key=key, Body=photos.jpeg(320, 240))
    s3.put_object(Bucket="archive", Key="uploads/photo.jpg", Body=photos.jpeg(320, 240))
    s3.put_object(Bucket="archive", Key="uploads/deeper/photo.jpg", Body=photos.jpeg(100, 200))
    assert processed(server, "uploads/photo.jpg")["variants"] == []
    assert processed(server, "uploads/deeper/photo.jpg")["width"] == 100
    for key in ignored:
        assert server.record(key) is None
    assert server.statistics()["count"] == 2
    assert sorted(keys(s3, "archive")) == sorted(ignored + ["uploads/photo.jpg", "uploads/deeper/photo.jpg"])


def test_two_buckets(serve, processed):
    server = serve("two-buckets")
    s3 = server.s3()
    sources = {
        "a/wide.jpg": (photos.jpeg(1600, 1000), "JPEG", (800, 500)),
        "tall.png": (photos.png(900, 1200), "PNG", (600, 800)),
        "small.webp": (photos.webp(200, 100), "WEBP", (200, 100)),
    }
    for key, (body, _, _) in sources.items():
        s3.put_object(Bucket="originals", Key=key, Body=body)
    for key, (body, kind, size) in sources.items():
        record = processed(server, key)
        assert [(v["bucket"], v["key"]) for v in record["variants"]] == [("resized", key)]
        made = photos.opened(s3.get_object(Bucket="resized", Key=key)["Body"].read())
        assert (made.format, made.size) == (kind, size)
        assert s3.get_object(Bucket="originals", Key=key)["Body"].read() == body
    assert sorted(keys(s3, "resized")) == sorted(sources)
    assert server.statistics(bucket="resized")["count"] == 0


def test_two_buckets_writes_down_whom_to_tell(serve, processed):
    server = serve("two-buckets")
    server.s3().put_object(Bucket="originals", Key="good.jpg", Body=photos.jpeg(900, 600))
    server.s3().put_object(Bucket="originals", Key="bad.jpg", Body=b"no image")
    processed(server, "good.jpg")
    processed(server, "bad.jpg", state="failed")
    assert server.stop() == 0
    with closing(sqlite3.connect(f"file:{server.data}/index.db?mode=ro", uri=True)) as index:
        tables = [name for (name,) in index.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [
            str(row) for table in tables if "notification" in table for row in index.execute(f'SELECT * FROM "{table}"')
        ]
    assert sum("good.jpg" in row and "image.processed" in row for row in rows) == 1, rows
    assert sum("bad.jpg" in row and "image.failed" in row for row in rows) == 1, rows


def test_notifications(serve, processed):
    # The webhook of the example listens on a fixed port, which a test cannot claim; test_webhooks.py
    # drives one. Here it starts, takes the secrets, and tells the log.
    secrets = {"HOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MAIL_PASSWORD": "not-a-secret"}
    server = serve("notifications", variables=secrets)
    server.s3().put_object(Bucket="photos", Key="a.jpg", Body=photos.jpeg(320, 240))
    assert processed(server, "a.jpg")["variants"] == []
    until(lambda: "image.processed" in server.output(), "the log to tell of it")
    assert "not-a-secret" not in server.output()


def test_pass_through(serve, processed):
    server = serve("pass-through")
    s3 = server.s3()
    sources = {
        "2026/photo.jpg": photos.jpeg_with_exif(800, 600, orientation=3, gps=True),
        "a b+ü.png": photos.png(300, 300, mode="RGBA"),
        "moving.gif": photos.gif(),
    }
    for key, body in sources.items():
        s3.put_object(Bucket="incoming", Key=key, Body=body, ContentType="image/own")
    for key, body in sources.items():
        processed(server, key)
        assert s3.get_object(Bucket="published", Key=f"resized/{key}")["Body"].read() == body
    assert sorted(keys(s3, "published")) == sorted(f"resized/{key}" for key in sources)


def test_sizes(serve, processed):
    server = serve("sizes")
    s3 = server.s3()
    s3.put_object(Bucket="photos", Key="2026/photo.jpg", Body=photos.jpeg(1200, 900))
    record = processed(server, "2026/photo.jpg")
    expected = {
        "small/photo.jpg": ("JPEG", (128, 96)),
        "medium/photo.jpg": ("JPEG", (512, 384)),
        "tile/photo.webp": ("WEBP", (256, 256)),
        "lossless/photo_320x240.png": ("PNG", (320, 240)),
    }
    assert sorted(keys(s3, "prints")) == sorted(expected)
    for key, what in expected.items():
        got = s3.get_object(Bucket="prints", Key=key)
        made = photos.opened(got["Body"].read())
        assert (made.format, made.size) == what
        assert got["ContentType"] == made.get_format_mimetype()
    listed = {v["key"]: (v["name"], (v["width"], v["height"])) for v in record["variants"]}
    assert listed == {key: (key.partition("/")[0], size) for key, (_, size) in expected.items()}


@pytest.mark.parametrize("configured", [False, True], ids=["no-file", "minilab.toml"])
def test_the_root_configuration_is_what_no_configuration_does(serve, processed, configured):
    text = (ROOT / "minilab.toml").read_text()
    assert [rule["bucket"] for rule in tomllib.loads(text)["rules"]] == ["photos"]
    server = serve(config=text if configured else None)
    s3 = server.s3()
    s3.put_object(Bucket="photos", Key="photo.jpg", Body=photos.jpeg(2000, 1000))
    record = processed(server, "photo.jpg")
    assert {v["bucket"] for v in record["variants"]} == {"prints"}
    sizes = sorted((v["width"], v["height"]) for v in record["variants"])
    assert sizes == [(128, 64), (512, 256), (1600, 800)]
    until(lambda: len(keys(s3, "prints")) == 3, "three prints")


def test_web(serve, processed):
    server = serve("web")
    s3 = server.s3()
    s3.put_object(Bucket="photos", Key="photo.jpg", Body=photos.jpeg(1600, 1000))
    record = processed(server, "photo.jpg")
    assert record["thumbhash"] and 1 <= len(record["palette"]) <= 6
    made = {v["name"]: s3.get_object(Bucket=v["bucket"], Key=v["key"])["Body"].read() for v in record["variants"]}
    page, tile, press = (photos.opened(made[name]) for name in ("page", "tile", "press"))
    assert page.format in ("WEBP", "JPEG") and page.size == (1200, 750) and len(made["page"]) <= 150_000
    assert (tile.format, tile.size, tile.mode) == ("WEBP", (300, 300), "RGBA")
    assert tile.getpixel((0, 0))[3] == 0 and tile.getpixel((150, 150))[3] == 255
    assert (press.format, press.size) == ("JPEG", (1600, 1000))
