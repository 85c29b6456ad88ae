"""No room left: uploads are refused with a reason, what is there stays readable, and it passes.

Three ways to run out. Where the machine lets us mount a small file system of our own: a tmpfs that is
shrunk to what it holds and grown again, which costs no memory; once with the server's own reserve
in force, and once without, so that writes really meet the end. And, everywhere, the kernel's limit
on the size of a file, which fails the write in the middle of a body.
"""

import os
import resource
import signal
import subprocess
import tempfile
import threading

import photos
import pytest
import requests
from botocore.exceptions import ClientError
from server import EXAMPLES
from waiting import until

BUCKET = "local-bucket"
MIB = 1024 * 1024
# More free space than the server's own reserve (512 MiB), so that it begins in good health.
ROOMY = "3g"


def mount(*words):
    return subprocess.run(["mount", *map(str, words)], capture_output=True, stdin=subprocess.DEVNULL).returncode == 0


class SmallFileSystem:
    def __init__(self, path):
        path.mkdir()
        self.path = path
        self.mounted = mount("-t", "tmpfs", "-o", f"size={ROOMY},mode=0777", "tmpfs", path)

    def fill(self):
        def full():
            used = os.statvfs(self.path)
            # At least one: to tmpfs, a size of 0 means without limit.
            pages = max(1, used.f_blocks - used.f_bfree)
            return mount("-o", f"remount,size={pages * used.f_frsize}", self.path)

        # The server may write between the look and the remount, which is then refused.
        until(full, "the file system to be full")

    def free(self):
        assert mount("-o", f"remount,size={ROOMY}", self.path)


def ways():
    """All ways where mounting works; decided once, here, and told by the names of the tests."""
    with tempfile.TemporaryDirectory() as place:
        works = mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", place)
        if works:
            subprocess.run(["umount", place], check=True)
    return ["file-size-limit", *(["reserve", "no-reserve"] if works else [])]


def ignore_file_size_signal():
    # Without this the kernel would end the process instead of failing its write.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


class FileSizeLimit:
    """Files may not grow past 2 MiB: large uploads fail while they are written."""

    def __init__(self, server):
        self.server = server

    def set(self, limit):
        resource.prlimit(self.server.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def fill(self):
        self.set(2 * MIB)

    def free(self):
        self.set(resource.RLIM_INFINITY)


@pytest.fixture(params=ways())
def disk(request, tmp_path, serve):
    """(server, disk): `disk.fill()` leaves no room for a large upload, `disk.free()` makes room again."""
    if request.param == "file-size-limit":
        server = serve("thumbnail", before_exec=ignore_file_size_signal)
        yield server, FileSizeLimit(server)
        return
    small = SmallFileSystem(tmp_path / "small")
    assert small.mounted
    try:
        text = (EXAMPLES / "thumbnail.toml").read_text()
        if request.param == "no-reserve":
            text = text.replace("[server]", "[server]\nreserve_bytes = 0")
        server = serve(config=text, data=small.path / "data")
        yield server, small
        small.free()
        assert server.stop() == 0
    finally:
        subprocess.run(["umount", "--lazy", str(small.path)], check=True)


def refused_for_room(s3, key, body):
    """The upload must fail with a 5xx answer that has a code and a message."""
    try:
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert 500 <= status < 600, error
        assert error.response["Error"]["Code"] not in ("", str(status)), error
        assert error.response["Error"]["Message"], error
        return
    raise AssertionError("there was room after all")


def test_uploads_are_refused_and_reads_go_on(request, disk, processed):
    server, room = disk
    s3 = server.s3()
    photo, large = photos.jpeg(), photos.random_bytes(3 * MIB // 2)
    s3.put_object(Bucket=BUCKET, Key="input/a.jpg", Body=photo)
    s3.put_object(Bucket=BUCKET, Key="large", Body=large)
    processed(server, "input/a.jpg")

    room.fill()
    for number in range(3):
        refused_for_room(s3, f"more-{number}", b"x" * 6 * MIB)
    refused_for_room(s3, "large", b"y" * 6 * MIB)

    assert s3.get_object(Bucket=BUCKET, Key="large")["Body"].read() == large
    assert s3.get_object(Bucket=BUCKET, Key="input/a.jpg")["Body"].read() == photo
    listed = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert listed == ["input/a.jpg", "large", "output/a_thumbnail.jpg"]
    assert server.record("input/a.jpg")["state"] == "processed"
    assert server.statistics()["count"] == 1
    assert server.get("/healthz").status_code == 200
    if request.node.callspec.params["disk"] == "reserve":
        # A monitor hears of it; the other two ways leave the server hoping for smaller uploads.
        answer = server.get("/readyz")
        assert answer.status_code == 503 and "reserve" in answer.json()["reason"], answer.text
        assert "\nminilab_ready 0\n" in server.get("/metrics").text

    room.free()

    def accepted():
        try:
            return s3.put_object(Bucket=BUCKET, Key="large", Body=b"y" * 6 * MIB)
        except ClientError as error:
            raise AssertionError(str(error)) from None

    until(accepted, "uploads to be accepted again", every=0.2)
    assert server.get("/readyz").status_code == 200
    s3.put_object(Bucket=BUCKET, Key="input/b.jpg", Body=photo)
    processed(server, "input/b.jpg")
    assert s3.get_object(Bucket=BUCKET, Key="large")["Body"].read() == b"y" * 6 * MIB
    assert server.statistics()["count"] == 2


def test_room_that_ends_in_the_middle_of_a_body(disk):
    server, room = disk
    s3 = server.s3()
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"older")
    url = s3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "k"})
    body = photos.random_bytes(16 * MIB)
    filled = threading.Event()

    def pieces():
        yield body[: MIB // 2]
        room.fill()
        filled.set()
        for start in range(MIB // 2, len(body), MIB // 2):
            yield body[start : start + MIB // 2]

    class Sized:
        def __len__(self):
            return len(body)

        def __iter__(self):
            return pieces()

    try:
        answer = requests.put(url, data=Sized(), timeout=60)
        assert 500 <= answer.status_code < 600, answer.text
        assert "<Code>" in answer.text
    except requests.ConnectionError:
        # The server may answer and close before the whole body is sent; the client then sees a reset.
        pass
    assert filled.is_set()
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"older"
    room.free()

    def accepted():
        try:
            return s3.put_object(Bucket=BUCKET, Key="k", Body=body)
        except ClientError as error:
            raise AssertionError(str(error)) from None

    until(accepted, "uploads to be accepted again", every=0.2)
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == body
