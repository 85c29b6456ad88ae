"""What fails for good ends in a dead-letter queue with its cause, and harms nothing beside it."""

import json

import photos
from waiting import until


def test_a_poison_image_ends_as_dead_letter_and_the_rest_of_its_batch_does_not(stack):
    good = [f"input/good-{number}.jpg" for number in range(4)]
    worker, queue = stack.mapping("process-small"), stack.tier_queues["small"]
    with worker.held():
        for key in good:
            stack.put(key, photos.jpeg())
        stack.put("input/poison.jpg", photos.truncated_jpeg())
        until(lambda: queue.counts() == (5, 0), "the batch to be complete")
    for key in good:
        stack.processed(key)
    record = stack.processed("input/poison.jpg", state="failed")
    assert record["failures"][0]["rule"] == "thumbnail"
    stack.settled()
    (letter,) = stack.dead_letters()
    assert "poison.jpg" in letter["Body"]
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes["cause"] == record["failures"][0]["cause"]
    assert attributes["rule"] == "thumbnail" and attributes["error"]
    statistics = stack.statistics()
    assert (statistics["count"], statistics["failed"]) == (4, 1)
    assert stack.keys() == sorted(f"output/good-{number}_thumbnail.jpg" for number in range(4))
    # Nothing came more than once.
    assert len(worker.delivered) == 5 and not any(failed for _, failed in worker.delivered)


def test_a_corrected_upload_heals_the_failure(stack):
    stack.put("input/a.jpg", photos.truncated_jpeg())
    stack.processed("input/a.jpg", state="failed")
    stack.put("input/a.jpg", photos.jpeg())
    record = stack.processed("input/a.jpg")
    assert "failures" not in record
    until(lambda: stack.statistics()["failed"] == 0, "the failure to be forgotten")


def test_messages_that_nobody_understands_are_dead_letters(stack):
    stack.ingest.send("this is no event")
    stack.ingest.send({"Service": "Amazon S3", "Event": "s3:TestEvent"})
    stack.put("input/a.jpg", photos.jpeg())
    stack.processed("input/a.jpg")
    stack.settled()
    (letter,) = stack.dead_letters()
    assert letter["Body"] == "this is no event"


def test_an_image_that_claims_too_much_is_refused_by_its_header(stack):
    stack.put("input/bomb.png", photos.huge_png_header())
    record = stack.processed("input/bomb.png", state="failed")
    stack.settled()
    (letter,) = stack.dead_letters()
    assert json.loads(json.dumps(letter["MessageAttributes"]))["cause"]["StringValue"] == record["failures"][0]["cause"]
