"""The whole way of an upload, as a user goes it: the aws command line, the table, the subscriber, the HTTP API."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import photos
import requests
from processes import clean_environment
from stack import KEYS, ROOT
from waiting import until

PHOTO = ROOT / "testdata/demo/rocket.jpg"


def aws_cli(stack, *arguments):
    environment = clean_environment(**KEYS, AWS_ENDPOINT_URL=stack.moto_url)
    command = [str(Path(sys.executable).with_name("aws")), *map(str, arguments)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout


def outcomes(stack, count):
    """The first `count` messages on the topic, as their JSON."""
    told = []

    def check():
        stack.check()
        told.extend(json.loads(message["Message"]) for message in stack.messages())
        return len(told) >= count

    until(check, f"{count} messages on the topic")
    return told


def test_an_upload_by_the_aws_cli(stack, tmp_path):
    aws_cli(stack, "s3", "cp", PHOTO, f"s3://{stack.source}/input/rocket.jpg")
    record = stack.processed("input/rocket.jpg")

    # The thumbnail is in the destination, as a user sees it who fetches it with the same tool.
    aws_cli(stack, "s3", "cp", f"s3://{stack.prints}/output/rocket_thumbnail.jpg", tmp_path / "thumbnail.jpg")
    thumbnail = photos.opened((tmp_path / "thumbnail.jpg").read_bytes())
    assert thumbnail.format == "JPEG" and max(thumbnail.size) == 128

    # The item is in the table, under the key that people know.
    item = stack.item("input/rocket.jpg")
    assert item is not None and item["Kind"] == {"S": "image"}
    original = photos.opened(PHOTO.read_bytes())
    assert (record["width"], record["height"]) == original.size
    assert record["size_bytes"] == PHOTO.stat().st_size and record["format"] == "jpeg"
    variant = record["variants"][0]
    assert (variant["bucket"], variant["key"]) == (stack.prints, "output/rocket_thumbnail.jpg")

    # The subscriber of the topic has been told.
    (message,) = outcomes(stack, 1)
    assert "rocket.jpg" in json.dumps(message)


def test_the_three_routes(stack):
    body = PHOTO.read_bytes()
    stack.put("input/a photo+1.jpg", body)
    stack.processed("input/a%20photo%2B1.jpg")

    answer = stack.get("/images/input/a%20photo%2B1.jpg")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("application/json")
    record = answer.json()
    assert (record["key"], record["bucket"], record["state"]) == ("input/a photo+1.jpg", stack.source, "processed")
    assert stack.get(f"/images/input/a%20photo%2B1.jpg?bucket={stack.source}").json() == record

    # A download is a redirect to a presigned address, which needs no credentials.
    answer = stack.get("/downloadimages/input/a%20photo%2B1.jpg", allow_redirects=False)
    assert answer.status_code == 302
    assert requests.get(answer.headers["location"], timeout=60).content == body
    answer = stack.get(f"/downloadimages/output/a%20photo+1_thumbnail.jpg?bucket={stack.prints}")
    assert answer.status_code == 200 and max(photos.opened(answer.content).size) == 128

    by_name = stack.get("/downloadimages/input/a%20photo%2B1.jpg?variant=thumb")
    assert by_name.content == answer.content

    statistics = stack.statistics()
    assert (statistics["count"], statistics["bytes"], statistics["types"]) == (1, len(body), {"jpeg": 1})
    assert statistics["largest"] == statistics["smallest"] == {"key": "input/a photo+1.jpg", "size_bytes": len(body)}


def test_lists_and_searches(stack):
    keys = [f"input/{name}.jpg" for name in ("b", "a1", "a2", "c")]
    for key in keys:
        stack.put(key, photos.jpeg())
        stack.processed(key)

    def listed(query):
        answer = stack.get(f"/api/v1/images?{query}").json()
        return [image["key"] for image in answer["images"]], answer.get("next")

    assert listed("")[0] == keys[::-1]
    assert listed("prefix=input/a")[0] == ["input/a1.jpg", "input/a2.jpg"]
    first, cursor = listed("limit=3")
    second, end = listed(f"limit=3&cursor={quote(cursor, safe='')}")
    assert first + second == keys[::-1] and end is None


def test_what_is_not_there(stack):
    for path in ("/images/input/none.jpg", "/downloadimages/input/none.jpg", "/nothing"):
        answer = stack.get(path, allow_redirects=False)
        assert answer.status_code == 404, (path, answer.status_code, answer.text)
        assert "error" in answer.json()
    assert requests.post(stack.emulator.url("api") + "/infoimages", timeout=60).status_code == 405


def test_a_removal_takes_the_variants_and_the_record_along(stack):
    stack.put("input/a.jpg", photos.jpeg())
    stack.processed("input/a.jpg")
    stack.delete("input/a.jpg")
    until(lambda: stack.record("input/a.jpg") is None and stack.keys() == [], "the removal to be done")
    told = outcomes(stack, 2)
    assert ["processed", "removed"] == [message["type"].rsplit(".", 1)[-1] for message in told]
    assert stack.statistics()["count"] == 0

