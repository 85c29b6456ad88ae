"""E-mail subscribers get one message in so many minutes, whatever comes."""

import json

import photos
from waiting import until

# What EventBridge Scheduler's rules send when a clock rings.
TICK = {
    "version": "0",
    "id": "89d1a02d-5ec7-412e-82f5-13505f849b41",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-11-21T12:00:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:events:us-east-1:123456789012:rule/digest"],
    "detail": {},
}


def test_a_digest_tells_of_everything_once(deploy):
    stack = deploy(digests=True)
    for number in range(12):
        stack.put(f"input/{number}.jpg", photos.jpeg())
    stack.put("input/broken.jpg", photos.truncated_jpeg())
    until(lambda: stack.digest_queue.counts()[0] == 13, "13 outcomes in the digest queue")
    assert stack.digests.take() == []

    failed, answer = stack.emulator.invoke("notify", json.dumps(TICK))
    assert not failed, answer
    (message,) = stack.digests.take()
    text = json.loads(message["Body"])["Message"]
    assert "12" in text and "broken.jpg" in text
    assert stack.digest_queue.empty

    # Nothing has happened since: nobody is told.
    assert not stack.emulator.invoke("notify", json.dumps(TICK))[0]
    assert stack.digests.take() == []
