"""The contract's commands, as written, with the aws command line and curl."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import photos
import pytest
from server import ACCESS_KEY, SECRET_KEY, clean_environment
from waiting import until


@pytest.fixture
def aws(work):
    """`aws(server, "s3", "cp", …)` runs the command line in an empty directory."""
    beside_python = Path(sys.executable).parent / "aws"
    program = str(beside_python) if beside_python.exists() else shutil.which("aws")
    assert program, "the aws command line is not installed: pip install awscli"
    environment = clean_environment(
        AWS_ACCESS_KEY_ID=ACCESS_KEY,
        AWS_SECRET_ACCESS_KEY=SECRET_KEY,
        AWS_DEFAULT_REGION="us-east-1",
        AWS_CONFIG_FILE=str(work / "no-config"),
        AWS_SHARED_CREDENTIALS_FILE=str(work / "no-credentials"),
        AWS_MAX_ATTEMPTS="1",
        AWS_PAGER="",
    )

    def run(server, *words, check=True):
        command = [program, "--endpoint-url", server.s3_url, *words]
        done = subprocess.run(
            command, cwd=work, env=environment, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
        )
        assert not check or done.returncode == 0, f"aws {words} ended with {done.returncode}: {done.stderr}"
        return done

    return run


def curl(url):
    assert shutil.which("curl"), "curl is not installed"
    return subprocess.run(["curl", "-fsS", url], capture_output=True, timeout=60, check=True).stdout


def test_the_contracts_example(serve, aws, work, processed):
    server = serve("thumbnail")
    photo = photos.jpeg(1200, 675)
    (work / "photo.jpg").write_bytes(photo)
    aws(server, "s3", "cp", "photo.jpg", "s3://local-bucket/input/photo.jpg")
    down = ("s3", "cp", "s3://local-bucket/output/photo_thumbnail.jpg", ".")
    until(lambda: aws(server, *down, check=False).returncode == 0, "the thumbnail")
    thumbnail = photos.opened((work / "photo_thumbnail.jpg").read_bytes())
    assert (thumbnail.format, thumbnail.size) == ("JPEG", (128, 72))

    record = processed(server, "input/photo.jpg")
    assert (record["width"], record["height"]) == (1200, 675)
    assert b'"input/photo.jpg"' in curl(server.web_url + "/images/input/photo.jpg")
    assert curl(server.web_url + "/downloadimages/input/photo.jpg") == photo
    assert b'"count":1' in curl(server.web_url + "/infoimages").replace(b" ", b"")
    curl(server.web_url + "/healthz")
    curl(server.web_url + "/readyz")


def test_an_image_above_eight_megabytes_is_processed_too(serve, aws, work, processed):
    """Above 8 MB the command line uploads in parts."""
    server = serve("thumbnail")
    noise = os.urandom(2000 * 1500 * 3)
    picture = photos.Image.frombytes("RGB", (2000, 1500), noise)
    photo = photos.encoded(picture, "PNG", compress_level=1)
    assert len(photo) > 8 * 1024 * 1024
    (work / "big.png").write_bytes(photo)
    aws(server, "s3", "cp", "big.png", "s3://local-bucket/input/big.png")
    record = processed(server, "input/big.png")
    assert (record["size_bytes"], record["variants"][0]["width"]) == (len(photo), 128)
    aws(server, "s3", "cp", "s3://local-bucket/input/big.png", "back.png")
    assert (work / "back.png").read_bytes() == photo


def test_folders_up_down_and_away(serve, aws, work, processed):
    server = serve("thumbnail")
    tree = work / "tree"
    (tree / "sub dir").mkdir(parents=True)
    files = {"a.jpg": photos.jpeg(300, 200), "sub dir/b+c.jpg": photos.jpeg(200, 300), "notes.txt": b"text"}
    for name, body in files.items():
        (tree / name).write_bytes(body)
    aws(server, "s3", "sync", "tree", "s3://local-bucket/input/")
    listing = aws(server, "s3", "ls", "--recursive", "s3://local-bucket/input/").stdout
    assert all(f"input/{name}" in listing for name in files)
    processed(server, "input/a.jpg")
    processed(server, "input/sub dir/b+c.jpg")
    aws(server, "s3", "sync", "s3://local-bucket/input/", "back")
    assert {name: (work / "back" / name).read_bytes() for name in files} == files
    aws(server, "s3", "rm", "--recursive", "s3://local-bucket/input/")
    assert aws(server, "s3", "ls", "s3://local-bucket/input/", check=False).stdout == ""
    until(lambda: server.statistics()["count"] == 0, "the statistics to be empty")


def test_buckets_and_presigned_urls(serve, aws, work):
    server = serve("thumbnail")
    aws(server, "s3", "mb", "s3://by-cli")
    (work / "f").write_bytes(b"content")
    aws(server, "s3", "mv", "f", "s3://by-cli/f")
    assert "by-cli" in aws(server, "s3", "ls").stdout
    # Version 1 of the command line presigns with SigV2 unless told otherwise, and that is switched off here.
    aws(server, "configure", "set", "default.s3.signature_version", "s3v4")
    assert curl(aws(server, "s3", "presign", "s3://by-cli/f").stdout.strip()) == b"content"
    assert aws(server, "s3", "rb", "s3://by-cli", check=False).returncode != 0
    aws(server, "s3", "rb", "--force", "s3://by-cli")
    assert "by-cli" not in aws(server, "s3", "ls").stdout


def test_errors_are_told_by_name(serve, aws, work):
    server = serve("thumbnail")
    (work / "f").write_bytes(b"content")
    failed = aws(server, "s3", "cp", "f", "s3://no-such-bucket/f", check=False)
    assert failed.returncode != 0
    assert "NoSuchBucket" in failed.stderr
