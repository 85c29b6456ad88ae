"""`kill -9` in the middle of uploads: what was acknowledged is there, whole, and ends processed.

The oracle is outside the server: every client notes what it sent, and what was acknowledged.
"""

import subprocess
import threading

import photos
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from server import binary, clean_environment
from waiting import until

BUCKET = "local-bucket"
CLIENTS = 4
CYCLES = 3


class Oracle:
    """What clients sent to each key, in order, and how much of it was acknowledged."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sent = {}
        self.acknowledged = {}
        self.count = 0

    def sending(self, key, body):
        with self.lock:
            self.sent.setdefault(key, []).append(body)

    def done(self, key):
        with self.lock:
            self.acknowledged[key] = len(self.sent[key])
            self.count += 1

    def possible(self, key):
        """The bodies that may stand under `key`: the last acknowledged one, or one sent after it."""
        return self.sent[key][max(0, self.acknowledged.get(key, 0) - 1) :]


def pictures():
    # Small ones are kept inside the index, large ones in files of their own.
    return [photos.jpeg(64, 48), photos.jpeg(320, 240), photos.jpeg(900, 700, quality=95)]


def upload_until_it_dies(server, oracle, number, cycle, bodies):
    s3 = server.s3()
    turn = 0
    while True:
        # A key of its own each time, and now and then the same one again.
        name = "again" if turn % 5 == 4 else f"{cycle}-{turn:04}"
        key = f"input/{number}/{number}-{name}.jpg"
        body = photos.tagged(bodies[turn % len(bodies)], f"{number} {cycle} {turn}")
        oracle.sending(key, body)
        try:
            s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        except (BotoCoreError, ClientError):
            return
        oracle.done(key)
        turn += 1


@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost(serve):
    server = serve("thumbnail")
    oracle, bodies = Oracle(), pictures()
    for cycle in range(CYCLES):
        enough = oracle.count + 12 + 17 * cycle
        clients = [
            threading.Thread(target=upload_until_it_dies, args=(server, oracle, number, cycle, bodies))
            for number in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        until(lambda enough=enough: oracle.count >= enough, f"{enough} uploads", every=0.001)
        server.kill()
        for client in clients:
            client.join(60)
        server.start()

    s3 = server.s3()
    present = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="input/"):
        for entry in page.get("Contents", []):
            present[entry["Key"]] = s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()

    lost = [key for key in oracle.acknowledged if key not in present]
    assert lost == []
    strange = [key for key, body in present.items() if body not in oracle.possible(key)]
    assert strange == [], "half-written or older than what was acknowledged"

    def unfinished():
        left = [key for key in present if (server.record(key) or {}).get("state") != "processed"]
        assert left == []
        return True

    until(unfinished, "every image to be processed", seconds=120, every=0.2)
    for key, body in present.items():
        (variant,) = server.record(key)["variants"]
        made = s3.get_object(Bucket=BUCKET, Key=variant["key"])["Body"].read()
        assert max(photos.opened(made).size) == min(128, max(photos.opened(body).size))
    statistics = server.statistics()
    assert statistics["count"] == len(present)
    assert statistics["bytes"] == sum(len(body) for body in present.values())
    assert statistics["types"] == {"jpeg": len(present)}

    assert server.stop() == 0
    checked = subprocess.run(
        [str(binary()), "fsck", "--data", str(server.data)],
        cwd=server.directory,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
