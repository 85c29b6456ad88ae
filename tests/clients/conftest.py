"""Fixtures: servers that are stopped in order, S3 clients, buckets of a test's own."""

import os
import re
import shutil
import uuid
from pathlib import Path

import pytest
from server import ACCESS_KEY, EXAMPLES, SECRET_KEY, Server, s3_client
from waiting import until

FAILED = pytest.StashKey[bool]()
OTHER_S3_URL = os.environ.get("MINILAB_TEST_S3_URL")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        item.stash[FAILED] = True


def close(server, name, failed):
    """Stops a server that a test left running; it must end with 0 and in order."""
    try:
        if server.process is not None and server.running:
            code = server.stop()
            assert code == 0, f"exit code {code} after SIGTERM:\n{server.output()}"
    finally:
        print(f"--- {name} ---\n{server.output()}")
        keep = os.environ.get("MINILAB_TEST_LOGS")
        if keep and failed:
            Path(keep).mkdir(parents=True, exist_ok=True)
            safe = re.sub(r"[^\w.-]+", "_", name)
            (Path(keep) / f"{safe}.log").write_text(server.output())


@pytest.fixture
def serve(request, tmp_path):
    """`serve(example="thumbnail")` or `serve(config="…toml…")` starts a server of the test's own.

    With neither, it runs without any configuration file. Every server still running at the end
    of the test gets SIGTERM and must exit 0.
    """
    servers = []

    def start(example=None, config=None, **options):
        directory = tmp_path / f"server-{len(servers)}"
        directory.mkdir()
        path = EXAMPLES / f"{example}.toml" if example else None
        if config is not None:
            path = directory / "minilab.toml"
            path.write_text(config)
        server = Server(directory, path, **options)
        servers.append(server)
        return server.start()

    yield start
    failed = request.node.stash.get(FAILED, False)
    for number, server in enumerate(servers):
        close(server, f"{request.node.name}-{number}", failed)


@pytest.fixture(scope="session")
def shared(request, tmp_path_factory):
    """One server for all tests of the plain S3 surface; its rules look at a bucket they never use."""
    server = Server(tmp_path_factory.mktemp("shared"), EXAMPLES / "thumbnail.toml").start()
    yield server
    close(server, "shared", request.session.testsfailed > 0)


@pytest.fixture(scope="session")
def endpoint(request):
    """(URL, access key, secret key) of the S3 endpoint under test."""
    if OTHER_S3_URL:
        return OTHER_S3_URL, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    return request.getfixturevalue("shared").s3_url, ACCESS_KEY, SECRET_KEY


@pytest.fixture(scope="session")
def s3(endpoint):
    return s3_client(*endpoint)


@pytest.fixture
def bucket(s3):
    """An empty bucket that only this test uses."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def processed():
    """`processed(server, key, bucket=None, etag=None)` waits until the record is there and done."""

    def wait(server, key, bucket=None, etag=None, state="processed"):
        def check():
            record = server.record(key, bucket)
            if record is None or record["state"] != state:
                return None if record is None or record["state"] != "failed" else _unexpected(record)
            if etag is not None and record["etag"].strip('"') != etag.strip('"'):
                return None
            return record

        def _unexpected(record):
            # "failed" can be followed by a newer upload's state, but never when none is asked for.
            if etag is None:
                pytest.fail(f"{key} failed: {record}")
            return None

        return until(check, f"{key} to be {state}")

    return wait


@pytest.fixture
def work(tmp_path):
    """An empty directory for the files of a test."""
    path = tmp_path / "work"
    path.mkdir()
    yield path
    shutil.rmtree(path, ignore_errors=True)
