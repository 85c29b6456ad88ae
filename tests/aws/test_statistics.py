"""Statistics that are right at once, whatever comes twice, late, changed or taken away."""

import json
import random
from concurrent.futures import ThreadPoolExecutor

import photos
import pytest

UPLOADS, DUPLICATES, OVERWRITES, DELETES = 200, 50, 20, 20
# For some hundred events with a dozen calls of moto each, on a machine that has other things to do.
PATIENCE_SECONDS = 200


def expected(images):
    """What `/infoimages` must say of `images` (key → bytes)."""
    by_size = sorted(images.items(), key=lambda item: (len(item[1]), item[0]))
    largest = min(images.items(), key=lambda item: (-len(item[1]), item[0]))
    kinds = [photos.opened(body).format.lower() for body in images.values()]
    return {
        "count": len(images),
        "bytes": sum(map(len, images.values())),
        "largest": {"key": largest[0], "size_bytes": len(largest[1])},
        "smallest": {"key": by_size[0][0], "size_bytes": len(by_size[0][1])},
        "types": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        "failed": 0,
    }


@pytest.mark.timeout(600)
def test_uploads_duplicates_overwrites_and_deletes(deploy):
    """Two processes of the small worker run at once, so that the counters are contended."""
    stack = deploy(workers=2)
    chance = random.Random(5)
    images = {}

    def picture(number):
        # Sizes differ, some are equal, and there are two formats.
        side = 40 + 3 * (number % 60)
        return photos.png(side, 40) if number % 4 == 0 else photos.jpeg(side, 48)

    def put(item):
        stack.put(item[0], item[1])

    for number in range(UPLOADS):
        images[f"input/{number:03}.img"] = picture(number)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, images.items()))
    stack.settled(PATIENCE_SECONDS)
    assert stack.statistics() == expected(images)

    # The same events once more, as SQS delivers one now and then: in one go, and late.
    delivered = [body for body in stack.sequencers.by_message.values() if "Records" in body]
    for body in chance.sample(delivered, DUPLICATES):
        stack.ingest.send(body)
    keys = chance.sample(sorted(images), OVERWRITES + DELETES)
    for number, key in enumerate(keys[:OVERWRITES]):
        images[key] = picture(1000 + 7 * number)
        put((key, images[key]))
    for key in keys[OVERWRITES:]:
        del images[key]
        stack.delete(key)
    stack.settled(PATIENCE_SECONDS)
    assert stack.statistics() == expected(images)

    # Events of versions that are no more change nothing, either.
    for body in delivered:
        if json.loads(body)["Records"][0]["s3"]["object"]["key"] in [key.replace("/", "%2F") for key in keys]:
            stack.ingest.send(body)
    stack.settled(PATIENCE_SECONDS)
    assert stack.statistics() == expected(images)
    assert stack.dead_letters() == []
    assert len(stack.keys()) == len(images)
