"""The same images and events through `minilab serve` and through the functions: the same variants, byte for byte, the
same records, the same statistics."""

from urllib.parse import quote

import photos
import pytest
from server import Server
from stack import ROOT, Stack
from waiting import until

pytestmark = pytest.mark.timeout(900)

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


def phases():
    """Phases of (key, bytes or None for a deletion). Within a phase only the last state of a key counts; between two, all work is
    done, so that both have seen every state that leaves something behind."""
    files = {f"input/{path.name}": path.read_bytes() for path in CORPUS}
    names = sorted(files)
    other = files[names[1]]
    yield [*files.items(), ("input/odd name +%C3%A4ö/☃.jpg", files["input/exif-rich.jpg"]), ("outside.jpg", other)]
    # Overwritten by another, by the same bytes, by what is no image, by damage, by nothing.
    changed = [(names[0], other), (names[2], files[names[2]]), (names[3], b"no image"), ("input/coffee.png", b"")]
    yield [*changed, ("input/rocket.jpg", photos.truncated_jpeg()), ("input/gif-still.gif", None), ("input/webp-lossy.webp", None)]
    # Healed, deleted, deleted twice, deleted at once, made anew.
    healed = [("input/coffee.png", other), ("input/webp-lossy.webp", other), ("input/png-rgb.png", None), ("input/png-rgb.png", None)]
    yield [*healed, ("input/short.jpg", other), ("input/short.jpg", None), ("input/twice.jpg", other), ("input/twice.jpg", other)]


def play(s3, bucket, phase):
    for key, body in phase:
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
    """A record without what is left out. Its variants stand in the order in which rules ended, which is up to the scheduler of
    either; each rule's own stay in order."""
    if record is None:
        return None
    record = {name: value for name, value in record.items() if name not in LEFT_OUT}
    return record | {"variants": sorted(record["variants"], key=lambda variant: variant["rule"])}


def fields_that_differ(embedded, aws):
    """Field → (embedded, AWS)."""
    embedded, aws = embedded or {}, aws or {}
    names = embedded.keys() | aws.keys()
    return {name: (embedded.get(name), aws.get(name)) for name in names if embedded.get(name) != aws.get(name)}


@pytest.fixture(scope="module")
def both(tmp_path_factory, moto):
    """A stack and a server that have seen the same, and are done with it."""
    stack = Stack(moto, tmp_path_factory.mktemp("stack"), rules=RULES)
    directory = tmp_path_factory.mktemp("server")
    buckets = f'[server]\nbuckets = ["{stack.source}", "{stack.prints}"]\n'
    config = directory / "minilab.toml"
    config.write_text(buckets + RULES.format(source=stack.source, prints=stack.prints))
    server = Server(directory, config).start()

    def idle():
        waiting = server.get("/api/v1/queue").json()
        return waiting["ready"] == waiting["leased"] == waiting["waiting"] == 0

    for phase in phases():
        play(server.s3(), stack.source, phase)
        play(stack.aws.s3, stack.source, phase)
        until(idle, "the embedded server to be done", seconds=200)
        stack.settled(seconds=200)
    yield stack, server
    print(stack.logs())
    stack.close()
    assert server.stop() == 0


def test_the_variants_are_the_same_bytes(both):
    stack, server = both
    embedded, aws = objects(server.s3(), stack.prints), objects(stack.aws.s3, stack.prints)
    assert {key: key in aws for key in embedded.keys() ^ aws.keys()} == {}
    assert [key for key in embedded if aws[key] != embedded[key]] == []
    # The comparison has compared something: most of the corpus has variants.
    assert len(embedded) > 2 * len(CORPUS)


def test_the_records_are_the_same(both):
    stack, server = both
    keys = sorted({key for phase in phases() for key, _ in phase})
    records = {key: (comparable(server.record(key)), comparable(stack.record(quote(key)))) for key in keys}
    assert {key: fields_that_differ(*pair) for key, pair in records.items() if pair[0] != pair[1]} == {}
    assert sum(embedded is not None for embedded, _ in records.values()) > len(CORPUS) - 5


def test_the_statistics_are_the_same(both):
    stack, server = both
    assert stack.statistics() == server.statistics()
