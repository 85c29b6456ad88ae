"""The same images and events through `minilab serve` and through the functions: the same variants, byte for byte, the
same records, the same statistics."""

from urllib.parse import quote

import photos
import pytest
from server import Server
from stack import ROOT, Stack
from waiting import until

# What a record says that is not of the image, and so cannot be equal:
LEFT_OUT = {
    "sequencer": "drawn by the store that took the write",
    "created_at": "the moment of the write",
}

RULES = """
[[rules]]
name = "sizes"
bucket = "{source}"
prefix = "input/"
describe = ["thumbhash", "blurhash", "palette", "perceptual_hash", "is_opaque", "entropy"]
[[rules.variants]]
name = "small"
bucket = "{prints}"
key = "{{key}}/{{variant}}.{{ext}}"
steps = [{{ resize = {{ width = 128, height = 128, fit = "inside" }} }}]
format = "jpeg"
[[rules.variants]]
name = "square"
bucket = "{prints}"
key = "{{key}}/{{variant}}-{{width}}x{{height}}.{{ext}}"
steps = [{{ resize = {{ width = 40, height = 40, fit = "cover", gravity = "attention" }} }}, "grayscale"]
format = "png"
[[rules.variants]]
name = "web"
bucket = "{prints}"
key = "{{key}}/{{variant}}.{{ext}}"
steps = [{{ resize = {{ width = 64, height = 64, fit = "inside" }} }}]
format = "webp"

[[rules]]
name = "copy"
bucket = "{source}"
prefix = "input/"
suffix = [".gif", ".webp"]
on_delete = "keep"
tolerant = true
[[rules.variants]]
name = "copy"
bucket = "{prints}"
key = "copies/{{key}}"
"""

CORPUS = [path for folder in ("demo", "formats") for path in sorted((ROOT / "testdata" / folder).iterdir()) if path.suffix != ".md"]


def sequence():
    """(key, bytes or None for a deletion): uploads, overwrites, deletions, damage and recovery."""
    files = {f"input/{path.name}": path.read_bytes() for path in CORPUS}
    events = list(files.items())
    names = sorted(files)
    # Overwritten by another, by the same bytes, by something else, by damage; and one heals.
    events += [(names[0], files[names[1]]), (names[2], files[names[2]]), (names[3], b"no image")]
    events += [("input/rocket.jpg", photos.truncated_jpeg()), ("input/coffee.png", b""), ("input/coffee.png", files[names[1]])]
    # Deleted, deleted twice, deleted and made anew.
    events += [("input/gif-still.gif", None), ("input/png-rgb.png", None), ("input/png-rgb.png", None)]
    events += [("input/webp-lossy.webp", None), ("input/webp-lossy.webp", files[names[1]])]
    events += [("input/odd name +%C3%A4ö/☃.jpg", files["input/exif-rich.jpg"]), ("outside.jpg", files[names[1]])]
    return events


def play(s3, bucket):
    for key, body in sequence():
        if body is None:
            s3.delete_object(Bucket=bucket, Key=key)
        else:
            s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="image/x-stated")


def objects(s3, bucket):
    """Key → (bytes, content type, user metadata) of all objects of a bucket."""
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            answer = s3.get_object(Bucket=bucket, Key=entry["Key"])
            found[entry["Key"]] = (answer["Body"].read(), answer["ContentType"], answer["Metadata"])
    return found


def comparable(record):
    return None if record is None else {name: value for name, value in record.items() if name not in LEFT_OUT}


@pytest.fixture(scope="module")
def both(tmp_path_factory, moto):
    """A stack and a server that have seen the same, and are done with it."""
    stack = Stack(moto, tmp_path_factory.mktemp("stack"), rules=RULES)
    directory = tmp_path_factory.mktemp("server")
    buckets = f'[server]\nbuckets = ["{stack.source}", "{stack.prints}"]\n'
    config = directory / "minilab.toml"
    config.write_text(buckets + RULES.format(source=stack.source, prints=stack.prints))
    server = Server(directory, config).start()
    play(server.s3(), stack.source)
    play(stack.aws.s3, stack.source)

    def idle():
        waiting = server.get("/api/v1/queue").json()
        return waiting["ready"] == waiting["leased"] == waiting["waiting"] == 0

    until(idle, "the embedded server to be done")
    stack.settled(seconds=120)
    yield stack, server
    print(stack.logs())
    stack.close()
    assert server.stop() == 0


def test_the_variants_are_the_same_bytes(both):
    stack, server = both
    embedded, aws = objects(server.s3(), stack.prints), objects(stack.aws.s3, stack.prints)
    assert sorted(aws) == sorted(embedded)
    assert [key for key in embedded if aws[key] != embedded[key]] == []
    # The comparison has compared something: most of the corpus has variants.
    assert len(embedded) > 2 * len(CORPUS)


def test_the_records_are_the_same(both):
    stack, server = both
    different = {}
    for key in sorted({key for key, _ in sequence()}):
        embedded, aws = server.record(key), stack.record(quote(key))
        if comparable(embedded) != comparable(aws):
            different[key] = (comparable(embedded), comparable(aws))
    assert different == {}


def test_the_statistics_are_the_same(both):
    stack, server = both
    assert stack.statistics() == server.statistics()
