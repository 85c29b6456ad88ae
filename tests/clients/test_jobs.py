"""`minilab jobs` and `minilab notifications`: what failed is seen, understood and tried again, with a server and without."""

import json
import os
import socket
import stat
import subprocess

import photos
import pytest
import requests
from server import binary, clean_environment
from waiting import until

BAD = {
    "text.jpg": (b"This is a text that calls itself a photo.\n" * 50, "not_an_image", "The file is not an image"),
    "cut.png": (photos.png(300, 200)[:200], "damaged", "The file is damaged"),
    "bomb.png": (photos.huge_png_header(), "over_limit", "It is larger than a limit allows"),
}

CONFIG = """
[server]
buckets = ["photos", "prints"]
[[rules]]
name = "thumbnail"
bucket = "photos"
[[rules.variants]]
name = "thumb"
bucket = "prints"
key = "{stem}.jpg"
steps = [{ resize = { width = 64, height = 64 } }]
format = "jpeg"
[[notifications]]
on = ["image.processed", "image.failed"]
log = true
"""


@pytest.fixture
def minilab(work):
    """`minilab(server, "jobs", "list")` runs a command on a server's data; the exit code has to be `code`."""

    def run(server, *words, code=0, data=True):
        where = ["--data", str(server.data)] if data else []
        done = subprocess.run(
            [str(binary()), *map(str, words), *where],
            cwd=work,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, f"{words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        assert "panicked" not in done.stderr
        return done

    return run


@pytest.fixture
def jobs(minilab):
    """`jobs(server, "--state", "dead")` is what `jobs list --json` prints."""

    def listed(server, *words):
        return [json.loads(line) for line in minilab(server, "jobs", "list", "--json", *words).stdout.splitlines()]

    return listed


def dead(jobs, server, count):
    return until(lambda: len(found := jobs(server, "--state", "dead")) == count and found, f"{count} dead letters")


def put(server, key, body, bucket="photos"):
    server.s3().put_object(Bucket=bucket, Key=key, Body=body)


def test_a_bad_image_is_listed_with_its_cause_and_what_to_do(serve, minilab, jobs):
    server = serve(config=CONFIG)
    for key, (body, _, _) in BAD.items():
        put(server, f"in/{key}", body)
    found = {job["key"]: job for job in dead(jobs, server, len(BAD))}
    table = minilab(server, "jobs", "list").stdout
    for key, (_, cause, reason) in BAD.items():
        job = found[f"in/{key}"]
        assert (job["state"], job["cause"], job["rule"], job["bucket"]) == ("dead", cause, "thumbnail", "photos")
        assert (job["reason"], job["attempt"]) == (reason, 1)
        (line,) = [line for line in table.splitlines() if f"in/{key}" in line]
        assert line.split()[0] == str(job["id"]) and reason in line

        told = minilab(server, "jobs", "show", job["id"]).stdout
        for part in (f"photos/in/{key}", "thumbnail", cause, reason, job["error"], job["advice"], f"jobs retry {job['id']}"):
            assert part in told, f"{part!r} is not in\n{told}"
        whole = json.loads(minilab(server, "jobs", "show", job["id"], "--json").stdout)
        assert whole["event"]["key"] == f"in/{key}" and whole["event"]["request_id"]
        assert [attempt["cause"] for attempt in whole["attempts"]] == [cause]
    assert "3 dead letters" in table
    assert "jobs retry" in table
    assert [job["key"] for job in jobs(server, "--cause", "damaged")] == ["in/cut.png"]
    assert [job["key"] for job in jobs(server, "--prefix", "in/b")] == ["in/bomb.png"]
    assert jobs(server, "--rule", "other") == jobs(server, "--bucket", "prints") == []
    assert len(jobs(server, "--limit", "2")) == 2


def test_a_retry_works_once_its_reason_is_gone(serve, minilab, jobs):
    server = serve(config=CONFIG)
    put(server, "a.jpg", b"somebody's own object", bucket="prints")
    put(server, "a.jpg", photos.jpeg(200, 100))
    (job,) = dead(jobs, server, 1)
    assert job["cause"] == "occupied"

    # Nothing has changed: it fails again, and is there again.
    assert "will be tried again" in minilab(server, "jobs", "retry", job["id"]).stdout
    (again,) = dead(jobs, server, 1)
    assert again["id"] == job["id"]
    until(lambda: len(json.loads(minilab(server, "jobs", "show", job["id"], "--json").stdout)["attempts"]) == 2, "two attempts")

    server.s3().delete_object(Bucket="prints", Key="a.jpg")
    assert "1 dead letter" in minilab(server, "jobs", "retry", "--cause", "occupied").stdout
    until(lambda: (server.record("a.jpg") or {}).get("state") == "processed", "a.jpg to be processed")
    made = server.s3().get_object(Bucket="prints", Key="a.jpg")["Body"].read()
    assert photos.opened(made).size == (64, 32)
    assert jobs(server) == []
    assert "there is no job" in minilab(server, "jobs", "show", job["id"], code=1).stderr


def test_a_replaced_or_deleted_file_takes_its_dead_letter_along(serve, jobs):
    server = serve(config=CONFIG)
    put(server, "a.jpg", b"no image")
    dead(jobs, server, 1)
    put(server, "a.jpg", photos.jpeg())
    until(lambda: (server.record("a.jpg") or {}).get("state") == "processed", "the good file to be processed")
    assert jobs(server) == []
    put(server, "b.jpg", b"no image")
    dead(jobs, server, 1)
    server.s3().delete_object(Bucket="photos", Key="b.jpg")
    until(lambda: jobs(server) == [], "nothing to be left to do")


def test_everything_works_without_a_server(serve, minilab, jobs):
    server = serve(config=CONFIG)
    put(server, "a.jpg", b"somebody's own object", bucket="prints")
    for key in ("a.jpg", "b.jpg", "c.jpg"):
        put(server, key, photos.jpeg(100, 100) if key == "a.jpg" else b"no image")
    ids = {job["key"]: job["id"] for job in dead(jobs, server, 3)}
    server.s3().delete_object(Bucket="prints", Key="a.jpg")
    # One that was killed leaves its socket; one that stopped in order does not.
    server.kill()
    assert (server.data / "control.sock").exists()
    assert [job["id"] for job in jobs(server)] == sorted(ids.values())
    assert "no image" not in minilab(server, "jobs", "show", ids["a.jpg"]).stdout
    told = minilab(server, "jobs", "retry", ids["a.jpg"]).stdout
    assert "No server runs" in told
    assert minilab(server, "jobs", "discard", "--yes", ids["b.jpg"]).stdout
    assert {job["key"]: job["state"] for job in jobs(server)} == {"a.jpg": "ready", "c.jpg": "dead"}

    server.start()
    until(lambda: (server.record("a.jpg") or {}).get("state") == "processed", "a.jpg to be processed by the next server")
    assert [job["key"] for job in jobs(server)] == ["c.jpg"]
    assert server.stop() == 0
    assert not (server.data / "control.sock").exists()
    assert [job["key"] for job in jobs(server)] == ["c.jpg"]


def test_discarding_asks_and_leaves_the_image(serve, minilab, jobs):
    server = serve(config=CONFIG)
    for key in ("a/1.jpg", "a/2.jpg", "b/3.jpg"):
        put(server, key, b"no image")
    first = dead(jobs, server, 3)[0]["id"]
    assert "--yes" in minilab(server, "jobs", "discard", "--all", code=1).stderr
    assert len(jobs(server)) == 3
    assert json.loads(minilab(server, "jobs", "discard", "--yes", "--prefix", "a/", "--json").stdout) == {"count": 2}
    assert "there is no job" in minilab(server, "jobs", "discard", "--yes", first, code=1).stderr
    assert [job["key"] for job in jobs(server)] == ["b/3.jpg"]
    assert "1 dead letter" in minilab(server, "jobs", "discard", "--yes", "--all").stdout
    assert "No dead letter" in minilab(server, "jobs", "discard", "--yes", "--all").stdout
    assert server.s3().get_object(Bucket="photos", Key="a/1.jpg")["Body"].read() == b"no image"


def test_a_number_without_a_job_is_named(serve, minilab, jobs):
    server = serve(config=CONFIG)
    put(server, "a.jpg", b"no image")
    (job,) = dead(jobs, server, 1)
    done = minilab(server, "jobs", "retry", job["id"], 4711, code=1)
    assert f"job {job['id']} will be tried again" in done.stdout
    assert "4711" in done.stderr
    assert "4711" in minilab(server, "jobs", "show", 4711, code=1).stderr
    assert "4711" in minilab(server, "notifications", "redeliver", 4711, code=1).stderr
    assert "4711" in minilab(server, "notifications", "show", 4711, code=1).stderr


def test_what_cannot_be_meant_is_refused_with_a_reason(serve, minilab, work):
    server = serve(config=CONFIG)
    for words, part in (
        (["retry"], "--all"),
        (["retry", "--all", "1"], "--all"),
        (["retry", "--cause", "bad_luck"], "over_limit"),
        (["retry", "first"], "first"),
        (["list", "--state", "gone"], "waiting"),
        (["list", "--limit", "0"], "limit"),
        (["discard", "--all", "--prefix", "x"], "--prefix"),
        (["lst"], "list"),
    ):
        assert part in minilab(server, "jobs", *words, code=2).stderr, words
    assert "no minilab data" in minilab(server, "jobs", "list", "--data", work / "absent", code=1, data=False).stderr
    assert not (work / "absent").exists()
    assert "nowhere.toml" in minilab(server, "jobs", "list", "--config", work / "nowhere.toml", code=1, data=False).stderr


def test_a_lock_without_a_server_is_explained(serve, minilab):
    server = serve(config=CONFIG)
    (server.data / "control.sock").unlink()
    stderr = minilab(server, "jobs", "list", code=1).stderr
    assert str(server.process.pid) in stderr and "control socket" in stderr
    # The socket is missed when the server stops, which is no reason to fail.


def test_the_socket_is_its_owners_alone(serve):
    server = serve(config=CONFIG)
    path = server.data / "control.sock"
    mode = path.stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(os.fspath(path))
        visitor.sendall(b"GET /api/v1/jobs HTTP/1.1\r\nhost: anything\r\nconnection: close\r\n\r\n")
        answer = b""
        while chunk := visitor.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 200 ") and b'{"jobs":[],"next":null}' in answer


def test_a_data_directory_with_a_long_path(serve, minilab, jobs, tmp_path):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    server = serve(config=CONFIG, data=deep)
    put(server, "a.jpg", b"no image")
    dead(jobs, server, 1)


def test_notifications_are_listed_and_told_again(serve, minilab):
    server = serve(config=CONFIG)
    put(server, "a.jpg", photos.jpeg())

    def listed(*words):
        return [json.loads(line) for line in minilab(server, "notifications", "list", "--json", *words).stdout.splitlines()]

    (told,) = until(lambda: listed("--state", "delivered"), "the log to be told")
    assert (told["event"], told["key"], told["target"]["kind"]) == ("image.processed", "a.jpg", "log")
    shown = minilab(server, "notifications", "show", told["id"]).stdout
    assert "image.processed" in shown and "photos/a.jpg" in shown and f"redeliver {told['id']}" in shown
    assert "the log" in minilab(server, "notifications", "list").stdout
    lines = server.log_path.read_text().count("image.processed")
    assert f"notification {told['id']} will be told again" in minilab(server, "notifications", "redeliver", told["id"]).stdout
    until(lambda: server.log_path.read_text().count("image.processed") > lines, "the log to be told again")
    assert "No notification was given up" in minilab(server, "notifications", "redeliver", "--all").stdout


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json", "Origin": "https://evil.example"},
        {"Content-Type": "application/json", "Host": "evil.example"},
    ],
    ids=["form", "cross-site", "rebound-name"],
)
def test_another_site_cannot_discard_jobs(serve, jobs, headers):
    server = serve(config=CONFIG)
    put(server, "a.jpg", b"no image")
    dead(jobs, server, 1)
    answer = requests.post(server.web_url + "/api/v1/jobs/discard", data='{"all": true}', headers=headers, timeout=30)
    assert answer.status_code in (403, 415)
    assert len(jobs(server)) == 1
