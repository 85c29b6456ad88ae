"""System calls that fail: whatever was acknowledged is there afterwards, and the server says what is wrong.

strace makes the kernel's answers up (`-e inject`). Uploads go on while it does, from several clients,
into the index (short bodies) and into files (long ones). What may follow is one of two things: the
server goes on as if nothing had happened but for the uploads that it refused, or it takes no more
writes, says why at /readyz, and reads go on. After a restart it is whole in both cases.
"""

import hashlib
import re
import subprocess
import threading

import photos
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from server import binary, clean_environment
from waiting import until

BUCKET = "local-bucket"
CLIENTS = 3
UPLOADS = 12
SHORT, LONG = photos.jpeg(48, 48), photos.jpeg(640, 480, quality=97)
assert len(SHORT) < 60_000 < 70_000 < len(LONG)

SYNC = "fsync,fdatasync"


class Injection:
    """strace on a running server; `calls` fail with `error`, the `when`-th of each thread and, with a `+`, those after it."""

    def __init__(self, server, log, calls, error, when):
        self.log = log
        self.process = subprocess.Popen(
            ["strace", "-f", "-p", str(server.process.pid), "-o", str(log), "-e", f"trace={calls}"]
            + ["-e", f"inject={calls}:error={error}:when={when}"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stderr.readline()
        assert "attached" in line, f"strace: {line}{self.process.stderr.read() if self.process.poll() is not None else ''}"

    @property
    def hits(self):
        return self.log.read_text(errors="replace").count("(INJECTED)")

    def end(self):
        self.process.terminate()
        self.process.wait(30)


class Uploads:
    """Clients that overwrite keys of their own, and what was acknowledged to them."""

    def __init__(self, server):
        self.server = server
        self.lock = threading.Lock()
        self.possible = {}
        self.acknowledged = set()
        self.refused = []

    def put(self, s3, key, body):
        digest = hashlib.sha256(body).hexdigest()
        with self.lock:
            self.possible.setdefault(key, set()).add(digest)
        try:
            s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            assert 500 <= status < 600, error
            with self.lock:
                self.refused.append(error.response["Error"])
            return
        with self.lock:
            # Nobody else writes this key, and this client waits for each answer.
            self.possible[key] = {digest}
            self.acknowledged.add(key)

    def run(self):
        def client(number):
            s3 = self.server.s3()
            for turn in range(UPLOADS):
                body = LONG if turn % 3 == number % 3 else SHORT
                self.put(s3, f"input/{number}-{turn % 5}.jpg", photos.tagged(body, f"{number} {turn}"))

        failures = []

        def guarded(number):
            try:
                client(number)
            except (AssertionError, BotoCoreError) as error:
                failures.append(error)

        threads = [threading.Thread(target=guarded, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in threads), "an upload was never answered"
        assert failures == []

    def check(self):
        """Everything acknowledged is there, nothing is there that was not sent."""
        s3 = self.server.s3()
        present = {}
        for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix="input/").get("Contents", []):
            body = s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
            present[entry["Key"]] = hashlib.sha256(body).hexdigest()
        assert self.acknowledged - present.keys() == set(), "acknowledged and gone"
        for key, digest in present.items():
            assert digest in self.possible[key], f"{key} holds what was overwritten or never sent"
        return present


def readiness(server):
    """(whether it is ready, why not)"""
    answer = server.get("/readyz")
    assert answer.status_code in (200, 503), answer.text
    return answer.status_code == 200, answer.json().get("reason")


@pytest.mark.parametrize("when", ["1", "4", "9+7"])
@pytest.mark.parametrize(
    "calls, error, stops",
    [
        # After a failed fsync nobody knows what the disk holds, so the store must not go on.
        pytest.param(SYNC, "EIO", True, id="fsync-EIO"),
        pytest.param("pwrite64", "EIO", None, id="pwrite-EIO"),
        pytest.param("pwrite64", "ENOSPC", False, id="pwrite-ENOSPC"),
        pytest.param("ftruncate", "EIO", None, id="ftruncate-EIO"),
    ],
)
def test_what_was_acknowledged_survives_failing_system_calls(serve, tmp_path, processed, calls, error, stops, when):
    server = serve("thumbnail")
    uploads = Uploads(server)
    uploads.put(server.s3(), "input/first.jpg", SHORT)
    processed(server, "input/first.jpg")

    injection = Injection(server, tmp_path / "strace.log", calls, error, when)
    uploads.run()
    if calls != "ftruncate":
        # Some calls are made seldom; those that every write makes must have been met.
        assert injection.hits > 0
    injection.end()

    # A disk that was full only for a moment is no reason to stay away.
    ready, reason = readiness(server)
    if stops is not None and injection.hits:
        assert ready != stops, f"{reason}\n{server.output()}"
    assert server.get("/healthz").status_code == 200
    uploads.check()
    if ready:
        uploads.put(server.s3(), "input/after.jpg", SHORT)
        assert "input/after.jpg" in uploads.acknowledged
    else:
        assert re.search(r"fsync|commit|written|checkpoint|I/O", reason), reason
        before = len(uploads.refused)
        uploads.put(server.s3(), "input/after.jpg", SHORT)
        assert len(uploads.refused) == before + 1, "a store that is not ready took a write"
    assert server.stop() == 0

    server.start()
    assert readiness(server) == (True, None)
    for key, digest in uploads.check().items():
        record = until(lambda key=key: _final(server, key), f"{key} to be processed")
        assert record["sha256"] == digest
    assert server.stop() == 0
    checked = subprocess.run(
        [str(binary()), "fsck", "--data", str(server.data)],
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def _final(server, key):
    record = server.record(key)
    return record if record and record["state"] == "processed" else None


@pytest.mark.parametrize("calls", ["rename,renameat,renameat2", "fsync,fdatasync", "mkdir,mkdirat"])
def test_a_start_that_fails_says_why_and_the_next_one_succeeds(serve, tmp_path, calls):
    """The first start makes the directory, the index and the credentials; nothing of it may be left half-done."""
    data = tmp_path / "data"
    failed = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO:when=1+", str(binary())]
        + ["serve", "--data", str(data), "--s3-addr", "127.0.0.1:0", "--web-addr", "127.0.0.1:0"],
        cwd=tmp_path,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "ready" not in failed.stdout.splitlines()
    assert str(data) in failed.stderr and "nput/output error" in failed.stderr, failed.stderr
    server = serve("thumbnail", data=data, credentials=True)
    server.s3().put_object(Bucket=BUCKET, Key="k", Body=b"content")
