"""The three routes of the contract and the two health checks."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import photos
import pytest
import requests
from conftest import close
from server import EXAMPLES, Server
from waiting import until

KEY = "input/deep/er/a.jpg"
ODD_KEYS = ["input/a b+c.jpg", "input/Über 100%.jpg", "input/📷.jpg", "input/a%2Fb.jpg", "input/../up.jpg"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A server with the contract's configuration and one processed photo."""
    server = Server(tmp_path_factory.mktemp("routes"), EXAMPLES / "thumbnail.toml").start()
    server.photo = photos.jpeg_with_exif(640, 480, orientation=6, gps=True)
    server.s3().put_object(Bucket="local-bucket", Key=KEY, Body=server.photo, ContentType="image/jpeg")
    until(lambda: (server.record(KEY) or {}).get("state") == "processed", "the first photo")
    yield server
    close(server, "routes", False)


def test_a_record_has_the_contracts_fields(shop):
    record = shop.record(KEY)
    assert (record["bucket"], record["key"], record["state"]) == ("local-bucket", KEY, "processed")
    assert (record["format"], record["content_type"]) == ("jpeg", "image/jpeg")
    assert (record["width"], record["height"], record["orientation"]) == (640, 480, 6)
    assert record["size_bytes"] == len(shop.photo)
    assert record["etag"].strip('"') == hashlib.md5(shop.photo).hexdigest()
    assert record["sha256"] == hashlib.sha256(shop.photo).hexdigest()
    age = datetime.now(UTC) - datetime.fromisoformat(record["created_at"].replace("Z", "+00:00"))
    assert abs(age) < timedelta(minutes=10)
    assert record["created_at"].endswith("Z")
    assert len(record["thumbhash"]) > 10


def test_exif_is_told_but_not_the_place(shop):
    exif = json.dumps(shop.record(KEY)["exif"])
    assert "Darkroom 7" in exif
    assert "gps" not in exif.lower()


def test_a_record_lists_its_variants(shop):
    (variant,) = shop.record(KEY)["variants"]
    body = shop.s3().get_object(Bucket=variant["bucket"], Key=variant["key"])["Body"].read()
    assert (variant["name"], variant["bucket"]) == ("thumb", "local-bucket")
    assert variant["key"] == "output/a_thumbnail.jpg"
    assert variant["format"] == "jpeg"
    assert variant["size_bytes"] == len(body)
    # Orientation 6 is applied: a quarter turn makes the wide photo tall.
    assert (variant["width"], variant["height"]) == (96, 128) == photos.opened(body).size


def test_a_variant_says_where_it_is_from(shop):
    head = shop.s3().head_object(Bucket="local-bucket", Key="output/a_thumbnail.jpg")
    assert head["ContentType"] == "image/jpeg"
    assert head["Metadata"]["minilab-source"] == f"local-bucket/{KEY}"
    assert head["Metadata"]["minilab-recipe"]


def test_the_image_can_be_downloaded(shop):
    answer = shop.get("/downloadimages/" + KEY)
    assert (answer.status_code, answer.content) == (200, shop.photo)
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_variants_are_not_images_of_their_own(shop):
    assert shop.record_response("output/a_thumbnail.jpg").status_code == 404
    assert shop.statistics()["count"] == 1


def test_the_collection(shop):
    size = len(shop.photo)
    statistics = shop.statistics()
    assert (statistics["count"], statistics["bytes"], statistics["types"]) == (1, size, {"jpeg": 1})
    assert statistics["largest"] == statistics["smallest"] == {"key": KEY, "size_bytes": size}


def test_a_bucket_can_be_named(shop):
    assert shop.record(KEY, bucket="local-bucket")["key"] == KEY
    assert shop.record_response(KEY, bucket="another-bucket").status_code == 404
    assert shop.get("/downloadimages/" + KEY, params={"bucket": "local-bucket"}).content == shop.photo


@pytest.mark.parametrize("route", ["/images/", "/downloadimages/"])
@pytest.mark.parametrize("key", ["absent.jpg", "input/deep", "input/../secret", "%2e%2e%2f%2e%2e%2fetc%2fpasswd"])
def test_what_is_not_there_is_404_in_json(shop, route, key):
    status, body = shop.get_raw(route + key)
    assert status == 404
    assert json.loads(body)["error"]


def test_a_key_that_is_too_long_or_not_text_is_refused(shop):
    for key in ("k" * 1025, "%ff%fe"):
        status, body = shop.get_raw("/images/" + key)
        assert status in (400, 404), body
        assert json.loads(body)["error"]


def test_answers_are_json(shop):
    for path in ("/images/" + KEY, "/infoimages"):
        assert shop.get(path).headers["Content-Type"].startswith("application/json")


def test_health(shop):
    assert shop.get("/healthz").status_code == 200
    assert shop.get("/readyz").status_code == 200


@pytest.mark.parametrize("path", ["/infoimages", "/images/" + KEY, "/downloadimages/" + KEY])
def test_reading_routes_only_read(shop, path):
    for method in ("POST", "PUT", "DELETE"):
        assert requests.request(method, shop.web_url + path, timeout=30).status_code == 405
    assert shop.record(KEY)["state"] == "processed"


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_are_found_under_their_own_name(serve, key):
    server = serve("thumbnail")
    photo = photos.jpeg(320, 240)
    server.s3().put_object(Bucket="local-bucket", Key=key, Body=photo)

    def record():
        status, body = server.get_raw("/images/" + quote(key))
        return json.loads(body) if status == 200 else None

    until(lambda: (record() or {}).get("state") == "processed", f"{key} to be processed")
    assert record()["key"] == key
    status, body = server.get_raw("/downloadimages/" + quote(key))
    assert (status, body) == (200, photo)
    (variant,) = record()["variants"]
    assert server.s3().head_object(Bucket=variant["bucket"], Key=variant["key"])["ContentType"] == "image/jpeg"
