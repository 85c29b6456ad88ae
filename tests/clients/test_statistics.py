"""The collection's figures, right at every moment as images come, change and go."""

from concurrent.futures import ThreadPoolExecutor

import photos
import pytest
from waiting import until

BUCKET = "archive"


def key_and_size(key, body):
    return {"key": key, "size_bytes": len(body)}


def settled(server, images, kinds):
    """Waits until the statistics are those of `images` (key → bytes) with `kinds` (format → count)."""
    by_size = sorted(images.items(), key=lambda item: (len(item[1]), item[0]))
    smallest = by_size[0] if by_size else None
    largest = min(images.items(), key=lambda item: (-len(item[1]), item[0])) if images else None

    def check():
        statistics = server.statistics()
        assert statistics["count"] == len(images)
        assert statistics["bytes"] == sum(len(body) for body in images.values())
        assert statistics["types"] == kinds
        assert statistics["largest"] == (key_and_size(*largest) if largest else None)
        assert statistics["smallest"] == (key_and_size(*smallest) if smallest else None)
        return True

    until(check, f"the statistics of {len(images)} images")


@pytest.fixture
def collection(serve):
    """A server that catalogues everything put into one bucket, and a client of it."""
    server = serve(config='[server]\nbuckets = ["archive"]\n[[rules]]\nname = "all"\nbucket = "archive"\n')
    return server, server.s3()


def test_an_empty_collection(collection):
    server, _ = collection
    settled(server, {}, {})


def test_images_come_change_and_go(collection):
    server, s3 = collection
    images = {}

    def put(key, body):
        images[key] = body
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def delete(key):
        del images[key]
        s3.delete_object(Bucket=BUCKET, Key=key)

    put("m.jpg", photos.jpeg(600, 400))
    settled(server, images, {"jpeg": 1})
    put("l.jpg", photos.jpeg(1200, 800))
    put("s.png", photos.png(20, 20, "red"))
    settled(server, images, {"jpeg": 2, "png": 1})
    put("w.webp", photos.webp(300, 300))
    put("g.gif", photos.gif())
    settled(server, images, {"jpeg": 2, "png": 1, "webp": 1, "gif": 1})

    # The largest shrinks, the smallest grows, and one becomes another format under the same name.
    put("l.jpg", photos.jpeg(100, 80))
    settled(server, images, {"jpeg": 2, "png": 1, "webp": 1, "gif": 1})
    put("s.png", photos.jpeg(1400, 1000))
    settled(server, images, {"jpeg": 3, "webp": 1, "gif": 1})

    # The largest goes, then the smallest; a type that has gone is not listed with zero.
    delete(max(images, key=lambda key: len(images[key])))
    settled(server, images, {"jpeg": 2, "webp": 1, "gif": 1})
    delete("g.gif")
    settled(server, images, {"jpeg": 2, "webp": 1})
    for key in list(images):
        delete(key)
    settled(server, images, {})


def test_what_is_no_image_any_more_is_not_counted(collection):
    server, s3 = collection
    body = photos.jpeg()
    s3.put_object(Bucket=BUCKET, Key="a.jpg", Body=body)
    settled(server, {"a.jpg": body}, {"jpeg": 1})
    s3.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"no image")
    settled(server, {}, {})
    assert server.statistics()["failed"] == 1
    s3.delete_object(Bucket=BUCKET, Key="a.jpg")
    until(lambda: server.statistics()["failed"] == 0, "the failure to be forgotten")


def test_uploading_the_same_again_counts_once(collection):
    server, s3 = collection
    body = photos.jpeg()
    for _ in range(5):
        s3.put_object(Bucket=BUCKET, Key="a.jpg", Body=body)
    settled(server, {"a.jpg": body}, {"jpeg": 1})


def test_a_copy_counts_and_a_listing_delete_discounts(collection):
    server, s3 = collection
    body = photos.jpeg()
    s3.put_object(Bucket=BUCKET, Key="a.jpg", Body=body)
    s3.copy_object(Bucket=BUCKET, Key="b.jpg", CopySource={"Bucket": BUCKET, "Key": "a.jpg"})
    settled(server, {"a.jpg": body, "b.jpg": body}, {"jpeg": 2})
    s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "a.jpg"}, {"Key": "never.jpg"}]})
    settled(server, {"b.jpg": body}, {"jpeg": 1})


def test_many_clients_at_once(collection):
    """Puts, overwrites and deletes of few keys by many; only the end is known, and it must be exact."""
    server, s3 = collection
    pictures = [photos.jpeg(40 + 8 * number, 40) for number in range(8)]

    def client(number):
        key = f"k{number}.jpg"
        for turn in range(6):
            s3.put_object(Bucket=BUCKET, Key=key, Body=pictures[(number + turn) % 8])
            if turn % 3 == 1:
                s3.delete_object(Bucket=BUCKET, Key=key)
        return key, pictures[(number + 5) % 8]

    with ThreadPoolExecutor(8) as pool:
        images = dict(pool.map(client, range(8)))
    for key in ("k0.jpg", "k5.jpg"):
        s3.delete_object(Bucket=BUCKET, Key=key)
        del images[key]
    settled(server, images, {"jpeg": 6})
